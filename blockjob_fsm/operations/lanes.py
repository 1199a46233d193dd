"""Carrying out the parts of one request side by side, on threads that the executor has anyway.

A kernel lets one thread at a time write to a file, so a second one pays by reading meanwhile. What
the parts are does not belong in this file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from blockjob_fsm.executor import Condition, Executor

T = TypeVar("T")
Part = Callable[[], T]


class Lanes:
    """Two lanes: the calling thread, and a worker that has nothing else to do."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def run(self, parts: Iterator[Part[T]]) -> list[T]:
        """Carry out each part once and return when all are done; the answers, in their order.

        The next part is drawn when a lane is free for it, by one lane at a time. What a part
        raises, or drawing one, ends the drawing and is raised here. Never waits for a worker that
        is busy with something else.
        """
        work = _Work(parts, self._executor.host.condition())
        if self._executor.workers > 1:
            self._executor.submit(work.help, elsewhere=True)
        work.help()
        return work.answers()


class _Work(Generic[T]):
    def __init__(self, parts: Iterator[Part[T]], changed: Condition) -> None:
        self._parts = parts
        self._changed = changed
        self._helpers = 0
        self._drawn = 0
        self._answers: dict[int, T] = {}
        self._failure: BaseException | None = None

    def help(self) -> None:
        """One lane: does parts until there are none; may come late, and then does nothing."""
        with self._changed:
            self._helpers += 1
        try:
            while (drawn := self._draw()) is not None:
                number, part = drawn
                self._answers[number] = part()
        except BaseException as error:
            self._failure = self._failure or error
        with self._changed:
            self._helpers -= 1
            self._changed.notify_all()

    def answers(self) -> list[T]:
        """After this thread's own help: wait for the other lane's last part."""
        with self._changed:
            while self._helpers:
                self._changed.wait()
        if self._failure is not None:
            raise self._failure
        return [self._answers[number] for number in range(self._drawn)]

    def _draw(self) -> tuple[int, Part[T]] | None:
        with self._changed:
            part = None if self._failure else next(self._parts, None)
            if part is None:
                return None
            self._drawn += 1
            return self._drawn - 1, part
