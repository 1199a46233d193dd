"""What is checked and what must come out; nothing here is part of the library."""
