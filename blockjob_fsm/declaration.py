"""The vocabulary in which a lifecycle is declared, and the pure function that takes one step.

A lifecycle is a value: phases, variables, events, rules and refusals, so that the dispatcher, the
explorer, the prover and the diagrams read the same rows. No clock, file or thread may enter here.

How a step is found: the refusals of (event, phase) are tried in the order they stand, since QEMU's
checks are ordered; then the one rule whose guard holds fires. Neither found: no such step exists,
and taking it would be a bug of the code that drives the job, not of its user.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Generic, TypeVar

from blockjob_fsm.errors import QmpError
from blockjob_fsm.guards import (
    ALWAYS,
    Argument,
    Assignment,
    Control,
    Guard,
    Value,
    Values,
    Variable,
    word,
)

C = TypeVar("C", bound=Control)
C_co = TypeVar("C_co", bound=Control, covariant=True)


class Actor(Enum):
    """Who causes an event."""

    USER = "user"
    JOB = "job"
    WORLD = "world"


@dataclass(frozen=True, slots=True)
class EventKind:
    """A named input of the machine and the values it carries.

    `verb` is what an error calls it, where that is not its name.
    """

    name: str
    actor: Actor
    arguments: tuple[Argument, ...] = ()
    verb: str = ""

    def __hash__(self) -> int:
        # Rows are looked up by kind at every step, and the arguments would be hashed each time.
        return hash(self.name)

    def __call__(self, *values: Value) -> Event:
        return Event(self, values)

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Event:
    """One occurrence of an event kind, with its values in the order of the kind's arguments."""

    kind: EventKind
    values: Values = ()

    def __str__(self) -> str:
        return f"{self.kind.name}({', '.join(map(word, self.values))})"


@dataclass(frozen=True, slots=True)
class Output:
    """Something the machine tells the world to do; `what` is the sentence diagrams show.

    `since` is the first release that does it; empty means all.
    """

    name: str
    what: str
    since: str = ""

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Rule:
    """A transition: at any of `events` in any of `phases`, if `when` holds.

    `to` None keeps the phase. `only` names the profiles that have the row; empty means all. `since`
    is the first release that has it, `until` the first that has it no more.
    """

    events: tuple[EventKind, ...]
    phases: tuple[Enum, ...]
    to: Enum | None
    why: str
    when: Guard = ALWAYS
    sets: tuple[Assignment, ...] = ()
    does: tuple[Output, ...] = ()
    only: tuple[str, ...] = ()
    since: str = ""
    until: str = ""

    def __str__(self) -> str:
        return _row_text(self.events, self.phases, self.when, f"-> {word(self.to or 'same')}")


@dataclass(frozen=True, slots=True)
class Refusal:
    """A declared refusal: the request is answered with `error` and nothing changes.

    `subject` fills the error's text where it is not the device's name. `only`, `since` and `until`
    are as in a rule.
    """

    events: tuple[EventKind, ...]
    phases: tuple[Enum, ...]
    error: type[QmpError]
    why: str
    when: Guard = ALWAYS
    subject: str | None = None
    only: tuple[str, ...] = ()
    since: str = ""
    until: str = ""

    def __str__(self) -> str:
        return _row_text(self.events, self.phases, self.when, f"refused: {self.error.__name__}")


@dataclass(frozen=True, slots=True)
class Stepped(Generic[C_co]):
    """A step taken: the state after it, what the world must do, and the row that fired."""

    state: C_co
    outputs: tuple[Output, ...]
    rule: Rule


@dataclass(frozen=True, slots=True)
class Refused(Generic[C_co]):
    """A step not taken. `refusal` None: no row of the lifecycle knows this step at all."""

    state: C_co
    event: Event
    refusal: Refusal | None

    @property
    def reason(self) -> str:
        """The state, the event and the guard that was missing, in one line."""
        phase, event = word(self.state.phase), self.event
        if self.refusal is None:
            return f"{event} has no row in phase {phase} of {self.state}"
        needs = "" if self.refusal.when == ALWAYS else f": needs {~self.refusal.when}"
        return f"{event} in phase {phase}{needs}"

    def error(self, device: str) -> QmpError:
        """The declared error, worded for this device."""
        assert self.refusal is not None, self.reason
        subject = device if self.refusal.subject is None else self.refusal.subject
        kind = self.event.kind
        return self.refusal.error(
            subject,
            detail=self.reason,
            state=word(self.state.phase),
            verb=kind.verb or kind.name.replace("_", "-"),
        )


