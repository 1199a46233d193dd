"""Exploration on graphs whose answer is known."""

import pytest

from blockjob_fsm.check.space import explore, replay
from tests.check.graphs import At, Graph

DIAMOND = Graph(
    (
        (At.A, "long", At.B),
        (At.B, "long", At.C),
        (At.C, "long", At.D),
        (At.A, "short", At.D),
        (At.D, "back", At.A),
    )
)


def test_every_reachable_state_is_seen_once() -> None:
    assert sorted(explore(DIAMOND).states, key=str) == [At.A, At.B, At.C, At.D]


def test_an_unreachable_state_is_not_seen() -> None:
    assert explore(Graph(((At.B, "on", At.C),))).states == [At.A]


def test_the_way_to_a_state_is_a_shortest_one() -> None:
    assert explore(DIAMOND).path(At.D) == (At.A, ("short to d",))


def test_depth_is_the_longest_of_the_shortest_ways() -> None:
    assert explore(DIAMOND).depth == 2


def test_every_move_is_kept_with_its_kind() -> None:
    space = explore(DIAMOND)
    assert space.taken[space.index[At.A]] == (
        ("long", space.index[At.B]),
        ("short", space.index[At.D]),
    )


@pytest.mark.parametrize("max_states", [1, 2, 3])
def test_a_bound_that_is_hit_is_told(max_states: int) -> None:
    space = explore(DIAMOND, max_states)
    assert (len(space.states), space.complete) == (max_states, False)


def test_a_bound_that_is_just_enough_is_not_hit() -> None:
    assert explore(DIAMOND, 4).complete


def test_a_path_replays_to_its_state() -> None:
    start, labels = explore(DIAMOND).path(At.C)
    assert [state for _, state in replay(DIAMOND, start, labels)] == [At.B, At.C]


def test_replaying_a_move_that_is_not_there_names_those_that_are() -> None:
    with pytest.raises(ValueError, match="'up' is no move here; there are: long to b, short to d"):
        list(replay(DIAMOND, At.A, ["up"]))
