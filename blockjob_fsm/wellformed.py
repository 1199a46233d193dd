"""Checks made when a table is loaded: a malformed lifecycle never gets as far as being imported.

Refused are overlapping rules, dead rows, unreachable phases, missing reasons, names used twice and
a user's verb that some phase leaves unanswered; each message names the rows. Guards are compared by
trying every value of the variables they mention (numbers: around each constant), which is exact for
this vocabulary and takes milliseconds. What needs the reachable states is a test, not a load check.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum
from itertools import combinations, product

from blockjob_fsm.declaration import Actor, EventKind, Lifecycle, Refusal, Row, Rule
from blockjob_fsm.guards import (
    All,
    Any,
    Argument,
    Choose,
    Constant,
    Control,
    Equal,
    Guard,
    Less,
    Not,
    Plus,
    Term,
    Value,
    Variable,
)

Symbol = Variable | Argument


class MalformedLifecycle(AssertionError):
    """A lifecycle's rows contradict each other; the message names them."""


def load(lifecycle: Lifecycle[Control]) -> None:
    """Raise MalformedLifecycle, naming every fault, unless the lifecycle is well formed."""
    faults = [
        *_names_used_twice(lifecycle),
        *_missing_reasons(lifecycle),
        *_unreachable_phases(lifecycle),
        *_unanswered_verbs(lifecycle),
        *_overlaps_and_dead_rows(lifecycle),
    ]
    if faults:
        name = f"{lifecycle.name} {lifecycle.profile}"
        raise MalformedLifecycle("\n".join(f"{name}: {fault}" for fault in faults))


def rows_of(lifecycle: Lifecycle[Control]) -> tuple[Row, ...]:
    """Every row: the refusals, then the rules."""
    return (*lifecycle.refusals, *lifecycle.rules)


def symbols_of(term: Term) -> set[Symbol]:
    """The state variables and event arguments a term mentions."""
    match term:
        case Variable() | Argument():
            return {term}
        case All(parts) | Any(parts):
            return {symbol for part in parts for symbol in symbols_of(part)}
        case Not(part):
            return symbols_of(part)
        case Equal(left, right) | Less(left, right):
            return symbols_of(left) | symbols_of(right)
        case Plus(left, _):
            return symbols_of(left)
        case Choose(when, then, otherwise):
            return symbols_of(when) | symbols_of(then) | symbols_of(otherwise)
        case Constant():
            return set()
    raise AssertionError(f"unknown term {term!r}")


def constants_of(term: Term) -> set[int]:
    """The integers a term compares with."""
    match term:
        case All(parts) | Any(parts):
            return {number for part in parts for number in constants_of(part)}
        case Not(part):
            return constants_of(part)
        case Equal(left, right) | Less(left, right):
            return constants_of(left) | constants_of(right)
        case Plus(left, change):
            return constants_of(left) | {change}
        case Choose(when, then, otherwise):
            return constants_of(when) | constants_of(then) | constants_of(otherwise)
        case Constant(number) if isinstance(number, int) and not isinstance(number, bool):
            return {number}
    return set()


class _Assigned(Control):
    """A trial state: only the variables that the compared guards mention."""

    __slots__ = ("__dict__",)

    def __init__(self, **values: Value) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)


def _assignments(
    guards: tuple[Guard, ...], kind: EventKind, phase: Enum
) -> Iterator[tuple[_Assigned, tuple[Value, ...]]]:
    symbols = sorted({s for guard in guards for s in symbols_of(guard)}, key=lambda s: s.name)
    numbers = {0} | {c for guard in guards for c in constants_of(guard)}
    samples = sorted({near for c in numbers for near in (c - 1, c, c + 1)})
    domains = [_domain(symbol, samples) for symbol in symbols]
    for chosen in product(*domains):
        given = {(type(s) is Argument, s.name): v for s, v in zip(symbols, chosen, strict=True)}
        state = {name: value for (is_argument, name), value in given.items() if not is_argument}
        values = tuple(given.get((True, a.name), 0) for a in kind.arguments)
        yield _Assigned(**(state | {"phase": phase})), values


def _domain(symbol: Symbol, samples: list[int]) -> list[Value]:
    if symbol.domain is bool:
        return [False, True]
    if issubclass(symbol.domain, Enum):
        return list(symbol.domain)
    return list(samples)


def _names_used_twice(lifecycle: Lifecycle[Control]) -> Iterator[str]:
    for what, names in (
        ("variable", [v.name for v in lifecycle.variables]),
        ("event", [e.name for e in lifecycle.events]),
    ):
        for name in sorted({n for n in names if names.count(n) > 1}):
            yield f"{what} {name} is declared {names.count(name)} times"


def _missing_reasons(lifecycle: Lifecycle[Control]) -> Iterator[str]:
    for row in rows_of(lifecycle):
        if not row.why.strip():
            yield f"row without a reason: {row}"


def _unreachable_phases(lifecycle: Lifecycle[Control]) -> Iterator[str]:
    reached: set[Enum] = {lifecycle.initial.phase}
    while True:
        more = {
            rule.to
            for rule in lifecycle.rules
            if rule.to is not None and reached.intersection(rule.phases)
        } - reached
        if not more:
            break
        reached |= more
    for phase in lifecycle.phases:
        if phase not in reached:
            yield f"no rule leads to phase {phase.value}"


def _unanswered_verbs(lifecycle: Lifecycle[Control]) -> Iterator[str]:
    for kind in lifecycle.events:
        if kind.actor is not Actor.USER:
            continue
        for phase in lifecycle.phases:
            guards = _guards_at(lifecycle, kind, phase)
            if not all(
                any(guard.holds(state, values) for guard in guards)
                for state, values in _assignments(guards, kind, phase)
            ):
                yield f"{kind} in phase {phase.value} is neither answered nor refused somewhere"


def _guards_at(lifecycle: Lifecycle[Control], kind: EventKind, phase: Enum) -> tuple[Guard, ...]:
    refusals, rules = lifecycle.refusals_at(kind, phase), lifecycle.rules_at(kind, phase)
    return (*(r.when for r in refusals), *(r.when for r in rules))


def _overlaps_and_dead_rows(lifecycle: Lifecycle[Control]) -> Iterator[str]:
    alive: set[int] = set()
    for kind in lifecycle.events:
        for phase in lifecycle.phases:
            refusals = lifecycle.refusals_at(kind, phase)
            rules = lifecycle.rules_at(kind, phase)
            yield from _try_all(kind, phase, refusals, rules, alive)
    for row in rows_of(lifecycle):
        if id(row) not in alive:
            yield f"dead row, its guard never holds where it could fire: {row}"


def _try_all(
    kind: EventKind,
    phase: Enum,
    refusals: tuple[Refusal, ...],
    rules: tuple[Rule, ...],
    alive: set[int],
) -> Iterator[str]:
    if not refusals and not rules:
        return
    clashes: set[tuple[str, str]] = set()
    guards = (*(r.when for r in refusals), *(r.when for r in rules))
    for state, values in _assignments(guards, kind, phase):
        refused = next((r for r in refusals if r.when.holds(state, values)), None)
        if refused is not None:
            alive.add(id(refused))
            continue
        firing = [rule for rule in rules if rule.when.holds(state, values)]
        alive.update(map(id, firing))
        clashes.update((str(a), str(b)) for a, b in combinations(firing, 2))
    yield from _clash_lines(clashes)


def _clash_lines(clashes: Iterable[tuple[str, str]]) -> Iterator[str]:
    for first, second in sorted(clashes):
        yield f"two rules can fire at once: [{first}] and [{second}]"
