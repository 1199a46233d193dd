"""The control states that the rows allow, by closure over `step`.

It is what the rows alone allow to any body, user and disk; a real job type reaches fewer. Nothing
is checked here and nothing drawn.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import Enum
from functools import lru_cache
from itertools import product
from typing import Any

from blockjob_fsm.declaration import Event, Lifecycle, Stepped, step
from blockjob_fsm.diagram.words import title_of
from blockjob_fsm.guards import Control, Plus, Term, Value
from blockjob_fsm.wellformed import Symbol, rows_of, symbols_of

#: nobody reads a picture of more than this
MOST_STATES = 100_000


@dataclass(frozen=True, slots=True)
class Reached:
    """Every reachable control state, and the steps between different ones by their event."""

    states: tuple[Control, ...]
    steps: tuple[tuple[Control, str, Control], ...]


# A page asks for the same lifecycle several times.
@lru_cache(maxsize=4)
def reach(lifecycle: Lifecycle[Control], most: int = MOST_STATES) -> Reached:
    """All states from every kind of job, leaving out numbers that no row reads.

    Raises ValueError if there are more than `most`, or a row counts without a bound.
    """
    counted = [
        str(one.variable)
        for rule in lifecycle.rules
        for one in rule.sets
        if isinstance(one.term, Plus)
    ]
    if counted:
        title = title_of(lifecycle)
        raise ValueError(f"{title}: drawn from all states, and {counted[0]} has no bound")
    events = tuple(_events(lifecycle))
    forgotten = _forgotten(lifecycle)
    found = dict.fromkeys(_starts(lifecycle))
    todo, steps = deque(found), dict[tuple[Control, str, Control], None]()
    while todo:
        state = todo.popleft()
        for event in events:
            taken = step(lifecycle, state, event)
            if not isinstance(taken, Stepped):
                continue
            after = replace(taken.state, **forgotten)
            if after != state:
                steps[state, event.kind.name, after] = None
            if after not in found:
                found[after] = None
                todo.append(after)
        if len(found) > most:
            raise ValueError(f"{title_of(lifecycle)}: over {most} states, too many to draw")
    return Reached(tuple(found), tuple(steps))


def assigned(lifecycle: Lifecycle[Control]) -> set[str]:
    """The names of the variables that some rule assigns."""
    return {assignment.variable.name for rule in lifecycle.rules for assignment in rule.sets}


def _events(lifecycle: Lifecycle[Control]) -> Iterator[Event]:
    for kind in lifecycle.events:
        for values in product(*(domain_of(argument) for argument in kind.arguments)):
            yield kind(*values)


def _starts(lifecycle: Lifecycle[Control]) -> Iterator[Control]:
    """One initial state per kind of job: what no rule assigns is what a kind fixes."""
    fixed = [
        variable
        for variable in lifecycle.variables
        if variable.domain is bool and variable.name not in assigned(lifecycle)
    ]
    for values in product(*map(domain_of, fixed)):
        kind: dict[str, Any] = {v.name: value for v, value in zip(fixed, values, strict=True)}
        yield replace(lifecycle.initial, **kind)


def _forgotten(lifecycle: Lifecycle[Control]) -> dict[str, Any]:
    """The numbers that no row reads, each with the initial value it is held at."""
    read = {symbol.name for term in _terms(lifecycle) for symbol in symbols_of(term)}
    numbers = (v.name for v in lifecycle.variables if v.domain is int and v.name not in read)
    return {name: getattr(lifecycle.initial, name) for name in numbers}


def _terms(lifecycle: Lifecycle[Control]) -> Iterable[Term]:
    yield from (row.when for row in rows_of(lifecycle))
    yield from (assignment.term for rule in lifecycle.rules for assignment in rule.sets)


def domain_of(symbol: Symbol) -> tuple[Value, ...]:
    """The values tried for a variable or argument: all of its type, or a sign for a number."""
    if symbol.domain is bool:
        return (False, True)
    if issubclass(symbol.domain, Enum):
        return tuple(symbol.domain)
    return (-1, 0, 1)
