"""Tests of the pictures and tables: what they say, and that every format can be read."""
