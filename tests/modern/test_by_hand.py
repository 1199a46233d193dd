"""Modern jobs without a body, whose steps the test takes, and the hooks of a kind."""

import errno as errno_codes
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from blockjob_fsm.block_job import BlockJob
from blockjob_fsm.error_action import ErrorAction, IoStatus, OnError
from blockjob_fsm.errors import CannotBeCompleted, IllegalStep
from blockjob_fsm.events import QmpEvent
from blockjob_fsm.executor import Executor
from blockjob_fsm.job_type import BlockJobType
from blockjob_fsm.lifecycles.modern import MODERN
from blockjob_fsm.lifecycles.modern_words import Place, Status
from blockjob_fsm.modern_block_job import ModernBlockJob
from blockjob_fsm.storage import Drive
from tests.live.world import in_thread
from tests.modern.world import LETTERS


def nothing(*_: object) -> None:
    """A hook that has nothing to do."""


BY_HAND = BlockJobType("by-hand", complete=nothing)


@dataclass
class Hand:
    """An executor, and one job on it at a time; `said` is its events in a word each."""

    executor: Executor
    heard: list[str] = field(default_factory=list)

    def job(
        self, kind: BlockJobType = BY_HAND, speed: int = 0, *, manual: bool = False
    ) -> ModernBlockJob:
        return BlockJob.create(
            kind,
            Drive("j0"),
            speed,
            executor=self.executor,
            on_event=self.hear,
            lifecycle=MODERN,
            auto_finalize=not manual,
            auto_dismiss=not manual,
        )

    def started(self, kind: BlockJobType = BY_HAND, *, manual: bool = False) -> ModernBlockJob:
        job = self.job(kind, manual=manual)
        job.start()
        return job

    def hear(self, event: QmpEvent) -> None:
        word = event.name.removeprefix("BLOCK_JOB_")
        status = str(event.data().get("status"))
        self.heard.append(LETTERS[status] if event.name == "JOB_STATUS_CHANGE" else word)

    @property
    def said(self) -> str:
        return " ".join(self.heard)


@pytest.fixture
def hand() -> Iterator[Hand]:
    with Executor() as executor:
        yield Hand(executor)


def stopped(job: ModernBlockJob) -> ErrorAction:
    """What the job does about a disk that is full, under policy stop."""
    return job.error_action(job.device, OnError.STOP, is_read=False, errno=errno_codes.ENOSPC)


# The steps.


def test_a_lone_job_is_over_when_its_own_work_is_completed(hand: Hand) -> None:
    job = hand.started()
    assert job.sleep(1)
    job.completed(0)
    assert (hand.said, job.status, job.device.in_use) == (
        "C R W D COMPLETED E N",
        Status.NULL,
        False,
    )


def test_a_job_that_does_not_finalize_itself_is_left_pending(hand: Hand) -> None:
    job = hand.started(manual=True)
    job.completed(0)
    assert (hand.said, job.status) == ("C R W D PENDING", Status.PENDING)
    job.cancel_sync()


def test_a_failure_is_the_jobs_result(hand: Hand) -> None:
    job = hand.started()
    job.completed(-errno_codes.EIO)
    assert (hand.said, job.control.ret) == ("C R X COMPLETED E N", -errno_codes.EIO)


def test_a_cancelled_job_may_only_end(hand: Hand) -> None:
    job = hand.started()
    job.cancel()
    assert not job.sleep(1 << 60)
    job.completed(0)
    assert (hand.said, job.is_cancelled) == ("C R X CANCELLED E N", True)


def test_a_cancel_ends_a_sleep(hand: Hand) -> None:
    job, slept = hand.started(), list[bool]()
    sleeper = in_thread(lambda: slept.append(job.sleep(1 << 60)))
    while job.control.place is not Place.ASLEEP:
        pass
    job.cancel()
    sleeper.join(20)
    assert slept == [False]
    job.completed(0)


def test_a_cancel_without_force_leaves_a_ready_job_to_end_in_step(hand: Hand) -> None:
    job = hand.started()
    job.ready()
    job.user_cancel()
    assert job.sleep(0)
    assert (job.cancelled, job.is_cancelled) == (True, False)
    job.completed(0)
    assert hand.said == "C R Y READY W D COMPLETED E N"


def test_a_paused_job_takes_no_step_until_it_is_resumed(hand: Hand) -> None:
    job = hand.job()
    job.pause()
    job.start()
    worker = in_thread(lambda: job.completed(0))
    assert job.wait(Status.PAUSED, timeout_s=20)
    assert job.is_paused
    job.resume()
    worker.join(20)
    assert hand.said == "C R P R W D COMPLETED E N"


def test_a_sleep_inside_a_drained_section_lasts_as_long_as_that(hand: Hand) -> None:
    job, slept = hand.started(), list[bool]()
    job.drain_begin()
    sleeper = in_thread(lambda: slept.append(job.sleep(0)))
    assert job.wait(Status.PAUSED, timeout_s=20)
    job.drain_end()
    sleeper.join(20)
    assert (slept, hand.said) == ([True], "C R P R")
    job.completed(0)


