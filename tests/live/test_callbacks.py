"""What a job's callback and listener may rely on, and what they may do."""

import errno
import threading

import pytest

from blockjob_fsm.block_job import BlockJob
from blockjob_fsm.bodies.requests import (
    ChangeBacking,
    Copy,
    GetLength,
    IoOutcome,
    IoRequest,
    QueryCopy,
)
from blockjob_fsm.bodies.stream import Stream
from blockjob_fsm.errors import NotSupported
from blockjob_fsm.events import QmpEvent
from blockjob_fsm.executor import Executor
from blockjob_fsm.job_type import STREAM, BlockJobType
from blockjob_fsm.jobs import Options, mirror, stream
from blockjob_fsm.lifecycles.classic_words import Phase
from blockjob_fsm.operations.base import Stop
from blockjob_fsm.operations.stream import StreamOperations
from blockjob_fsm.storage import Drive, Fault, FaultyDevice, Gate, MemoryDevice
from tests.live.world import MIB, PLAIN, Bench, Notes, chain_of, filled, in_thread
from tests.storage.threads import until

PATIENCE_S = 20.0


def small_stream(executor: Executor, notes: Notes, drive: Drive | None = None) -> BlockJob:
    """A stream of one unit."""
    drive = drive or Drive("virtio0", MemoryDevice(MIB // 2, backing=filled(MIB // 2)))
    return stream(drive, executor=executor, **notes.options(drive))


# ---- the callback


def test_the_callback_comes_once_after_the_last_event(bench: Bench, notes: Notes) -> None:
    bench.finish(small_stream(bench.executor, notes))
    assert notes.log == ["BLOCK_JOB_COMPLETED", "callback 0"]


def test_the_callback_finds_the_device_still_taken(bench: Bench, notes: Notes) -> None:
    job = small_stream(bench.executor, notes)
    bench.finish(job)
    assert notes.taken == [True]
    assert (job.device.in_use, job.device.job) == (False, None)


def test_a_refused_job_calls_nothing_back(bench: Bench, notes: Notes) -> None:
    with pytest.raises(NotSupported):
        BlockJob.create(
            PLAIN, Drive("d"), speed=1, executor=bench.executor, callback=notes.callback
        )
    assert notes.log == []


def test_the_callback_can_ask_the_job_for_its_figures(bench: Bench) -> None:
    seen: list[object] = []
    drive = Drive("virtio0", chain_of(MIB)[-1])
    job: BlockJob = stream(
        drive,
        executor=bench.executor,
        callback=lambda *_: seen.append((job.query().to_qmp()["offset"], job.is_cancelled)),
    )
    bench.finish(job)
    assert seen == [(MIB, False)]


def test_a_callback_that_raises_still_frees_the_device(bench: Bench) -> None:
    def wrong(*_: object) -> None:
        raise ValueError("a user's mistake")

    drive = Drive("virtio0", MemoryDevice(1024))
    job = bench_job(bench, drive, Options(callback=wrong))
    with pytest.raises(ValueError, match="a user's mistake"):
        job.completed(0)
    assert (drive.in_use, job.phase) == (False, Phase.FREED)


def bench_job(bench: Bench, drive: Drive, options: Options) -> BlockJob:
    """A started job without a body."""
    job = BlockJob.create(PLAIN, drive, executor=bench.executor, **options)
    job.start()
    return job


def test_a_new_job_can_be_made_as_soon_as_the_first_is_over(bench: Bench, notes: Notes) -> None:
    drive = Drive("virtio0", MemoryDevice(MIB))
    for _ in range(3):
        assert bench.finish(small_stream(bench.executor, notes, drive)) == 0
    assert notes.results == [0, 0, 0]


@pytest.mark.parametrize("workers", [1, 2, 8])
def test_a_callback_may_start_another_job_and_wait_for_it(workers: int) -> None:
    waited: list[bool] = []
    drives = [Drive(f"virtio{n}", chain_of(MIB)[-1]) for n in range(2)]
    with Executor(workers=workers) as executor:

        def then(*_: object) -> None:
            waited.append(stream(drives[1], executor=executor).wait(PATIENCE_S))

        first = stream(drives[0], executor=executor, callback=then)
        assert first.wait(PATIENCE_S)
    assert waited == [True]


def test_callbacks_that_all_cancel_another_job_do_not_exhaust_the_pool() -> None:
    returned: list[int] = []
    with Executor(workers=2) as executor:
        others = [stream(Drive(f"b{n}", filled(MIB)), executor=executor) for n in range(6)]

        def chain_cancel(other: object, *_: object) -> None:
            assert isinstance(other, BlockJob)
            returned.append(other.cancel_sync())

        jobs = [
            stream(
                Drive(f"a{n}", filled(MIB)), executor=executor, callback=chain_cancel, opaque=other
            )
            for n, other in enumerate(others)
        ]
        assert all(job.wait(PATIENCE_S) for job in [*jobs, *others])
    assert len(returned) == 6


# ---- listeners


def test_a_listener_that_raises_does_not_stop_the_job(bench: Bench, notes: Notes) -> None:
    def wrong(event: QmpEvent) -> None:
        notes.on_event(event)
        raise ValueError("a user's mistake")

    drive = Drive("virtio0", MemoryDevice(1024))
    job = bench_job(bench, drive, Options(on_event=wrong, callback=notes.callback))
    with pytest.raises(ValueError, match="a user's mistake"):
        job.completed(-errno.EIO)
    assert notes.log == ["BLOCK_JOB_COMPLETED", "callback -5"]
    assert not drive.in_use


def test_a_listener_may_call_any_verb_of_its_own_job(bench: Bench, notes: Notes) -> None:
    def react(event: QmpEvent) -> None:
        notes.on_event(event)
        if event.name == "BLOCK_JOB_READY":
            job.pause()
            job.set_speed(5)
            job.resume()
            job.complete()

    drive, target = Drive("virtio0", filled(MIB)), MemoryDevice(MIB)
    job = mirror(drive, target, executor=bench.executor, on_event=react)
    assert bench.finish(job) == 0
    assert notes.names == ["BLOCK_JOB_READY", "BLOCK_JOB_COMPLETED"]
    assert drive.medium is target


def test_cancel_sync_waits_for_the_end_even_if_a_hook_raised(pool: Executor) -> None:
    def wrong(_: object) -> None:
        raise ValueError("a user's mistake")

    gate = Gate()
    medium = FaultyDevice(MemoryDevice(MIB, backing=filled(MIB)), Fault("write", hold=gate))
    drive = Drive("virtio0", medium)
    job = unstarted_stream(drive, pool, BlockJobType("stream", iostatus_reset=wrong))
    job.start()
    gate.wait_until_reached()
    in_use_after: list[bool] = []

    def cancel() -> None:
        with pytest.raises(ValueError, match="a user's mistake"):
            job.cancel_sync()
        in_use_after.append(drive.in_use)

    waiter = in_thread(cancel)
    until(lambda: job.is_cancelled)
    gate.release()
    waiter.join(PATIENCE_S)
    assert in_use_after == [False]


def unstarted_stream(drive: Drive, executor: Executor, kind: BlockJobType = STREAM) -> BlockJob:
    """A stream that was created and not entered."""
    return BlockJob.create(
        kind, drive, executor=executor, body=Stream(), operations=StreamOperations(drive)
    )


# ---- our own mistakes


@pytest.mark.parametrize("request_type", [GetLength, QueryCopy, Copy, ChangeBacking])
def test_a_crash_in_an_operation_is_shown_and_frees_the_device(
    request_type: type, bench: Bench, notes: Notes
) -> None:
    class Crashing(StreamOperations):
        """Operations that break one of the library's own promises."""

        def answer(self, request: IoRequest, stop: Stop) -> IoOutcome:
            assert not isinstance(request, request_type), "our mistake"
            return super().answer(request, stop)

    drive = Drive("virtio0", MemoryDevice(MIB, backing=filled(MIB)))
    job = BlockJob.create(
        STREAM,
        drive,
        executor=bench.executor,
        body=Stream(),
        operations=Crashing(drive),
        **notes.options(drive),
    )
    job.start()
    with pytest.raises(AssertionError, match="our mistake"):
        bench.settle()
    bench.settle()
    assert (notes.results, drive.in_use) == ([-errno.EIO], False)


# ---- waiting for oneself


@pytest.mark.parametrize("verb", ["cancel_sync", "wait"])
def test_a_callback_cannot_wait_for_its_own_job(verb: str, bench: Bench) -> None:
    caught: list[str] = []

    def impatient(*_: object) -> None:
        try:
            getattr(job, verb)()
        except RuntimeError as error:
            caught.append(str(error))

    job = bench_job(bench, Drive("virtio0"), Options(callback=impatient))
    job.completed(0)
    assert caught == ["a job's own listener or callback cannot wait for the job"]


def test_a_refused_cancel_sync_changes_nothing(bench: Bench, notes: Notes) -> None:
    def impatient(event: QmpEvent) -> None:
        notes.on_event(event)
        with pytest.raises(RuntimeError):
            job.cancel_sync()

    drive, target = Drive("virtio0", filled(MIB)), MemoryDevice(MIB)
    job = mirror(drive, target, executor=bench.executor, on_event=impatient)
    bench.settle()
    assert (job.phase, job.is_cancelled) == (Phase.ASLEEP, False)


# ---- cancel_sync: what it returns


@pytest.mark.parametrize(
    ("cancel", "ret", "expected"),
    [
        (False, 0, 0),
        (False, -errno.EIO, -errno.EIO),
        (True, 0, -errno.ECANCELED),
        (True, -errno.EIO, -errno.EIO),
    ],
)
def test_cancel_sync_of_a_job_that_is_over_tells_how_it_ended(
    cancel: bool, ret: int, expected: int, bench: Bench
) -> None:
    job = bench.by_hand(Drive("virtio0"))
    if cancel:
        job.cancel()
    job.completed(ret)
    assert job.cancel_sync() == expected


def test_cancel_sync_of_a_mirror_in_step_is_a_success(bench: Bench, notes: Notes) -> None:
    drive = Drive("virtio0", filled(MIB))
    job = mirror(drive, MemoryDevice(MIB), executor=bench.executor, **notes.options())
    bench.settle()
    assert job.cancel_sync() == 0
    assert notes.log == ["BLOCK_JOB_READY", "BLOCK_JOB_COMPLETED", "callback 0"]


def test_cancel_sync_enters_a_job_that_was_never_started(bench: Bench) -> None:
    drive = Drive("virtio0", MemoryDevice(MIB, backing=filled(MIB)))
    job = unstarted_stream(drive, bench.executor)
    assert job.cancel_sync() == -errno.ECANCELED
    assert (job.offset, drive.in_use) == (0, False)


def test_cancel_sync_returns_after_the_callback_and_the_release(pool: Executor) -> None:
    gate = Gate()
    order: list[str] = []
    medium = FaultyDevice(MemoryDevice(MIB, backing=filled(MIB)), Fault("write", hold=gate))
    drive = Drive("virtio0", medium)
    job = stream(drive, executor=pool, callback=lambda *_: order.append("callback"))
    gate.wait_until_reached()
    returned: list[int] = []

    def cancel() -> None:
        returned.append(job.cancel_sync())
        order.append("returned")

    waiter = in_thread(cancel)
    until(lambda: job.is_cancelled)
    assert returned == []
    gate.release()
    waiter.join(PATIENCE_S)
    assert (order, drive.in_use, drive.job) == (["callback", "returned"], False, None)
    assert returned == [-errno.ECANCELED]


def test_nobody_is_woken_for_an_end_that_is_not_there_yet(pool: Executor) -> None:
    class Slow(Drive):
        """A drive that takes its time to be given back."""

        def release(self) -> None:
            threading.Event().wait(0.05)
            super().release()

    drive = Slow("virtio0")
    job = BlockJob.create(PLAIN, drive, executor=pool)
    job.start()
    waiter = in_thread(job.wait)
    until(lambda: job._changed is not None)
    job.completed(0)
    waiter.join(PATIENCE_S)
    assert not waiter.is_alive()


def test_two_threads_in_cancel_sync_get_the_same_answer(pool: Executor, notes: Notes) -> None:
    gate = Gate()
    medium = FaultyDevice(MemoryDevice(MIB, backing=filled(MIB)), Fault("write", hold=gate))
    job = stream(Drive("virtio0", medium), executor=pool, **notes.options())
    gate.wait_until_reached()
    returned: list[int] = []
    both = threading.Barrier(3)

    def cancel() -> None:
        both.wait(PATIENCE_S)
        returned.append(job.cancel_sync())

    waiters = [in_thread(cancel) for _ in range(2)]
    both.wait(PATIENCE_S)
    gate.release()
    for waiter in waiters:
        waiter.join(PATIENCE_S)
    assert returned[0] == returned[1] == job.cancel_sync()
    assert len(notes.results) == 1


def test_closing_a_device_ends_its_job_first(pool: Executor, notes: Notes) -> None:
    gate = Gate()
    medium = FaultyDevice(MemoryDevice(MIB, backing=filled(MIB)), Fault("write", hold=gate))
    drive = Drive("virtio0", medium)
    stream(drive, executor=pool, **notes.options(drive))
    gate.wait_until_reached()
    closer = in_thread(drive.close)
    gate.release()
    closer.join(PATIENCE_S)
    assert (notes.taken, drive.in_use, drive.medium) == ([True], False, None)
