"""Pictures of a lifecycle by phase: the overview, and every rule in full.

A rule that keeps its phase is text, not an arrow: inside its phase's box if it belongs to that
phase alone, else in a note with the other rules of the same phases.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum

from blockjob_fsm.declaration import EventKind, Lifecycle, Rule
from blockjob_fsm.diagram.graph import Edge, Graph, Kind, Node, merged
from blockjob_fsm.diagram.words import (
    condition,
    in_event_order,
    listed,
    title_of,
    transition,
    tried,
)
from blockjob_fsm.guards import Control, word


def overview(lifecycle: Lifecycle[Control]) -> Graph:
    """Phases, and the events that lead from one to another; for whoever has a minute.

    A guard is shown only where one event has several ways out of one phase.
    """
    nodes = tuple(Node(word(phase), word(phase)) for phase in lifecycle.phases)
    edges = (
        Edge(word(phase), word(target), (_short(lifecycle, kind, phase, target),))
        for kind in lifecycle.events
        for phase in lifecycle.phases
        for target in _targets(lifecycle, kind, phase)
    )
    listed_edges = (
        Edge(edge.source, edge.target, (", ".join(edge.lines),)) for edge in merged(nodes, edges)
    )
    return _by_phase(lifecycle, "overview", nodes, (*listed_edges,))


def in_full(lifecycle: Lifecycle[Control]) -> Graph:
    """Every rule, with its events, guard and effects."""
    rules = in_event_order(lifecycle, lifecycle.rules)
    staying = [rule for rule in rules if _keeps_its_phase(rule)]
    nodes = (
        *(Node(word(phase), word(phase), _inside(staying, phase)) for phase in lifecycle.phases),
        *_notes(lifecycle, [rule for rule in staying if len(rule.phases) > 1]),
    )
    edges = (
        Edge(word(phase), word(rule.to), (transition(rule),))
        for rule in rules
        for phase in rule.phases
        if rule.to is not None and not _keeps_its_phase(rule)
    )
    return _by_phase(lifecycle, "lifecycle", nodes, (*edges,))


def _by_phase(
    lifecycle: Lifecycle[Control], name: str, nodes: tuple[Node, ...], edges: tuple[Edge, ...]
) -> Graph:
    left = {edge.source for edge in edges}
    return Graph(
        title=f"{title_of(lifecycle)}: {name}",
        nodes=nodes,
        edges=merged(nodes, edges),
        start=word(lifecycle.initial.phase),
        ends=tuple(word(phase) for phase in lifecycle.phases if word(phase) not in left),
    )


def _targets(lifecycle: Lifecycle[Control], kind: EventKind, phase: Enum) -> list[Enum]:
    found = {rule.to for rule in tried(lifecycle, kind, phase) if isinstance(rule, Rule)}
    return [target for target in lifecycle.phases if target in found and target is not phase]


def _short(lifecycle: Lifecycle[Control], kind: EventKind, phase: Enum, target: Enum) -> str:
    rules = lifecycle.rules_at(kind, phase)
    here = [condition(rule) for rule in rules if rule.to is target]
    if len(rules) == len(here):
        return kind.name
    return f"{kind.name} [{' or '.join(sorted(here))}]"


def _keeps_its_phase(rule: Rule) -> bool:
    return rule.to is None or rule.phases == (rule.to,)


def _inside(staying: list[Rule], phase: Enum) -> tuple[str, ...]:
    return tuple(transition(rule) for rule in staying if rule.phases == (phase,))


def _notes(lifecycle: Lifecycle[Control], staying: list[Rule]) -> Iterator[Node]:
    order = list(lifecycle.phases)
    sets = {tuple(sorted(rule.phases, key=order.index)) for rule in staying}
    for number, phases in enumerate(sorted(sets, key=lambda s: [order.index(p) for p in s]), 1):
        lines = tuple(transition(rule) for rule in staying if {*rule.phases} == {*phases})
        yield Node(f"note_{number}", f"staying in {listed(phases)}", lines, Kind.NOTE)
