"""The page of the manual that shows the fault matrix; `python -m models.pages` writes it.

A test compares the page with what this makes.
"""

from __future__ import annotations

import errno as errno_codes
from collections.abc import Iterable, Iterator
from pathlib import Path

from models.fault_matrix import (
    ACTIONS,
    DIFFERENCES,
    ERRNOS,
    FAULT_AT,
    KIB,
    KINDS,
    LENGTH,
    MIB,
    ROWS,
    Kind,
    Lasts,
    Row,
    difference,
)

PAGE = Path(__file__).resolve().parent.parent / "docs" / "fault-matrix.md"

_OPENING = f"""# The fault matrix

Generated from the matrix; `python -m models.pages` writes this page.

What every job makes of every failure: {len(ROWS)} rows, each lived through by a live job on real
raw and qcow2 images, and by a real QEMU 7.2 where one is installed (`tests/faults`). How a policy
and an errno make an action is told in [error-actions.md](error-actions.md).

The disks have {LENGTH // MIB} MiB of data, and a request that touches the byte at
{FAULT_AT // MIB} MiB fails: **once**, or **always**. Whoever stands by resumes a job when it stops
first, cancels it when it stops again, cancels what ignores its third error, and completes a mirror
that is ready. Offsets are what the job publishes, in MiB or KiB; *good* are the bytes that the job
has put where they belong, and all others there are as they were before.

An io-status other than ok is published by the job while it is stopped, and by the target of a
mirror or a backup too if the target failed; a resume and a cancel reset both. The device's own is
never touched by a job. `…`: the event before comes again and again.
"""


def page() -> str:
    """The whole page."""
    parts = [_OPENING, "## What a policy does\n", *_policies()]
    for kind in KINDS:
        parts += [f"\n## {kind.name.capitalize()}\n", *_unit(kind), *_courses(kind), ""]
        parts += _rows(kind)
    return "\n".join([*parts, "\n## Where QEMU 7.2 differs\n", *_differences(), ""])


def _policies() -> Iterator[str]:
    names = {errno: errno_codes.errorcode[errno] for errno in ERRNOS}
    rows = []
    for policy in ACTIONS:
        of = {row.errno: row.action for row in ROWS if row.policy == policy}
        rows.append((f"`{policy}`", *(of[errno] for errno in ERRNOS)))
    yield from _table(("policy", *names.values()), rows)
    yield "\nWhat the last event and a stop say of each:\n"
    told = [(name, f"“{ERRNOS[no][0]}”", f"`{ERRNOS[no][1]}`") for no, name in names.items()]
    yield from _table(("errno", "error", "io-status"), told)


def _unit(kind: Kind) -> Iterator[str]:
    sides = " and ".join(
        f"`{side.name}` ({'reads' if side.is_read else 'writes'} fail)" for side in kind.sides
    )
    yield f"Its unit is {size(kind.unit)}. Sides: {sides}.\n"


def _courses(kind: Kind) -> Iterator[str]:
    """Why each course is as it is: what the job does after the action, and after a resume."""
    told = []
    for (action, lasts), course in kind.courses.items():
        same = all(kind.courses[action, each] == course for each in Lasts)
        row = (action, "either" if same else lasts.value, course.why)
        told += [] if row in told else [row]
    yield from _table(("action", "fault", "the job"), told)


def _rows(kind: Kind) -> Iterator[str]:
    yield from _table(
        (
            "side",
            "policy",
            "errno",
            "fault",
            "events",
            "error in the last",
            "stopped: io-status of job, target",
            "stopped at",
            "offset at the end",
            "good",
            "device stands on",
            "QEMU 7.2",
        ),
        map(_cells, (row for row in ROWS if row.kind is kind)),
    )


def _cells(row: Row) -> tuple[str, ...]:
    course = row.course
    found = difference(row)
    return (
        row.side.name,
        row.policy,
        errno_codes.errorcode[row.errno],
        row.lasts.value,
        ", ".join(row.events),
        row.error or "none",
        f"{row.io_status}, {row.target_status}" if course.stops else "",
        ", ".join(size(offset) for offset in course.stops),
        size(course.offset),
        course.good.value,
        course.behind,
        found.says if found else "the same",
    )


def _differences() -> Iterator[str]:
    rows = [
        (found.kind, str(sum(map(found.is_of, ROWS))), found.says, found.why)
        for found in DIFFERENCES
    ]
    yield from _table(("job", "rows", "what", "because"), rows)
    yield "\nOf QEMU are compared: events, error, io-status of the job, the bytes and the chain."


def size(length: int) -> str:
    """Bytes in whole MiB, or else KiB."""
    return f"{length // KIB} KiB" if length % MIB else f"{length // MIB} MiB"


def _table(headings: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(headings)} |"
    yield f"|{'---|' * len(headings)}"
    yield from (f"| {' | '.join(row)} |" for row in rows)
