"""Disk failures on demand: wrappers that stack over any device.

Devices have no switches for tests; a failing disk is a `FaultyDevice` around a sound one. No clock
may enter this file: a delay uses the function it is given.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from blockjob_fsm.storage.device import BlockDevice, Data, Extent

Operation: TypeAlias = Literal[
    "read", "write", "write_zeroes", "flush", "allocation", "resize", "change_backing", "reopen"
]
SleepNs: TypeAlias = Callable[[int], object]


class Gate:
    """Holds requests until a test lets them go.

    `patience_s` bounds every wait, so that a test that forgot `release` fails instead of hanging.
    """

    def __init__(self, patience_s: float = 30.0) -> None:
        self._patience_s = patience_s
        self._reached = threading.Event()
        self._open = threading.Event()

    def pass_through(self) -> None:
        """Wait here until released; called by the request's own thread."""
        self._reached.set()
        assert self._open.wait(self._patience_s), "nobody released the gate"

    def wait_until_reached(self) -> None:
        """Return once a request stands at the gate."""
        assert self._reached.wait(self._patience_s), "no request came to the gate"

    def release(self) -> None:
        """Let through who waits and who comes later."""
        self._open.set()


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to which requests.

    `operation` selects; `offset`, a byte, narrows to requests whose range holds it; `nth`, from 1,
    narrows to one of those; `once` disarms the fault after it struck. A struck request waits
    `delay_ns`, then at the gate `hold`, then fails with `errno`, or goes on if that is None.
    """

    operation: Operation
    errno: int | None = None
    nth: int | None = None
    offset: int | None = None
    once: bool = False
    delay_ns: int = 0
    hold: Gate | None = None

    def __post_init__(self) -> None:
        assert self.errno is None or self.errno > 0, "errno is positive"
        assert self.nth is None or self.nth > 0, "requests are counted from 1"
        assert self.offset is None or self.operation not in {"flush", "change_backing", "reopen"}, (
            f"a {self.operation} has no range"
        )
        assert self.delay_ns >= 0, "time does not run back"

    def covers(self, operation: str, offset: int, length: int) -> bool:
        """Whether a request of this kind and range is one that the fault counts."""
        if operation != self.operation:
            return False
        return self.offset is None or offset <= self.offset < offset + length


@dataclass(slots=True)
class _Armed:
    fault: Fault
    seen: int = 0
    struck: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, operation: str, offset: int, length: int) -> int | None:
        """The request's number among those this fault covers, from 1; None if it does not."""
        if not self.fault.covers(operation, offset, length):
            return None
        with self.lock:
            self.seen += 1
            return self.seen

    def strikes(self, number: int | None) -> bool:
        if number is None or self.fault.nth not in {None, number}:
            return False
        with self.lock:
            if self.fault.once and self.struck:
                return False
            self.struck += 1
            return True


class FaultyDevice(BlockDevice):
    """`inner`, with faults in front of it; they are tried in the order given.

    Without faults it behaves as `inner` does, but shows no descriptor, so that every byte comes by.
    """

    def __init__(self, inner: BlockDevice, *faults: Fault, sleep_ns: SleepNs | None = None) -> None:
        super().__init__(inner.name)
        assert sleep_ns or not any(fault.delay_ns for fault in faults), "a delay needs a sleep_ns"
        self.inner = inner
        self._sleep_ns = sleep_ns
        self._armed = [_Armed(fault) for fault in faults]

    def struck(self) -> tuple[int, ...]:
        """How often each fault struck, in their order."""
        return tuple(armed.struck for armed in self._armed)

    @property
    def format_name(self) -> str | None:
        """The inner device's."""
        return self.inner.format_name

    @property
    def backing(self) -> BlockDevice | None:
        """The inner device's."""
        return self.inner.backing

    @backing.setter
    def backing(self, layer: BlockDevice | None) -> None:
        self.inner.backing = layer

    @property
    def read_only(self) -> bool:
        """The inner device's."""
        return self.inner.read_only

    def length(self) -> int:
        """The inner device's; never fails."""
        return self.inner.length()

    def resize(self, length: int) -> None:
        """Faults of "resize" strike by the new length, as if it were an offset."""
        self._pass("resize", length, 1)
        self.inner.resize(length)

    def read(self, offset: int, length: int) -> Data:
        """Faults of "read" strike first."""
        self._pass("read", offset, length)
        return self.inner.read(offset, length)

    def write(self, offset: int, data: Data) -> None:
        """Faults of "write" strike first, before any byte is stored."""
        self._pass("write", offset, memoryview(data).nbytes)
        self.inner.write(offset, data)

    def write_zeroes(self, offset: int, length: int) -> None:
        """Faults of "write_zeroes" strike first."""
        self._pass("write_zeroes", offset, length)
        self.inner.write_zeroes(offset, length)

    def flush(self) -> None:
        """Faults of "flush" strike first."""
        self._pass("flush")
        self.inner.flush()

    def allocation(self, offset: int, length: int) -> Extent:
        """Faults of "allocation" with an offset strike there; up to it the inner status is told."""
        ahead = [
            armed.fault.offset
            for armed in self._armed
            if armed.fault.operation == "allocation" and (armed.fault.offset or 0) > offset
        ]
        self._pass("allocation", offset, 1)
        cut = min((at - offset for at in ahead if at is not None), default=length)
        return self.inner.allocation(offset, min(length, cut))

    def change_backing(self, base: BlockDevice | None, stored_name: str | None) -> None:
        """Faults of "change_backing" strike first; header and chain are unchanged then."""
        self._pass("change_backing")
        self.inner.change_backing(base, stored_name)

    def reopen(self, *, read_only: bool) -> None:
        """Faults of "reopen" strike first."""
        self._pass("reopen")
        self.inner.reopen(read_only=read_only)

    def close(self) -> None:
        """Close the inner device; never fails."""
        self.inner.close()

    def _pass(self, operation: Operation, offset: int = 0, length: int = 0) -> None:
        # Every fault counts the request, whichever strikes it.
        numbers = [armed.count(operation, offset, length) for armed in self._armed]
        for armed, number in zip(self._armed, numbers, strict=True):
            if not armed.strikes(number):
                continue
            fault = armed.fault
            if fault.delay_ns and self._sleep_ns:
                self._sleep_ns(fault.delay_ns)
            if fault.hold:
                fault.hold.pass_through()
            if fault.errno:
                raise OSError(fault.errno, os.strerror(fault.errno), self.name)
