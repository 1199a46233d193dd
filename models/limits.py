"""What is not promised: claims that are false of the 2012 job, with the trace that shows it.

Each must come out VIOLATED. One that begins to hold is as much a change as one that ceases to.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from blockjob_fsm.check import job_claims
from blockjob_fsm.check.control import ControlModel
from blockjob_fsm.check.judge import judge
from blockjob_fsm.check.report import Row
from blockjob_fsm.check.scenarios import FAIR, scenarios
from blockjob_fsm.check.space import explore
from blockjob_fsm.guards import Guard
from blockjob_fsm.lifecycles.classic import CLASSIC
from blockjob_fsm.lifecycles.classic_words import LIVE, PHASE, SYNCED, Phase
from blockjob_fsm.properties import LeadsTo, Property
from blockjob_fsm.properties.classic_states import in_phase

_FREED = in_phase(Phase.FREED)


@dataclass(frozen=True, slots=True)
class Limit:
    """A claim that is not made, and why nobody could keep it."""

    name: str
    why: str
    found: Row


def limits() -> Iterator[Limit]:
    """Every limit, explored now."""
    yield Limit(
        "endless-guest",
        "cancelling a mirror in step completes it, and a guest that never stops keeps it busy",
        _on("mirror-report", job_claims.ENDS_WHEN_CANCELLED[0]),
    )
    yield Limit(
        "endless-errors",
        "a mirror that ignores errors tries again for as long as the disk fails",
        _on("mirror-quiet-ignore-ignore", _leads("gets-ready", SYNCED | _FREED)),
    )
    yield Limit(
        "no-user",
        "a parked job waits for its user, and no user can be made to come back",
        _on_control(
            LeadsTo(
                name="unparks",
                claim="a parked job is woken",
                start=PHASE.equals(Phase.PARKED),
                goal=~PHASE.equals(Phase.PARKED),
                witness="parks",
            )
        ),
    )


def _leads(name: str, goal: Guard) -> LeadsTo:
    claim = "a mirror whose guest is quiet gets into step, or fails"
    return LeadsTo(name=name, claim=claim, start=in_phase(*LIVE), goal=goal, witness="lives")


def _on(scenario: str, claim: Property) -> Row:
    chosen = next(s for s in scenarios() if s.name == scenario)
    (row,) = judge(scenario, explore(chosen.model(CLASSIC)), (claim,), FAIR)
    return row


def _on_control(claim: LeadsTo) -> Row:
    (row,) = judge("control", explore(ControlModel(CLASSIC)), (claim,), FAIR)
    return row
