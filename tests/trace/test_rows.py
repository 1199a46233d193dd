"""The judgement has no rules of its own: without a row, what the row allows is no longer legal."""

import json
from dataclasses import replace

import pytest

from blockjob_fsm.declaration import EventKind
from blockjob_fsm.lifecycles import modern_words as words
from blockjob_fsm.lifecycles.modern import modern
from blockjob_fsm.lifecycles.modern_words import Status
from blockjob_fsm.trace.judge import judge
from blockjob_fsm.trace.moves import Moves
from blockjob_fsm.trace.recording import read
from tests.trace.sessions import Line, cmd, mirror, status, stream
from tests.trace.test_check import GONE, SUCCESS

SHIPPED = modern("7.2")
NOT_PAUSED = ("GenericError", "Can't resume a job that was not paused")
PAUSE = cmd("job-pause", 1, id="j0")


def legal(lines: list[Line], dropped: object = None) -> bool:
    """Whether a session is legal by the rows of 7.2, but for one."""
    rules = tuple(row for row in SHIPPED.rules if row is not dropped)
    refusals = tuple(row for row in SHIPPED.refusals if row is not dropped)
    # Not checked as a whole: without a row it is no well formed lifecycle.
    lifecycle = replace(SHIPPED, rules=rules, refusals=refusals)
    return judge(read(map(json.dumps, lines)), Moves(lifecycle)) is None


def rule(kind: EventKind, phase: Status, to: Status) -> object:
    """The rule for an event in a status that leads to another."""
    return next(row for row in SHIPPED.rules_at(kind, phase) if row.to is to)


ROWS = {
    "parking": (
        [*stream(), PAUSE, *status("j0", "paused")],
        rule(words.PAUSE_POINT, Status.RUNNING, Status.PAUSED),
    ),
    "being in step": (mirror(), rule(words.IN_STEP, Status.RUNNING, Status.READY)),
    "success": (
        [*stream(), *SUCCESS, *GONE],
        rule(words.CONCLUDE, Status.PENDING, Status.CONCLUDED),
    ),
    "dismissal by itself": (
        [*stream(), *SUCCESS, *GONE],
        rule(words.AUTO_DISMISSAL, Status.CONCLUDED, Status.NULL),
    ),
    "a refusal": (
        [*stream(), cmd("job-resume", 1, NOT_PAUSED, id="j0")],
        SHIPPED.refusals_at(words.RESUME, Status.RUNNING)[0],
    ),
}


@pytest.mark.parametrize(("lines", "row"), ROWS.values(), ids=ROWS)
def test_without_its_row_a_session_is_illegal(lines: list[Line], row: object) -> None:
    assert legal(lines)
    assert not legal(lines, row)
