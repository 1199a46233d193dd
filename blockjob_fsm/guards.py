"""Guards, terms and assignments: what a row can say about a state and an event.

They are symbolic values: they print, evaluate, negate, and are translated by others. A guard is
evaluated over one control state and the values one event carries, and nothing else exists for it.
No lambda may enter this file: what cannot be printed cannot be proved.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

Value = bool | int | Enum
Values = tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Control:
    """Base of every control state: a frozen, hashable value whose first field is its phase."""

    phase: Enum


class Term:
    """Something with a value in a given state and event."""

    __slots__ = ()

    def value(self, state: Control, values: Values) -> Value:
        """The term's value there."""
        raise NotImplementedError

    def equals(self, other: Term | Value) -> Guard:
        """The guard that both have one value."""
        return Equal(self, _term(other))


class Guard(Term):
    """A term that is true or false; guards combine with `&`, `|` and `~`."""

    __slots__ = ()

    def holds(self, state: Control, values: Values) -> bool:
        """Whether the guard is true there."""
        raise NotImplementedError

    def value(self, state: Control, values: Values) -> Value:
        return self.holds(state, values)

    def __and__(self, other: Guard) -> Guard:
        return All((*_parts(self, All), *_parts(other, All)))

    def __or__(self, other: Guard) -> Guard:
        return Any((*_parts(self, Any), *_parts(other, Any)))

    def __invert__(self) -> Guard:
        return Not(self)


@dataclass(frozen=True, slots=True)
class Constant(Term):
    """A fixed value."""

    constant: Value

    def value(self, state: Control, values: Values) -> Value:
        return self.constant

    def __str__(self) -> str:
        return word(self.constant)


@dataclass(frozen=True, slots=True)
class Variable(Term):
    """A field of the control state; `domain` is its type."""

    name: str
    domain: type

    def value(self, state: Control, values: Values) -> Value:
        found: Value = getattr(state, self.name)
        return found

    def set(self, term: Term | Value) -> Assignment:
        """The assignment of a term's value, taken before the step, to this field."""
        return Assignment(self, _term(term))

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Choice(Variable):
    """A field whose domain is an Enum."""

    def among(self, *members: Enum) -> Guard:
        """The guard that the field is one of these."""
        return Any(tuple(self.equals(member) for member in members))


@dataclass(frozen=True, slots=True)
class Number(Variable):
    """A field that is an unbounded integer."""

    domain: type = int

    def less_than(self, bound: Term | int) -> Guard:
        """The guard that the field is below the bound."""
        return Less(self, _term(bound))

    def plus(self, change: int) -> Term:
        """The field's value and so much more."""
        return Plus(self, change)


@dataclass(frozen=True, slots=True)
class Flag(Variable, Guard):
    """A field that is true or false, and so a guard by itself."""

    domain: type = bool

    def holds(self, state: Control, values: Values) -> bool:
        return bool(getattr(state, self.name))

    @property
    def on(self) -> Assignment:
        """The assignment of true."""
        return Assignment(self, Constant(True))

    @property
    def off(self) -> Assignment:
        """The assignment of false."""
        return Assignment(self, Constant(False))

    def become(self, guard: Guard) -> Assignment:
        """The assignment of a guard's truth, taken before the step."""
        return Assignment(self, guard)


@dataclass(frozen=True, slots=True)
class Argument(Term):
    """A value that the event carries, by its position; `domain` is its type."""

    name: str
    domain: type
    position: int = 0

    def value(self, state: Control, values: Values) -> Value:
        return values[self.position]

    def less_than(self, bound: Term | int) -> Guard:
        """The guard that the argument is below the bound."""
        return Less(self, _term(bound))

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Equal(Guard):
    """Two terms have one value."""

    left: Term
    right: Term

    def holds(self, state: Control, values: Values) -> bool:
        return self.left.value(state, values) == self.right.value(state, values)

    def __str__(self) -> str:
        if _is_true(self.right):
            return str(self.left)
        return f"{self.left} == {self.right}"


@dataclass(frozen=True, slots=True)
class Less(Guard):
    """A number is below a bound."""

    left: Term
    bound: Term

    def holds(self, state: Control, values: Values) -> bool:
        return _number(self.left, state, values) < _number(self.bound, state, values)

    def __str__(self) -> str:
        return f"{self.left} < {self.bound}"


@dataclass(frozen=True, slots=True)
class Not(Guard):
    """The part does not hold."""

    part: Guard

    def holds(self, state: Control, values: Values) -> bool:
        return not self.part.holds(state, values)

    def __invert__(self) -> Guard:
        return self.part

    def __str__(self) -> str:
        if isinstance(self.part, Equal) and not _is_true(self.part.right):
            return f"{self.part.left} != {self.part.right}"
        if isinstance(self.part, Less):
            return f"{self.part.left} >= {self.part.bound}"
        return f"not ({self.part})" if isinstance(self.part, All | Any) else f"not {self.part}"


@dataclass(frozen=True, slots=True)
class All(Guard):
    """Every part holds; with no parts, always true."""

    parts: tuple[Guard, ...]

    def holds(self, state: Control, values: Values) -> bool:
        for part in self.parts:
            if not part.holds(state, values):
                return False
        return True

    def __str__(self) -> str:
        return " and ".join(f"({p})" if isinstance(p, Any) else str(p) for p in self.parts)


@dataclass(frozen=True, slots=True)
class Any(Guard):
    """At least one part holds; with no parts, never true."""

    parts: tuple[Guard, ...]

    def holds(self, state: Control, values: Values) -> bool:
        for part in self.parts:
            if part.holds(state, values):
                return True
        return False

    def __str__(self) -> str:
        return " or ".join(f"({p})" if isinstance(p, All) else str(p) for p in self.parts)


@dataclass(frozen=True, slots=True)
class Choose(Term):
    """One term where the guard holds, another elsewhere."""

    when: Guard
    then: Term
    otherwise: Term

    def value(self, state: Control, values: Values) -> Value:
        chosen = self.then if self.when.holds(state, values) else self.otherwise
        return chosen.value(state, values)

    def __str__(self) -> str:
        return f"{self.then} if {self.when} else {self.otherwise}"


@dataclass(frozen=True, slots=True)
class Plus(Term):
    """A number and a fixed change of it."""

    left: Term
    change: int

    def value(self, state: Control, values: Values) -> Value:
        return _number(self.left, state, values) + self.change

    def __str__(self) -> str:
        return f"{self.left} {'-' if self.change < 0 else '+'} {abs(self.change)}"


ALWAYS: Guard = All(())


@dataclass(frozen=True, slots=True)
class Assignment:
    """A field's value after the step, computed from the state before it."""

    variable: Variable
    term: Term

    def __str__(self) -> str:
        return f"{self.variable} := {self.term}"


def _number(term: Term, state: Control, values: Values) -> int:
    number = term.value(state, values)
    assert isinstance(number, int), "only numbers are ordered and counted"
    return number


def _is_true(term: Term) -> bool:
    # The number 1 equals True, and is to be printed.
    return isinstance(term, Constant) and term.constant is True


def _parts(guard: Guard, kind: type[All] | type[Any]) -> tuple[Guard, ...]:
    return guard.parts if isinstance(guard, kind) else (guard,)


def _term(value: Term | Value) -> Term:
    return value if isinstance(value, Term) else Constant(value)


def word(value: object) -> str:
    """A value as rows, traces and diagrams spell it."""
    return str(value.value) if isinstance(value, Enum) else str(value).lower()
