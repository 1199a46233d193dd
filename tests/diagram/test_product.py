"""Phases and flags: what is reachable, what is told apart, and when there is too much of it."""

from dataclasses import replace
from itertools import product

import pytest

from blockjob_fsm.declaration import Lifecycle, Stepped, step
from blockjob_fsm.diagram.graph import Edge, Node
from blockjob_fsm.diagram.product import combinations, phase_and_flags
from blockjob_fsm.diagram.reach import reach
from blockjob_fsm.lifecycles.classic import CLASSIC, CLASSIC_1_3
from blockjob_fsm.lifecycles.classic_words import PAUSE, ClassicControl, Phase
from tests.diagram.lamp import LAMP


@pytest.fixture(scope="module")
def states() -> list[ClassicControl]:
    """Every reachable control state of our profile."""
    return [state for state in reach(CLASSIC).states if isinstance(state, ClassicControl)]


def row_of(lifecycle: Lifecycle[ClassicControl], phase: Phase) -> dict[str, object]:
    """The table's row of a phase, by column."""
    table = combinations(lifecycle)
    return dict(zip(table.head, table.rows[list(Phase).index(phase)], strict=True))


def test_the_product_of_a_lamp() -> None:
    assert phase_and_flags(LAMP).nodes == (
        Node("off", "off", ("perhaps dim",)),
        Node("on", "on", ("perhaps dim",)),
        Node("on locked", "on", ("locked", "perhaps dim")),
        Node("end", "end", ("locked", "perhaps dim")),
    )


def test_the_steps_of_a_lamp() -> None:
    assert phase_and_flags(LAMP).edges == (
        Edge("off", "on", ("press",)),
        Edge("on", "off", ("press",)),
        Edge("on", "on locked", ("lock",)),
        Edge("on locked", "end", ("press",)),
    )


def test_a_number_that_no_guard_reads_multiplies_no_states() -> None:
    assert len(reach(LAMP).states) == 8


def test_the_reached_states_are_closed_under_step(states: list[ClassicControl]) -> None:
    found = set(states)
    after = {taken.state for s in states if isinstance(taken := step(CLASSIC, s, PAUSE()), Stepped)}
    assert after <= found


def test_every_kind_of_job_is_explored(states: list[ClassicControl]) -> None:
    kinds = {(state.settable, state.completable) for state in states}
    assert kinds == set(product((False, True), repeat=2))


@pytest.mark.parametrize(
    ("phase", "column", "flags"),
    [
        (Phase.ASLEEP, "off", "busy, cancelled"),
        (Phase.PARKED, "on", "in_use, paused"),
        (Phase.LEAVING, "on", "in_use, busy, cancelled"),
        (Phase.WAITING, "never both", "cancelled and decided"),
    ],
    ids=str,
)
def test_a_phase_allows_only_some_flags(phase: Phase, column: str, flags: str) -> None:
    assert row_of(CLASSIC, phase)[column] == flags


def test_a_phase_counts_its_combinations(states: list[ClassicControl]) -> None:
    asleep = [s for s in states if s.phase is Phase.ASLEEP]
    four = {(s.paused, s.synced, s.should_complete, s.decided) for s in asleep}
    assert row_of(CLASSIC, Phase.ASLEEP)["combinations"] == str(len(four))


@pytest.mark.parametrize("lifecycle", [CLASSIC, CLASSIC_1_3], ids=["safe", "1.3"])
def test_the_picture_stays_small_enough_to_look_at(lifecycle: Lifecycle[ClassicControl]) -> None:
    assert len(phase_and_flags(lifecycle).nodes) < 50


def test_a_product_that_is_too_large_says_so() -> None:
    with pytest.raises(ValueError, match="lamp desk: over 7 states, too many to draw"):
        reach(LAMP, most=7)


def test_a_bound_that_is_just_reached_is_none() -> None:
    assert len(reach(replace(LAMP), most=8).states) == 8
