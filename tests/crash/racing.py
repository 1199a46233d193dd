"""Guests that write to the same bytes at once, and what a disk may read as afterwards.

No claim is made here.
"""

import itertools
import random
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Self

from blockjob_fsm.storage import Drive
from blockjob_fsm.storage.device import Data
from tests.storage.threads import PATIENCE_S, until

GUESTS = 4
BURST = 6
KIB = 1 << 10
#: Where all guests write.
SHARED = 96 * KIB


@dataclass(frozen=True, slots=True)
class Write:
    """A write that has ended; `began` and `ended` are turns of one counter for all guests."""

    began: int
    ended: int
    offset: int
    data: bytes

    @property
    def end(self) -> int:
        """The byte after the last one."""
        return self.offset + len(self.data)


class Guests:
    """Threads that write in bursts, so that a mirror gets in step, and read back what is theirs."""

    def __init__(self, drive: Drive, length: int, seed: int) -> None:
        self._drive, self._length, self._seed = drive, length, seed
        self._turns = itertools.count()
        self._enough = threading.Event()
        self._pool = ThreadPoolExecutor(GUESTS)
        self._working: list[Future[None]] = []
        self._written: list[list[Write]] = [[] for _ in range(GUESTS)]

    def __enter__(self) -> Self:
        self._working = [self._pool.submit(self._work, number) for number in range(GUESTS)]
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        for guest in self._working:
            guest.result(PATIENCE_S)
        self._pool.shutdown()

    @property
    def writes(self) -> list[Write]:
        """All writes, by the time they ended."""
        return sorted(itertools.chain(*self._written), key=lambda write: write.ended)

    def until_more(self, bursts: int = 2) -> None:
        """Return when each guest has written so many bursts more."""
        before = [len(written) for written in self._written]
        wanted = [count + bursts * BURST for count in before]
        until(lambda: all(len(w) >= n for w, n in zip(self._written, wanted, strict=True)))

    def _work(self, number: int) -> None:
        rng = random.Random(self._seed * GUESTS + number)
        while not self._enough.wait(0.01):
            for _ in range(BURST):
                self._write_once(number, rng)

    def _write_once(self, number: int, rng: random.Random) -> None:
        offset, size, is_own = self._range(number, rng)
        data = rng.randbytes(size)
        began = next(self._turns)
        assert self._drive.guest_write(offset, data)
        self._written[number].append(Write(began, next(self._turns), offset, data))
        if is_own and rng.random() < 0.3:
            read = self._drive.guest_read(offset, size)
            assert read == data, f"guest {number} reads something else at {offset}"

    def _range(self, number: int, rng: random.Random) -> tuple[int, int, bool]:
        """Offset, length, and whether no other guest ever writes there."""
        part = (self._length - 2 * SHARED) // GUESTS
        start = SHARED + number * part
        size = rng.choice([1, 511, 512, 4096, rng.randint(1, 20_000)])
        match rng.randrange(6):
            case 0:
                return rng.randrange(SHARED - size), size, False
            case 1:  # where the device ends, in the middle of a chunk
                return self._length - size - rng.choice([0, 0, 1, 700]), size, False
            case 2:  # aligned, so that nothing has to be completed
                offset = -(-(start + rng.randrange(part - 72 * KIB)) // 4096) * 4096
                return offset, 4096 * rng.randint(1, 2), True
        return start + rng.randrange(part - size), size, True


def unexplained(found: Data, before: bytes, writes: Sequence[Write]) -> int | None:
    """The first byte that neither the old contents nor any order of the writes explains.

    Of two writes of which one began after the other had ended the later one counts; of two at the
    same time either may.
    """
    assert len(found) == len(before), f"{len(found)} bytes instead of {len(before)}"
    for start, end, covering in _pieces(len(before), writes):
        latest = max((write.began for write in covering), default=0)
        may_show = [w.data[start - w.offset : end - w.offset] for w in covering if w.ended > latest]
        may_show = may_show or [before[start:end]]
        if found[start:end] in may_show:
            continue
        for at in range(start, end):
            if found[at] not in {shown[at - start] for shown in may_show}:
                return at
    return None


def _pieces(length: int, writes: Sequence[Write]) -> Iterator[tuple[int, int, list[Write]]]:
    """The disk cut where a write begins or ends: (start, end, the writes that cover it)."""
    ends = {end for write in writes for end in (write.offset, write.end)}
    cuts = sorted({0, length, *ends})
    waiting = sorted(writes, key=lambda write: write.offset, reverse=True)
    covering: list[Write] = []
    for start, end in itertools.pairwise(cuts):
        covering = [write for write in covering if write.end > start]
        while waiting and waiting[-1].offset <= start:
            covering.append(waiting.pop())
        yield start, end, covering
