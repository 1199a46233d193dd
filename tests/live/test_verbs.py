"""The header's functions, one by one: what they change, refuse and publish."""

import errno
import threading
from collections.abc import Callable

import pytest

from blockjob_fsm.block_job import BlockJob
from blockjob_fsm.bodies.stream import Stream
from blockjob_fsm.error_action import DevicePolicy, OnError
from blockjob_fsm.errors import (
    CannotComplete,
    DeviceInUse,
    InvalidParameter,
    JobPaused,
    NoMedium,
    NotSupported,
)
from blockjob_fsm.executor import Executor
from blockjob_fsm.job_type import BlockJobType
from blockjob_fsm.jobs import commit, mirror, stream
from blockjob_fsm.lifecycles.classic_words import Phase
from blockjob_fsm.operations.base import Operations
from blockjob_fsm.storage import Drive, Fault, FaultyDevice, MemoryDevice
from tests.live.world import (
    BY_HAND,
    MIB,
    PLAIN,
    SLICE_NS,
    UNIT,
    Bench,
    Notes,
    chain_of,
    filled,
    in_thread,
)

PATIENCE_S = 20.0


def slow_stream(bench: Bench, notes: Notes, speed: int = 1) -> BlockJob:
    """A stream asleep under its limit, with one unit done."""
    drive = Drive("d", MemoryDevice(4 * UNIT, backing=filled(4 * UNIT)))
    job = stream(drive, executor=bench.executor, **notes.options(drive, speed))
    bench.settle()
    assert (job.phase, job.offset) == (Phase.ASLEEP, UNIT)
    return job


# ---- create


def test_a_second_job_on_a_device_is_refused_and_the_first_goes_on(bench: Bench) -> None:
    notes = Notes()
    job = slow_stream(bench, notes)
    with pytest.raises(DeviceInUse, match="Device 'd' is in use"):
        stream(job.device, executor=bench.executor)
    assert job.device.job is job
    assert bench.finish(job) == 0


def test_a_device_somebody_else_uses_takes_no_job(bench: Bench) -> None:
    drive = Drive("d", MemoryDevice(MIB))
    drive.claim()
    with pytest.raises(DeviceInUse):
        stream(drive, executor=bench.executor)
    assert (drive.in_use, drive.job) == (True, None)


def test_of_many_threads_that_start_a_job_on_one_device_one_wins(pool: Executor) -> None:
    for _ in range(50):
        drive, together = Drive("d", filled(MIB)), threading.Barrier(4)
        made: list[BlockJob] = []
        refused: list[DeviceInUse] = []

        def start(
            drive: Drive = drive,
            together: threading.Barrier = together,
            made: list[BlockJob] = made,
            refused: list[DeviceInUse] = refused,
        ) -> None:
            together.wait(PATIENCE_S)
            try:
                made.append(mirror(drive, MemoryDevice(MIB), executor=pool))
            except DeviceInUse as error:
                refused.append(error)

        threads = [in_thread(start) for _ in range(4)]
        for thread in threads:
            thread.join(PATIENCE_S)
        assert (len(made), len(refused)) == (1, 3)
        assert drive.job is made[0]
        made[0].cancel_sync()


def test_a_mirror_of_an_empty_drive_is_refused(bench: Bench) -> None:
    with pytest.raises(NoMedium, match="Device 'd' has no medium"):
        mirror(Drive("d"), MemoryDevice(1), executor=bench.executor)


def test_a_stream_of_an_empty_drive_fails_as_a_job(bench: Bench, notes: Notes) -> None:
    bench.finish(stream(Drive("d"), executor=bench.executor, **notes.options()))
    assert notes.results == [-errno.ENOMEDIUM]
    assert notes.events[0].data()["error"] == "No medium found"


@pytest.mark.parametrize("policy", [OnError.STOP, OnError.ENOSPC])
def test_a_stop_nobody_could_see_is_refused_before_the_device_is_found_busy(
    policy: OnError, bench: Bench
) -> None:
    blind = DevicePolicy(OnError.REPORT, OnError.REPORT)
    drive = Drive("d", chain_of(MIB)[-1], policy=blind)
    drive.claim()
    with pytest.raises(InvalidParameter, match="on-error"):
        stream(drive, on_error=policy, executor=bench.executor)
    drive.release()
    with pytest.raises(InvalidParameter, match="on-source-error"):
        mirror(drive, MemoryDevice(MIB), on_source_error=policy, executor=bench.executor)
    assert not drive.in_use


