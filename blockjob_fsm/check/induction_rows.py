"""Whether a table is well formed, proved instead of sampled: over every state and every value.

The same three questions as the checks made when a table is loaded, answered by another means: that
no two rules can fire at once, that each row can fire, that each verb is answered in each phase.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import combinations, takewhile

from blockjob_fsm.check.report import Row, Trace, Verdict
from blockjob_fsm.check.z3_steps import Case, Steps
from blockjob_fsm.check.z3_terms import At, Formula, Solver, every, opposite, some
from blockjob_fsm.declaration import Actor, EventKind, Lifecycle, Rule
from blockjob_fsm.declaration import Row as DeclaredRow
from blockjob_fsm.guards import Control
from blockjob_fsm.wellformed import rows_of

Answer = tuple[Verdict, Trace | None]


def prove_rows(lifecycle: Lifecycle[Control]) -> tuple[Row, ...]:
    """One row per question; `instances` counts the pairs, rows and verbs that were tried."""
    rows = _Rows(lifecycle)
    return (
        rows.row("rows-disjoint", "no two rules can fire at once", rows.overlaps()),
        rows.row("rows-alive", "each row can fire in some state", rows.dead()),
        rows.row("verbs-answered", "each verb is answered or refused", rows.unanswered()),
    )


class _Rows:
    def __init__(self, lifecycle: Lifecycle[Control]) -> None:
        self.steps = Steps(lifecycle)
        self.cases = tuple(self.steps.cases())
        self.state = self.steps.state()
        self.solver = Solver()

    def row(self, name: str, claim: str, answers: Iterator[Answer]) -> Row:
        """The verdict on one question: the worst of its answers, with its example."""
        began = time.perf_counter()
        all_answers = list(answers)
        worst, trace = Verdict.HOLDS, None
        for verdict, example in all_answers:
            if verdict is Verdict.VIOLATED and worst is not Verdict.VIOLATED:
                worst, trace = verdict, example
            elif verdict is Verdict.UNDECIDED and worst is Verdict.HOLDS:
                worst = verdict
        return Row(
            model=f"induction {self.steps.lifecycle.profile}",
            property=name,
            claim=claim,
            verdict=worst,
            states=0,
            depth=1,
            seconds=time.perf_counter() - began,
            instances=len(all_answers),
            trace=trace,
        )

    def overlaps(self) -> Iterator[Answer]:
        """For each two rules of one event: a state in which both fire."""
        for first, second in combinations(self.cases, 2):
            if first.kind is second.kind and set(first.rule.phases) & set(second.rule.phases):
                at = self.steps.at(first.kind, self.state)
                both = every(self.steps.fires(case, at) for case in (first, second))
                wrong = f"two rules can fire at once: [{first.rule}] and [{second.rule}]"
                yield self.example(both, first.kind, at, wrong)

    def dead(self) -> Iterator[Answer]:
        """For each row: whether it never fires."""
        for row in rows_of(self.steps.lifecycle):
            verdict, _ = self.solver.refute(some(self.can_fire(row, kind) for kind in row.events))
            if verdict is Verdict.HOLDS:
                yield Verdict.VIOLATED, Trace("", (), f"dead row: {row}")
            else:
                yield (Verdict.HOLDS if verdict is Verdict.VIOLATED else verdict), None

    def unanswered(self) -> Iterator[Answer]:
        """For each verb: a state that no row answers it in."""
        for kind in self.steps.lifecycle.events:
            if kind.actor is Actor.USER:
                at = self.steps.at(kind, self.state)
                rules = [case.rule for case in self.cases if case.kind is kind]
                applying = [self.steps.applies(rule, at) for rule in rules]
                applying += [self.steps.applies(r, at) for r in self.steps.refusals(kind)]
                yield self.example(opposite(some(applying)), kind, at, "no row answers it here")

    def can_fire(self, row: DeclaredRow, kind: EventKind) -> Formula:
        """That a row is the one that answers an event."""
        at = self.steps.at(kind, self.state)
        if isinstance(row, Rule):
            return self.steps.fires(Case(kind, row), at)
        earlier = takewhile(lambda refusal: refusal is not row, self.steps.refusals(kind))
        first = opposite(some(self.steps.applies(refusal, at) for refusal in earlier))
        return every([first, self.steps.applies(row, at)])

    def example(self, wrong: Formula, kind: EventKind, at: At, text: str) -> Answer:
        """HOLDS if there is no state and event of this kind; else the first one found."""
        verdict, found = self.solver.refute(wrong)
        if found is None:
            return verdict, None
        state = self.steps.state_found(found, self.state)
        event = self.steps.event_found(found, kind, at)
        return verdict, self.steps.trace(state, (event,), text)
