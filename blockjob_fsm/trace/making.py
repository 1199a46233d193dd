"""What is left of a command that makes jobs: all of them started, or none."""

from __future__ import annotations

from blockjob_fsm.errors import NegativeSpeed
from blockjob_fsm.lifecycles.modern_words import Status
from blockjob_fsm.trace.creation import Wish, is_outside, wishes
from blockjob_fsm.trace.explain import Finding, found
from blockjob_fsm.trace.known import Known
from blockjob_fsm.trace.recording import Line
from blockjob_fsm.trace.worlds import Error

_UNSTARTED = {Status.UNDEFINED, Status.CREATED}


def unmade(line: Line, error: Error | None, known: Known) -> Finding | None:
    """What the reply says of jobs that are not as it says; None if all are."""
    groups = wishes(line.fields["exec"], line.fields.get("args", {}))
    asked = [wish for jobs in groups for wish in jobs]
    phases = {wish.id: _phases(known, wish) for wish in asked}
    _forget_unborn(known)
    if error is None:
        late = {name for name, found_there in phases.items() if found_there & _UNSTARTED}
        because = {f"{name} has not been made and started" for name in late}
        return found(line, because, {"an error"}) if late else None
    left = {name for name, found_there in phases.items() if Status.CREATED in found_there}
    if left:
        because = {f"{name} was made, and neither started nor undone" for name in left}
        return found(line, because, {"ok"})
    return None if _is_known(error, asked) else found(line, {_UNKNOWN}, set())


_UNKNOWN = "no row has this refusal, and it is no known one of what jobs are made from"


def _is_known(error: Error, asked: list[Wish]) -> bool:
    negative = NegativeSpeed("speed")
    texts = {f"Job ID '{wish.id}' already in use" for wish in asked}
    texts |= {negative.desc for wish in asked if wish.kind.speed < 0}
    return error[1] in texts or is_outside(error[1])


def _phases(known: Known, wish: Wish) -> set[Status]:
    """The statuses of a job that was asked for; UNDEFINED if its id is another job's."""
    group = known.group(wish.id)
    is_it = group is not None and any(job is wish or job == wish for job in group.jobs)
    return group.phases(wish.id) if group is not None and is_it else {Status.UNDEFINED}


def _forget_unborn(known: Known) -> None:
    for group in list(known.groups):
        if all(group.phases(member) == {Status.UNDEFINED} for member in group.ids):
            known.groups.remove(group)
