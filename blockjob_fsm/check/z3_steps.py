"""The steps of a lifecycle as z3 formulas: where it starts, which row fires, what is true after.

The same rows that `step` reads are translated, refusals first, as `step` tries them; and, as in
exploration, an event that answers an output comes after that output alone. What is asked about the
steps does not belong here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from blockjob_fsm.check.control import SOLICITED
from blockjob_fsm.check.report import Trace, Verdict
from blockjob_fsm.check.z3_terms import (
    At,
    Formula,
    Found,
    Solver,
    every,
    formula,
    literal,
    opposite,
    some,
    symbol,
    value_of,
)
from blockjob_fsm.declaration import (
    Actor,
    Event,
    EventKind,
    Lifecycle,
    Refusal,
    Rule,
    Stepped,
    step,
)
from blockjob_fsm.guards import Control, Value, Variable, word
from blockjob_fsm.lifecycles.classic_words import COMPLETABLE, SETTABLE

Symbols = dict[str, Formula]

#: what says which kind of job it is: left open at the start, so that all kinds are proved at once
JOB_TYPE: tuple[Variable, ...] = (SETTABLE, COMPLETABLE)


@dataclass(frozen=True, slots=True)
class Case:
    """One event with one rule that may answer it."""

    kind: EventKind
    rule: Rule


@dataclass(frozen=True, slots=True)
class Steps:
    """A lifecycle's steps over unknown states; numbers are not bounded."""

    lifecycle: Lifecycle[Control]
    open: tuple[Variable, ...] = JOB_TYPE

    def cases(self) -> Iterator[Case]:
        """Every event with every rule that names it."""
        for kind in self.lifecycle.events:
            for rule in self.lifecycle.rules:
                if kind in rule.events:
                    yield Case(kind, rule)

    def state(self, suffix: str = "") -> Symbols:
        """An unknown state, and which solicited events are still to come in it."""
        known = {v.name: symbol(v.name + suffix, v.domain) for v in self.lifecycle.variables}
        return known | {_to_come(k): symbol(_to_come(k) + suffix, bool) for k in SOLICITED}

    def at(self, kind: EventKind, state: Symbols, suffix: str = "") -> At:
        """The place where an event with unknown values meets a state."""
        names = [(f"{kind.name}.{a.name}{suffix}", a.domain) for a in kind.arguments]
        return At(state, tuple(symbol(name, domain) for name, domain in names))

    def initial(self, state: Symbols) -> Formula:
        """That a state is where the lifecycle starts, whatever the job's type."""
        start = self.lifecycle.initial
        fixed = [v for v in self.lifecycle.variables if v not in self.open]
        return every(
            [
                *(state[v.name] == literal(getattr(start, v.name)) for v in fixed),
                *(opposite(state[_to_come(kind)]) for kind in SOLICITED),
            ]
        )

    def possible(self, kind: EventKind, at: At) -> Formula:
        """That an event can come: a solicited one if it is due, a user's if none is."""
        due = [at.state[_to_come(k)] for k in SOLICITED]
        if kind in SOLICITED:
            return at.state[_to_come(kind)]
        return opposite(some(due)) if kind.actor is Actor.USER else literal(True)

    def applies(self, row: Rule | Refusal, at: At) -> Formula:
        """That the state is in one of a row's phases and its guard holds."""
        phase = some(at.state["phase"] == literal(phase) for phase in row.phases)
        return every([phase, formula(row.when, at)])

    def refusals(self, kind: EventKind) -> tuple[Refusal, ...]:
        """The refusals that name an event, in the order they are tried."""
        return tuple(r for r in self.lifecycle.refusals if kind in r.events)

    def fires(self, case: Case, at: At) -> Formula:
        """That the event is not refused and the rule's guard holds."""
        refused = [self.applies(refusal, at) for refusal in self.refusals(case.kind)]
        answered = [opposite(some(refused)), self.applies(case.rule, at)]
        return every([self.possible(case.kind, at), *answered])

    def after(self, case: Case, at: At) -> Symbols:
        """The state after a rule: all assignments read the state before it."""
        changes = {a.variable.name: formula(a.term, at) for a in case.rule.sets}
        if case.rule.to is not None:
            changes["phase"] = literal(case.rule.to)
        for kind, output in SOLICITED.items():
            if case.kind is kind or output in case.rule.does:
                changes[_to_come(kind)] = literal(output in case.rule.does)
        return {**at.state, **changes}

    def state_found(self, found: Found, state: Symbols) -> Control:
        """The state z3 found for these symbols."""
        variables = self.lifecycle.variables
        values: dict[str, Value] = {
            v.name: value_of(found, state[v.name], v.domain) for v in variables
        }
        return replace(self.lifecycle.initial, **values)  # type: ignore[arg-type]

    def event_found(self, found: Found, kind: EventKind, at: At) -> Event:
        """The event with the values z3 found."""
        pairs = zip(at.values, kind.arguments, strict=True)
        return kind(*(value_of(found, unknown, a.domain) for unknown, a in pairs))

    def trace(self, start: Control, events: tuple[Event, ...], wrong: str) -> Trace:
        """The events taken one by one through `step` itself: what z3 claims, the rows must do."""
        moves: list[tuple[str, str, str]] = []
        state = start
        for event in events:
            result = step(self.lifecycle, state, event)
            state = result.state
            if isinstance(result, Stepped):
                reached = self.told(state)
            else:
                error = result.refusal.error.__name__ if result.refusal else ""
                reached = f"refused: {error}" if error else "no such step"
            moves.append((event.kind.actor.value, str(event), reached))
        return Trace(self.told(start), tuple(moves), wrong)

    def told(self, state: Control) -> str:
        """The phase, the flags that are set, and what else is not as it was at the start."""
        words = [word(state.phase)]
        for variable in self.lifecycle.variables[1:]:
            value = getattr(state, variable.name)
            if variable.domain is bool:
                words += [variable.name] if value else []
            elif value != getattr(self.lifecycle.initial, variable.name):
                words.append(f"{variable.name} {word(value)}")
        return ", ".join(words)


