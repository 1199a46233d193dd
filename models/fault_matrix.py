"""What every job makes of every failure: which side failed, under which policy, with which errno.

The table is written from the rules of 2012, not from a run: the courses below are all there are, a
row puts one together with a policy, a side and an errno. Who runs the rows, and how a page shows
them, does not belong here.
"""

from __future__ import annotations

import errno as errno_codes
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

KIB = 1024
MIB = 1024 * KIB
#: The disks of every row: data from the first byte to the last, and one unit of it fails.
LENGTH = 4 * MIB
FAULT_AT = 2 * MIB


class Lasts(Enum):
    """How long the fault is there."""

    ONCE = "once"
    ALWAYS = "always"


class Good(Enum):
    """Which bytes the job has put where they belong; all others there are as they were before."""

    ALL = "all"
    BEFORE = "all before the fault"
    ALL_BUT = "all but the unit that fails"


#: What stands in a sequence of events for: the last one again and again, until somebody cancels.
AGAIN = "…"
ERROR, READY, COMPLETED, CANCELLED = "ERROR", "READY", "COMPLETED", "CANCELLED"

REPORT, IGNORE, STOP = "report", "ignore", "stop"
#: policy -> action on ENOSPC, action on any other errno
ACTIONS = {
    "report": (REPORT, REPORT),
    "ignore": (IGNORE, IGNORE),
    "stop": (STOP, STOP),
    "enospc": (STOP, REPORT),
}
#: errno -> its text in the last event, and the io-status of a job that it stops
ERRNOS = {
    errno_codes.EIO: ("Input/output error", "failed"),
    errno_codes.ENOSPC: ("No space left on device", "nospace"),
}
#: A commit had no policy to choose in 2012.
NO_POLICY = "none"


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two disks of a job. `operation` is what BLOCK_JOB_ERROR calls its failure.

    `reports_stops`: the disk has an io-status of its own that a stop sets.
    """

    name: str
    is_read: bool
    operation: str
    reports_stops: bool = False


@dataclass(frozen=True, slots=True)
class Course:
    """How a job goes on after its fault, if whoever stands by resumes it once and completes it.

    `stops`: the offset published at each stop, in bytes; `offset`: that of the last event.
    `behind`: what the device stands on in the end.
    """

    events: tuple[str, ...]
    offset: int
    good: Good
    behind: str
    why: str
    fails: bool = False
    stops: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of job: its sides, its unit in bytes, and its course by action and how long it lasts.

    A course that does not depend on how long the fault lasts stands under both.
    """

    name: str
    unit: int
    sides: tuple[Side, ...]
    courses: dict[tuple[str, Lasts], Course]
    policies: tuple[str, ...] = tuple(ACTIONS)


def _both(action: str, course: Course) -> dict[tuple[str, Lasts], Course]:
    return {(action, lasts): course for lasts in Lasts}


#: What a device stands on: the chain as it was, or its own image alone, or one of two disks.
KEPT, ALONE, SOURCE, TARGET = "its old chain", "the top alone", "the source", "the target"
_STREAM = Kind(
    "stream",
    512 * KIB,
    # Whichever side fails, a stream calls it a read.
    (Side("below", True, "read"), Side("top", False, "read")),
    _both(
        REPORT,
        Course(
            (ERROR, COMPLETED),
            FAULT_AT,
            Good.BEFORE,
            KEPT,
            "the job leaves its loop, and the image keeps its backing file",
            fails=True,
        ),
    )
    | _both(
        IGNORE,
        Course(
            (ERROR, COMPLETED),
            LENGTH,
            Good.ALL_BUT,
            KEPT,
            "the unit counts as done, the first error is remembered, the backing file kept",
            fails=True,
        ),
    )
    | {
        (STOP, Lasts.ONCE): Course(
            (ERROR, COMPLETED),
            LENGTH,
            Good.ALL,
            ALONE,
            "the same unit is tried again after the resume, and the error forgotten",
            stops=(FAULT_AT,),
        ),
        (STOP, Lasts.ALWAYS): Course(
            (ERROR, ERROR, CANCELLED),
            FAULT_AT,
            Good.BEFORE,
            KEPT,
            "the same unit fails again after the resume, and the job goes no further",
            stops=(FAULT_AT, FAULT_AT),
        ),
    },
)
_COMMIT = Kind(
    "commit",
    512 * KIB,
    (Side("top", True, "read"), Side("base", False, "write")),
    _both(
        REPORT,
        Course(
            (COMPLETED,),
            FAULT_AT,
            Good.BEFORE,
            KEPT,
            "no policy and no event for the error: the job ends with it, and no image is dropped",
            fails=True,
        ),
    ),
    (NO_POLICY,),
)


