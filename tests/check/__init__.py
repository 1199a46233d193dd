"""Tests of the checks, and of what the checks say of the lifecycle."""
