"""The waist between the rows and the pictures: a graph as one plain, sorted value.

Builders make it from a lifecycle, renderers turn it into text, and neither knows the other. No
lifecycle, no syntax of any renderer and no layout beyond a direction may enter here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """What a node stands for, so that a renderer can tell them apart."""

    PHASE = "phase"  #: where the job is
    OUTCOME = "outcome"  #: what a row does
    REFUSAL = "refusal"  #: an error a row answers with
    NOTE = "note"  #: rows that would clutter the nodes they belong to


@dataclass(frozen=True, slots=True)
class Node:
    """A box: `name` is its identity, `lines` are its text below the label."""

    name: str
    label: str
    lines: tuple[str, ...] = ()
    kind: Kind = Kind.PHASE


@dataclass(frozen=True, slots=True)
class Edge:
    """An arrow between two nodes, by name; there is one per pair of nodes."""

    source: str
    target: str
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Graph:
    """A picture. Nodes stand in the order of their declaration, edges in the order of theirs.

    `start` and `ends` are names of nodes; `across` asks for a layout from left to right.
    """

    title: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    start: str | None = None
    ends: tuple[str, ...] = ()
    across: bool = False

    def __post_init__(self) -> None:
        known = [node.name for node in self.nodes]
        used = {name for edge in self.edges for name in (edge.source, edge.target)}
        used |= {*self.ends} | ({self.start} if self.start is not None else set())
        assert len(set(known)) == len(known), f"node named twice in {self.title}"
        assert used <= set(known), f"unknown node in {self.title}: {sorted(used - set(known))}"


def merged(nodes: Iterable[Node], edges: Iterable[Edge]) -> tuple[Edge, ...]:
    """The edges in the order of their nodes, parallel ones merged, no line twice."""
    place = {node.name: number for number, node in enumerate(nodes)}
    lines: dict[tuple[str, str], dict[str, None]] = {}
    for edge in edges:
        lines.setdefault((edge.source, edge.target), {}).update(dict.fromkeys(edge.lines))
    pairs = sorted(lines, key=lambda pair: (place[pair[0]], place[pair[1]]))
    return tuple(Edge(source, target, tuple(lines[source, target])) for source, target in pairs)