def test_an_error_stop_pauses_the_job_as_its_user_does(hand: Hand) -> None:
    job = hand.started()
    assert stopped(job) is ErrorAction.STOP
    assert (job.iostatus, job.control.user_paused) == (IoStatus.NOSPACE, True)
    job.resume()
    assert job.iostatus is IoStatus.OK
    job.completed(0)
    assert hand.said == "C R ERROR W D COMPLETED E N"


def test_without_threads_a_step_runs_what_is_due() -> None:
    hand = Hand(Executor(workers=0))
    job = hand.started()
    assert job.sleep(0)
    job.completed(0)
    assert hand.said == "C R W D COMPLETED E N"


def test_a_step_before_the_start_is_a_bug_of_the_callers(hand: Hand) -> None:
    job = hand.job()
    with pytest.raises(IllegalStep):
        job.sleep(0)
    job.cancel_sync()


def test_a_jobs_own_listener_cannot_sleep_for_it(hand: Hand) -> None:
    caught: list[str] = []

    def from_within(job: ModernBlockJob) -> None:
        job.pause()
        try:
            job.sleep(0)
        except RuntimeError as error:
            caught.append(str(error))

    job = hand.started(BlockJobType("x", set_speed=from_within))
    job.set_speed(1)
    assert caught == ["a job's own listener or callback cannot wait for the job"]
    job.resume()
    job.completed(0)


# The hooks of a kind.


def test_a_speed_is_told_when_it_is_in_force(hand: Hand) -> None:
    speeds: list[int] = []
    kind = BlockJobType("x", set_speed=lambda job: speeds.append(job.speed))
    job = hand.job(kind, speed=7)
    job.set_speed(9)
    job.cancel_sync()
    assert speeds == [7, 9]


def test_no_speed_is_not_told_at_creation(hand: Hand) -> None:
    speeds: list[int] = []
    job = hand.job(BlockJobType("x", set_speed=lambda job: speeds.append(job.speed)))
    job.cancel_sync()
    assert speeds == []


def test_a_hook_that_fails_at_creation_leaves_no_job(hand: Hand) -> None:
    drive = Drive("d")

    def wrong(*_: object) -> None:
        raise ValueError("a user's mistake")

    with pytest.raises(ValueError, match="a user's mistake"):
        BlockJob.create(
            BlockJobType("x", set_speed=wrong),
            drive,
            1,
            executor=hand.executor,
            on_event=hand.hear,
            lifecycle=MODERN,
        )
    assert (drive.in_use, hand.said) == (False, "C N")


def test_a_kind_without_the_hook_is_never_ready(hand: Hand) -> None:
    job = hand.started(BlockJobType("mirror"))
    with pytest.raises(IllegalStep):
        job.ready()
    job.cancel()
    job.completed(0)


def test_the_hook_runs_before_the_request_counts(hand: Hand) -> None:
    seen: list[bool] = []
    kind = BlockJobType("x", complete=lambda job: seen.append(job.control.should_complete))
    job = hand.started(kind)
    job.ready()
    job.complete()
    assert (seen, job.control.should_complete) == ([False], True)
    job.completed(0)


def test_a_hook_that_fails_has_refused_the_request(hand: Hand) -> None:
    def wrong(*_: object) -> None:
        raise ValueError("not now")

    job = hand.started(BlockJobType("x", complete=wrong))
    job.ready()
    with pytest.raises(ValueError, match="not now"):
        job.complete()
    assert not job.control.should_complete
    job.completed(0)


def test_a_request_that_is_refused_runs_no_hook(hand: Hand) -> None:
    calls: list[object] = []
    job = hand.started(BlockJobType("x", complete=calls.append))
    job.ready()
    job.cancel()
    with pytest.raises(CannotBeCompleted):
        job.complete()
    assert calls == []
    job.completed(0)


@pytest.mark.parametrize("verb", ["resume", "cancel"])
def test_what_resets_an_io_status_tells_it(hand: Hand, verb: str) -> None:
    statuses: list[IoStatus] = []
    kind = BlockJobType("x", iostatus_reset=lambda job: statuses.append(job.iostatus))
    job = hand.started(kind)
    stopped(job)
    getattr(job, verb)()
    assert statuses == [IoStatus.OK]
    job.completed(0)


def test_a_resume_without_an_error_resets_nothing(hand: Hand) -> None:
    calls: list[object] = []
    job = hand.started(BlockJobType("x", iostatus_reset=calls.append))
    job.pause()
    job.resume()
    job.iostatus_reset()
    assert calls == []
    job.completed(0)


# The header's fields.


def test_every_field_of_the_header_can_be_read(hand: Hand) -> None:
    job = hand.started()
    assert (job.job_type, job.co, job.cb, job.opaque) == (BY_HAND, None, None, None)
    assert (job.busy, job.offset, job.len, job.speed) == (True, 0, 0, 0)
    job.completed(0)
