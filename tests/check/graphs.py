"""Hand-drawn graphs as models, small enough to know the answer without a checker."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from enum import Enum

from blockjob_fsm.check.space import Move
from blockjob_fsm.guards import Choice, Control, Guard


class At(Enum):
    """Nodes of the graphs."""

    A = "a"
    B = "b"
    C = "c"
    D = "d"


@dataclass(frozen=True, slots=True)
class Node(Control):
    """A node as the control state it stands for."""

    phase: At


AT = Choice("phase", At)


@dataclass(frozen=True, slots=True)
class Graph:
    """Edges (from, kind, to); it starts at A. Labels are kind and target."""

    edges: tuple[tuple[At, str, At], ...]

    def initial(self) -> Iterator[At]:
        yield At.A

    def moves(self, state: At) -> Iterator[Move[At]]:
        for before, kind, after in self.edges:
            if before is state:
                yield Move("world", kind, f"{kind} to {after.value}", after)

    def view(self, state: At) -> Node:
        return Node(state)

    def key(self, state: At) -> Hashable:
        return state

    def describe(self, state: At) -> str:
        return state.value


def at(*nodes: At) -> Guard:
    """The guard that the node is one of these."""
    guard = AT.equals(nodes[0])
    for node in nodes[1:]:
        guard |= AT.equals(node)
    return guard
