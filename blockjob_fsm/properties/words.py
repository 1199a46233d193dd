"""The polarities a property can have: sentences over a lifecycle, as values.

Explorer, prover and manual read the same values, so a claim is made of the guards of
`blockjob_fsm.guards` and of nothing else. Who checks them, and how, may not enter this file.

    Always       a guard true in every reachable state
    AlwaysStep   a claim about every step taken
    Answered     an event is taken, or refused with a declared error, wherever a guard holds
    Accepts      an event is taken wherever a guard holds
    Refuses      an event is refused with one error wherever a guard holds
    Sometimes    a state, or a step, that exists: the witness that a claim is not empty
    Never        a state that does not exist
    LeadsTo      what must follow, if the world and the job go on; the user may stop asking
"""

from __future__ import annotations

from dataclasses import dataclass

from blockjob_fsm.declaration import EventKind, Output
from blockjob_fsm.errors import QmpError
from blockjob_fsm.guards import ALWAYS, Any, Control, Guard, Term, Value, Values, Variable


@dataclass(frozen=True, slots=True)
class Moved(Control):
    """Both ends of a step. It reads as the state after it; `Old` reads the one before."""

    before: Control
    after: Control

    def __getattr__(self, name: str) -> Value:
        found: Value = getattr(self.after, name)
        return found


def moved(before: Control, after: Control) -> Moved:
    """The pair over which the `after` of an AlwaysStep is evaluated."""
    return Moved(after.phase, before, after)


@dataclass(frozen=True, slots=True)
class Old(Term):
    """A variable's value before the step; only the `after` of an AlwaysStep may use it."""

    variable: Variable

    def value(self, state: Control, values: Values) -> Value:
        assert isinstance(state, Moved), "only a step has a state before it"
        return self.variable.value(state.before, values)

    def __str__(self) -> str:
        return f"old {self.variable}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Claim:
    """`name` starts with the id of what it claims: an invariant, a hazard. `claim` is a sentence.

    `only` names the profiles in which the claim is made at all; empty means all.
    """

    name: str
    claim: str
    only: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Always(_Claim):
    """`holds` is true in every reachable state; `witness` names the Sometimes beside it."""

    holds: Guard
    witness: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AlwaysStep(_Claim):
    """Every step by one of `events` (empty: any), taken where `before` holds, is of this kind.

    `before` is evaluated over the state before it and the event's values; `after` over the state
    after it, where `Old` reads the one before; the outputs contain all of `does`, none of `never`.
    """

    witness: str
    events: tuple[EventKind, ...] = ()
    before: Guard = ALWAYS
    after: Guard = ALWAYS
    does: tuple[Output, ...] = ()
    never: tuple[Output, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered(_Claim):
    """Where `when` holds, each of `events` is taken or refused as declared: no step is unknown."""

    witness: str
    events: tuple[EventKind, ...]
    when: Guard


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepts(_Claim):
    """Where `when` holds, each of `events` is taken, neither refused nor unknown."""

    witness: str
    events: tuple[EventKind, ...]
    when: Guard


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuses(_Claim):
    """Where `when` holds, each of `events` is refused with `error`."""

    witness: str
    events: tuple[EventKind, ...]
    when: Guard
    error: type[QmpError]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sometimes(_Claim):
    """`reached` is true in some reachable state; with `events`, such a step is taken from one."""

    reached: Guard
    events: tuple[EventKind, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Never(_Claim):
    """`reached` is true in no reachable state; `witness` names what is reached instead."""

    reached: Guard
    witness: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadsTo(_Claim):
    """After `start` holds, `goal` holds sooner or later.

    Fair are the world (I/O ends, timers fire) and the job; the user never is, for a user made to
    act would wake every job that was left asleep.
    """

    start: Guard
    goal: Guard
    witness: str


Property = Always | AlwaysStep | Answered | Accepts | Refuses | Sometimes | Never | LeadsTo


def implies(condition: Guard, consequence: Guard) -> Guard:
    """The guard that the consequence holds wherever the condition does."""
    return Any((~condition, consequence))


def unchanged(variable: Variable) -> Guard:
    """The guard that a step leaves a variable as it was."""
    return variable.equals(Old(variable))


def claimed_for(properties: tuple[Property, ...], profile: str) -> tuple[Property, ...]:
    """The properties that are claimed in a profile, in their order."""
    return tuple(p for p in properties if not p.only or profile in p.only)
