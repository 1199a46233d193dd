"""The rows of the modern lifecycle against the specification's two tables."""

from collections.abc import Iterator
from dataclasses import replace
from enum import Enum
from functools import cache
from itertools import product
from typing import Any

import pytest

from blockjob_fsm.declaration import Event, EventKind, Lifecycle, Refused, Stepped, step
from blockjob_fsm.error_action import ErrorAction, IoStatus
from blockjob_fsm.guards import Argument, Value
from blockjob_fsm.lifecycles import modern_words as words
from blockjob_fsm.lifecycles.modern import modern
from blockjob_fsm.lifecycles.modern_words import ModernControl, Place, Status
from blockjob_fsm.lifecycles.transaction import Transaction

#: the transition table: a status, and the ones that may follow it
LEGAL = {
    "undefined": "created",
    "created": "running aborting null",
    "running": "paused ready waiting aborting",
    "paused": "running",
    "ready": "standby waiting aborting",
    "standby": "ready",
    "waiting": "pending aborting",
    "pending": "aborting concluded",
    "aborting": "concluded",
    "concluded": "null",
    "null": "",
}
#: the verb table: the statuses in which a verb gets past it, from 6.0 on
ADMITTED = {
    "cancel": "created running paused ready standby waiting pending",
    "soft_cancel": "created running paused ready standby waiting pending",
    "pause": "created running paused ready standby",
    "resume": "created running paused ready standby",
    "set_speed": "created running paused ready standby",
    "complete": "ready standby",
    "finalize": "pending",
    "dismiss": "concluded",
}
WORKING_PLACE = {
    Status.PAUSED: Place.PARKED,
    Status.STANDBY: Place.PARKED,
    Status.CREATED: Place.UNSTARTED,
}
DOMAINS: dict[str, tuple[Value, ...]] = {"new_speed": (0, 1), "result": (0, -5)}
OF_TRANSACTION = {
    words.PEND,
    words.PREPARE,
    words.SIBLING_CANCEL,
    words.REVISE,
    words.CONCLUDE,
    words.AUTO_DISMISSAL,
    words.KICK,
}


def values(argument: Argument) -> tuple[Value, ...]:
    if argument.domain is bool:
        return (False, True)
    if issubclass(argument.domain, Enum):
        return tuple(argument.domain)
    return DOMAINS[argument.name]


def events(lifecycle: Lifecycle[ModernControl]) -> list[Event]:
    kinds = [kind for kind in lifecycle.events if kind not in OF_TRANSACTION]
    return [kind(*chosen) for kind in kinds for chosen in product(*map(values, kind.arguments))]


Pair = tuple[Transaction, tuple[ModernControl, ...]]
NAMES = ("b", "a")


def walk(lifecycle: Lifecycle[ModernControl], state: Pair) -> Iterator[tuple[Pair, set[str]]]:
    """A transaction with all its due steps taken, with each result of a prepare step."""
    transaction, controls = state
    due = transaction.due(dict(zip(NAMES, controls, strict=True)))
    if due is None or due.kind is words.KICK:
        yield state, set()
        return
    for event in [due.kind(ret) for ret in (0, -5)] if due.kind.arguments else [due.kind()]:
        after, edge = take(lifecycle, state, NAMES.index(due.member), event)
        transaction = after[0].took(due)
        for end, edges in walk(lifecycle, (transaction, after[1])):
            yield end, edge | edges


def take(
    lifecycle: Lifecycle[ModernControl], state: Pair, member: int, event: Event
) -> tuple[Pair, set[str]]:
    transaction, controls = state
    taken = step(lifecycle, controls[member], event)
    assert isinstance(taken, Stepped), taken.reason
    edge = f"{controls[member].phase.value} {taken.state.phase.value}"
    after = (*controls[:member], taken.state, *controls[member + 1 :])
    return (transaction.heard(NAMES[member], taken.outputs), after), {edge}


@cache
def edges_of_a_pair() -> set[str]:
    """Every change of status that two jobs of one transaction can go through."""
    lifecycle, seen, edges = modern("7.2"), set[Pair](), set[str]()
    kinds = [event for event in events(lifecycle) if event.kind != words.DRAIN_BEGIN]
    mirror = ModernControl(completable=True, auto_finalize=False)
    todo: list[Pair] = [
        (Transaction(NAMES), (replace(mirror, phase=Status.NULL), mirror)),
        (Transaction(NAMES), (started(Status.RUNNING), started(Status.WAITING))),
    ]
    while todo:
        state = todo.pop()
        for member, event in product((0, 1), kinds):
            if isinstance(step(lifecycle, state[1][member], event), Refused):
                continue
            after, edge = take(lifecycle, state, member, event)
            for end, more in walk(lifecycle, after):
                edges |= edge | more
                if end not in seen:
                    seen.add(end)
                    todo.append(end)
    return {edge for edge in edges if len(set(edge.split())) == 2}