class Unrolled:
    """Real steps from the start, as many as asked for: tells what can happen from what cannot."""

    def __init__(self, steps: Steps) -> None:
        self.steps = steps
        self.cases = tuple(steps.cases())
        self.states = [steps.state("@0")]
        self.taken: list[tuple[Formula, list[At]]] = []
        self.solver = Solver(steps.initial(self.states[0]))

    def extend(self) -> None:
        """One step more."""
        number = len(self.taken)
        before, after = self.states[-1], self.steps.state(f"@{number + 1}")
        which = symbol(f"row@{number}", int)
        places = [self.steps.at(case.kind, before, f"@{number}") for case in self.cases]
        self.solver.assume(
            some(
                every([which == index, *self._moves(case, at, after)])
                for index, (case, at) in enumerate(zip(self.cases, places, strict=True))
            )
        )
        self.taken.append((which, places))
        self.states.append(after)

    def _moves(self, case: Case, at: At, after: Symbols) -> Iterator[Formula]:
        yield self.steps.fires(case, at)
        for name, value in self.steps.after(case, at).items():
            yield after[name] == value

    def find(self, claim: Formula) -> tuple[Found | None, Control, tuple[Event, ...]]:
        """An example of a claim about the last state: where it started and the events up to it."""
        verdict, found = self.solver.refute(claim)
        start, events = self.steps.lifecycle.initial, []
        if verdict is Verdict.VIOLATED:
            start = self.steps.state_found(found, self.states[0])
            for which, places in self.taken:
                number = int(str(value_of(found, which, int)))
                kind = self.cases[number].kind
                events.append(self.steps.event_found(found, kind, places[number]))
        return found, start, tuple(events)


def _to_come(kind: EventKind) -> str:
    return f"{kind.name} to come"
