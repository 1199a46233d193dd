"""The house rules as functions over source text; `tests/test_tidy.py` applies them to the tree."""
