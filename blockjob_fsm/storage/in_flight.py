"""Requests between their start and their end: who waits for whom, and draining.

A request here is a range and a kind; what it does to a medium does not belong in this file.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum


class RequestKind(Enum):
    """What a request does with its range."""

    READ = "read"
    WRITE = "write"
    COPY_UP = "copy-up"


@dataclass(eq=False, slots=True)
class Request:
    """One request: its kind and its range in bytes."""

    kind: RequestKind
    offset: int
    length: int

    def waits_for(self, earlier: Request) -> bool:
        """A copy-up excludes writes and other copy-ups of the same bytes."""
        kinds = {self.kind, earlier.kind}
        overlap = (
            self.offset < earlier.offset + earlier.length
            and earlier.offset < self.offset + self.length
        )
        return overlap and RequestKind.COPY_UP in kinds and RequestKind.READ not in kinds


class InFlight:
    """The requests in flight on one device, in the order they came.

    Every method runs on the requesting thread and blocks it while it has to wait. Since a request
    waits only for earlier ones, none waits for ever.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._requests: list[Request] = []
        self._holders = 0

    @property
    def count(self) -> int:
        """How many requests have come in and not ended."""
        return len(self._requests)

    @property
    def is_held_back(self) -> bool:
        """Whether somebody keeps new requests out."""
        return self._holders > 0

    @contextmanager
    def entered(self, kind: RequestKind, offset: int, length: int) -> Iterator[None]:
        """Be in flight inside the block, once nothing earlier is in the way."""
        request = Request(kind, offset, length)
        with self._changed:
            self._changed.wait_for(lambda: not self._holders)
            self._requests.append(request)
        try:
            with self._changed:
                self._changed.wait_for(lambda: self._is_next(request))
            yield
        finally:
            with self._changed:
                self._requests.remove(request)
                self._changed.notify_all()

    @contextmanager
    def held_back(self) -> Iterator[None]:
        """Have no request in flight inside the block: wait for those there, keep others out."""
        with self._changed:
            self._holders += 1
        try:
            with self._changed:
                self._changed.wait_for(lambda: not self._requests)
            yield
        finally:
            with self._changed:
                self._holders -= 1
                self._changed.notify_all()

    def _is_next(self, request: Request) -> bool:
        for earlier in self._requests:
            if earlier is request:
                return True
            if request.waits_for(earlier):
                return False
        raise AssertionError("a request waits without being in flight")
