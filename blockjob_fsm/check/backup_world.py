"""A backup's devices: which units are saved, which still are as they were, and who is at which.

Masks have a bit per unit. Guests' writes come at any time, several at once. Each saves its unit
first if nobody has, waits while somebody is at it, and only then changes the source. What the
claims about it are is at the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum
from typing import NamedTuple

from blockjob_fsm.bodies.requests import (
    Act,
    CopyDirty,
    DirtyCount,
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
from blockjob_fsm.check.mirror_world import NAMES
from blockjob_fsm.check.worlds import (
    COVERED,
    ENDED_WELL,
    ERRNOS,
    ROUNDS,
    TARGET_EQUALS_SOURCE,
    TRACKING,
    WHOLE,
    Facts,
    bits,
    run_of,
    told,
)
from blockjob_fsm.declaration import Output
from blockjob_fsm.lifecycles.classic_words import LIVE, Phase
from blockjob_fsm.properties import Always, LeadsTo, Property, implies
from blockjob_fsm.properties.classic_states import in_phase

#: The kinds of move of guests' writes, by unit: no write waits for ever because others go on.
GUEST_GOES_ON = ("guest_write_of_0", "guest_write_of_1", "guest_write_of_2")

Ended = tuple[str, IoOutcome, "PointInTime"]
Happening = tuple[str, str, str, "PointInTime"]


class Step(Enum):
    """How far a guest's write is."""

    COME = "come"
    SAVING = "saving"
    WRITING = "writing"


class Write(NamedTuple):
    """A guest's write of one unit."""

    unit: int
    step: Step


class Wrong(Enum):
    """What devices may get wrong on purpose, so that the claims can be seen to fail."""

    NOTHING = "nothing"
    UNHOOKED = "a guest's write saves nothing"
    IMPATIENT = "a guest's write does not wait for the job's copy of its unit"
    HARD = "a guest's write that could not save its unit writes all the same"
    FORGETFUL = "what failed to be saved is not marked again"
    TRUSTING = "a unit that failed to be saved is left out all the same"


