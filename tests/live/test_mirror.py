"""Mirrors at work on a bench: what is copied, when it is in step, how it ends."""

import errno
from itertools import pairwise
from pathlib import Path

import pytest

from blockjob_fsm.block_job import BlockJob
from blockjob_fsm.bodies.requests import Sync
from blockjob_fsm.error_action import OnError
from blockjob_fsm.errors import CannotComplete, DeviceInUse, InvalidParameter
from blockjob_fsm.jobs import mirror
from blockjob_fsm.lifecycles.classic_words import Phase
from blockjob_fsm.storage import BlockDevice, Drive, Fault, FaultyDevice, MemoryDevice, RawFile
from tests.live.world import MIB, SLICE_NS, STOPS, Bench, Notes, chain_of, contents, filled

READY, COMPLETED, CANCELLED = "BLOCK_JOB_READY", "BLOCK_JOB_COMPLETED", "BLOCK_JOB_CANCELLED"
ERROR = "BLOCK_JOB_ERROR"
ODD = 3 * MIB + 777


def in_step(bench: Bench, drive: Drive, target: BlockDevice, notes: Notes) -> BlockJob:
    """A mirror that has announced READY and rests."""
    job = mirror(drive, target, executor=bench.executor, **notes.options(drive))
    bench.settle()
    assert (notes.names, job.phase) == ([READY], Phase.ASLEEP)
    return job


# ---- what is copied


@pytest.mark.parametrize("length", [0, 1, MIB, ODD])
@pytest.mark.parametrize("speed", [0, 1 << 24])
def test_a_full_mirror_is_equal_when_in_step(length: int, speed: int, bench: Bench) -> None:
    source, target = filled(length), MemoryDevice(length)
    job = mirror(Drive("d", source), target, speed=speed, executor=bench.executor)
    bench.settle()
    while not job.control.synced:
        bench.wake()
    assert contents(target) == contents(source)
    assert (job.offset, job.len) == (length, length)


def test_sync_top_copies_only_the_top_layer(bench: Bench) -> None:
    base, top = chain_of(4 * MIB)
    target = MemoryDevice(4 * MIB)
    job = mirror(Drive("d", top), target, sync=Sync.TOP, executor=bench.executor)
    bench.settle()
    assert job.control.synced
    assert contents(target)[MIB : 2 * MIB] == contents(top)[MIB : 2 * MIB]
    assert contents(target)[:MIB] == bytes(MIB)
    assert contents(base)[:MIB] != bytes(MIB)


def test_sync_none_is_in_step_at_once_and_copies_what_is_written(
    bench: Bench, notes: Notes
) -> None:
    drive, target = Drive("d", filled(4 * MIB)), MemoryDevice(4 * MIB)
    job = mirror(drive, target, sync=Sync.NONE, executor=bench.executor, **notes.options())
    bench.settle()
    assert (notes.names, contents(target)) == ([READY], bytes(4 * MIB))
    drive.guest_write(2 * MIB, b"new")
    bench.wake()
    assert contents(target)[2 * MIB :][:3] == b"new"
    assert job.cancel_sync() == 0


def test_a_full_mirror_clears_what_the_target_held(bench: Bench) -> None:
    target = filled(4 * MIB, salt=9)
    mirror(Drive("d", MemoryDevice(4 * MIB)), target, executor=bench.executor)
    bench.settle()
    assert contents(target) == bytes(4 * MIB)


def test_a_mirror_in_step_looks_for_new_writes_every_100_ms(bench: Bench, notes: Notes) -> None:
    drive, target = Drive("d", filled(MIB)), MemoryDevice(MIB)
    in_step(bench, drive, target, notes)
    drive.guest_write(5, b"late")
    bench.clock.advance(99_999_999)
    bench.settle()
    assert contents(target)[5:9] != b"late"
    bench.clock.advance(1)
    bench.settle()
    assert contents(target)[5:9] == b"late"


