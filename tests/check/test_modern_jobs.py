"""Whole modern jobs explored: what is claimed of them can be broken, and by what."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from inspect import signature

import pytest

from blockjob_fsm.bodies.backup import CopierBackup
from blockjob_fsm.bodies.commit import PolicyCommit
from blockjob_fsm.bodies.copying import Stage
from blockjob_fsm.bodies.linear import Stage as LinearStage
from blockjob_fsm.bodies.mirror import Mirror, ModernMirror
from blockjob_fsm.bodies.requests import Body, JobView, Mirrored, Outcome, Woken
from blockjob_fsm.bodies.stream import Stream
from blockjob_fsm.check.judge import judge
from blockjob_fsm.check.mirror_world import Pair
from blockjob_fsm.check.report import Row, Verdict
from blockjob_fsm.check.space import explore, replay
from blockjob_fsm.check.whole_jobs import WHOLE_JOBS_FAIR, WHOLE_PROPERTIES, WholeJob, whole_jobs
from blockjob_fsm.lifecycles.modern import modern
from blockjob_fsm.properties import Sometimes

JOBS = {one.name: one for one in whole_jobs()}
ROWS = modern("7.2")
QUICK = ("commit-report", "stream-manual", "mirror-quiet-report", "backup-none")


def judged(job: WholeJob, *names: str) -> dict[str, Row]:
    """The rows of a job's claims, or of those that are named."""
    claims = [claim for claim in job.claims if not names or claim.name in names]
    rows = judge(job.name, explore(job.model(ROWS)), tuple(claims), WHOLE_JOBS_FAIR)
    return {row.property: row for row in rows}


@pytest.mark.parametrize("name", QUICK)
def test_every_claim_holds_of_a_small_job(name: str) -> None:
    assert {row.verdict for row in judged(JOBS[name]).values()} == {Verdict.HOLDS}


@pytest.mark.parametrize("kind", ["stream", "commit", "mirror", "backup"])
def test_each_kind_of_job_is_explored(kind: str) -> None:
    assert any(one.driver.type == kind for one in JOBS.values())


@pytest.mark.parametrize("job", JOBS.values(), ids=JOBS)
def test_every_claim_has_its_witness_where_it_is_made(job: WholeJob) -> None:
    witnesses = {claim.name for claim in job.claims if isinstance(claim, Sometimes)}
    assert {getattr(claim, "witness", claim.name) for claim in job.claims} <= witnesses


def test_a_name_is_one_claim_but_for_the_data() -> None:
    names = [claim.name for claim in WHOLE_PROPERTIES]
    assert {name for name in names if names.count(name) > 1} == {"data", "clean-up"}


# ---- bodies that are wrong, and the claims that find it


class Stubborn(ModernMirror):
    """Copies until it is clean, whatever it is asked: no look between two rounds."""

    def pace(self, control: JobView) -> "Stubborn":
        return Mirror.pace(self, control)


class Announcing(ModernMirror):
    """Goes on to its flush, and gets ready, though it was cancelled with force."""

    def counted(self, chunks: int, control: JobView) -> "Announcing":
        return Mirror.counted(self, chunks, control)


class Hasty(ModernMirror):
    """Ends without the last look at the bitmap with its guests kept out."""

    def counted(self, chunks: int, control: JobView) -> "Hasty":
        after = ModernMirror.counted(self, chunks, control)
        return after.at(Stage.DECIDE) if after.stage is Stage.DRAIN else after


class Forgetful(CopierBackup):
    """Takes a unit that failed for saved."""

    def on_outcome(self, outcome: Outcome, control: JobView) -> "Forgetful":
        if isinstance(outcome, Mirrored) and outcome.errno:
            outcome = replace(outcome, errno=0, dirty=0)
        return CopierBackup.on_outcome(self, outcome, control)


class Careless(CopierBackup):
    """Never looks at what failed."""

    def on_outcome(self, outcome: Outcome, control: JobView) -> "Careless":
        return replace(CopierBackup.on_outcome(self, outcome, control), is_unseen=False)


class Sleepless(Stream):
    """Takes a wake-up for permission to go on, cancelled or not."""

    def on_outcome(self, outcome: Outcome, control: JobView) -> "Sleepless":
        told = Woken(False) if isinstance(outcome, Woken) else outcome
        return Stream.on_outcome(self, told, control)


class Premature(PolicyCommit):
    """Changes the chain although it was cancelled."""

    def on_outcome(self, outcome: Outcome, control: JobView) -> "Premature":
        after = PolicyCommit.on_outcome(self, outcome, control)
        if self.stage is LinearStage.DECIDE:
            after = replace(after, stage=LinearStage.CHANGE)
        assert isinstance(after, Premature)
        return after


@dataclass(frozen=True)
class Wrong:
    """A job with a body, or a device, that is wrong, and the claim that finds it."""

    job: str
    change: Callable[[WholeJob], WholeJob]
    claim: str


def with_body(kind: Callable[..., Body]) -> Callable[[WholeJob], WholeJob]:
    """The job with the same fields in a body of another kind."""

    def changed(job: WholeJob) -> WholeJob:
        given = signature(kind).parameters
        names = [name for name in given if hasattr(job.body, name)]
        return replace(job, body=kind(**{name: getattr(job.body, name) for name in names}))

    return changed


def late_marks(job: WholeJob) -> WholeJob:
    assert isinstance(job.devices, Pair)
    return replace(job, devices=replace(job.devices, clears_late=True))


WRONG = {
    "a mirror of 1.3": Wrong("mirror-report", with_body(Mirror), "9-pauses"),
    "stubborn": Wrong("mirror-ignore", with_body(Stubborn), "43-ends"),
    "announcing": Wrong("mirror-report", with_body(Announcing), "35-too-late"),
    "hasty": Wrong("mirror-report", with_body(Hasty), "data"),
    "marks cleared late": Wrong("mirror-report", late_marks, "35-covered"),
    "forgetful": Wrong("backup-report", with_body(Forgetful), "legal"),
    "careless": Wrong("backup-report", with_body(Careless), "34-told"),
    "sleepless": Wrong("stream-report", with_body(Sleepless), "20-leaves"),
    "premature": Wrong("stream-manual", with_body(Premature), "legal"),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_a_wrong_job_is_found_by_the_claim_it_breaks(wrong: Wrong) -> None:
    job = wrong.change(JOBS[wrong.job])
    row = judged(job, wrong.claim)[wrong.claim]
    assert row.verdict is Verdict.VIOLATED
    if row.trace is not None:
        model = job.model(ROWS)
        [start] = model.initial()
        labels = [label for _, label, _ in row.trace.moves]
        assert len(list(replay(model, start, labels))) == len(labels)