@dataclass(frozen=True, slots=True)
class PointInTime:
    """Source and target. `left`: units not saved; `saved`: those the target shows as they were.

    `old`: units of the source that are as they were; `run`: what the job's copy has taken;
    `waited`: a guest's saving has ended while the copy had nothing to take. A unit
    outside `to_copy` shows right on the target from the start, unless a failed write spoiled it.
    `guests`: how many writes at once; `saves_fail`: whether a guest's saving may fail.
    """

    units: int = 2
    to_copy: int = 0b11
    guests: int = 2
    saves_fail: bool = True
    wrong: Wrong = Wrong.NOTHING
    left: int = -1
    saved: int = 0
    old: int = -1
    spoiled: int = 0
    asked: int = 0
    waited: bool = False
    cursor: int = 0
    run: int = 0
    writes: tuple[Write, ...] = ()
    tracking: bool = True

    def __post_init__(self) -> None:
        if self.left < 0:
            whole = bits(self.units)
            for name, mask in (("left", whole), ("old", whole), ("saved", whole & ~self.to_copy)):
                object.__setattr__(self, name, mask)

    def __str__(self) -> str:
        words = f"left {told(self.left, self.units)}, saved {told(self.saved, self.units)}"
        if self.run:
            words += f", job at {told(self.run, self.units)}"
        return words + "".join(f", guest {write.step.value} {write.unit}" for write in self.writes)

    # -- the job's requests

    def submitted(self, request: IoRequest) -> PointInTime:
        if isinstance(request, CopyDirty):
            cursor = request.cursor % self.units
            return replace(self, asked=min(request.chunks, self.units), cursor=cursor)
        return self

    def outcomes(self, request: IoRequest) -> Iterator[Ended]:
        match request:
            case GetLength():
                yield f"length {self.units}", Length(self.units), self
                yield from self._failures()
            case InitialBitmap(sync):
                yield self._left_out(sync)
                yield from self._failures()
            case CopyDirty():
                yield from self._copies(request)
            case Flush():
                yield "flushed", DirtyCount(self._count), self
                yield from self._failures()

    def performed(self, act: Act) -> PointInTime:
        return replace(self, tracking=False) if act is Act.STOP_DIRTY_TRACKING else self

    def signalled(self, output: Output) -> PointInTime:
        return self

    def facts(self) -> Facts:
        whole = bits(self.units)
        return Facts(
            target_equals_source=self.saved == whole,
            covered=not whole & ~(self.saved | self.old),
            tracking=self.tracking,
        )

    # -- everybody else

    def happenings(self) -> Iterator[Happening]:
        if self.asked:
            yield from self._takes()
        for write in self.writes:
            yield from self._goes_on(write)
        for unit in range(self.units) if len(self.writes) < self.guests else ():
            come = self._with(Write(unit, Step.COME))
            yield "guest", "guest_write", f"guest begins to write {unit}", come

    def _takes(self) -> Iterator[Happening]:
        """The job takes units in a row, fewer than asked for if it is to come back early."""
        order = [(self.cursor + step) % self.units for step in range(self.units)]
        first = next((unit for unit in order if self.left >> unit & 1), None)
        if first is None:
            return
        for count in range(1, run_of(self.left, first, min(self.asked, self.units - first)) + 1):
            run = bits(count) << first
            taken = replace(self, asked=0, waited=False, cursor=0, run=run, left=self.left & ~run)
            yield "world", "io_step", f"the copy takes {told(run, self.units)}", taken

    def _goes_on(self, write: Write) -> Iterator[Happening]:
        unit, mask = write.unit, 1 << write.unit
        kind = GUEST_GOES_ON[unit]
        if write.step is Step.WRITING:
            yield "world", kind, f"guest's write of {unit} ends", self._without(write)
        elif write.step is Step.SAVING:
            saved = self._now(write, Step.COME)._save(mask)._ended()
            yield "world", kind, f"guest has saved {unit}", saved
            for failed in self._fails_to_save(write):
                yield "world", kind, f"guest cannot save {unit}", failed
        elif self.tracking and self.left & mask and self.wrong is not Wrong.UNHOOKED:
            taken = replace(self._now(write, Step.SAVING), left=self.left & ~mask)
            yield "world", kind, f"guest saves {unit} first", taken
        elif not self._is_at(mask):
            changed = replace(self._now(write, Step.WRITING), old=self.old & ~mask)
            yield "world", kind, f"guest changes {unit}", changed

    def _is_at(self, mask: int) -> bool:
        """Whether somebody is saving the unit now."""
        if self.wrong is not Wrong.IMPATIENT and self.run & mask:
            return True
        return any(w.step is Step.SAVING and 1 << w.unit == mask for w in self.writes)

    def _fails_to_save(self, write: Write) -> Iterator[PointInTime]:
        if not self.saves_fail:
            return
        mask = 1 << write.unit
        if self.wrong is Wrong.HARD:
            hard = replace(self._now(write, Step.WRITING), old=self.old & ~mask)
            yield hard._spoil(mask)._ended()
        else:
            yield self._without(write)._spoil(mask)._ended()

    def _ended(self) -> PointInTime:
        return replace(self, waited=bool(self.asked))

    def _save(self, mask: int) -> PointInTime:
        """The target shows what the source held, or something newer if that was changed."""
        saved = self.saved & ~mask | mask & self.old
        return replace(self, saved=saved, spoiled=self.spoiled & ~mask)

    def _spoil(self, mask: int) -> PointInTime:
        """What a failed save left on the target is anybody's guess; the unit is left again."""
        left = self.left if self.wrong is Wrong.FORGETFUL else self.left | mask
        spoiled = self.spoiled if self.wrong is Wrong.TRUSTING else self.spoiled | mask
        return replace(self, left=left, saved=self.saved & ~mask, spoiled=spoiled)

    def _with(self, write: Write) -> PointInTime:
        order = sorted((*self.writes, write), key=lambda w: (w.unit, w.step.value))
        return replace(self, writes=tuple(order))

    def _without(self, write: Write) -> PointInTime:
        writes = list(self.writes)
        writes.remove(write)
        return replace(self, writes=tuple(writes))

    def _now(self, write: Write, step: Step) -> PointInTime:
        return self._without(write)._with(Write(write.unit, step))

    # -- answers

    @property
    def _count(self) -> int:
        saving = sum(1 << w.unit for w in self.writes if w.step is Step.SAVING)
        return (self.left | self.run | saving).bit_count()

    def _left_out(self, sync: Sync) -> Ended:
        needless = 0 if sync is Sync.NONE else bits(self.units) & ~self.to_copy & ~self.spoiled
        after = replace(self, left=self.left & ~needless)
        return f"{after._count} to save", DirtyCount(after._count), after

    def _copies(self, request: CopyDirty) -> Iterator[Ended]:
        if self.run:
            first, count = (self.run & -self.run).bit_length() - 1, self.run.bit_count()
            yield self._copied(first, count, 0, is_read=False)
            for done in range(count):
                for errno in ERRNOS:
                    for is_read in (True, False):
                        yield self._copied(first, done, errno, is_read=is_read)
        elif self.waited or not request.chunks or not self._count:
            after = replace(self, asked=0, waited=False, cursor=0)
            yield "nothing to copy", Mirrored(request.cursor, 0, self._count), after

    def _copied(self, first: int, done: int, errno: int, *, is_read: bool) -> Ended:
        good = bits(done) << first
        after = replace(self, run=0)._save(good)
        words = f"{done} of {told(self.run, self.units)} copied"
        if errno:
            after = after._spoil(self.run & ~good)
            words += f", then {NAMES[errno]} {'reading' if is_read else 'writing'}"
        return words, Mirrored(first, done, after._count, errno, is_read), after

    def _failures(self) -> Iterator[Ended]:
        for errno in ERRNOS:
            yield NAMES[errno], Failed(errno), self


_SUSPENDED = in_phase(Phase.WAITING, Phase.ASLEEP, Phase.PARKED)
_OVER = in_phase(Phase.ENDING, Phase.FREED)

BACKUP: tuple[Property, ...] = (
    Always(
        name="saved-first",
        claim="while a backup is at work or parked, what a guest changes is saved",
        holds=implies(_SUSPENDED, COVERED),
        witness="lives",
    ),
    Always(
        name="backup-true",
        claim="a backup that completes without an error shows every unit as it was",
        holds=implies(ENDED_WELL, TARGET_EQUALS_SOURCE & WHOLE),
        witness="ends-well",
    ),
    Always(
        name="clean-up",
        claim="guests' writes are free again when the job is over",
        holds=implies(_OVER, ~TRACKING),
        witness="ends-badly",
    ),
    Always(
        name="23-rounds",
        claim="between two sleeps there is one copy at most",
        holds=ROUNDS.less_than(2),
        witness="ends-well",
    ),
)
GETS_DONE: tuple[Property, ...] = (
    LeadsTo(
        name="23-progress",
        claim="a backup that reports its errors ends or parks, however busy the guests are",
        start=in_phase(*LIVE),
        goal=in_phase(Phase.FREED, Phase.PARKED),
        witness="lives",
    ),
)
