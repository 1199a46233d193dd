"""Live jobs under the modern lifecycle: real threads, real bytes, and the events of QEMU."""

import errno as errno_codes
import threading
from collections.abc import Iterator

import pytest

from blockjob_fsm.block_job import BlockJob
from blockjob_fsm.bodies.requests import Copy, IoOutcome, IoRequest
from blockjob_fsm.bodies.stream import Stream
from blockjob_fsm.error_action import OnError
from blockjob_fsm.errors import CannotAcceptVerb, DeviceInUse, JobIdInUse, JobPaused, NegativeSpeed
from blockjob_fsm.executor import Executor
from blockjob_fsm.jobs import backup, commit, stream
from blockjob_fsm.lifecycles.modern import MODERN
from blockjob_fsm.lifecycles.modern_words import Place, Status
from blockjob_fsm.modern_block_job import ModernBlockJob
from blockjob_fsm.operations.base import Stop
from blockjob_fsm.operations.stream import StreamOperations
from blockjob_fsm.storage import Drive, MemoryDevice, read_chain
from blockjob_fsm.storage.faults import Fault, FaultyDevice, Gate
from tests.modern.live import CHUNK, CONTENT, Bench, disk, started


@pytest.fixture
def bench() -> Iterator[Bench]:
    with Executor() as executor:
        bench = Bench(executor)
        yield bench
        bench.end()


def test_a_stream_pulls_all_data_up_and_drops_what_is_below(bench: Bench) -> None:
    job = started(bench.stream(), Status.NULL)
    assert bench.told() == "C R W D COMPLETED E N"
    top = job.device.medium
    assert top is not None
    assert (top.backing, bytes(top.read(0, len(CONTENT)))) == (None, CONTENT)


def test_a_header_is_changed_only_when_the_job_is_finalized(bench: Bench) -> None:
    job = started(bench.stream(manual=True), Status.PENDING)
    top = job.device.medium
    assert top is not None
    assert top.backing is not None
    job.finalize()
    assert job.wait(timeout_s=20)
    assert top.backing is None


def test_a_pending_stream_that_is_cancelled_keeps_its_chain(bench: Bench) -> None:
    job = started(bench.stream(manual=True), Status.PENDING)
    job.cancel()
    assert job.wait(timeout_s=20)
    assert bench.told() == "C R W D PENDING X CANCELLED E"
    top = job.device.medium
    assert top is not None
    assert top.backing is not None


def test_a_completed_mirror_switches_the_device_to_its_target(bench: Bench) -> None:
    job = started(bench.mirror(), Status.READY)
    job.device.guest_write(3, b"late")
    job.complete()
    assert job.wait(timeout_s=20)
    assert bench.told() == "C R Y READY W D COMPLETED E N"
    medium = job.device.medium
    assert medium is bench.targets["j0"]
    assert bytes(read_chain(medium, 0, CHUNK)) == CONTENT[:3] + b"late" + CONTENT[7:CHUNK]


def test_a_softly_cancelled_mirror_succeeds_without_a_switch(bench: Bench) -> None:
    job = started(bench.mirror(), Status.READY)
    source = job.device.medium
    job.user_cancel()
    assert job.wait(timeout_s=20)
    assert bench.told() == "C R Y READY W D COMPLETED E N"
    assert (job.device.medium, job.control.ret) == (source, 0)


def test_guests_wait_for_the_end_of_a_pending_mirror(bench: Bench) -> None:
    job = started(bench.mirror(manual=True), Status.READY)
    job.complete()
    assert job.wait(Status.PENDING, timeout_s=20)
    guest = threading.Thread(target=job.device.guest_write, args=(0, b"guest"))
    guest.start()
    guest.join(0.05)
    assert guest.is_alive()
    job.finalize()
    guest.join(20)
    medium = job.device.medium
    assert medium is bench.targets["j0"]
    assert bytes(medium.read(0, 5)) == b"guest"


def test_a_stop_waits_for_the_user(bench: Bench) -> None:
    source = FaultyDevice(
        disk("j0"), Fault("read", errno_codes.ENOSPC, offset=3 * CHUNK, once=True)
    )
    job = started(bench.backup(source=source, on_error=OnError.STOP))
    assert job.wait(Status.PAUSED, timeout_s=20)
    assert job.query_block_job()["io-status"] == "nospace"
    with pytest.raises(JobPaused):
        job.user_cancel()
    job.resume()
    assert job.wait(timeout_s=20)
    assert bench.told() == "C R ERROR P R W D COMPLETED E N"
    assert bytes(bench.targets["j0"].read(0, len(CONTENT))) == CONTENT


def test_inside_a_drained_section_the_job_is_parked(bench: Bench) -> None:
    job = started(bench.mirror(), Status.READY)
    bench.told()
    with job.drained(), job.drained():
        assert (job.control.place, job.status) == (Place.PARKED, Status.STANDBY)
    assert job.wait(Status.READY, timeout_s=20)
    assert bench.told() == "S Y"


def test_a_group_succeeds_as_a_whole(bench: Bench) -> None:
    group = bench.group()
    jobs = [bench.backup(name, group, manual=True) for name in ("j0", "j1")]
    for job in jobs:
        started(job)
    assert all(job.wait(Status.PENDING, timeout_s=20) for job in jobs)
    bench.told()
    jobs[0].finalize()
    assert all(job.wait(timeout_s=20) for job in jobs)
    assert bench.told() == "COMPLETED1 E1 COMPLETED E"


