"""What reaches the main thread while a job runs: events of the job, and what the user presses.

Listeners and signal handlers only put a message into the inbox; every verb is called by whoever
reads it, so that no signal strikes in the middle of a verb.
"""

from __future__ import annotations

import queue
import select
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

from blockjob_fsm.events import QmpEvent

#: How long the main thread waits for a message before it looks at the progress.
TICK_S = 0.1


@dataclass(frozen=True, slots=True)
class Happened:
    """An event of the job, at a time in nanoseconds since 1970."""

    event: QmpEvent
    at_ns: int

    def to_qmp(self) -> dict[str, object]:
        """The event as on the wire, with its timestamp."""
        seconds, rest = divmod(self.at_ns, 1_000_000_000)
        stamp = {"seconds": seconds, "microseconds": rest // 1000}
        return {"timestamp": stamp, **self.event.to_qmp()}


@dataclass(frozen=True, slots=True)
class Ended:
    """The job is over, with 0 or a negative errno; its device is about to be freed."""

    ret: int


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The user, or the system, asks the command to end."""


Message = Happened | Ended | Interrupted


@dataclass(frozen=True, slots=True)
class Inbox:
    """Messages for the main thread; `event`, `ended` and `interrupt` may be called anywhere."""

    _queue: queue.SimpleQueue[Message] = field(default_factory=queue.SimpleQueue)

    def event(self, event: QmpEvent) -> None:
        """The job's listener."""
        self._queue.put(Happened(event, time.time_ns()))

    def ended(self, _: object, ret: int) -> None:
        """The job's callback."""
        self._queue.put(Ended(ret))

    def interrupt(self, _signal: int = 0, _frame: FrameType | None = None) -> None:
        """The handler of signals."""
        self._queue.put(Interrupted())

    def next(self, timeout_s: float) -> Message | None:
        """The next message; None if none came in time."""
        try:
            return self._queue.get(timeout=timeout_s)
        except queue.Empty:
            return None


@contextmanager
def listening() -> Iterator[Inbox]:
    """An inbox that Ctrl-C and SIGTERM go to; afterwards they do what they did before."""
    inbox = Inbox()
    if threading.current_thread() is not threading.main_thread():
        yield inbox  # signals are another thread's business
        return
    wanted = (signal.SIGINT, signal.SIGTERM)
    before = [(number, signal.signal(number, inbox.interrupt)) for number in wanted]
    try:
        yield inbox
    finally:
        for number, handler in before:
            signal.signal(number, handler)


def can_answer() -> bool:
    """Whether somebody sits at standard input."""
    return sys.stdin is not None and sys.stdin.isatty()


def typed_line(timeout_s: float) -> str | None:
    """What the user typed, with its end of line; "" at the end of input, None if nothing."""
    readable, _, _ = select.select([sys.stdin], [], [], timeout_s)
    return sys.stdin.readline() if readable else None