@pytest.mark.parametrize("start", [stream, commit, mirror], ids=lambda start: start.__name__)
def test_a_negative_speed_leaves_the_device_free(
    start: Callable[..., BlockJob], bench: Bench
) -> None:
    _, middle, active = chain_of(3 * MIB, layers=3)
    drive = Drive("d", active)
    options = {commit: {"top": middle}, mirror: {"target": MemoryDevice(MIB)}}.get(start, {})
    with pytest.raises(InvalidParameter, match="speed"):
        start(drive, executor=bench.executor, speed=-1, **options)
    assert (drive.in_use, drive.job, drive.dirty) == (False, None, None)


def test_a_hook_that_raises_at_creation_leaves_the_device_free(bench: Bench) -> None:
    def wrong(_: object) -> None:
        raise ValueError("a user's mistake")

    drive = Drive("d")
    with pytest.raises(ValueError, match="a user's mistake"):
        BlockJob.create(BlockJobType("x", set_speed=wrong), drive, speed=1, executor=bench.executor)
    assert (drive.in_use, drive.job) == (False, None)


def test_operations_that_could_not_begin_are_not_closed(bench: Bench) -> None:
    class Failing(Operations):
        """What the job needs is not there."""

        def begin(self) -> None:
            raise FileNotFoundError("image")

        def close(self) -> None:
            raise AssertionError("nothing is held")

    drive = Drive("d")
    with pytest.raises(FileNotFoundError):
        BlockJob.create(BY_HAND, drive, executor=bench.executor, operations=Failing())
    assert (drive.in_use, drive.job) == (False, None)


# ---- speed


def test_the_speed_hook_runs_at_creation_only_for_a_limit(bench: Bench) -> None:
    heard: list[int] = []
    kind = BlockJobType("x", set_speed=lambda job: heard.append(job.speed))
    job = BlockJob.create(kind, Drive("a"), executor=bench.executor)
    assert heard == []
    job.set_speed(0)
    BlockJob.create(kind, Drive("b"), speed=7, executor=bench.executor)
    assert heard == [0, 7]


def test_a_refused_speed_keeps_the_old_one_and_the_limiter(bench: Bench, notes: Notes) -> None:
    job = slow_stream(bench, notes, speed=UNIT)
    limiter = job._value.limiter
    with pytest.raises(InvalidParameter, match="Invalid parameter 'speed'"):
        job.set_speed(-1)
    assert (job.speed, job._value.limiter) == (UNIT, limiter)


def test_a_type_without_the_hook_has_no_speed(bench: Bench) -> None:
    job = BlockJob.create(PLAIN, Drive("d"), executor=bench.executor)
    with pytest.raises(NotSupported):
        job.set_speed(5)
    assert job.speed == 0


def test_a_new_speed_does_not_wake_a_sleeping_job(bench: Bench, notes: Notes) -> None:
    job = slow_stream(bench, notes)
    job.set_speed(0)
    bench.settle()
    assert (job.phase, job.offset) == (Phase.ASLEEP, UNIT)
    bench.clock.advance(SLICE_NS)
    bench.settle()
    assert job.phase is Phase.FREED


@pytest.mark.parametrize("body", ["stream", "mirror"])
def test_a_limit_set_in_the_middle_of_a_long_copy_takes_hold_after_one_unit(body: str) -> None:
    bench, unit = Bench(), {"stream": UNIT, "mirror": MIB}[body]
    length = 16 * unit
    source = FaultyDevice(
        filled(length), Fault("read", delay_ns=1, nth=1), sleep_ns=lambda _: job.set_speed(1)
    )
    if body == "stream":
        job = stream(Drive("d", MemoryDevice(length, backing=source)), executor=bench.executor)
    else:
        job = mirror(Drive("d", source), MemoryDevice(length), executor=bench.executor)
    bench.settle()
    # The unit that was being copied, and the first one of a slice, which always passes.
    assert (job.phase, job.offset) == (Phase.ASLEEP, 2 * unit)


def test_a_limit_younger_than_the_query_is_charged_for_one_unit(bench: Bench) -> None:
    base = filled(16 * UNIT)
    top = FaultyDevice(
        MemoryDevice(16 * UNIT, backing=base),
        Fault("allocation", delay_ns=1, nth=1),
        sleep_ns=lambda _: job.set_speed(1),
    )
    job = stream(Drive("d", top), executor=bench.executor)
    bench.settle()
    assert job.offset == UNIT


# ---- pause, resume, cancel


def test_pauses_do_not_add_up(bench: Bench, notes: Notes) -> None:
    job = slow_stream(bench, notes)
    for _ in range(3):
        job.pause()
    job.resume()
    assert not job.is_paused


