"""A mirror's devices: which units are dirty, which are equal, and what is under way.

Masks have a bit per unit. A guest's write changes the source when it begins and marks the unit
dirty when it ends; a copy clears the marks, then reads, then writes. Everything may come between.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum

from blockjob_fsm.bodies.requests import (
    Act,
    CopyDirty,
    DirtyCount,
    Drain,
    Failed,
    Flush,
    GetLength,
    InitialBitmap,
    IoOutcome,
    IoRequest,
    Length,
    Mirrored,
    Sync,
)
from blockjob_fsm.check.worlds import ERRNOS, Facts, bits, run_of, told
from blockjob_fsm.declaration import Output
from blockjob_fsm.lifecycles.classic_words import PIVOT, UNDRAIN

Ended = tuple[str, IoOutcome, "Pair"]
NAMES = dict(zip(ERRNOS, ("EIO", "ENOSPC"), strict=True))


class Copying(Enum):
    """How far a copy under way is."""

    NO = "no"
    ASKED = "asked"
    CLEARED = "cleared"
    READ = "read"


@dataclass(frozen=True, slots=True)
class Pair:
    """Source and target. `equal`: units whose target holds what the source holds.

    `run` are the units of the copy under way, `good` those of them whose buffer is still up to
    date. `writing`: the unit of the guest's write in flight. `clears_late`: the wrong order, in
    which the marks are cleared after the read. `drains_at_once`: a drain keeps new writes out while
    it waits for old ones.
    """

    units: int = 2
    to_copy: int = 0b11
    dirty: int = 0
    equal: int = 0
    writing: int | None = None
    copying: Copying = Copying.NO
    run: int = 0
    good: int = 0
    tracking: bool = True
    held_out: bool = False
    guest_writes: bool = True
    pivoted: bool = False
    clears_late: bool = False
    drains_at_once: bool = False

    def __str__(self) -> str:
        words = f"dirty {told(self.dirty, self.units)}, equal {told(self.equal, self.units)}"
        if self.copying is not Copying.NO and self.run:
            words += f", copy of {told(self.run, self.units)} {self.copying.value}"
        return words if self.writing is None else f"{words}, guest writing {self.writing}"

    # -- the job's requests

    def submitted(self, request: IoRequest) -> Pair:
        if isinstance(request, CopyDirty):
            first = self._first(request.cursor)
            run = bits(run_of(self.dirty, first, min(request.chunks, self.units - first))) << first
            return replace(self, copying=Copying.ASKED, run=run if self.dirty else 0)
        if isinstance(request, Drain) and self.drains_at_once:
            return replace(self, held_out=True)
        return self

    def outcomes(self, request: IoRequest) -> Iterator[Ended]:
        match request:
            case GetLength():
                yield f"length {self.units}", Length(self.units), self
                yield from self._failures()
            case InitialBitmap(sync):
                yield self._marked(sync)
                yield from self._failures()
            case CopyDirty():
                yield from self._copies(request)
            case Flush():
                yield f"flushed, {self._count} dirty", DirtyCount(self._count), self
                yield from self._failures()
            case Drain() if self.writing is None:
                drained = replace(self, held_out=not self.dirty)
                yield f"drained, {self._count} dirty", DirtyCount(self._count), drained

    def performed(self, act: Act) -> Pair:
        return replace(self, tracking=False) if act is Act.STOP_DIRTY_TRACKING else self

    def signalled(self, output: Output) -> Pair:
        if output == UNDRAIN:
            return replace(self, held_out=False)
        return replace(self, pivoted=True) if output == PIVOT else self

    # -- everybody else

    def happenings(self) -> Iterator[tuple[str, str, str, Pair]]:
        if self.copying is Copying.ASKED:
            yield "world", "io_step", *self._cleared_or_read(first=True)
        elif self.copying is Copying.CLEARED:
            yield "world", "io_step", *self._cleared_or_read(first=False)
        if self.writing is not None:
            dirty = self.dirty | (1 << self.writing if self.tracking else 0)
            ended = replace(self, writing=None, dirty=dirty)
            yield "world", "guest_write_ends", f"guest's write of {self.writing} ends", ended
        elif self.guest_writes and not self.held_out and self.tracking:
            for unit in range(self.units):
                mask = 1 << unit
                begun = replace(
                    self, writing=unit, equal=self.equal & ~mask, good=self.good & ~mask
                )
                yield "guest", "guest_write", f"guest begins to write {unit}", begun

    def facts(self) -> Facts:
        whole = bits(self.units)
        under_way = (self.run & self.good) | (self.run if self._still_to_read else 0)
        if self.writing is not None:
            under_way |= 1 << self.writing
        return Facts(
            guest_sees_right=self.equal == whole or not self.pivoted,
            changed=self.pivoted,
            target_equals_source=self.equal == whole,
            covered=not whole & ~(self.equal | self.dirty | under_way),
            quiet=self.writing is None and not self.dirty,
            tracking=self.tracking,
            held_out=self.held_out,
        )

    # -- copying

    @property
    def _still_to_read(self) -> bool:
        return self.copying in (Copying.ASKED, Copying.CLEARED) and not self.clears_late

    @property
    def _count(self) -> int:
        return self.dirty.bit_count()

    def _first(self, cursor: int) -> int:
        order = [(cursor + step) % self.units for step in range(self.units)]
        return next((unit for unit in order if self.dirty >> unit & 1), 0)

    def _cleared_or_read(self, *, first: bool) -> tuple[str, Pair]:
        stage = Copying.CLEARED if first else Copying.READ
        if first is self.clears_late:
            return "the copy reads", replace(self, copying=stage, good=self.run)
        cleared = replace(self, copying=stage, dirty=self.dirty & ~self.run)
        return "the copy clears its marks", cleared

    def _marked(self, sync: Sync) -> Ended:
        wanted = 0 if sync is Sync.NONE else self.to_copy
        # What is not copied is right on the target from the start, unless a guest wrote it since.
        dirty = self.dirty | wanted
        kept = bits(self.units) & ~wanted & ~self.dirty
        if self.writing is not None:
            kept &= ~(1 << self.writing)
        marked = replace(self, dirty=dirty, equal=kept)
        return f"{dirty.bit_count()} dirty", DirtyCount(dirty.bit_count()), marked

    def _copies(self, request: CopyDirty) -> Iterator[Ended]:
        if not self.run:
            yield (
                "nothing is dirty",
                Mirrored(request.cursor, 0, 0),
                replace(self, copying=Copying.NO),
            )
            return
        if self.copying is not Copying.READ:
            return
        first, count = (self.run & -self.run).bit_length() - 1, self.run.bit_count()
        yield self._copied(first, count, count, 0, is_read=False)
        for done in range(count):
            for errno in ERRNOS:
                for is_read in (True, False):
                    yield self._copied(first, count, done, errno, is_read=is_read)

    def _copied(self, first: int, count: int, done: int, errno: int, *, is_read: bool) -> Ended:
        written = bits(done) << first
        failed = self.run & ~written
        equal = (self.equal & ~written) | (written & self.good)
        if errno and not is_read:
            # What a failed write left on the target is anybody's guess.
            equal &= ~(1 << (first + done))
        dirty = self.dirty | failed
        after = replace(self, equal=equal, dirty=dirty, copying=Copying.NO, run=0, good=0)
        words = f"{done} of {count} copied at {first}"
        if errno:
            words += f", then {NAMES[errno]} {'reading' if is_read else 'writing'}"
        outcome = Mirrored(first, done, dirty.bit_count(), errno, is_read, moved=done)
        return words, outcome, after

    def _failures(self) -> Iterator[Ended]:
        for errno in ERRNOS:
            yield NAMES[errno], Failed(errno), self
