"""QEMU's blkdebug at work: a device that fails as rules say.

A rule's error is armed by its event, not by a request: it then strikes every request that it fits,
of whatever kind, until another event arms other errors. What rules there are, and how they are
written, is in `blkdebug_config`.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable

from blockjob_fsm.storage.blkdebug_config import InjectError, Rule, SetState
from blockjob_fsm.storage.device import BlockDevice, Data, Extent
from blockjob_fsm.storage.faults import FaultyDevice


class Rules:
    """Rules at work: the state, and which errors are armed. Any thread may call any method."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._rules = tuple(rules)
        self._spent: set[int] = set()
        self._armed: list[int] = []
        self._struck = [0] * len(self._rules)
        self._lock = threading.Lock()
        self.state = 1
        self.raise_event("none")

    def struck(self) -> tuple[int, ...]:
        """How many requests each rule has failed, in the order of the rules."""
        return tuple(self._struck)

    def raise_event(self, event: str) -> None:
        """Arm the event's errors in place of those armed before, if it has any, and change state.

        Both look at the state as it was before. Of several new states the first rule's counts.
        """
        with self._lock:
            met = [number for number, rule in enumerate(self._rules) if self._meets(rule, event)]
            errors = [number for number in met if isinstance(self._rules[number], InjectError)]
            if left := [number for number in errors if number not in self._spent]:
                self._armed = left
            states = [rule.new_state for rule in self._of(met) if isinstance(rule, SetState)]
            self.state = states[0] if states else self.state

    def errno_for(self, iotype: str, offset: int = 0, length: int = 0) -> int:
        """The errno that a request is to fail with, 0 for none: the first armed one that fits."""
        with self._lock:
            for number, rule in zip(self._armed, self._of(self._armed), strict=True):
                if isinstance(rule, InjectError) and rule.fits(iotype, offset, length):
                    return self._strike(number, rule)
        return 0

    def _strike(self, number: int, rule: InjectError) -> int:
        if rule.errno:
            self._struck[number] += 1
            if rule.once:
                self._spent.add(number)
                self._armed.remove(number)
        return rule.errno

    def _meets(self, rule: Rule, event: str) -> bool:
        return rule.event == event and rule.state in (0, self.state)

    def _of(self, numbers: Iterable[int]) -> list[Rule]:
        return [self._rules[number] for number in numbers]


class BlkdebugDevice(FaultyDevice):
    """`inner` as QEMU's raw format over blkdebug over it: each request raises its events.

    A flush is tried only if something was written since the last good one. `rules` may be shared by
    several devices, which then have one state.
    """

    def __init__(self, inner: BlockDevice, rules: Iterable[Rule] | Rules) -> None:
        super().__init__(inner)
        self.rules = rules if isinstance(rules, Rules) else Rules(rules)
        self._writes = 0
        self._flushed = 0

    def struck(self) -> tuple[int, ...]:
        """How many requests each rule has failed, in the order of the rules."""
        return self.rules.struck()

    def read(self, offset: int, length: int) -> Data:
        """Raises read_aio."""
        self.rules.raise_event("read_aio")
        self._check("read", offset, length)
        return self.inner.read(offset, length)

    def write(self, offset: int, data: Data) -> None:
        """Raises write_aio, pwritev, and at the end, good or bad, pwritev_done."""
        self._writes += 1
        self.rules.raise_event("write_aio")
        self.rules.raise_event("pwritev")
        try:
            self._check("write", offset, memoryview(data).nbytes)
            self.inner.write(offset, data)
        finally:
            self.rules.raise_event("pwritev_done")

    def write_zeroes(self, offset: int, length: int) -> None:
        """Raises pwritev_zero, and at the end, good or bad, pwritev_done."""
        self._writes += 1
        self.rules.raise_event("pwritev_zero")
        try:
            self._check("write-zeroes", offset, length)
            self.inner.write_zeroes(offset, length)
        finally:
            self.rules.raise_event("pwritev_done")

    def flush(self) -> None:
        """Raises flush_to_os, and flush_to_disk if there is something to flush."""
        writes = self._writes
        self.rules.raise_event("flush_to_os")
        if writes != self._flushed:
            self.rules.raise_event("flush_to_disk")
            self._check("flush")
        self.inner.flush()
        self._flushed = writes

    def allocation(self, offset: int, length: int) -> Extent:
        """Raises no event; an error of iotype block-status fails it."""
        self._check("block-status", offset, length)
        return self.inner.allocation(offset, length)

    def _check(self, iotype: str, offset: int = 0, length: int = 0) -> None:
        errno = self.rules.errno_for(iotype, offset, length)
        if errno:
            raise OSError(errno, os.strerror(errno), self.name)
