"""What must follow, on graphs whose answer is known; and the fairness trap."""

import pytest

from blockjob_fsm.check.judge import judge
from blockjob_fsm.check.liveness import Fairness, components, leads_to
from blockjob_fsm.check.report import Verdict
from blockjob_fsm.check.space import explore
from blockjob_fsm.guards import ALWAYS
from blockjob_fsm.properties import LeadsTo
from tests.check.graphs import At, Graph, at

FAIR = Fairness(frozenset({"step", "timer"}))
REACHES_D = LeadsTo(name="d", claim="d comes", start=at(At.A), goal=at(At.D), witness="a")

LINE = Graph(((At.A, "step", At.B), (At.B, "timer", At.D)))
LOST_WAKE_UP = Graph(((At.A, "step", At.B), (At.B, "resume", At.D)))
RING_WITH_EXIT = Graph(((At.A, "step", At.B), (At.B, "step", At.A), (At.A, "timer", At.D)))
RING_KEPT_OPEN = Graph(
    ((At.A, "user", At.B), (At.B, "user", At.A), (At.A, "step", At.D), (At.B, "step", At.D))
)
RING_OF_ONE_KIND = Graph(((At.A, "step", At.B), (At.B, "step", At.A), (At.B, "user", At.D)))


@pytest.mark.parametrize(
    ("graph", "follows"),
    [
        pytest.param(LINE, True, id="a line ends"),
        pytest.param(LOST_WAKE_UP, False, id="only the user wakes it, and the user may be gone"),
        pytest.param(RING_WITH_EXIT, False, id="an exit that is not open all the time is missed"),
        pytest.param(RING_KEPT_OPEN, True, id="a fair exit that is always open is taken"),
        pytest.param(RING_OF_ONE_KIND, False, id="a fair kind can go round for ever"),
    ],
)
def test_what_need_not_follow_is_found(graph: Graph, follows: bool) -> None:
    assert (leads_to(explore(graph), REACHES_D, FAIR) is None) is follows


def test_a_fair_user_would_hide_the_lost_wake_up() -> None:
    trap = Fairness(FAIR.kinds | {"resume"})
    assert leads_to(explore(LOST_WAKE_UP), REACHES_D, trap) is None


def test_the_way_to_the_place_without_return_is_told() -> None:
    (row,) = judge("lost", explore(LOST_WAKE_UP), (REACHES_D,), FAIR)
    assert row.trace is not None
    assert row.trace.labels == ("step to b",)


def test_of_two_places_without_return_the_nearer_one_is_told() -> None:
    far_and_near = Graph(((At.A, "step", At.B), (At.B, "step", At.C), (At.A, "user", At.D)))
    never = LeadsTo(name="n", claim="it never comes", start=at(At.A), goal=~ALWAYS, witness="a")
    (row,) = judge("two", explore(far_and_near), (never,), FAIR)
    assert row.trace is not None
    assert row.trace.labels == ("user to d",)


def test_nothing_is_said_of_what_must_follow_in_a_part_of_a_space() -> None:
    (row,) = judge("lost", explore(LOST_WAKE_UP, 2), (REACHES_D,), FAIR)
    assert row.verdict is Verdict.UNDECIDED


def test_components_are_the_rings_and_the_single_states() -> None:
    space = explore(RING_WITH_EXIT)
    found = {frozenset(c) for c in components(space, set(range(len(space.states))))}
    ring = frozenset({space.index[At.A], space.index[At.B]})
    assert found == {ring, frozenset({space.index[At.D]})}
