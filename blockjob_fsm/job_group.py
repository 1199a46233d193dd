"""The jobs of one transaction as a value: an input to one of them, and what it brings about in all.

Pure, like the jobs. Two things are left to whoever holds a group: the driver's own work behind a
prepare step, and waiting for a member that is to end while its I/O is under way.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from blockjob_fsm.declaration import Refused
from blockjob_fsm.job import Effect, Input
from blockjob_fsm.lifecycles import modern_words as words
from blockjob_fsm.lifecycles.modern_words import ModernControl
from blockjob_fsm.lifecycles.transaction import Due, Transaction
from blockjob_fsm.modern_job import Fire, ModernJob, advance

Effects = tuple[tuple[str, Effect], ...]


@dataclass(frozen=True, slots=True)
class JobGroup:
    """Jobs, newest first, and their transaction."""

    jobs: tuple[ModernJob, ...]
    transaction: Transaction

    def job(self, member: str) -> ModernJob:
        """The member of this id."""
        return next(job for job in self.jobs if job.id == member)

    def with_job(self, changed: ModernJob) -> JobGroup:
        """The group with one job replaced by its successor."""
        jobs = tuple(changed if job.id == changed.id else job for job in self.jobs)
        return replace(self, jobs=jobs)

    def due(self) -> Due | None:
        """The next step that the transaction wants of a member."""
        return self.transaction.due({job.id: job.control for job in self.jobs})


def group_of(*jobs: ModernJob) -> JobGroup:
    """A group of jobs, given newest first."""
    return JobGroup(jobs, Transaction(tuple(job.id for job in jobs)))


@dataclass(frozen=True, slots=True)
class Delivered:
    """The group after an input, and the effects in order, each with its job's id.

    `waits_for` PREPARE: run the driver's own work, then deliver PREPARE with its result. KICK: the
    member has been entered, and the next input goes on with the walk. None: nothing is due.
    """

    group: JobGroup
    effects: Effects
    waits_for: Due | None


def deliver(
    group: JobGroup, member: str, given: Input, fire: Fire
) -> Delivered | Refused[ModernControl]:
    """Give a member an input, and take all steps that are due then."""
    taken = _take(group, member, given, fire)
    if isinstance(taken, Refused):
        return taken
    group, effects = taken
    while (due := group.due()) is not None and due.kind is not words.PREPARE:
        step = _take(group, due.member, Input(due.kind(), given.now_ns), fire)
        assert not isinstance(step, Refused), f"{due} is due: {step.reason}"
        group = replace(step[0], transaction=step[0].transaction.took(due))
        effects += step[1]
        if due.kind is words.KICK:
            break
    return Delivered(group, effects, due)


def _take(
    group: JobGroup, member: str, given: Input, fire: Fire
) -> tuple[JobGroup, Effects] | Refused[ModernControl]:
    result = advance(group.job(member), given, fire)
    if isinstance(result, Refused):
        return result
    heard = group.transaction.heard(member, result.outputs)
    after = replace(group.with_job(result.job), transaction=heard)
    return after, tuple((member, effect) for effect in result.effects)