def test_the_timer_of_a_sleep_cut_short_does_not_end_the_next_one(
    bench: Bench, notes: Notes
) -> None:
    target = FaultyDevice(MemoryDevice(MIB), Fault("flush"))
    job = in_step(bench, Drive("d", filled(MIB)), target, notes)
    flushes = [target.struck()]
    for _ in range(3):
        bench.clock.advance(SLICE_NS // 2)
        job.resume()
        bench.settle()
        flushes.append(target.struck())
    assert flushes == [(1,), (2,), (3,), (4,)]


def test_a_timer_that_is_due_already_does_not_end_a_later_sleep(bench: Bench) -> None:
    """Both sleeps are over; when the first job runs, the second one's timer is queued behind it."""
    notes = Notes(), Notes()
    target = FaultyDevice(MemoryDevice(MIB), Fault("flush"))
    in_step(bench, Drive("a", filled(MIB)), MemoryDevice(MIB), notes[0])
    job = in_step(bench, Drive("b", filled(MIB)), target, notes[1])
    bench.clock.advance(SLICE_NS)
    bench.executor.run_pending(at_most=1)
    job.resume()
    bench.settle()
    assert (target.struck(), job.phase) == ((2,), Phase.ASLEEP)


def test_sync_top_of_an_image_without_a_backing_image_is_full(bench: Bench) -> None:
    target = filled(2 * MIB, salt=9)
    drive = Drive("d", MemoryDevice(2 * MIB))
    mirror(drive, target, sync=Sync.TOP, executor=bench.executor)
    bench.settle()
    assert contents(target) == bytes(2 * MIB)


# ---- how it ends


def test_completing_makes_the_target_the_device(bench: Bench, notes: Notes) -> None:
    drive, target = Drive("d", filled(ODD)), MemoryDevice(ODD)
    job = in_step(bench, drive, target, notes)
    job.complete()
    bench.settle()
    assert (drive.medium, notes.names[-1], notes.results) == (target, COMPLETED, [0])
    assert (drive.draining, drive.dirty) == (False, None)


@pytest.mark.parametrize("completes", [True, False])
def test_the_side_that_is_left_over_is_closed(
    completes: bool, tmp_path: Path, bench: Bench, notes: Notes
) -> None:
    source, target = (RawFile.create(tmp_path / name, MIB) for name in ("source", "target"))
    drive = Drive("d", source)
    job = in_step(bench, drive, target, notes)
    job.complete() if completes else job.cancel()
    bench.settle()
    kept, closed = (target, source) if completes else (source, target)
    assert (drive.medium, closed.fileno()) == (kept, -1)
    assert kept.fileno() >= 0
    drive.close()


def test_completion_is_refused_before_the_target_is_in_step(bench: Bench) -> None:
    job = mirror(Drive("d", filled(MIB)), MemoryDevice(MIB), executor=bench.executor)
    with pytest.raises(CannotComplete, match="synced"):
        job.complete()
    bench.settle()
    job.complete()


def test_cancelling_before_the_target_is_in_step_leaves_the_device(
    bench: Bench, notes: Notes
) -> None:
    source = filled(8 * MIB)
    drive = Drive("d", source)
    job = mirror(drive, MemoryDevice(8 * MIB), executor=bench.executor, **notes.options(speed=MIB))
    bench.settle()
    assert job.cancel_sync() == -errno.ECANCELED
    assert (notes.names, drive.medium, drive.dirty) == ([CANCELLED], source, None)


def test_a_cancelled_mirror_in_step_copies_what_was_written_and_completes(
    bench: Bench, notes: Notes
) -> None:
    source, target = filled(4 * MIB), MemoryDevice(4 * MIB)
    drive = Drive("d", source)
    job = in_step(bench, drive, target, notes)
    for offset in range(0, 4 * MIB, MIB):
        drive.guest_write(offset, b"last words")
    job.cancel()
    bench.settle()
    assert (notes.names, notes.results) == ([READY, COMPLETED], [0])
    assert contents(target) == contents(source)
    assert drive.medium is source


def test_a_cancel_in_the_last_copy_before_ready_completes_after_ready(
    bench: Bench, notes: Notes
) -> None:
    # A delay stands for what happens while the flush is under way.
    target = FaultyDevice(
        MemoryDevice(MIB), Fault("flush", delay_ns=1, once=True), sleep_ns=lambda _: job.cancel()
    )
    job = mirror(Drive("d", filled(MIB)), target, executor=bench.executor, **notes.options())
    bench.settle()
    assert (notes.names, notes.results) == ([READY, COMPLETED], [0])


# ---- a target that is not what it should be


def test_a_target_too_small_fails_like_a_disk(bench: Bench, notes: Notes) -> None:
    drive = Drive("d", filled(4 * MIB))
    mirror(drive, MemoryDevice(2 * MIB + 5), executor=bench.executor, **notes.options())
    bench.settle()
    assert (notes.names, notes.results) == ([ERROR, COMPLETED], [-errno.EIO])
    assert notes.events[0].data()["operation"] == "write"


def test_a_target_that_cannot_flush_ends_the_job_and_nothing_else(
    bench: Bench, notes: Notes
) -> None:
    target = FaultyDevice(MemoryDevice(MIB), Fault("flush", errno.EIO))
    drive = Drive("d", filled(MIB))
    mirror(drive, target, executor=bench.executor, **notes.options())
    bench.settle()
    assert (notes.names, notes.results) == ([ERROR, COMPLETED], [-errno.EIO])


def test_a_layer_that_both_sides_share_stays_open(tmp_path: Path, bench: Bench) -> None:
    base = RawFile.create(tmp_path / "base.img", MIB)
    base.write(0, b"base")
    drive = Drive("d", MemoryDevice(MIB, backing=base))
    target = MemoryDevice(MIB, backing=base)
    job = mirror(drive, target, sync=Sync.TOP, executor=bench.executor)
    bench.settle()
    job.complete()
    bench.settle()
    assert drive.medium is target
    assert drive.guest_read(0, 4) == b"base"
    drive.close()


def test_an_io_status_reset_while_the_job_is_being_freed_is_no_error(
    bench: Bench, notes: Notes
) -> None:
    class Closing(MemoryDevice):
        """A target that is closed slowly: the user goes on meanwhile."""

        def close(self) -> None:
            drive.iostatus_reset()

    drive = Drive("d", filled(MIB), policy=STOPS)
    job = in_step(bench, drive, Closing(MIB), notes)
    assert job.cancel_sync() == 0
    assert not drive.in_use


# ---- starting


def test_a_mirror_with_a_bad_speed_changes_nothing(bench: Bench) -> None:
    drive = Drive("d", filled(MIB))
    with pytest.raises(InvalidParameter, match="speed"):
        mirror(drive, MemoryDevice(MIB), speed=-1, executor=bench.executor)
    assert (drive.in_use, drive.dirty) == (False, None)
    mirror(drive, MemoryDevice(MIB), executor=bench.executor)


def test_a_second_mirror_leaves_the_first_ones_bitmap(bench: Bench) -> None:
    drive = Drive("d", filled(MIB))
    mirror(drive, MemoryDevice(MIB), executor=bench.executor)
    tracking = drive.dirty
    with pytest.raises(DeviceInUse):
        mirror(drive, MemoryDevice(MIB), executor=bench.executor)
    assert drive.dirty is tracking


# ---- errors


def test_an_ignored_bad_chunk_does_not_keep_the_others_from_being_copied(
    bench: Bench, notes: Notes
) -> None:
    source = FaultyDevice(filled(4 * MIB), Fault("read", errno.EIO, offset=MIB))
    target = MemoryDevice(4 * MIB)
    mirror(
        Drive("d", source),
        target,
        on_source_error=OnError.IGNORE,
        executor=bench.executor,
        **notes.options(speed=1),
    )
    bench.settle()
    while len(notes.events) < 3:
        bench.wake()
    copied, whole = contents(target), contents(source.inner)
    good = [copied[at : at + MIB] == whole[at : at + MIB] for at in range(0, 4 * MIB, MIB)]
    assert good == [True, False, True, True]


def test_an_error_takes_the_mirror_out_of_step_and_ready_comes_again(
    bench: Bench, notes: Notes
) -> None:
    target = FaultyDevice(MemoryDevice(2 * MIB), Fault("write", errno.EIO, nth=3))
    drive = Drive("d", filled(2 * MIB), policy=STOPS)
    job = mirror(
        drive, target, on_target_error=OnError.STOP, executor=bench.executor, **notes.options()
    )
    bench.settle()
    drive.guest_write(0, b"x")
    bench.wake()
    assert (job.control.synced, job.is_paused, notes.names) == (False, True, [READY, ERROR])
    bench.settle()
    job.resume()
    bench.settle()
    assert (job.control.synced, notes.names) == (True, [READY, ERROR, READY])


def test_a_request_to_complete_survives_an_error(bench: Bench, notes: Notes) -> None:
    target = FaultyDevice(MemoryDevice(2 * MIB), Fault("write", errno.EIO, nth=3))
    drive = Drive("d", filled(2 * MIB), policy=STOPS)
    job = mirror(
        drive, target, on_target_error=OnError.STOP, executor=bench.executor, **notes.options()
    )
    bench.settle()
    drive.guest_write(0, b"x")
    job.complete()
    bench.settle()
    assert (job.phase, job.control.should_complete) == (Phase.PARKED, True)
    job.resume()
    bench.settle()
    assert notes.names == [READY, ERROR, READY, COMPLETED]
    assert drive.medium is target


def test_a_failed_first_chunk_may_publish_a_negative_offset(bench: Bench) -> None:
    source = FaultyDevice(filled(777), Fault("read", errno.EIO, once=True))
    drive = Drive("d", source, policy=STOPS)
    job = mirror(drive, MemoryDevice(777), on_source_error=OnError.STOP, executor=bench.executor)
    bench.settle()
    assert (job.phase, job.offset, job.len) == (Phase.PARKED, 777 - MIB, 777)


def test_a_stop_on_the_target_is_published_on_both_and_reset_by_resume(bench: Bench) -> None:
    target = FaultyDevice(MemoryDevice(MIB), Fault("write", errno.ENOSPC, once=True))
    job = mirror(
        Drive("d", filled(MIB)), target, on_target_error=OnError.ENOSPC, executor=bench.executor
    )
    side = job._operations.target
    assert side is not None
    bench.settle()
    assert (job.iostatus.value, side.io_status.value) == ("nospace", "nospace")
    job.resume()
    assert (job.iostatus.value, side.io_status.value) == ("ok", "ok")


# ---- the limit


def test_a_limited_mirror_moves_quota_plus_one_chunks_a_slice(bench: Bench) -> None:
    """40 MiB/s is 4 MiB a slice: the charge of a delayed call is forgotten at the next slice."""
    drive = Drive("d", filled(30 * MIB))
    job = mirror(drive, MemoryDevice(30 * MIB), speed=40 * MIB, executor=bench.executor)
    bench.settle()
    offsets = [job.offset]
    while not job.control.synced:
        bench.clock.advance(100_000_001)
        bench.settle()
        offsets.append(job.offset)
    steps = [(after - before) // MIB for before, after in pairwise(offsets)]
    assert steps[:-1] == [5] * len(steps[:-1])
