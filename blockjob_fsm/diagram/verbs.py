"""The picture of one event: where it comes, what is tested in which order, what comes of it.

Phases that treat the event alike share a box. Refusals are tried before rules and in their order,
so where there are several tests their labels are numbered.
"""

from __future__ import annotations

from collections.abc import Iterator

from blockjob_fsm.declaration import EventKind, Lifecycle, Refusal, Row, Rule
from blockjob_fsm.diagram.graph import Edge, Graph, Kind, Node, merged
from blockjob_fsm.diagram.words import condition, effects, error_text, title_of, tried
from blockjob_fsm.guards import ALWAYS, Control, word

Rows = tuple[Row, ...]


def verb(lifecycle: Lifecycle[Control], kind: EventKind) -> Graph:
    """One event: boxes of phases on the left, the outcomes of each on its right."""
    groups = _groups(lifecycle, kind)
    drawn = [_fan(number, rows) for number, rows in enumerate(groups, 1)]
    nodes = (
        *(Node(f"phases_{number}", phases) for number, phases in enumerate(groups.values(), 1)),
        *(node for outcomes, _ in drawn for node in outcomes),
    )
    edges = (edge for _, edges in drawn for edge in edges)
    return Graph(f"{title_of(lifecycle)}: {kind}", nodes, merged(nodes, edges), across=True)


def _fan(number: int, rows: Rows) -> tuple[list[Node], list[Edge]]:
    """The outcomes of one box of phases: boxes of their own, so that no two fans cross."""
    outcomes = list(dict.fromkeys(map(outcome_of, rows)))
    names = {outcome: f"outcome_{number}_{place}" for place, outcome in enumerate(outcomes, 1)}
    edges = [
        Edge(f"phases_{number}", names[outcome_of(row)], (label,))
        for row, label in zip(rows, _labels(rows), strict=True)
    ]
    return [Node(names[outcome], *outcome) for outcome in outcomes], edges


def _groups(lifecycle: Lifecycle[Control], kind: EventKind) -> dict[Rows, str]:
    alike: dict[Rows, list[str]] = {}
    for phase in lifecycle.phases:
        rows = tried(lifecycle, kind, phase)
        if rows:
            alike.setdefault(rows, []).append(word(phase))
    return {rows: ", ".join(phases) for rows, phases in alike.items()}


def outcome_of(row: Row) -> tuple[str, tuple[str, ...], Kind]:
    """What a row comes to: its label, its effects or error text, and the kind of its box."""
    if isinstance(row, Refusal):
        return f"refused: {row.error.__name__}", (error_text(row),), Kind.REFUSAL
    return _where_to(row), effects(row), Kind.OUTCOME


def _where_to(rule: Rule) -> str:
    return "stays" if rule.to is None else f"to {word(rule.to)}"


def _labels(rows: Rows) -> Iterator[str]:
    tests = sum(isinstance(row, Refusal) and row.when != ALWAYS for row in rows)
    for number, row in enumerate(rows, 1):
        guard = condition(row)
        if number <= tests:
            yield f"{number}. {guard}" if tests > 1 else guard
        elif guard:
            yield f"else {guard}" if tests else guard
        else:
            yield "else" if tests else "always"