def _copies(name: str, unit: int, in_the_end: str, ready: tuple[str, ...]) -> Kind:
    """What mirror and backup share: a unit that failed comes again after all others."""
    behind = LENGTH - unit
    done = Course((ERROR, *ready, COMPLETED), LENGTH, Good.ALL, in_the_end, "")
    undone = Course((), behind, Good.ALL_BUT, SOURCE, "")
    courses = _both(
        REPORT,
        Course(
            (ERROR, COMPLETED),
            FAULT_AT,
            Good.BEFORE,
            SOURCE,
            "the job ends, and its target is of no use",
            fails=True,
        ),
    ) | {
        (IGNORE, Lasts.ONCE): replace(
            done, why="the unit is marked again, and copied after all others"
        ),
        (IGNORE, Lasts.ALWAYS): replace(
            undone,
            events=(ERROR, AGAIN, CANCELLED),
            why="the unit is marked again each time: an event each, and no end but a cancel",
        ),
        (STOP, Lasts.ONCE): replace(
            done,
            stops=(FAULT_AT,),
            why="after the resume come the units behind, then the one that failed",
        ),
        (STOP, Lasts.ALWAYS): replace(
            undone,
            events=(ERROR, ERROR, CANCELLED),
            stops=(FAULT_AT, behind),
            why="after the resume come the units behind, then the one that fails stops it again",
        ),
    }
    sides = (Side("source", True, "read"), Side("target", False, "write", reports_stops=True))
    return Kind(name, unit, sides, courses)


KINDS = (
    _STREAM,
    _COMMIT,
    _copies("mirror", MIB, TARGET, (READY,)),
    _copies("backup", 64 * KIB, SOURCE, ()),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One row: the case, and through `course` what comes of it."""

    kind: Kind
    side: Side
    policy: str
    errno: int
    lasts: Lasts
    course: Course = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "course", self.kind.courses[self.action, self.lasts])

    def __str__(self) -> str:
        name = errno_codes.errorcode[self.errno]
        return f"{self.kind.name}-{self.side.name}-{self.policy}-{name}-{self.lasts.value}"

    @property
    def action(self) -> str:
        """What the policy does about the errno."""
        if self.policy == NO_POLICY:
            return REPORT
        on_enospc, otherwise = ACTIONS[self.policy]
        return on_enospc if self.errno == errno_codes.ENOSPC else otherwise

    @property
    def error(self) -> str:
        """The error text of the last event; empty if there is none."""
        return ERRNOS[self.errno][0] if self.course.fails else ""

    @property
    def io_status(self) -> str:
        """The job's io-status while it is stopped; ok if it never is."""
        return ERRNOS[self.errno][1] if self.course.stops else "ok"

    @property
    def target_status(self) -> str:
        """The target's own io-status while the job is stopped."""
        return self.io_status if self.side.reports_stops else "ok"

    @property
    def events(self) -> tuple[str, ...]:
        """The events with what an error says of itself."""
        told = f"{ERROR} {self.side.operation} {self.action}"
        return tuple(told if event == ERROR else event for event in self.course.events)


def _rows() -> Iterator[Row]:
    for kind in KINDS:
        for side in kind.sides:
            for policy in kind.policies:
                for errno in ERRNOS:
                    for lasts in Lasts:
                        yield Row(kind, side, policy, errno, lasts)


#: The whole matrix, in the order of the page.
ROWS = tuple(_rows())


@dataclass(frozen=True, slots=True)
class Difference:
    """What QEMU 7.2 does otherwise in the rows of a kind that leave `good`, and why."""

    kind: str
    good: Good
    change: dict[str, Any]
    says: str
    why: str

    def is_of(self, row: Row) -> bool:
        """Whether it shows in this row."""
        return (row.kind.name, row.course.good) == (self.kind, self.good)


DIFFERENCES = (
    Difference(
        "commit",
        Good.BEFORE,
        {"events": (ERROR, COMPLETED)},
        "ERROR comes before COMPLETED",
        "since 2016 a commit has a policy, report unless another is chosen, and tells of errors",
    ),
    Difference(
        "backup",
        Good.ALL_BUT,
        {"good": Good.BEFORE},
        "nothing behind the fault is saved",
        "each new pass begins at the first unit that is not saved, which is the one that fails",
    ),
)


def difference(row: Row) -> Difference | None:
    """How 7.2 differs in a row; None where it does the same."""
    return next((each for each in DIFFERENCES if each.is_of(row)), None)


def in_7_2(row: Row) -> Row:
    """The row as QEMU 7.2 lives it."""
    found, modern = difference(row), copy(row)
    if found is not None:
        object.__setattr__(modern, "course", replace(row.course, **found.change))
    return modern
