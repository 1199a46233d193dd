"""What changed between two releases of a lifecycle: a picture of it, and the tables.

Rows are compared by what they say, not by the releases they name. Two rows with the same events,
phases and reason are one row that has changed; all others are new, or gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from blockjob_fsm.declaration import Lifecycle, Output, Refusal, Row, Rule
from blockjob_fsm.diagram import tables
from blockjob_fsm.diagram.graph import Edge, Graph, Kind, Node, merged
from blockjob_fsm.diagram.tables import Code, Table
from blockjob_fsm.diagram.words import condition, listed, transition
from blockjob_fsm.guards import Control, word

_GONE, _NEW = "−", "+"


@dataclass(frozen=True, slots=True)
class Changes:
    """Rows of the older release that are gone, rows that are new, and pairs of changed ones.

    An output that one release has alone is told once, and in no row.
    """

    gone: tuple[Row, ...]
    new: tuple[Row, ...]
    changed: tuple[tuple[Row, Row], ...]
    outputs_gone: tuple[Output, ...]
    outputs_new: tuple[Output, ...]


def changes(older: Lifecycle[Control], newer: Lifecycle[Control]) -> Changes:
    """What leads from one release's rows to another's, in the order in which the rows stand."""
    had, has = _outputs(older), _outputs(newer)
    common = set(had) & set(has)
    before, after = _plain(older, common), _plain(newer, common)
    gone = [row for row in before if row not in set(after)]
    new = [row for row in after if row not in set(before)]
    changed = []
    for old in tuple(gone):
        same = [row for row in new if _is_one_row(old, row)]
        if len(same) == 1:
            changed.append((old, same[0]))
            gone.remove(old)
            new.remove(same[0])
    lost = tuple(output for output in had if output not in common)
    won = tuple(output for output in has if output not in common)
    return Changes(tuple(gone), tuple(new), tuple(changed), lost, won)


def picture(older: Lifecycle[Control], newer: Lifecycle[Control], title: str) -> Graph:
    """The statuses between which something changed, - what is gone and + what is new."""
    found = changes(older, newer)
    rows = _marked(found)
    arrows = [
        Edge(word(phase), word(row.to), (f"{mark} {transition(row)}",))
        for mark, row in rows
        if isinstance(row, Rule) and row.to is not None
        for phase in row.phases
        if phase is not row.to
    ]
    used = {name for edge in arrows for name in (edge.source, edge.target)}
    phases = [Node(word(phase), word(phase)) for phase in newer.phases if word(phase) in used]
    nodes = (*phases, *_notes(rows, found))
    return Graph(title, nodes, merged(nodes, arrows))


def changes_tables(
    older: Lifecycle[Control], newer: Lifecycle[Control], names: tuple[str, str]
) -> tuple[Table, ...]:
    """Changed rows, rows of one release only, and outputs; no table where there is nothing."""
    found = changes(older, newer)
    told = [_changed_table(found.changed, names)] if found.changed else []
    for name, rows in zip(names, (found.gone, found.new), strict=True):
        rules = [row for row in rows if isinstance(row, Rule)]
        refusals = [row for row in rows if isinstance(row, Refusal)]
        told += [tables.rules_table(rules, f"Rules only in {name}")] if rules else []
        told += [tables.refusals_table(refusals, f"Refusals only in {name}")] if refusals else []
    for name, only in zip(names, (found.outputs_gone, found.outputs_new), strict=True):
        cells = tuple((Code(output.name), output.what) for output in only)
        told += [Table(f"Outputs only in {name}", ("output", "means"), cells)] if only else []
    return tuple(told)


def _plain(lifecycle: Lifecycle[Control], common: set[Output]) -> tuple[Row, ...]:
    refusals = (replace(row, only=(), since="", until="") for row in lifecycle.refusals)
    rules = (
        replace(row, only=(), since="", until="", does=tuple(o for o in row.does if o in common))
        for row in lifecycle.rules
    )
    return (*refusals, *rules)


def _is_one_row(old: Row, new: Row) -> bool:
    same = type(old) is type(new) and old.events == new.events and old.why == new.why
    if not same or not set(old.phases) & set(new.phases):
        return False
    if isinstance(old, Rule) and isinstance(new, Rule):
        return old.to is new.to and _alike(old, new) >= 1
    return True


def _alike(old: Rule, new: Rule) -> int:
    """How many of guard, assignments and outputs are as they were."""
    return (old.when == new.when) + (old.sets == new.sets) + (old.does == new.does)


def _marked(found: Changes) -> list[tuple[str, Row]]:
    before = [row for row, _ in found.changed]
    after = [row for _, row in found.changed]
    gone = [(_GONE, row) for row in (*found.gone, *before)]
    return [*gone, *((_NEW, row) for row in (*found.new, *after))]


def _notes(rows: list[tuple[str, Row]], found: Changes) -> Iterator[Node]:
    """A box for what changes without an arrow: rules that keep the status, and refusals."""
    marks = ((_GONE, "gone", found.outputs_gone), (_NEW, "new", found.outputs_new))
    for number, (mark, sort, outputs) in enumerate(marks, 1):
        mine = [row for one, row in rows if one == mark]
        stays = [row for row in mine if isinstance(row, Rule) and row.to in (None, *row.phases)]
        refused = [row for row in mine if isinstance(row, Refusal)]
        lines = (*(f"{listed(row.phases)}: {transition(row)}" for row in stays),)
        lines += tuple(f"{listed(row.phases)}: {_refusal(row)}" for row in refused)
        lines += tuple(f"{output}: {output.what}" for output in outputs)
        if lines:
            yield Node(f"note_{number}", f"{sort}, and no change of status", lines, Kind.NOTE)
    if not rows and not found.outputs_gone and not found.outputs_new:
        yield Node("note_0", "no row differs", (), Kind.NOTE)


def _refusal(row: Refusal) -> str:
    guard = f" [{condition(row)}]" if condition(row) else ""
    return f"{listed(row.events)}{guard} refused: {row.error.__name__}"


def _changed_table(pairs: Iterable[tuple[Row, Row]], names: tuple[str, str]) -> Table:
    rows = tuple(
        (Code(listed(old.events)), listed(new.phases), part, Code(before), Code(after), new.why)
        for old, new in pairs
        for part, before, after in _parts(old, new)
    )
    return Table("Rows that changed", ("event", "from", "part", *names, "why"), rows)


def _parts(old: Row, new: Row) -> Iterator[tuple[str, str, str]]:
    if old.phases != new.phases:
        yield "phases", listed(old.phases), listed(new.phases)
    if old.when != new.when:
        yield "guard", condition(old), condition(new)
    if isinstance(old, Rule) and isinstance(new, Rule):
        if old.sets != new.sets:
            yield "sets", "; ".join(map(str, old.sets)), "; ".join(map(str, new.sets))
        if old.does != new.does:
            yield "does", "; ".join(map(str, old.does)), "; ".join(map(str, new.does))
    if isinstance(old, Refusal) and isinstance(new, Refusal) and old.error is not new.error:
        yield "error", old.error.__name__, new.error.__name__


def _outputs(lifecycle: Lifecycle[Control]) -> list[Output]:
    return sorted({o for rule in lifecycle.rules for o in rule.does}, key=lambda o: o.name)