Row = Rule | Refusal


@dataclass(frozen=True, eq=False)
class Lifecycle(Generic[C_co]):
    """A declared lifecycle; compared by identity, checked by whoever loads it."""

    name: str
    profile: str
    initial: C_co
    phases: type[Enum]
    variables: tuple[Variable, ...]
    events: tuple[EventKind, ...]
    rules: tuple[Rule, ...]
    refusals: tuple[Refusal, ...]
    _rules: dict[tuple[str, Enum], tuple[Rule, ...]] = field(init=False, repr=False)
    _refusals: dict[tuple[str, Enum], tuple[Refusal, ...]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_rules", _index(self.rules))
        object.__setattr__(self, "_refusals", _index(self.refusals))

    def rules_at(self, kind: EventKind, phase: Enum) -> tuple[Rule, ...]:
        """The rules for an event in a phase; at most one guard of them holds."""
        return self._rules.get((kind.name, phase), ())

    def refusals_at(self, kind: EventKind, phase: Enum) -> tuple[Refusal, ...]:
        """The refusals for an event in a phase, in the order they are tried."""
        return self._refusals.get((kind.name, phase), ())


def step(lifecycle: Lifecycle[C], state: C, event: Event) -> Stepped[C] | Refused[C]:
    """Take one step: pure; the state is returned changed, or the refusal with it unchanged."""
    for refusal in lifecycle.refusals_at(event.kind, state.phase):
        if refusal.when.holds(state, event.values):
            return Refused(state, event, refusal)
    for rule in lifecycle.rules_at(event.kind, state.phase):
        if rule.when.holds(state, event.values):
            return Stepped(apply(rule, state, event.values), rule.does, rule)
    return Refused(state, event, None)


def apply(rule: Rule, state: C, values: Values) -> C:
    """The state after a rule: all assignments read the state before it."""
    changes: dict[str, Any] = {a.variable.name: a.term.value(state, values) for a in rule.sets}
    if rule.to is not None:
        changes["phase"] = rule.to
    return replace(state, **changes) if changes else state


RowT = TypeVar("RowT", bound=Row)


def of_profile(rows: tuple[RowT, ...], profile: str) -> tuple[RowT, ...]:
    """The rows a profile has, in their order, with the outputs it has.

    A row or output with a release needs a profile that is one.
    """
    kept = [row for row in rows if not row.only or profile in row.only]
    kept = [row for row in kept if has_release(profile, row.since, row.until)]
    return tuple(_with_outputs_of(row, profile) for row in kept)


def has_release(profile: str, since: str, until: str = "") -> bool:
    """Whether a release is not before `since` and before `until`; empty is no bound."""
    if since and release(profile) < release(since):
        return False
    return not until or release(profile) < release(until)


def release(text: str) -> tuple[int, ...]:
    """A release as numbers that compare: "10.1" comes after "8.2"."""
    return tuple(map(int, text.split(".")))


def _with_outputs_of(row: RowT, profile: str) -> RowT:
    if not isinstance(row, Rule) or not any(output.since for output in row.does):
        return row
    return replace(row, does=tuple(o for o in row.does if has_release(profile, o.since)))


def _index(rows: tuple[RowT, ...]) -> dict[tuple[str, Enum], tuple[RowT, ...]]:
    # By name: an event kind's own hash takes longer than all the guards of a step.
    found: dict[tuple[str, Enum], tuple[RowT, ...]] = {}
    for row in rows:
        for kind in row.events:
            for phase in row.phases:
                found[kind.name, phase] = (*found.get((kind.name, phase), ()), row)
    return found


def _row_text(
    events: tuple[EventKind, ...], phases: tuple[Enum, ...], when: Guard, outcome: str
) -> str:
    condition = "" if when == ALWAYS else f" when {when}"
    names = "/".join(map(str, events))
    return f"{names} in {'/'.join(map(word, phases))}{condition} {outcome}"
