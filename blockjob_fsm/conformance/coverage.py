"""How much of the lifecycle a set of sessions has shown: changes of status, and verbs' answers.

What is possible is read from the rows of the lifecycle; what no session can show is in `left_out`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from blockjob_fsm.command_forms import FORM_OF, CommandForm
from blockjob_fsm.conformance.left_out import ACCEPTED, NEVER_SEEN
from blockjob_fsm.conformance.replay import Step
from blockjob_fsm.declaration import Actor, Lifecycle
from blockjob_fsm.errors import JobNotFound
from blockjob_fsm.lifecycles.modern_words import ModernControl, Status

#: a change of status, as words: from, to
Edge = tuple[str, str]
#: a verb, the status it met, and `ACCEPTED` or the refusal's name
Cell = tuple[str, str, str]


def possible_edges(lifecycle: Lifecycle[ModernControl]) -> set[Edge]:
    """Every change of status that some row makes."""
    return {
        (phase.value, rule.to.value)
        for rule in lifecycle.rules
        for phase in rule.phases
        if rule.to not in (None, phase) and rule.to is not None
    }


def possible_cells(lifecycle: Lifecycle[ModernControl]) -> set[Cell]:
    """Every answer that some row gives to a verb of the user's."""
    found: set[Cell] = set()
    for kind in lifecycle.events:
        for status in Status if kind.actor is Actor.USER else ():
            met = (kind.name, status.value)
            if lifecycle.rules_at(kind, status):
                found.add((*met, ACCEPTED))
            for refusal in lifecycle.refusals_at(kind, status):
                found.add((*met, refusal.error.__name__))
    return found


def is_visible(cell: Cell) -> bool:
    """Whether a session can show a cell at all."""
    return not any(row.covers(*cell) for row in NEVER_SEEN)


@dataclass(slots=True)
class Coverage:
    """What one side has shown so far."""

    lifecycle: Lifecycle[ModernControl]
    edges: set[Edge] = field(default_factory=set)
    cells: set[Cell] = field(default_factory=set)

    def add(self, steps: Iterable[Step]) -> None:
        """Take in a play of a session, from its beginning."""
        status: dict[str, str] = {}
        hidden: set[str] = set()
        for step in steps:
            form = FORM_OF.get(step.command)
            if form is not None:
                self.cells |= set(self._cell(form, step, status, hidden))
            for name, data in step.events:
                if name == "JOB_STATUS_CHANGE":
                    before = status.get(data["id"], Status.UNDEFINED.value)
                    self.edges.add((before, data["status"]))
                    status[data["id"]] = data["status"]
            status = {name: at for name, at in status.items() if at != Status.NULL.value}
            jobs, block_jobs = step.jobs or [], step.block_jobs or []
            hidden = {job["id"] for job in jobs} - {job["device"] for job in block_jobs}

    def _cell(
        self, form: CommandForm, step: Step, status: dict[str, str], hidden: set[str]
    ) -> Iterator[Cell]:
        job, event = step.arguments[form.member], form.event(step.arguments)
        gone = form.block_jobs_only and job in hidden
        met = Status.NULL if gone else Status(status.get(job, Status.NULL.value))
        if step.error is None:
            yield event.kind.name, met.value, ACCEPTED
        elif step.error == form.not_found(job).to_qmp():
            yield event.kind.name, met.value, JobNotFound.__name__
        for refusal in self.lifecycle.refusals_at(event.kind, met):
            subject = job if refusal.subject is None else refusal.subject
            verb = event.kind.verb or event.kind.name.replace("_", "-")
            if refusal.error(subject, state=met.value, verb=verb).to_qmp() == step.error:
                yield event.kind.name, met.value, refusal.error.__name__

    def report(self) -> dict[str, Any]:
        """Both tables as JSON has them: how many of how many, and the ones that are missing."""
        edges, cells = possible_edges(self.lifecycle), possible_cells(self.lifecycle)
        visible = {cell for cell in cells if is_visible(cell)}
        return {
            "changes of status": _table(self.edges, edges),
            "answers to verbs": _table(self.cells, visible),
            "never visible": len(cells - visible),
        }


def _table(taken: set[Any], possible: set[Any]) -> dict[str, Any]:
    return {
        "taken": len(taken & possible),
        "possible": len(possible),
        "missing": [" ".join(entry) for entry in sorted(possible - taken)],
        "unforeseen": [" ".join(entry) for entry in sorted(taken - possible)],
    }


def lines(report: dict[str, Any]) -> Iterator[str]:
    """A report as lines of text."""
    for name in ("changes of status", "answers to verbs"):
        table = report[name]
        yield f"  {name}: {table['taken']} of {table['possible']}"
        yield from (f"    never taken: {entry}" for entry in table["missing"])
        yield from (f"    taken against the rows: {entry}" for entry in table["unforeseen"])
    yield f"    no session can show {report['never visible']} more answers that the rows have"