def test_a_failure_undoes_the_whole_group(bench: Bench) -> None:
    group = bench.group()
    bad = FaultyDevice(disk("j1"), Fault("read", errno_codes.EIO))
    jobs = [bench.backup("j0", group, speed=1), bench.backup("j1", group, source=bad)]
    for job in jobs:
        started(job)
    assert all(job.wait(timeout_s=20) for job in jobs)
    assert [job.control.ret for job in jobs] == [-errno_codes.ECANCELED, -errno_codes.EIO]
    assert not any(job.device.in_use for job in jobs)


def test_a_device_has_one_job_and_is_free_once_that_is_concluded(bench: Bench) -> None:
    job = started(bench.mirror(manual=True), Status.READY)
    with pytest.raises(DeviceInUse):
        job.device.claim()
    job.cancel()
    assert job.wait(Status.CONCLUDED, timeout_s=20)
    assert not job.device.in_use
    with pytest.raises(CannotAcceptVerb, match="in state 'concluded'"):
        job.pause()
    job.dismiss()
    assert job.status is Status.NULL


def test_a_negative_speed_leaves_no_job(bench: Bench) -> None:
    with pytest.raises(NegativeSpeed):
        bench.backup(speed=-1)
    assert bench.told() == "C N"


def test_cancel_sync_ends_a_job_in_any_status(bench: Bench) -> None:
    job: ModernBlockJob = started(bench.mirror(), Status.READY)
    assert job.cancel_sync() == -errno_codes.ECANCELED
    assert (job.status, job.device.in_use) == (Status.NULL, False)


def test_the_active_layer_is_committed_and_the_device_switched_to_the_base(bench: Bench) -> None:
    base = disk("base")
    top = MemoryDevice(len(CONTENT), name="top", backing=base)
    top.write(CHUNK, b"t" * CHUNK)
    drive = Drive("j0", top)
    job = commit(drive, executor=bench.executor, lifecycle=MODERN)
    bench.jobs.append(job)
    assert job.wait(Status.READY, timeout_s=20)
    drive.guest_write(0, b"late")
    job.complete()
    assert job.wait(timeout_s=20)
    assert drive.medium is base
    expected = b"late" + CONTENT[4:CHUNK] + b"t" * CHUNK + CONTENT[2 * CHUNK :]
    assert bytes(base.read(0, len(CONTENT))) == expected


def test_a_softly_cancelled_active_commit_leaves_the_chain(bench: Bench) -> None:
    base = disk("base")
    top = MemoryDevice(len(CONTENT), name="top", backing=base)
    drive = Drive("j0", top)
    job = commit(drive, executor=bench.executor, lifecycle=MODERN)
    bench.jobs.append(job)
    assert job.wait(Status.READY, timeout_s=20)
    job.user_cancel()
    assert job.wait(timeout_s=20)
    assert (drive.medium, top.backing, job.control.ret) == (top, base, 0)


def test_a_drain_during_a_prepare_step_is_only_counted(bench: Bench) -> None:
    gate = Gate()
    top = FaultyDevice(
        MemoryDevice(len(CONTENT), backing=disk("base")), Fault("change_backing", hold=gate)
    )
    job = stream(
        Drive("j0", top),
        executor=bench.executor,
        lifecycle=MODERN,
        auto_finalize=False,
        auto_dismiss=False,
    )
    bench.jobs.append(job)
    assert job.wait(Status.PENDING, timeout_s=20)
    finalizing = threading.Thread(target=job.finalize)
    finalizing.start()
    gate.wait_until_reached()
    job.drain_begin()
    job.drain_end()
    gate.release()
    finalizing.join(20)
    assert (job.status, job.control.ret, top.struck()) == (Status.CONCLUDED, 0, (1,))


def test_a_crash_in_an_operation_cancels_the_job_whatever_its_policy() -> None:
    class Crashing(StreamOperations):
        """Operations that break one of the library's own promises."""

        def answer(self, request: IoRequest, stop: Stop) -> IoOutcome:
            assert not isinstance(request, Copy), "our mistake"
            return super().answer(request, stop)

    executor = Executor(workers=0)
    drive = Drive("j0", MemoryDevice(len(CONTENT), backing=disk("base")))
    body = Stream(on_error=OnError.IGNORE)
    operations = Crashing(drive)
    job = BlockJob.create(
        "stream", drive, executor=executor, body=body, operations=operations, lifecycle=MODERN
    )
    job.start()
    with pytest.raises(AssertionError, match="our mistake"):
        executor.run_pending()
    executor.run_pending()
    assert (job.status, job.control.force_cancelled, drive.in_use) == (Status.NULL, True, False)


def test_an_id_is_used_once_in_a_group(bench: Bench) -> None:
    group = bench.group()
    bench.backup("j0", group)
    drive = Drive("other", disk("other"))
    with pytest.raises(JobIdInUse, match="'j0' already in use"):
        backup(
            drive,
            MemoryDevice(len(CONTENT)),
            executor=bench.executor,
            lifecycle=group.lifecycle,
            group=group,
            job_id="j0",
        )
    assert not drive.in_use
