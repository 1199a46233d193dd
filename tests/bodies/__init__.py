"""Bodies as values, and the job value they run in."""
