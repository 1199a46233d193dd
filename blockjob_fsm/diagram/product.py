"""The product of phase and flags: which combinations the rows allow, and how one leads to another.

With every flag told apart nobody could read the picture. So it tells states apart by the flags
that decide where the job goes next, and in each phase only by those that can still decide. The
table beside it speaks of all flags.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from itertools import combinations as pairs

from blockjob_fsm.declaration import Lifecycle
from blockjob_fsm.diagram.graph import Edge, Graph, Node, merged
from blockjob_fsm.diagram.reach import Reached, assigned, reach
from blockjob_fsm.diagram.tables import Table
from blockjob_fsm.diagram.words import title_of
from blockjob_fsm.guards import Control, word
from blockjob_fsm.wellformed import symbols_of

Names = tuple[str, ...]


def phase_and_flags(lifecycle: Lifecycle[Control]) -> Graph:
    """The reachable combinations of phase and deciding flags, and the steps between them.

    A box lists the flags that are on, and those that may be on or off there.
    """
    reached = reach(lifecycle)
    live = _live(lifecycle)
    boxes: dict[str, list[Control]] = {}
    for state in _in_order(lifecycle, reached.states):
        boxes.setdefault(_box(state, live), []).append(state)
    nodes = tuple(
        Node(name, word(states[0].phase), _flag_lines(lifecycle, states))
        for name, states in boxes.items()
    )
    edges = merged(nodes, _edges(lifecycle, reached, live))
    return Graph(
        title=f"{title_of(lifecycle)}: phases and flags",
        nodes=nodes,
        edges=edges,
        start=_box(lifecycle.initial, live),
        ends=tuple(n.name for n in nodes if n.name not in {edge.source for edge in edges}),
    )


def combinations(lifecycle: Lifecycle[Control]) -> Table:
    """Per phase: the flags on, on or off, off, never on together; how many combinations."""
    states = reach(lifecycle).states
    flags = _flags(lifecycle)
    rows = []
    for phase in lifecycle.phases:
        here = [state for state in states if state.phase is phase]
        on, either = _on(flags, here), _either(flags, here)
        never = [flag for flag in flags if flag not in (*on, *either)]
        count = len({tuple(getattr(state, flag) for flag in flags) for state in here})
        names = (", ".join(found) for found in (on, either, never, _apart(either, here)))
        rows.append((word(phase), *names, str(count)))
    return Table(
        "Phases and flags",
        ("phase", "on", "on or off", "off", "never both", "combinations"),
        tuple(rows),
        f"Which flags can be on in which phase, found by taking every step from every state: "
        f"{len(states)} control states over all kinds of job. This is what the rows alone allow; "
        "the body of a real job asks for fewer steps than it may.",
    )


def _flags(lifecycle: Lifecycle[Control]) -> list[str]:
    changing = assigned(lifecycle)
    return [v.name for v in lifecycle.variables if v.domain is bool and v.name in changing]


def _live(lifecycle: Lifecycle[Control]) -> Mapping[Enum, Names]:
    """Per phase, the deciding flags that can decide something before they are overwritten."""
    deciding = {phase: _deciding(lifecycle, phase) for phase in lifecycle.phases}
    live = deciding
    while True:
        more = {phase: set(names) for phase, names in live.items()}
        for rule in lifecycle.rules:
            kept = live[rule.to] - {a.variable.name for a in rule.sets} if rule.to else set()
            for phase in rule.phases:
                more[phase] |= kept
        if more == live:
            break
        live = more
    flags = _flags(lifecycle)
    return {phase: tuple(flag for flag in flags if flag in live[phase]) for phase in live}


def _deciding(lifecycle: Lifecycle[Control], phase: Enum) -> set[str]:
    """What guards read where one event leads from this phase to several others."""
    found: set[str] = set()
    for kind in lifecycle.events:
        rules = lifecycle.rules_at(kind, phase)
        if len({rule.to for rule in rules}) > 1:
            found |= {symbol.name for rule in rules for symbol in symbols_of(rule.when)}
    return found


def _box(state: Control, live: Mapping[Enum, Names]) -> str:
    on = [flag for flag in live[state.phase] if getattr(state, flag)]
    return " ".join([word(state.phase), *on])


def _in_order(lifecycle: Lifecycle[Control], states: Iterable[Control]) -> list[Control]:
    order, flags = list(lifecycle.phases), _flags(lifecycle)
    return sorted(states, key=lambda s: (order.index(s.phase), [getattr(s, f) for f in flags]))


def _on(flags: Iterable[str], states: Iterable[Control]) -> list[str]:
    states = list(states)
    return [flag for flag in flags if all(getattr(state, flag) for state in states)]


def _either(flags: Iterable[str], states: Iterable[Control]) -> list[str]:
    states = list(states)
    return [flag for flag in flags if len({getattr(state, flag) for state in states}) > 1]


def _apart(flags: list[str], states: list[Control]) -> list[str]:
    """The pairs of flags that are on at times, but never both."""
    return [
        f"{one} and {other}"
        for one, other in pairs(flags, 2)
        if not any(getattr(state, one) and getattr(state, other) for state in states)
    ]


def _flag_lines(lifecycle: Lifecycle[Control], states: list[Control]) -> Names:
    flags = _flags(lifecycle)
    on, either = _on(flags, states), _either(flags, states)
    return (*([", ".join(on)] if on else []), *([f"perhaps {', '.join(either)}"] if either else []))


def _edges(
    lifecycle: Lifecycle[Control], reached: Reached, live: Mapping[Enum, Names]
) -> list[Edge]:
    order = {kind.name: number for number, kind in enumerate(lifecycle.events)}
    between = {(_box(a, live), event, _box(b, live)) for a, event, b in reached.steps}
    return [
        Edge(source, target, (event,))
        for source, event, target in sorted(between, key=lambda e: (order[e[1]], e[0], e[2]))
        if source != target
    ]
