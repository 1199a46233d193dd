"""The machine on `transitions` against `step`, on every reachable state with every event."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from enum import Enum
from functools import cache
from itertools import product

import pytest

from blockjob_fsm.declaration import Event, Lifecycle, Refused, Row, Stepped, step
from blockjob_fsm.error_action import ErrorAction, IoStatus
from blockjob_fsm.errors import CannotComplete, DeviceNotActive, JobPaused, QmpError
from blockjob_fsm.guards import Argument, Value
from blockjob_fsm.lifecycles import classic_words as words
from blockjob_fsm.lifecycles.classic import CLASSIC, CLASSIC_1_3
from blockjob_fsm.lifecycles.classic_words import ClassicControl, Phase
from blockjob_fsm.machine import build, machine_of

Fired = Stepped[ClassicControl] | Refused[ClassicControl]
Fire = Callable[[ClassicControl, Event], Fired]
NUMBERS = {"new_speed": (-1, 0, 1), "result": (-5, 0)}
PROFILES = (CLASSIC, CLASSIC_1_3)


def domain(argument: Argument) -> tuple[Value, ...]:
    """The values an argument is tried with."""
    if argument.domain is bool:
        return (False, True)
    if issubclass(argument.domain, Enum):
        return tuple(argument.domain)
    return NUMBERS[argument.name]


@cache
def every_event() -> tuple[Event, ...]:
    """Every event of the vocabulary, those a profile has no row for included."""
    return tuple(
        kind(*values)
        for kind in words.EVENTS
        for values in product(*(domain(argument) for argument in kind.arguments))
    )


@cache
def reachable(lifecycle: Lifecycle[ClassicControl]) -> tuple[ClassicControl, ...]:
    """Every state that any events in any order lead to, for every kind of job."""
    found = {
        ClassicControl(settable=settable, completable=completable)
        for settable, completable in product((False, True), repeat=2)
    }
    front = list(found)
    while front:
        state = front.pop()
        for event in every_event():
            result = step(lifecycle, state, event)
            if isinstance(result, Stepped) and result.state not in found:
                found.add(result.state)
                front.append(result.state)
    return tuple(found)


def pairs(lifecycle: Lifecycle[ClassicControl]) -> Iterator[tuple[ClassicControl, Event]]:
    """Every reachable state with every event."""
    return product(reachable(lifecycle), every_event())


def same(one: Fired, other: Fired) -> bool:
    """Whether two answers are alike: the state, the outputs and the row, or the refusal."""
    return type(one) is type(other) and one == other


@pytest.mark.parametrize("lifecycle", PROFILES, ids=lambda lifecycle: lifecycle.profile)
def test_the_machine_agrees_with_step_everywhere(
    lifecycle: Lifecycle[ClassicControl],
    record_property: Callable[[str, object], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    fire = machine_of(lifecycle)
    compared = 0
    for state, event in pairs(lifecycle):
        assert same(fire(state, event), step(lifecycle, state, event)), (state, event)
        compared += 1
    record_property("pairs", compared)
    with capsys.disabled():
        print(f"\nprofile {lifecycle.profile}: machine and step agree on {compared} pairs")
    assert compared == len(reachable(lifecycle)) * len(every_event())


def rows(lifecycle: Lifecycle[ClassicControl]) -> Iterator[tuple[str, int]]:
    """Every row of a lifecycle: which table it is in, and its place there."""
    yield from (("rules", index) for index in range(len(lifecycle.rules)))
    yield from (("refusals", index) for index in range(len(lifecycle.refusals)))


ROWS = [(lifecycle, table, n) for lifecycle in PROFILES for table, n in rows(lifecycle)]


def without(lifecycle: Lifecycle[ClassicControl], row: Row) -> Lifecycle[ClassicControl]:
    """The lifecycle less one row."""
    return replace(
        lifecycle,
        rules=tuple(rule for rule in lifecycle.rules if rule is not row),
        refusals=tuple(refusal for refusal in lifecycle.refusals if refusal is not row),
    )


@pytest.mark.parametrize(
    ("lifecycle", "table", "index"),
    ROWS,
    ids=[f"{lifecycle.profile}-{table}-{index}" for lifecycle, table, index in ROWS],
)
def test_the_machine_misses_every_row(
    lifecycle: Lifecycle[ClassicControl], table: str, index: int
) -> None:
    row: Row = getattr(lifecycle, table)[index]
    fire, whole = machine_of(without(lifecycle, row)), machine_of(lifecycle)
    assert any(
        not same(fire(state, event), whole(state, event))
        for state, event in pairs(lifecycle)
        if event.kind in row.events and state.phase in row.phases
    ), row


PARKED = ClassicControl(phase=Phase.PARKED, in_use=True, paused=True)
ASLEEP = ClassicControl(phase=Phase.ASLEEP, in_use=True, completable=True)


@pytest.mark.parametrize(
    ("state", "event", "error"),
    [
        (PARKED, words.USER_CANCEL(), JobPaused),
        (ASLEEP, words.COMPLETE(), CannotComplete),
        (ClassicControl(phase=Phase.FREED), words.PAUSE(), DeviceNotActive),
    ],
)
def test_a_refused_guard_is_the_declared_error(
    state: ClassicControl, event: Event, error: type[QmpError]
) -> None:
    refused = machine_of(CLASSIC)(state, event)
    assert isinstance(refused, Refused)
    assert type(refused.error("d")) is error
    assert refused.state is state


@pytest.mark.parametrize("event", [words.TIMER(), words.SUBMIT(), words.RETURNED()])
def test_a_step_no_row_knows_is_no_declared_error(event: Event) -> None:
    refused = machine_of(CLASSIC)(PARKED, event)
    assert isinstance(refused, Refused)
    assert refused.refusal is None


def test_a_lifecycle_has_one_machine() -> None:
    assert build(CLASSIC) is build(CLASSIC)
    assert build(CLASSIC) is not build(CLASSIC_1_3)


def test_threads_on_one_machine_do_not_disturb_each_other() -> None:
    fire = machine_of(CLASSIC)
    wrong: list[Event] = []

    def drive(state: ClassicControl, event: Event) -> None:
        expected = step(CLASSIC, state, event)
        wrong.extend(event for _ in range(3000) if not same(fire(state, event), expected))

    jobs = [
        (PARKED, words.RESUME()),
        (PARKED, words.USER_CANCEL()),
        (ASLEEP, words.TIMER()),
        (replace(ASLEEP, speed=1), words.CANCEL()),
    ]
    threads = [threading.Thread(target=drive, args=job) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_every_error_with_every_status_was_among_the_events() -> None:
    errors = {event.values for event in every_event() if event.kind is words.ERROR}
    assert errors == set(product(ErrorAction, IoStatus, (False, True)))
