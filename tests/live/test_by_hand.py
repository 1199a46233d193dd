"""Jobs whose body is the caller's own code: the job's thread beside the user's."""

import errno
import threading
from collections.abc import Callable, Iterator

import pytest

from blockjob_fsm.block_job import BlockJob
from blockjob_fsm.error_action import ErrorAction, OnError
from blockjob_fsm.errors import DeviceNotActive, IllegalStep
from blockjob_fsm.executor import Executor
from blockjob_fsm.job_type import BlockJobType
from blockjob_fsm.lifecycles.classic_words import Phase
from blockjob_fsm.storage import Drive, MemoryDevice
from tests.live.world import BY_HAND, STOPS, Bench, Notes, in_thread
from tests.storage.threads import until

PATIENCE_S = 20.0
HOUR_NS = 3600 * 10**9


class Worker:
    """A started job and a thread that takes one step of it after another; `slept` says how."""

    def __init__(self, executor: Executor, notes: Notes) -> None:
        self.drive = Drive("d", MemoryDevice(1024), policy=STOPS)
        options = notes.options(self.drive)
        self.job = BlockJob.create(BY_HAND, self.drive, executor=executor, **options)
        self.slept: list[bool] = []
        self.job.start()

    def sleeps(self, ns: int) -> threading.Thread:
        """A thread in which the job sleeps, seen asleep or parked."""
        thread = in_thread(lambda: self.slept.append(self.job.sleep(ns)))
        until(lambda: self.job.phase in (Phase.ASLEEP, Phase.PARKED))
        return thread


@pytest.fixture
def worker(pool: Executor, notes: Notes) -> Iterator[Worker]:
    """A job by hand on real threads; it is over afterwards."""
    made = Worker(pool, notes)
    yield made
    if made.job.phase in (Phase.RUNNING, Phase.LEAVING):
        made.job.completed(0)
    assert not made.drive.in_use


# ---- sleep


@pytest.mark.parametrize(
    ("verb", "goes_on"),
    [(BlockJob.resume, True), (BlockJob.cancel, False), (BlockJob.user_cancel, False)],
)
def test_a_verb_ends_a_long_sleep_at_once(
    verb: Callable[[BlockJob], None], goes_on: bool, worker: Worker
) -> None:
    thread = worker.sleeps(HOUR_NS)
    verb(worker.job)
    thread.join(PATIENCE_S)
    assert worker.slept == [goes_on]


@pytest.mark.parametrize(("verb", "goes_on"), [(BlockJob.resume, True), (BlockJob.cancel, False)])
def test_a_verb_ends_a_parked_wait(
    verb: Callable[[BlockJob], None], goes_on: bool, worker: Worker
) -> None:
    worker.job.pause()
    thread = worker.sleeps(0)
    assert (worker.job.phase, worker.job.busy) == (Phase.PARKED, False)
    verb(worker.job)
    thread.join(PATIENCE_S)
    assert (worker.slept, worker.job.is_paused) == ([goes_on], False)


def test_a_sleep_ends_by_itself(worker: Worker) -> None:
    assert worker.job.sleep(10**6)


def test_a_cancelled_job_never_sleeps(worker: Worker) -> None:
    worker.job.cancel()
    assert not worker.job.sleep(HOUR_NS)
    assert worker.job.phase is Phase.LEAVING
    worker.job.completed(0)


def test_a_pause_in_a_sleep_takes_effect_at_the_next_one(worker: Worker) -> None:
    thread = worker.sleeps(50 * 10**6)
    worker.job.pause()
    thread.join(PATIENCE_S)
    assert (worker.slept, worker.job.phase, worker.job.is_paused) == ([True], Phase.RUNNING, True)
    second = worker.sleeps(0)
    assert worker.job.phase is Phase.PARKED
    worker.job.resume()
    second.join(PATIENCE_S)


# ---- what a job that leaves may still do


@pytest.mark.parametrize(
    "step",
    [
        lambda job: job.ready(),
        lambda job: job.sleep(0),
        lambda job: job.start(),
        lambda job: job.error_action(job.device, OnError.STOP, is_read=True, errno=errno.EIO),
    ],
    ids=["ready", "sleep", "start", "error_action"],
)
def test_a_job_that_found_itself_cancelled_may_only_end(
    step: Callable[[BlockJob], object], bench: Bench, notes: Notes
) -> None:
    job = bench.by_hand(Drive("d"), notes)
    job.cancel()
    assert not job.sleep(0)
    before = job.control
    with pytest.raises(IllegalStep, match="leaving"):
        step(job)
    assert job.control == before
    job.completed(0)
    assert notes.log == ["BLOCK_JOB_CANCELLED", "callback 0"]


def test_a_job_that_is_over_cannot_end_again(bench: Bench, notes: Notes) -> None:
    job = bench.by_hand(Drive("d"), notes)
    job.completed(0)
    with pytest.raises(IllegalStep):
        job.completed(0)
    assert notes.results == [0]


