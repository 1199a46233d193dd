"""Clocks, in nanoseconds: the real one, and one that a test moves by hand."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol

# Far more than any platform's wait can count is an error there; waking once a day is none.
_LONGEST_WAIT_S = 86_400.0


class Clock(Protocol):
    """What an executor needs to know about time."""

    def now_ns(self) -> int:
        """The present, in nanoseconds since some fixed moment; never goes back."""

    def timeout_s(self, wake_at_ns: int) -> float | None:
        """How long a thread may wait for that moment; None: until somebody moves the clock."""

    def on_change(self, wake: Callable[[], None]) -> None:
        """Have `wake` called after the clock was moved by hand."""


class RealClock:
    """The host's monotonic clock; jobs run on it whether or not a machine is stopped."""

    def now_ns(self) -> int:
        return time.monotonic_ns()

    def timeout_s(self, wake_at_ns: int) -> float | None:
        return min(max(0.0, (wake_at_ns - time.monotonic_ns()) / 1e9), _LONGEST_WAIT_S)

    def on_change(self, wake: Callable[[], None]) -> None:
        pass  # nobody moves the real clock


class ManualClock:
    """A clock that stands still until `advance`; may be moved from any thread."""

    def __init__(self, now_ns: int = 1) -> None:
        self._now_ns = now_ns
        self._wakes: list[Callable[[], None]] = []
        self._lock = threading.Lock()

    def now_ns(self) -> int:
        return self._now_ns

    def timeout_s(self, wake_at_ns: int) -> float | None:
        return 0.0 if wake_at_ns <= self._now_ns else None

    def on_change(self, wake: Callable[[], None]) -> None:
        self._wakes.append(wake)

    def advance(self, ns: int) -> None:
        """Move the clock forward by `ns` nanoseconds."""
        assert ns >= 0, "time does not go back"
        with self._lock:
            self._now_ns += ns
        for wake in self._wakes:
            wake()
