"""Proof by induction: what is true at the start and kept by every row is true for ever.

The ALWAYS properties are proved together, since each may need the others; numbers are not bounded
and no state is enumerated. A row that does not keep them gives a counterexample to induction: a
state in which all of them hold, one event, and what is wrong after it. Such a state need not be
reachable, so the verdict is UNDECIDED unless a trace from the start shows the same fault.
What is true sooner or later, or of some state, is for exploration and may not enter here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from blockjob_fsm.check.report import Row, Trace, Verdict
from blockjob_fsm.check.z3_steps import Case, Steps, Unrolled
from blockjob_fsm.check.z3_terms import (
    At,
    Formula,
    Solver,
    chosen,
    every,
    formula,
    literal,
    opposite,
    some,
)
from blockjob_fsm.declaration import EventKind, Lifecycle
from blockjob_fsm.declaration import Row as DeclaredRow
from blockjob_fsm.guards import ALWAYS, Control, Guard
from blockjob_fsm.properties import (
    Always,
    AlwaysStep,
    Answered,
    Never,
    Property,
    Refuses,
    claimed_for,
)

Provable: TypeAlias = Always | Never | AlwaysStep | Answered | Refuses

#: how many steps from the start a trace is looked for
TRACE_STEPS = 10


@dataclass(frozen=True, slots=True)
class Obligation:
    """What z3 is to refute: that where `spoken` holds at an event, `broken` does too."""

    kind: EventKind
    spoken: Callable[[At], Formula]
    broken: Callable[[At], Formula]
    wrong: str


def prove(lifecycle: Lifecycle[Control], properties: Iterable[Property]) -> tuple[Row, ...]:
    """One row for each property claimed of the lifecycle's profile, but Sometimes and LeadsTo.

    `instances` counts the pairs of event and row that a property speaks about; `states` is 0, for
    no state is enumerated, and `depth` is 1: every proof is about one step.
    """
    claims = claimed_for(tuple(properties), lifecycle.profile)
    prover = Prover(lifecycle, [claim for claim in claims if isinstance(claim, Provable)])
    return tuple(map(prover.row, prover.claims))


class Prover:
    """One lifecycle, and the properties that are assumed before each step: all of them."""

    def __init__(self, lifecycle: Lifecycle[Control], claims: Iterable[Provable]) -> None:
        self.steps = Steps(lifecycle)
        self.claims = tuple(claims)
        self.cases = tuple(self.steps.cases())
        self.state = self.steps.state()
        here = At(self.state)
        self.start = Solver(self.steps.initial(self.state))
        self.solver = Solver(*(formula(invariant(claim), here) for claim in self.claims))

    def row(self, claim: Provable) -> Row:
        """The verdict on one property, with the counterexample where there is one."""
        began = time.perf_counter()
        instances = 0
        verdict, trace = self.at_the_start(claim)
        if verdict is Verdict.HOLDS:
            obligations = tuple(self.obligations(claim))
            instances = sum(self.speaks(obligation) for obligation in obligations)
            verdict, trace = self.at_each_step(obligations)
        return Row(
            model=f"induction {self.steps.lifecycle.profile}",
            property=claim.name,
            claim=claim.claim,
            verdict=verdict,
            states=0,
            depth=1,
            seconds=time.perf_counter() - began,
            instances=instances,
            trace=trace,
        )

    def at_the_start(self, claim: Provable) -> tuple[Verdict, Trace | None]:
        """Whether an invariant is true where the lifecycle starts."""
        guard = invariant(claim)
        verdict, found = self.start.refute(opposite(formula(guard, At(self.state))))
        if found is None:
            return verdict, None
        first = self.steps.state_found(found, self.state)
        return verdict, self.steps.trace(first, (), f"needs {guard}")

    def at_each_step(self, obligations: tuple[Obligation, ...]) -> tuple[Verdict, Trace | None]:
        """HOLDS if z3 refutes every obligation; else the counterexample to the first it cannot."""
        failing, trace, verdict = [], None, Verdict.HOLDS
        for obligation in obligations:
            at = self.steps.at(obligation.kind, self.state)
            answer, found = self.solver.refute(obligation.spoken(at), obligation.broken(at))
            if answer is Verdict.HOLDS:
                continue
            failing.append(obligation)
            verdict = Verdict.UNDECIDED
            if trace is None and found is not None:
                before = self.steps.state_found(found, self.state)
                event = self.steps.event_found(found, obligation.kind, at)
                wrong = f"not kept by induction: {obligation.wrong}"
                trace = self.steps.trace(before, (event,), wrong)
        real = self.trace_from_the_start(failing)
        return (Verdict.VIOLATED, real) if real is not None else (verdict, trace)

    def speaks(self, obligation: Obligation) -> bool:
        """Whether there is a state that the obligation speaks about."""
        at = self.steps.at(obligation.kind, self.state)
        return self.solver.refute(obligation.spoken(at))[0] is Verdict.VIOLATED

    def trace_from_the_start(self, failing: list[Obligation]) -> Trace | None:
        """The shortest trace on which one of these really fails, if it is short enough."""
        path = Unrolled(self.steps)
        for _ in range(TRACE_STEPS if failing else 0):
            for obligation in failing:
                at = self.steps.at(obligation.kind, path.states[-1])
                claim = every([obligation.spoken(at), obligation.broken(at)])
                found, first, events = path.find(claim)
                if found is not None:
                    last = self.steps.event_found(found, obligation.kind, at)
                    return self.steps.trace(first, (*events, last), obligation.wrong)
            path.extend()
        return None

    def obligations(self, claim: Provable) -> Iterator[Obligation]:
        """What must be refuted at each event for a property to hold."""
        match claim:
            case Always() | Never():
                for case in self.cases:
                    yield self.kept(invariant(claim), case)
            case AlwaysStep():
                for case in self.cases:
                    if not claim.events or case.kind in claim.events:
                        yield self.of_kind(claim, case)
            case Answered() | Refuses():
                for kind in claim.events:
                    if kind in self.steps.lifecycle.events:
                        yield self.answered(claim, kind)

    def kept(self, guard: Guard, case: Case) -> Obligation:
        """A row leaves an invariant true."""

        def broken(at: At) -> Formula:
            return opposite(formula(guard, At(self.steps.after(case, at))))

        wrong = f"needs {guard}; row: {case.rule}"
        return Obligation(case.kind, lambda at: self.steps.fires(case, at), broken, wrong)

    def of_kind(self, claim: AlwaysStep, case: Case) -> Obligation:
        """A row takes no step but of the kind that is claimed."""
        outputs = case.rule.does
        missing = [str(output) for output in claim.does if output not in outputs]
        unwanted = [str(output) for output in claim.never if output in outputs]
        right = literal(not missing and not unwanted)

        def spoken(at: At) -> Formula:
            return every([self.steps.fires(case, at), formula(claim.before, at)])

        def broken(at: At) -> Formula:
            after = At(self.steps.after(case, at), at.values, at.state)
            return opposite(every([right, formula(claim.after, after)]))

        wrong = f"does {', '.join(unwanted)}" if unwanted else f"after it, needs {claim.after}"
        wrong = f"does not {', '.join(missing)}" if missing else wrong
        return Obligation(case.kind, spoken, broken, f"{wrong}; row: {case.rule}")

    def answered(self, claim: Answered | Refuses, kind: EventKind) -> Obligation:
        """An event is answered, or refused with one error."""
        steps, refusals = self.steps, self.steps.refusals(kind)
        rules = [case.rule for case in self.cases if case.kind is kind]
        rows: tuple[DeclaredRow, ...] = (*refusals, *rules)

        def unknown(at: At) -> Formula:
            return opposite(some(steps.applies(row, at) for row in rows))

        def other(at: At) -> Formula:
            right = literal(False)
            for refusal in reversed(refusals if isinstance(claim, Refuses) else ()):
                says = literal(isinstance(claim, Refuses) and refusal.error is claim.error)
                right = chosen(steps.applies(refusal, at), says, right)
            return opposite(right)

        def spoken(at: At) -> Formula:
            return every([steps.possible(kind, at), formula(claim.when, at)])

        if isinstance(claim, Answered):
            return Obligation(kind, spoken, unknown, "no row knows this step")
        return Obligation(kind, spoken, other, f"not refused with {claim.error.__name__}")


def invariant(claim: Provable) -> Guard:
    """What a property says of every state: nothing, if it is about steps."""
    match claim:
        case Always(holds=holds):
            return holds
        case Never(reached=reached):
            return ~reached
    return ALWAYS
