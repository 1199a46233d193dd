"""The graph value: sorted, merged, and never with an arrow into the void."""

import pytest

from blockjob_fsm.diagram.graph import Edge, Graph, Node, merged

A, B = Node("a", "A"), Node("b", "B")


def test_edges_stand_in_the_order_of_their_nodes() -> None:
    edges = merged((B, A), [Edge("a", "b"), Edge("a", "a"), Edge("b", "a"), Edge("b", "b")])
    assert [(edge.source, edge.target) for edge in edges] == [
        ("b", "b"),
        ("b", "a"),
        ("a", "b"),
        ("a", "a"),
    ]


def test_parallel_edges_become_one_with_each_line_once() -> None:
    edges = [Edge("a", "b", ("x", "y")), Edge("b", "a"), Edge("a", "b", ("y", "z"))]
    assert merged((A, B), edges)[0] == Edge("a", "b", ("x", "y", "z"))


@pytest.mark.parametrize(
    ("edges", "start", "ends"),
    [((Edge("a", "c"),), None, ()), ((), "c", ()), ((), None, ("c",))],
    ids=["edge", "start", "end"],
)
def test_an_unknown_node_is_a_bug(
    edges: tuple[Edge, ...], start: str | None, ends: tuple[str, ...]
) -> None:
    with pytest.raises(AssertionError, match=r"unknown node in picture: \['c'\]"):
        Graph("picture", (A, B), edges, start, ends)


def test_a_name_used_twice_is_a_bug() -> None:
    with pytest.raises(AssertionError, match="node named twice"):
        Graph("picture", (A, A), ())
