"""Guards, terms and values as z3 formulas, and z3's answers as values again.

Numbers are unbounded integers, an Enum is a sort with one constant per member. This is the only
file that imports z3, which comes with the `test` extra; formulas are opaque to everybody else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Any as Opaque
from typing import TypeAlias

from blockjob_fsm.check.report import Verdict
from blockjob_fsm.guards import (
    All,
    Any,
    Argument,
    Choose,
    Constant,
    Equal,
    Less,
    Not,
    Plus,
    Term,
    Value,
    Variable,
)
from blockjob_fsm.properties import Old

try:
    import z3  # type: ignore[import-untyped]
except ImportError as missing:
    raise ImportError(
        "proving needs z3: install it with pip install 'blockjob-fsm[test]'", name="z3"
    ) from missing

#: a z3 expression; z3 has no types of its own to offer
Formula: TypeAlias = Opaque
#: what z3 found: a value for every symbol
Found: TypeAlias = Opaque

_ANSWER_MS = 30_000


@dataclass(frozen=True, slots=True)
class At:
    """Where a term is translated: variables by name, the event's values, the state before."""

    state: Mapping[str, Formula]
    values: tuple[Formula, ...] = ()
    old: Mapping[str, Formula] | None = None


@cache
def _sort(domain: type[Enum]) -> tuple[Formula, dict[Enum, Formula]]:
    """The sort of an Enum and its constants: z3 lets a sort be declared once only."""
    name = f"{domain.__module__}.{domain.__qualname__}"
    sort, constants = z3.EnumSort(name, [f"{name}.{member.name}" for member in domain])
    return sort, dict(zip(domain, constants, strict=True))


def symbol(name: str, domain: type) -> Formula:
    """An unknown of this domain: bool, an Enum, or else an unbounded integer."""
    if domain is bool:
        return z3.Bool(name)
    return z3.Const(name, _sort(domain)[0]) if issubclass(domain, Enum) else z3.Int(name)


def literal(value: Value) -> Formula:
    """A known value."""
    if isinstance(value, Enum):
        return _sort(type(value))[1][value]
    return z3.BoolVal(value) if isinstance(value, bool) else z3.IntVal(value)


def formula(term: Term, at: At) -> Formula:
    """A term as z3 reads it; a term this file does not know is an error, never a guess."""
    match term:
        case Variable(name=name):
            return at.state[name]
        case Argument(position=position):
            return at.values[position]
        case Old(variable=variable):
            assert at.old is not None, "only a step has a state before it"
            return at.old[variable.name]
        case Constant(constant=value):
            return literal(value)
        case All(parts=parts):
            return every(formula(part, at) for part in parts)
        case Any(parts=parts):
            return some(formula(part, at) for part in parts)
        case Not(part=part):
            return opposite(formula(part, at))
        case Equal(left=left, right=right):
            return formula(left, at) == formula(right, at)
        case Less(left=left, bound=bound):
            return formula(left, at) < formula(bound, at)
        case Plus(left=left, change=change):
            return formula(left, at) + change
        case Choose(when=when, then=then, otherwise=otherwise):
            return chosen(formula(when, at), formula(then, at), formula(otherwise, at))
    raise AssertionError(f"unknown term {term!r}")


def every(parts: Iterable[Formula]) -> Formula:
    """All of them."""
    return z3.And(list(parts))


def some(parts: Iterable[Formula]) -> Formula:
    """At least one of them."""
    return z3.Or(list(parts))


def opposite(part: Formula) -> Formula:
    """Not so."""
    return z3.Not(part)


def chosen(when: Formula, then: Formula, otherwise: Formula) -> Formula:
    """One or the other."""
    return z3.If(when, then, otherwise)


def value_of(found: Found, unknown: Formula, domain: type) -> Value:
    """The value of an unknown in what was found; one that does not matter gets some value."""
    answer = found.eval(unknown, model_completion=True)
    if domain is bool:
        return bool(z3.is_true(answer))
    if issubclass(domain, Enum):
        members = _sort(domain)[1]
        return next(member for member, constant in members.items() if constant.eq(answer))
    return int(answer.as_long())


class Solver:
    """Assumptions, and questions about them; a question is forgotten once it is answered."""

    def __init__(self, *assumed: Formula) -> None:
        self._solver = z3.Solver()
        self._solver.set("timeout", _ANSWER_MS)
        self._solver.add(*assumed)

    def assume(self, *formulas: Formula) -> None:
        """Add assumptions."""
        self._solver.add(*formulas)

    def refute(self, *claims: Formula) -> tuple[Verdict, Found | None]:
        """HOLDS if the claims cannot all be true; VIOLATED with an example if they can."""
        self._solver.push()
        self._solver.add(*claims)
        answer = self._solver.check()
        found = self._solver.model() if answer == z3.sat else None
        self._solver.pop()
        if answer == z3.unknown:
            return Verdict.UNDECIDED, None
        return (Verdict.HOLDS if found is None else Verdict.VIOLATED), found
