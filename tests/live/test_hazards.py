"""The hazards of QEMU 1.3, live: shown under its rules, and what happens here by default."""

import errno
import threading

import pytest

from blockjob_fsm.block_job import BlockJob
from blockjob_fsm.bodies.mirror import Mirror
from blockjob_fsm.bodies.stream import Stream
from blockjob_fsm.declaration import Lifecycle
from blockjob_fsm.error_action import OnError
from blockjob_fsm.errors import DeviceInUse, DeviceNotActive, IllegalStep, QmpError
from blockjob_fsm.executor import Executor
from blockjob_fsm.job_type import STREAM, BlockJobType
from blockjob_fsm.jobs import commit, mirror, stream
from blockjob_fsm.lifecycles.classic import CLASSIC, CLASSIC_1_3
from blockjob_fsm.lifecycles.classic_words import ClassicControl, Phase
from blockjob_fsm.operations.lanes import Lanes
from blockjob_fsm.operations.mirror import MirrorOperations
from blockjob_fsm.operations.stream import StreamOperations
from blockjob_fsm.storage import Drive, Fault, FaultyDevice, MemoryDevice
from tests.live.world import MIB, SLICE_NS, STOPS, Bench, Notes, chain_of, filled

PATIENCE_S = 20.0
PROFILES = pytest.mark.parametrize(
    "lifecycle", [CLASSIC, CLASSIC_1_3], ids=lambda lifecycle: lifecycle.profile
)


# ---- H1: the pivot to a target that is out of step


@PROFILES
def test_h1_only_1_3_swaps_to_a_target_that_lacks_a_write(
    lifecycle: Lifecycle[ClassicControl], bench: Bench, notes: Notes
) -> None:
    source = filled(2 * MIB)
    target = FaultyDevice(MemoryDevice(2 * MIB), Fault("write", errno.EIO, nth=3))
    drive = Drive("d", source, policy=STOPS)
    job = mirror(
        drive,
        target,
        on_target_error=OnError.STOP,
        lifecycle=lifecycle,
        executor=bench.executor,
        on_event=notes.on_event,
    )
    bench.settle()
    drive.guest_write(0, b"precious")
    job.complete()
    bench.settle()
    assert job.phase is Phase.PARKED
    job.cancel()
    assert notes.names[-1] == "BLOCK_JOB_CANCELLED"
    lost = drive.guest_read(0, 8) != b"precious"
    assert lost is (lifecycle is CLASSIC_1_3)


# ---- H2: the job that ends while the files for its completion are opened


@PROFILES
def test_h2_a_job_that_ends_while_files_are_opened(
    lifecycle: Lifecycle[ClassicControl], bench: Bench, notes: Notes
) -> None:
    def opens_slowly(_: object) -> None:
        drive.guest_write(0, b"x")
        bench.wake()

    drive = Drive("d", filled(2 * MIB))
    target = FaultyDevice(MemoryDevice(2 * MIB), Fault("write", errno.EIO, nth=3))
    kind = BlockJobType("mirror", complete=opens_slowly)
    operations = MirrorOperations(drive, Drive("", target), MIB, Lanes(bench.executor))
    job = BlockJob.create(
        kind,
        drive,
        executor=bench.executor,
        body=Mirror(),
        operations=operations,
        lifecycle=lifecycle,
        on_event=notes.on_event,
        callback=notes.callback,
    )
    job.start()
    bench.settle()
    # 1.3 goes on with a job that is gone: no row allows that. Here the request finds it gone.
    with pytest.raises(IllegalStep if lifecycle is CLASSIC_1_3 else DeviceNotActive):
        job.complete()
    assert (notes.names[-1], notes.results) == ("BLOCK_JOB_COMPLETED", [-errno.EIO])
    assert not drive.in_use


# ---- H3: the chain that is forgotten although the header still names it


@pytest.mark.parametrize("as_1_3", [True, False])
def test_h3_memory_and_header_agree_unless_1_3_is_wanted(as_1_3: bool, bench: Bench) -> None:
    base = filled(MIB)
    stored = MemoryDevice(MIB, backing=base)
    drive = Drive("d", FaultyDevice(stored, Fault("change_backing", errno.ENOTSUP)))
    job = BlockJob.create(
        STREAM,
        drive,
        executor=bench.executor,
        body=Stream(drop_on_failure=as_1_3),
        operations=StreamOperations(drive),
    )
    job.start()
    assert bench.finish(job) == -errno.ENOTSUP
    assert stored.backing_name == base.name
    assert (stored.backing is None) is as_1_3


# ---- H4: cancel_sync on a device whose requests wait for a timer


def test_h4_a_throttled_request_ends_only_if_timers_run_in_the_wait(bench: Bench) -> None:
    """A device that lets a request go at a time of its own, as QEMU's I/O throttling does."""
    released: list[str] = []
    bench.executor.call_at(bench.clock.now_ns() + SLICE_NS, lambda: released.append("request"))
    # QEMU 1.3 waits in a loop that serves I/O alone: it turns for ever, nothing is ever done.
    assert [bench.executor.run_pending() for _ in range(100)] == [0] * 100
    assert released == []
    bench.clock.advance(SLICE_NS)
    bench.settle()
    assert released == ["request"]


def test_h4_cancel_sync_ends_although_a_timer_holds_the_request(notes: Notes) -> None:
    with Executor(workers=1) as executor:

        def throttle(ns: int) -> None:
            released = threading.Event()
            executor.call_at(executor.now_ns() + ns, released.set)
            with executor.waiting():
                assert released.wait(PATIENCE_S)

        slow = FaultyDevice(filled(4 * MIB), Fault("read", delay_ns=20_000_000), sleep_ns=throttle)
        drive = Drive("d", MemoryDevice(4 * MIB, backing=slow))
        job = stream(drive, executor=executor, **notes.options())
        assert job.cancel_sync() == -errno.ECANCELED
    assert notes.names == ["BLOCK_JOB_CANCELLED"]


# ---- H5: a second user of the device


def test_h5_a_second_user_is_refused_and_not_crashed_into(bench: Bench) -> None:
    drive = Drive("d", filled(MIB))
    job = stream(drive, executor=bench.executor)
    with pytest.raises(DeviceInUse, match="Device 'd' is in use"):
        drive.claim()
    assert drive.job is job


# ---- H6: images left open for writing


@pytest.mark.parametrize("speed", [-1, 0])
def test_h6_a_commit_that_is_not_made_opens_no_image_for_writing(speed: int, bench: Bench) -> None:
    base, top, active = chain_of(3 * MIB, layers=3)
    base.reopen(read_only=True)
    drive = Drive("d", active)
    if speed == 0:
        drive.claim()
    with pytest.raises(QmpError):
        commit(drive, top=top, speed=speed, executor=bench.executor)
    assert base.read_only


# ---- H7: finished work that is called cancelled


@PROFILES
def test_h7_the_verdict_on_finished_work_matches_the_disk_but_in_1_3(
    lifecycle: Lifecycle[ClassicControl], bench: Bench, notes: Notes
) -> None:
    base = filled(MIB)
    top = FaultyDevice(
        MemoryDevice(MIB, backing=base),
        Fault("change_backing", delay_ns=1),
        sleep_ns=lambda _: job.cancel(),
    )
    job = stream(
        Drive("d", top), executor=bench.executor, on_event=notes.on_event, lifecycle=lifecycle
    )
    bench.settle()
    assert top.backing is None
    told = "BLOCK_JOB_CANCELLED" if lifecycle is CLASSIC_1_3 else "BLOCK_JOB_COMPLETED"
    assert notes.names == [told]
