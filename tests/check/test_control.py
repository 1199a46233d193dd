"""The control machine, explored: what it covers, and the second opinion on every pair."""

from functools import cache

import pytest

from blockjob_fsm.check.contract import CONTRACT, Before, breach
from blockjob_fsm.check.control import NUMBERS, ControlModel, Place, domain
from blockjob_fsm.check.space import Space, explore
from blockjob_fsm.declaration import Lifecycle
from blockjob_fsm.error_action import ErrorAction
from blockjob_fsm.lifecycles.classic import CLASSIC, CLASSIC_1_3
from blockjob_fsm.lifecycles.classic_words import (
    ACTION,
    BACKING_OPENED,
    EVENTS,
    NEW_SPEED,
    ON_TARGET,
    ClassicControl,
    Phase,
)

BOTH = (CLASSIC, CLASSIC_1_3)
PROFILES = pytest.mark.parametrize("lifecycle", BOTH, ids=lambda rows: rows.profile)


@cache
def space_of(lifecycle: Lifecycle[ClassicControl]) -> Space[Place]:
    """The explored control of a lifecycle."""
    return explore(ControlModel(lifecycle))


@PROFILES
def test_every_phase_is_reached(lifecycle: Lifecycle[ClassicControl]) -> None:
    states = space_of(lifecycle).states
    assert {state.control.phase for state in states} == set(Phase)


@PROFILES
def test_every_event_is_taken_somewhere(lifecycle: Lifecycle[ClassicControl]) -> None:
    space = space_of(lifecycle)
    taken = {kind for moves in space.taken for kind, _ in moves}
    assert taken == {str(kind) for kind in lifecycle.events}


@PROFILES
def test_the_contract_agrees_with_the_rows_on_every_reachable_pair(
    lifecycle: Lifecycle[ClassicControl],
) -> None:
    model = ControlModel(lifecycle)
    moves = [
        (state, model.move(state, event, label))
        for state in space_of(lifecycle).states
        for event, label in model.events
    ]
    wrong = [
        (model.describe(state), move.label, breach(lifecycle.profile, state.control, move))
        for state, move in moves
        if breach(lifecycle.profile, state.control, move)
    ]
    print(f"{lifecycle.profile}: {len(moves)} pairs of state and event")
    assert wrong == []


def test_there_is_a_contract_for_every_event_and_no_other() -> None:
    assert set(CONTRACT) == {str(kind) for kind in EVENTS}


def test_a_contract_is_asked_about_the_state_before_the_event() -> None:
    asleep = Before(ClassicControl(phase=Phase.ASLEEP), (), is_1_3=False)
    assert dict(CONTRACT["timer"](asleep).changes)["phase"] is Phase.WOKEN


@pytest.mark.parametrize(
    ("argument", "values"),
    [(ACTION, tuple(ErrorAction)), (ON_TARGET, (False, True)), (NEW_SPEED, NUMBERS["new_speed"])],
)
def test_arguments_are_tried_with_every_value_of_their_domain(
    argument: object, values: tuple[object, ...]
) -> None:
    assert domain(argument) == values  # type: ignore[arg-type]


def test_speeds_are_tried_below_at_and_above_no_limit() -> None:
    assert {(speed > 0) - (speed < 0) for speed in NUMBERS["new_speed"]} == {-1, 0, 1}


def test_what_answers_a_request_does_not_come_unasked() -> None:
    model = ControlModel(CLASSIC_1_3)
    unasked = [
        state
        for state in space_of(CLASSIC_1_3).states
        if not state.awaited and any(m.kind == "backing_opened" for m in model.moves(state))
    ]
    assert unasked == []


def test_the_user_asks_for_nothing_while_a_command_waits() -> None:
    model = ControlModel(CLASSIC_1_3)
    asked = {
        move.who
        for state in space_of(CLASSIC_1_3).states
        if BACKING_OPENED in state.awaited
        for move in model.moves(state)
    }
    assert asked == {"job", "world"}
