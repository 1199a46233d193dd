"""What surrounds a job while it is explored: what has happened to it, and its devices.

A world is a small frozen value. Its devices have a few units; of their contents only what a claim
can ask about is kept. How a job reacts does not belong here.
"""

from __future__ import annotations

import errno as errno_codes
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from blockjob_fsm.bodies.requests import Act, IoOutcome, IoRequest
from blockjob_fsm.declaration import Output
from blockjob_fsm.error_action import IoStatus
from blockjob_fsm.guards import Control, Flag, Number, Value
from blockjob_fsm.lifecycles.classic_words import ClassicControl
from blockjob_fsm.lifecycles.modern_words import ModernControl

ERRNOS = (errno_codes.EIO, errno_codes.ENOSPC)


class End(NamedTuple):
    """The job's last event as it was sent."""

    cancelled: bool
    ret: int


class Life(NamedTuple):
    """What a job has asked of its surroundings, and what they have seen of it.

    `opening`: its backing files are being opened; `deferred`: a modern job's completion is to come.
    `failed`: something went wrong; `complained`: BLOCK_JOB_ERROR was sent; both are kept only where
    a claim asks. `rounds` counts copies since the last sleep. Counters stop at 2: more often than
    once is already too often.
    """

    request: IoRequest | None = None
    timer_ns: int | None = None
    opening: bool = False
    deferred: bool = False
    failed: bool = False
    complained: bool = False
    rounds: int = 0
    end: End | None = None
    ends: int = 0
    callbacks: int = 0
    releases: int = 0
    emitted_late: bool = False
    pivoted: bool = False
    fault: str = ""


class Devices(Hashable, Protocol):
    """The devices a job works on; implementations are hashable values."""

    @property
    def units(self) -> int:
        """The length of the job's device; a unit is a byte, for the bodies."""

    def submitted(self, request: IoRequest) -> Devices:
        """The devices once a request has been handed to them."""

    def outcomes(self, request: IoRequest) -> Iterator[tuple[str, IoOutcome, Devices]]:
        """Every way a request can end now: in words, as an outcome, and the devices after it."""

    def happenings(self) -> Iterator[tuple[str, str, str, Devices]]:
        """What else can happen: who, the kind of move, in words, and the devices after it."""

    def performed(self, act: Act) -> Devices:
        """The devices after an act."""

    def signalled(self, output: Output) -> Devices:
        """The devices after an output that concerns them."""

    def facts(self) -> Facts:
        """What claims can ask about."""


class Facts(NamedTuple):
    """What claims can ask of devices; a kind of job leaves what it has no part in as it is.

    `guest_sees_right`: the guest reads what it wrote, or what was there.
    `target_equals_source`: nothing is missing on the target.
    `covered`: each unit is equal, or marked dirty, or on its way.
    """

    guest_sees_right: bool = True
    changed: bool = False
    complete: bool = True
    target_equals_source: bool = True
    covered: bool = True
    quiet: bool = True
    copy_on_read: int = 0
    writable: bool = False
    tracking: bool = False
    held_out: bool = False


@dataclass(frozen=True, slots=True)
class Scene(Control):
    """What guards read of a job in its world: the control's fields, and those of life and facts."""

    control: ClassicControl | ModernControl
    length: int
    offset: int
    request: bool
    timer: bool
    opening: bool
    deferred: bool
    failed: bool
    complained: bool
    rounds: int
    ends: int
    callbacks: int
    releases: int
    emitted_late: bool
    pivoted: bool
    legal: bool
    ended_well: bool
    ended_cancelled: bool
    facts: Facts

    def __getattr__(self, name: str) -> Value:
        owner = self.facts if name in _OF_FACTS else self.control
        found: Value = getattr(owner, name)
        return found

    @property
    def whole(self) -> bool:
        """Whether everything has been processed."""
        return self.offset == self.length

    @property
    def stopped(self) -> bool:
        """Whether the io-status is not ok."""
        return self.control.io_status is not IoStatus.OK


_OF_FACTS = frozenset(Facts._fields)


def scene(
    control: ClassicControl | ModernControl, offset: int, length: int, life: Life, facts: Facts
) -> Scene:
    """A job in its world, as claims see it."""
    end = life.end
    return Scene(
        phase=control.phase,
        control=control,
        length=length,
        offset=offset,
        request=life.request is not None,
        timer=life.timer_ns is not None,
        opening=life.opening,
        deferred=life.deferred,
        failed=life.failed,
        complained=life.complained,
        rounds=life.rounds,
        ends=life.ends,
        callbacks=life.callbacks,
        releases=life.releases,
        emitted_late=life.emitted_late,
        pivoted=life.pivoted,
        legal=not life.fault,
        ended_well=end is not None and not end.cancelled and end.ret == 0,
        ended_cancelled=end is not None and end.cancelled,
        facts=facts,
    )


LEGAL = Flag("legal")
REQUEST = Flag("request")
TIMER_ARMED = Flag("timer")
OPENING = Flag("opening")
DEFERRED = Flag("deferred")
FAILED_ONCE = Flag("failed")
COMPLAINED = Flag("complained")
EMITTED_LATE = Flag("emitted_late")
PIVOTED = Flag("pivoted")
ENDED_WELL = Flag("ended_well")
ENDED_CANCELLED = Flag("ended_cancelled")
WHOLE = Flag("whole")
STOPPED = Flag("stopped")
GUEST_SEES_RIGHT = Flag("guest_sees_right")
CHANGED = Flag("changed")
COMPLETE_BELOW = Flag("complete")
TARGET_EQUALS_SOURCE = Flag("target_equals_source")
COVERED = Flag("covered")
QUIET = Flag("quiet")
WRITABLE = Flag("writable")
TRACKING = Flag("tracking")
HELD_OUT = Flag("held_out")
ROUNDS = Number("rounds")
ENDS = Number("ends")
CALLBACKS = Number("callbacks")
RELEASES = Number("releases")
COPY_ON_READ = Number("copy_on_read")


def bits(units: int) -> int:
    """The mask of all units."""
    return (1 << units) - 1


def told(mask: int, units: int) -> str:
    """The units of a mask, as traces spell them."""
    return " ".join(str(unit) for unit in range(units) if mask >> unit & 1) or "none"


def run_of(mask: int, start: int, limit: int) -> int:
    """How many units from `start` on, at most `limit`, agree with it about the mask."""
    first = mask >> start & 1
    length = 1
    while length < limit and mask >> (start + length) & 1 == first:
        length += 1
    return length
