"""Tests of the judgement of recorded sessions."""