def started(status: Status) -> ModernControl:
    """A job that nobody has paused or cancelled, in this status."""
    place = WORKING_PLACE.get(status, Place.ASLEEP)
    if status in words.ENDED:
        place = Place.COMPLETED
    return ModernControl(
        phase=status,
        completable=status in words.IS_READY,
        place=place,
        pause_count=int(status is Status.CREATED),
    )


def test_every_legal_change_of_status_happens_and_no_other() -> None:
    legal = {f"{before} {after}" for before, line in LEGAL.items() for after in line.split()}
    assert edges_of_a_pair() == legal


@pytest.mark.parametrize("status", words.THERE, ids=lambda status: str(status.value))
@pytest.mark.parametrize("verb", words.VERBS[:-1], ids=str)
def test_a_verb_is_admitted_as_the_table_says(verb: EventKind, status: Status) -> None:
    # Whoever resumes has paused: the check of that comes before the table.
    control = replace(started(status), user_paused=verb is words.RESUME)
    result = step(modern("7.2"), control, verb(*(0 for _ in verb.arguments)))
    if status.value in ADMITTED[verb.name].split():
        assert isinstance(result, Stepped)
    else:
        assert isinstance(result, Refused)
        name = "cancel" if verb is words.SOFT_CANCEL else verb.name.replace("_", "-")
        text = f"Job 'j0' in state '{status.value}' cannot accept command verb '{name}'"
        assert result.error("j0").to_qmp() == {"class": "GenericError", "desc": text}


@pytest.mark.parametrize(
    ("verb", "status", "changes", "desc"),
    [
        (words.PAUSE, Status.RUNNING, {"user_paused": True}, "Job is already paused"),
        (words.RESUME, Status.PENDING, {}, "Can't resume a job that was not paused"),
        (
            words.SOFT_CANCEL,
            Status.CONCLUDED,
            {"user_paused": True},
            "The block job for device 'j0' is currently paused",
        ),
        (
            words.COMPLETE,
            Status.READY,
            {"cancelled": True},
            "The active block job 'j0' cannot be completed",
        ),
        (words.PAUSE, Status.NULL, {}, "Job not found"),
    ],
    ids=lambda value: str(value) if isinstance(value, EventKind) else "",
)
def test_a_refusal_says_what_the_first_failing_check_says(
    verb: EventKind, status: Status, changes: dict[str, bool], desc: str
) -> None:
    asked: Any = changes
    result = step(modern("7.2"), replace(started(status), **asked), verb())
    assert isinstance(result, Refused)
    assert result.error("j0").desc == desc


def test_a_negative_speed_is_refused() -> None:
    result = step(modern("7.2"), started(Status.RUNNING), words.SET_SPEED(-1))
    assert isinstance(result, Refused)
    assert result.error("j0").desc == "Parameter 'speed' expects a non-negative value"


@pytest.mark.parametrize(("profile", "taken"), [("3.0", False), ("6.0", True), ("10.1", True)])
def test_complete_in_standby_is_allowed_since_6_0(profile: str, taken: bool) -> None:
    result = step(modern(profile), started(Status.STANDBY), words.COMPLETE())
    assert isinstance(result, Stepped) is taken


@pytest.mark.parametrize(("profile", "aborts"), [("6.0", True), ("6.2", False)])
def test_a_soft_cancel_after_the_body_returned_is_ignored_since_6_2(
    profile: str, aborts: bool
) -> None:
    returned = replace(started(Status.READY), place=Place.RETURNED, busy=True)
    result = step(modern(profile), returned, words.SOFT_CANCEL())
    assert isinstance(result, Stepped)
    assert (words.ABORT_ALL in result.outputs) is aborts


def test_status_changes_are_events_since_3_0() -> None:
    born = [step(modern(p), ModernControl(), words.CREATE()) for p in ("2.12", "3.0")]
    emits = [words.EMIT_STATUS in taken.outputs for taken in born if isinstance(taken, Stepped)]
    assert emits == [False, True]


def test_the_first_error_stays_and_one_resume_undoes_all_stops() -> None:
    control, lifecycle = replace(started(Status.RUNNING), place=Place.RUNNING), modern("7.2")
    for status in (IoStatus.NOSPACE, IoStatus.FAILED):
        taken = step(lifecycle, control, words.ERROR(ErrorAction.STOP, status))
        assert isinstance(taken, Stepped)
        control = taken.state
    assert (control.io_status, control.pause_count) == (IoStatus.NOSPACE, 1)
