"""Tables: the rows of a lifecycle for reading, with their reasons, and events against phases.

A table is a plain value; its cells are text, marked as code where they quote the rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from blockjob_fsm.declaration import EventKind, Lifecycle, Refusal, Rule
from blockjob_fsm.diagram.words import condition, error_text, listed, tried
from blockjob_fsm.guards import Control, word


@dataclass(frozen=True, slots=True)
class Code:
    """A cell that quotes the rows literally."""

    text: str


Cell = str | Code


@dataclass(frozen=True, slots=True)
class Table:
    """A titled table; `text` introduces it. Every row is as long as the head."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    text: str = ""

    def __post_init__(self) -> None:
        assert all(len(row) == len(self.head) for row in self.rows), f"ragged table {self.title}"


def rules_table(rules: Iterable[Rule], title: str = "Rules", text: str = "") -> Table:
    """Rules in their order: event, from, guard, to, assignments, outputs, reason."""
    head = ("event", "from", "guard", "to", "sets", "does", "why")
    return Table(title, head, tuple(map(_rule_cells, rules)), text)


def refusals_table(refusals: Iterable[Refusal], title: str = "Refusals", text: str = "") -> Table:
    """Refusals in the order they are tried: event, phase, guard, class, text, reason."""
    head = ("event", "phase", "guard", "error", "QMP class", "text", "why")
    return Table(title, head, tuple(map(_refusal_cells, refusals)), text)


def matrix(lifecycle: Lifecycle[Control]) -> Table:
    """Every event against every phase, in a word or two."""
    head = ("event", "by", *map(word, lifecycle.phases))
    rows = tuple(
        (
            Code(kind.name),
            kind.actor.value,
            *(_met(lifecycle, kind, phase) for phase in lifecycle.phases),
        )
        for kind in lifecycle.events
    )
    return Table(
        "Events and phases",
        head,
        rows,
        "→ leads to another phase, *stays* changes at most flags, *refused* is an error for "
        "whoever asked; several words mean that the guards decide. An empty cell is a step that "
        "does not exist: taking it is a bug of the code that drives the job.",
    )


def outputs_table(lifecycle: Lifecycle[Control]) -> Table:
    """What the machine can have the world do."""
    does = {output for rule in lifecycle.rules for output in rule.does}
    rows = ((Code(output.name), output.what) for output in sorted(does, key=lambda o: o.name))
    return Table("Outputs", ("output", "means"), tuple(rows))


def _rule_cells(rule: Rule) -> tuple[Cell, ...]:
    return (
        Code(listed(rule.events)),
        listed(rule.phases),
        Code(condition(rule)),
        "stays" if rule.to is None else word(rule.to),
        Code("; ".join(map(str, rule.sets))),
        Code("; ".join(map(str, rule.does))),
        rule.why,
    )


def _refusal_cells(refusal: Refusal) -> tuple[Cell, ...]:
    return (
        Code(listed(refusal.events)),
        listed(refusal.phases),
        Code(condition(refusal)),
        refusal.error.__name__,
        refusal.error.qmp_class,
        error_text(refusal),
        refusal.why,
    )


def _met(lifecycle: Lifecycle[Control], kind: EventKind, phase: Enum) -> str:
    rows = tried(lifecycle, kind, phase)
    refused = ["refused"] if any(isinstance(row, Refusal) for row in rows) else []
    found = {row.to for row in rows if isinstance(row, Rule)}
    stays = ["stays"] if None in found or phase in found else []
    moves = [f"→ {word(to)}" for to in lifecycle.phases if to in found and to is not phase]
    return ", ".join([*refused, *stays, *moves])
