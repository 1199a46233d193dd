"""Waiting for other threads in tests, without sleeping and never for ever."""

import os
import time
from collections.abc import Callable

PATIENCE_S = 30.0


def until(condition: Callable[[], bool]) -> None:
    """Return as soon as the condition holds; fails the test if it does not in good time."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "what the test waits for did not happen"
        os.sched_yield()