@pytest.mark.parametrize(
    "verb",
    [
        BlockJob.pause,
        BlockJob.resume,
        BlockJob.cancel,
        BlockJob.user_cancel,
        BlockJob.complete,
        BlockJob.iostatus_reset,
        BlockJob.query,
        lambda job: job.set_speed(1),
    ],
)
def test_a_job_that_is_over_is_no_active_job(
    verb: Callable[[BlockJob], object], bench: Bench
) -> None:
    job = bench.by_hand(Drive("d"))
    job.completed(0)
    with pytest.raises(DeviceNotActive, match="No active block job on device 'd'"):
        verb(job)


def test_a_job_by_hand_that_was_asked_to_complete_swaps_by_hand(bench: Bench, notes: Notes) -> None:
    medium = MemoryDevice(1024)
    job = bench.by_hand(Drive("d", medium), notes)
    job.ready()
    job.complete()
    job.completed(0)
    assert notes.log == ["BLOCK_JOB_READY", "BLOCK_JOB_COMPLETED", "callback 0"]
    assert job.device.medium is medium


# ---- errors by hand


@pytest.mark.parametrize(
    ("policy", "error", "action", "paused", "status"),
    [
        (OnError.REPORT, errno.ENOSPC, ErrorAction.REPORT, False, "ok"),
        (OnError.IGNORE, errno.EIO, ErrorAction.IGNORE, False, "ok"),
        (OnError.ENOSPC, errno.EIO, ErrorAction.REPORT, False, "ok"),
        (OnError.ENOSPC, errno.ENOSPC, ErrorAction.STOP, True, "nospace"),
        (OnError.STOP, errno.EIO, ErrorAction.STOP, True, "failed"),
        (OnError.STOP, errno.ENOSPC, ErrorAction.STOP, True, "nospace"),
    ],
)
def test_an_error_by_hand_follows_the_table(
    policy: OnError, error: int, action: ErrorAction, paused: bool, status: str
) -> None:
    bench, notes = Bench(), Notes()
    drive = Drive("d", policy=STOPS)
    job = bench.by_hand(drive, notes)
    assert job.error_action(drive, policy, is_read=False, errno=error) is action
    assert (job.is_paused, job.iostatus.value, drive.io_status.value) == (paused, status, "ok")
    assert notes.events[0].data() == {"device": "d", "operation": "write", "action": action.value}
    job.completed(0)


def test_an_error_of_the_target_names_the_jobs_device(bench: Bench, notes: Notes) -> None:
    target = Drive("t", policy=STOPS)
    job = bench.by_hand(Drive("d", policy=STOPS), notes)
    job.error_action(target, OnError.STOP, is_read=False, errno=errno.ENOSPC)
    assert notes.events[0].data()["device"] == "d"
    assert (job.iostatus.value, target.io_status.value) == ("nospace", "nospace")
    job.resume()
    assert (job.iostatus.value, target.io_status.value) == ("ok", "ok")
    job.completed(0)


def test_the_first_error_stays_until_it_is_reset(bench: Bench) -> None:
    drive = Drive("d", policy=STOPS)
    job = bench.by_hand(drive)
    for error, status in ((errno.ENOSPC, "nospace"), (errno.EIO, "nospace")):
        job.error_action(drive, OnError.STOP, is_read=True, errno=error)
        assert job.iostatus.value == status
    drive.iostatus_reset()
    assert (job.iostatus.value, job.is_paused) == ("ok", True)
    job.error_action(drive, OnError.STOP, is_read=True, errno=errno.EIO)
    assert job.iostatus.value == "failed"
    job.cancel()
    job.completed(0)


# ---- waiting


def test_a_wait_ends_at_its_timeout_however_often_the_job_wakes(worker: Worker) -> None:
    enough, tired = threading.Event(), threading.Event()

    def work() -> None:
        for _ in range(20_000):
            if enough.is_set():
                return
            worker.job.sleep(0)
        tired.set()

    thread = in_thread(work)
    assert not worker.job.wait(0.1)
    assert not tired.is_set()
    enough.set()
    thread.join(PATIENCE_S)


def test_completed_returns_after_the_callback_even_if_another_thread_makes_it(
    pool: Executor, notes: Notes
) -> None:
    inside, go = threading.Event(), threading.Event()

    def hold(_: object) -> None:
        inside.set()
        assert go.wait(PATIENCE_S)

    drive = Drive("d")
    kind = BlockJobType("held", set_speed=hold)
    job = BlockJob.create(kind, drive, executor=pool, **notes.options(drive))
    job.start()

    def end() -> None:
        job.completed(0)
        notes.log.append("completed returned")

    in_thread(lambda: job.set_speed(5))
    assert inside.wait(PATIENCE_S)
    ending = in_thread(end)
    until(lambda: job.phase is Phase.ENDING)
    go.set()
    ending.join(PATIENCE_S)
    assert notes.log == ["BLOCK_JOB_COMPLETED", "callback 0", "completed returned"]


def test_a_wait_that_nothing_can_end_is_said_and_not_waited_for(bench: Bench) -> None:
    job = bench.by_hand(Drive("d"))
    with pytest.raises(IllegalStep, match="nothing that is pending can end this wait"):
        job.wait()
    assert not job.wait(1.0)


def test_without_workers_the_real_clock_is_waited_for() -> None:
    job = BlockJob.create(BY_HAND, Drive("d"), executor=Executor(workers=0))
    job.start()
    assert job.sleep(10**6)
    job.completed(0)