def test_a_resume_wakes_a_sleeping_job_early_and_the_limit_still_holds(bench: Bench) -> None:
    job = slow_stream(bench, Notes())
    for _ in range(5):
        job.resume()
        bench.settle()
    assert (job.phase, job.offset) == (Phase.ASLEEP, UNIT)


def test_a_pause_while_asleep_lets_one_more_unit_through(bench: Bench, notes: Notes) -> None:
    job = slow_stream(bench, notes)
    job.pause()
    bench.wake()
    assert (job.phase, job.offset) == (Phase.PARKED, 2 * UNIT)


def test_a_paused_unlimited_job_still_does_one_unit_when_its_timer_fires(bench: Bench) -> None:
    drive = Drive("d", filled(8 * MIB))
    job = mirror(drive, MemoryDevice(8 * MIB), executor=bench.executor)
    bench.settle()
    drive.guest_write(0, bytes(4 * MIB))
    job.pause()
    bench.wake()
    assert drive.dirty is not None
    assert (job.phase, drive.dirty.count) == (Phase.PARKED, 3)


def test_a_user_cannot_cancel_a_paused_job_without_force(bench: Bench, notes: Notes) -> None:
    job = slow_stream(bench, notes)
    job.pause()
    with pytest.raises(JobPaused, match="The block job for device 'd' is currently paused"):
        job.user_cancel()
    assert (job.is_paused, job.is_cancelled) == (True, False)
    job.user_cancel(force=True)
    assert notes.log == ["BLOCK_JOB_CANCELLED", "callback 0"]


def test_cancelling_a_sleeping_job_ends_it_inside_the_call(bench: Bench, notes: Notes) -> None:
    job = slow_stream(bench, notes)
    job.cancel()
    assert notes.log == ["BLOCK_JOB_CANCELLED", "callback 0"]
    assert not job.device.in_use


# ---- complete


@pytest.mark.parametrize("kind", [PLAIN, BY_HAND], ids=lambda kind: kind.name)
def test_completion_needs_a_type_that_knows_how_and_a_job_in_step(
    kind: BlockJobType, bench: Bench
) -> None:
    job = BlockJob.create(kind, Drive("d"), executor=bench.executor)
    job.start()
    text = "The active block job for device 'd' cannot be completed"
    with pytest.raises(CannotComplete, match=text):
        job.complete()


@pytest.mark.parametrize("verb", [BlockJob.pause, BlockJob.cancel])
def test_a_paused_or_cancelled_job_cannot_be_completed(
    verb: Callable[[BlockJob], None], bench: Bench
) -> None:
    job = bench.by_hand(Drive("d"))
    job.ready()
    verb(job)
    with pytest.raises(CannotComplete):
        job.complete()
    assert not job.control.should_complete


def test_a_completion_whose_files_do_not_open_changes_nothing(bench: Bench) -> None:
    def wrong(_: object) -> None:
        raise FileNotFoundError("backing.img")

    kind = BlockJobType("x", complete=wrong)
    job = BlockJob.create(kind, Drive("d"), executor=bench.executor)
    job.start()
    job.ready()
    with pytest.raises(FileNotFoundError):
        job.complete()
    assert not job.control.should_complete


# ---- query and fields


def test_a_query_has_the_eight_members(bench: Bench, notes: Notes) -> None:
    job = slow_stream(bench, notes)
    assert job.query().to_qmp() == {
        "type": "stream",
        "device": "d",
        "len": 4 * UNIT,
        "offset": UNIT,
        "busy": False,
        "paused": False,
        "speed": 1,
        "io-status": "ok",
    }


def test_the_headers_fields_can_be_read(bench: Bench, notes: Notes) -> None:
    job = slow_stream(bench, notes)
    assert isinstance(job.co, Stream)
    assert (job.job_type.name, job.opaque, job.cb) == ("stream", job.device, notes.callback)
    assert (job.cancelled, job.paused, job.busy) == (False, False, False)
    assert (job.offset, job.len, job.speed, job.iostatus.value) == (UNIT, 4 * UNIT, 1, "ok")


@pytest.mark.parametrize("field", ["cancelled", "paused", "busy", "offset", "len", "speed", "co"])
def test_a_field_cannot_be_written(field: str, bench: Bench) -> None:
    job = bench.by_hand(Drive("d"))
    with pytest.raises(AttributeError):
        setattr(job, field, 1)


def test_a_job_is_not_executing_before_it_is_started(bench: Bench) -> None:
    body = Stream()
    job = BlockJob.create(BY_HAND, Drive("d"), body=body, executor=bench.executor)
    assert (job.co, job.busy, job.phase) == (None, True, Phase.CREATED)
