"""Broken variants of the lifecycle, made from its rows one change at a time, or by name.

A check that no broken variant can fail checks nothing. Here mutants are made; who notices them is
found in `kill`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from blockjob_fsm.check.scenarios import Alteration
from blockjob_fsm.declaration import C, Lifecycle, Refusal, Row, Rule
from blockjob_fsm.guards import ALWAYS, All, Any, Control, Guard


@dataclass(frozen=True, slots=True)
class Mutant:
    """A variant: `what` says what is broken; `alteration` is what is broken beside the rows.

    `breaks` names the claim that it is there to break, if it was made for one.
    """

    name: str
    what: str
    rules: tuple[Rule, ...]
    refusals: tuple[Refusal, ...]
    events: frozenset[str] = frozenset()
    alteration: Alteration = field(default_factory=Alteration)
    breaks: str = ""

    def of(self, lifecycle: Lifecycle[C]) -> Lifecycle[C]:
        """The lifecycle with these rows, unchecked: a mutant may be malformed."""
        return replace(lifecycle, rules=self.rules, refusals=self.refusals)


def row_names(lifecycle: Lifecycle[Control]) -> dict[str, Row]:
    """A name per row: what it is, its events, and its number among the rows with these events."""
    named: dict[str, Row] = {}
    for sort, rows in (("refuse", lifecycle.refusals), ("rule", lifecycle.rules)):
        for row in rows:
            events = "+".join(str(kind) for kind in row.events)
            if len(row.events) > 4:
                events = f"{row.events[0]}+{len(row.events) - 1}"
            same = sum(name.rpartition("-")[0] == f"{sort}-{events}" for name in named)
            named[f"{sort}-{events}-{same + 1}"] = row
    return named


def row_mutants(lifecycle: Lifecycle[Control]) -> Iterator[Mutant]:
    """Each row deleted; each part of its guard dropped or negated; each effect dropped."""
    for name, row in row_names(lifecycle).items():
        yield _with(lifecycle, row, None, f"{name}.deleted", f"without the row: {row}")
        for operation, changed, what in _changes(row):
            yield _with(lifecycle, row, changed, f"{name}.{operation}", f"{what}: {row}")


def _with(
    lifecycle: Lifecycle[Control], row: Row, changed: Row | None, name: str, what: str
) -> Mutant:
    rules, refusals = lifecycle.rules, lifecycle.refusals
    new = () if changed is None else (changed,)
    return Mutant(
        name,
        what,
        tuple(r for old in rules for r in (new if old is row else (old,)) if isinstance(r, Rule)),
        tuple(
            r for old in refusals for r in (new if old is row else (old,)) if isinstance(r, Refusal)
        ),
        frozenset(str(kind) for kind in row.events),
    )


def _changes(row: Row) -> Iterator[tuple[str, Row, str]]:
    for number, (operation, guard) in enumerate(_guards(row.when), 1):
        yield f"guard-{number}-{operation}", replace(row, when=guard), f"guard is [{guard}]"
    if isinstance(row, Refusal):
        return
    for assignment in row.sets:
        kept = tuple(a for a in row.sets if a is not assignment)
        name = f"sets-{assignment.variable}-dropped"
        yield name, replace(row, sets=kept), f"without [{assignment}]"
    for output in row.does:
        left = tuple(o for o in row.does if o is not output)
        yield f"does-{output}-dropped", replace(row, does=left), f"without [{output}]"
    if row.to is not None:
        yield "stays", replace(row, to=None), "without the change of phase"


def _guards(guard: Guard) -> Iterator[tuple[str, Guard]]:
    """The guard with each conjunct, or each disjunct of a guard that is one, dropped or negated."""
    if guard == ALWAYS:
        return
    parts = guard.parts if isinstance(guard, All | Any) else (guard,)
    kind = Any if isinstance(guard, Any) else All
    for number, part in enumerate(parts):
        others = parts[:number] + parts[number + 1 :]
        yield "dropped", kind(others)
        yield "negated", kind((*parts[:number], ~part, *parts[number + 1 :]))
