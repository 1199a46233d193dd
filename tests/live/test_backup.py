"""Backups at work on a bench: what is saved, who waits, who fails, how it ends."""

import errno
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import pytest

from blockjob_fsm.bodies.requests import Sync
from blockjob_fsm.error_action import DevicePolicy, OnError
from blockjob_fsm.errors import (
    CannotComplete,
    DeviceInUse,
    InvalidParameter,
    NoMedium,
    NotSupported,
)
from blockjob_fsm.executor import Executor
from blockjob_fsm.jobs import backup
from blockjob_fsm.lifecycles.classic_words import Phase
from blockjob_fsm.storage import Drive, Fault, FaultyDevice, Gate, MemoryDevice, RawFile
from blockjob_fsm.storage.qcow2 import Qcow2File
from tests.live.saving import CHUNK_A_SLICE, KIB64, limited
from tests.live.world import MIB, SLICE_NS, Bench, Notes, chain_of, contents, filled
from tests.storage.threads import PATIENCE_S, until

COMPLETED, CANCELLED, ERROR = "BLOCK_JOB_COMPLETED", "BLOCK_JOB_CANCELLED", "BLOCK_JOB_ERROR"
ODD = 3 * MIB + 777


# ---- what is saved


@pytest.mark.parametrize("length", [0, 1, 512, KIB64, ODD])
@pytest.mark.parametrize("speed", [0, 1 << 24])
def test_a_full_backup_is_equal_when_it_is_done(
    length: int, speed: int, bench: Bench, notes: Notes
) -> None:
    source, target = filled(length), MemoryDevice(length)
    job = backup(Drive("d", source), target, executor=bench.executor, **notes.options(speed=speed))
    assert bench.finish(job) == 0
    assert (contents(target), notes.names) == (contents(source), [COMPLETED])
    assert (job.offset, job.len) == (length, length)


def test_what_a_guest_changes_in_the_middle_is_saved_first(bench: Bench, notes: Notes) -> None:
    source, target = filled(MIB), MemoryDevice(MIB)
    before = contents(source)
    drive = Drive("d", source)
    job = limited(bench, drive, target, notes)
    for offset in (0, 5 * KIB64 - 3, 9 * KIB64, 9 * KIB64 + 1):
        assert drive.guest_write(offset, b"newer")
        assert contents(source)[offset : offset + 5] == b"newer"
    assert bench.finish(job) == 0
    assert contents(target) == before


def test_a_write_of_many_chunks_saves_all_of_them_first(bench: Bench, notes: Notes) -> None:
    source, target = filled(4 * MIB), MemoryDevice(4 * MIB)
    before = contents(source)
    drive = Drive("d", source)
    job = limited(bench, drive, target, notes)
    drive.guest_write(KIB64 // 2, bytes(3 * MIB))
    assert contents(target)[: 3 * MIB] == before[: 3 * MIB]
    assert bench.finish(job) == 0
    assert contents(target) == before


def test_an_empty_write_saves_nothing(bench: Bench, notes: Notes) -> None:
    drive, target = Drive("d", filled(MIB)), MemoryDevice(MIB)
    limited(bench, drive, target, notes)
    drive.guest_write(9 * KIB64 + 1, b"")
    assert contents(target)[9 * KIB64 :][:KIB64] == bytes(KIB64)


def test_sync_top_saves_only_the_top_layer(bench: Bench) -> None:
    base, top = chain_of(4 * MIB)
    before, target = contents(top), MemoryDevice(4 * MIB)
    drive = Drive("d", top)
    job = backup(drive, target, sync=Sync.TOP, executor=bench.executor, speed=CHUNK_A_SLICE)
    bench.settle()
    drive.guest_write(0, b"in no backup: the target's own backing file has it")
    assert bench.finish(job) == 0
    assert contents(target)[MIB : 2 * MIB] == before[MIB : 2 * MIB]
    assert contents(target)[:MIB] == bytes(MIB)
    assert contents(base)[:MIB] == before[:MIB]


def test_sync_top_over_the_same_base_shows_the_whole_disk(bench: Bench) -> None:
    base, top = chain_of(4 * MIB)
    before, target = contents(top), MemoryDevice(4 * MIB, backing=base)
    drive = Drive("d", top)
    job = backup(drive, target, sync=Sync.TOP, executor=bench.executor, speed=CHUNK_A_SLICE)
    bench.settle()
    drive.guest_write(KIB64, bytes(2 * MIB))
    assert bench.finish(job) == 0
    assert contents(target) == before


def test_sync_none_saves_what_is_changed_and_publishes_it(bench: Bench, notes: Notes) -> None:
    source, target = filled(MIB), MemoryDevice(MIB)
    before, drive = contents(source), Drive("d", source)
    job = backup(drive, target, sync=Sync.NONE, executor=bench.executor, **notes.options())
    bench.settle()
    drive.guest_write(KIB64 + 9, b"newer")
    bench.wake()
    assert (job.offset, job.len, job.phase) == (KIB64, MIB, Phase.ASLEEP)
    saved = contents(target)
    assert saved == bytes(KIB64) + before[KIB64 : 2 * KIB64] + bytes(MIB - 2 * KIB64)
    assert (notes.names, job.cancel_sync()) == ([], -errno.ECANCELED)


def test_sync_none_goes_on_when_everything_is_saved(bench: Bench, notes: Notes) -> None:
    drive, target = Drive("d", filled(MIB)), MemoryDevice(MIB)
    job = backup(drive, target, sync=Sync.NONE, executor=bench.executor, **notes.options())
    bench.settle()
    drive.guest_write(0, bytes(MIB))
    for _ in range(3):
        bench.wake()
    assert (job.offset, job.phase) == (MIB, Phase.ASLEEP)
    job.cancel()
    bench.settle()
    assert notes.names == [CANCELLED]


def test_a_full_backup_clears_what_the_target_held(bench: Bench) -> None:
    target = filled(4 * MIB, salt=9)
    job = backup(Drive("d", MemoryDevice(4 * MIB)), target, executor=bench.executor)
    assert bench.finish(job) == 0
    assert contents(target) == bytes(4 * MIB)


def test_holes_over_holes_are_not_copied(bench: Bench) -> None:
    source = MemoryDevice(64 * MIB)
    source.write(5 * KIB64, b"x")
    target = FaultyDevice(MemoryDevice(64 * MIB), Fault("write"), Fault("write_zeroes"))
    job = backup(Drive("d", source), target, executor=bench.executor)
    assert bench.finish(job) == 0
    assert target.struck() == (1, 0)


def test_a_cluster_of_the_target_is_filled_in_one_piece(tmp_path: Path, bench: Bench) -> None:
    target = Qcow2File.create(tmp_path / "t.qcow2", 4 * MIB, cluster_size=MIB)
    job = backup(Drive("d", filled(4 * MIB)), target, executor=bench.executor, speed=MIB)
    bench.settle()
    assert job.offset == 2 * MIB
    assert job.cancel_sync() == -errno.ECANCELED


# ---- who waits for whom


def test_a_write_waits_while_the_job_copies_its_chunk(pool: Executor) -> None:
    source, gate = filled(MIB), Gate()
    before = contents(source)
    kept = MemoryDevice(MIB)
    drive = Drive("d", source)
    job = backup(drive, FaultyDevice(kept, Fault("write", hold=gate, nth=1)), executor=pool)
    gate.wait_until_reached()
    with ThreadPoolExecutor() as guests:
        written = guests.submit(drive.guest_write, 100, b"newer")
        until(lambda: drive.in_flight == 1)
        assert contents(source) == before
        gate.release()
        assert written.result(PATIENCE_S)
    assert job.wait(PATIENCE_S)
    assert (contents(kept), contents(source)[100:105]) == (before, b"newer")


def test_a_write_elsewhere_does_not_wait_for_the_jobs_copy(pool: Executor) -> None:
    source, gate = filled(4 * MIB), Gate()
    before = contents(source)
    kept = MemoryDevice(4 * MIB)
    drive = Drive("d", source)
    job = backup(drive, FaultyDevice(kept, Fault("write", hold=gate, nth=1)), executor=pool)
    gate.wait_until_reached()
    assert drive.guest_write(3 * MIB, b"newer")
    gate.release()
    assert job.wait(PATIENCE_S)
    assert contents(kept) == before


def test_a_backup_is_not_done_while_a_guest_is_still_saving(bench: Bench) -> None:
    source, gate, kept = filled(KIB64), Gate(), MemoryDevice(KIB64)
    before = contents(source)
    target = FaultyDevice(kept, Fault("write", hold=gate, nth=1), Fault("flush"))
    drive = Drive("d", source)
    job = backup(drive, target, executor=bench.executor)
    with ThreadPoolExecutor() as threads:
        written = threads.submit(drive.guest_write, 0, b"newer")
        gate.wait_until_reached()
        ran = threads.submit(bench.settle)
        until(lambda: job.len == KIB64)
        assert (target.struck()[1], job.offset) == (0, 0)
        gate.release()
        assert (written.result(PATIENCE_S), ran.result(PATIENCE_S)) == (True, None)
    assert (job.phase, job.control.ret, contents(kept)) == (Phase.FREED, 0, before)


# ---- verbs


def test_a_paused_backup_copies_nothing_and_guests_still_save(bench: Bench, notes: Notes) -> None:
    source, target = filled(MIB), MemoryDevice(MIB)
    before, drive = contents(source), Drive("d", source)
    job = backup(drive, target, executor=bench.executor, **notes.options())
    job.pause()
    bench.settle()
    assert (job.phase, contents(target)) == (Phase.PARKED, bytes(MIB))
    drive.guest_write(5 * KIB64, b"newer")
    assert contents(target)[5 * KIB64 : 6 * KIB64] == before[5 * KIB64 : 6 * KIB64]
    job.resume()
    assert bench.finish(job) == 0
    assert contents(target) == before


def test_a_cancelled_backup_leaves_the_device_to_its_guest(bench: Bench, notes: Notes) -> None:
    source, target = filled(MIB), MemoryDevice(MIB)
    drive = Drive("d", source)
    job = limited(bench, drive, target, notes)
    assert job.cancel_sync() == -errno.ECANCELED
    drive.guest_write(9 * KIB64, b"newer")
    assert contents(target)[9 * KIB64 :][:KIB64] == bytes(KIB64)
    assert (notes.names, drive.medium, drive.in_use) == ([CANCELLED], source, False)


def test_a_cancel_in_the_last_flush_comes_too_late(bench: Bench, notes: Notes) -> None:
    late = Fault("flush", delay_ns=1, once=True)
    target = FaultyDevice(MemoryDevice(MIB), late, sleep_ns=lambda _: job.cancel())
    job = backup(Drive("d", filled(MIB)), target, executor=bench.executor, **notes.options())
    bench.settle()
    assert (notes.names, notes.results) == ([COMPLETED], [0])


def test_a_backup_cannot_be_asked_to_complete(bench: Bench) -> None:
    job = backup(Drive("d", filled(MIB)), MemoryDevice(MIB), executor=bench.executor)
    with pytest.raises((NotSupported, CannotComplete)):
        job.complete()


def test_a_limited_backup_moves_its_quota_and_a_chunk_a_slice(bench: Bench) -> None:
    """As with a mirror, the charge of a delayed call is forgotten at the next slice."""
    drive, target = Drive("d", filled(2 * MIB)), MemoryDevice(2 * MIB)
    job = backup(drive, target, speed=40 * KIB64, executor=bench.executor)
    bench.settle()
    offsets = [job.offset]
    while job.phase is not Phase.FREED:
        bench.clock.advance(SLICE_NS + 1)
        bench.settle()
        offsets.append(job.offset)
    steps = [(after - before) // KIB64 for before, after in pairwise(offsets)]
    assert steps[:-1] == [5] * len(steps[:-1])


# ---- starting and ending


def test_a_drive_without_a_medium_has_nothing_to_back_up(bench: Bench) -> None:
    with pytest.raises(NoMedium):
        backup(Drive("d"), MemoryDevice(0), executor=bench.executor)


@pytest.mark.parametrize("length", [0, MIB - 1, MIB + 1])
def test_a_target_of_another_size_is_refused(length: int, bench: Bench) -> None:
    drive = Drive("d", filled(MIB))
    with pytest.raises(InvalidParameter, match="Invalid parameter 'target'"):
        backup(drive, MemoryDevice(length), executor=bench.executor)
    assert not drive.in_use


def test_an_image_of_the_devices_own_chain_is_refused_as_target(bench: Bench) -> None:
    base, top = chain_of(MIB)
    with pytest.raises(InvalidParameter, match="cannot be the same"):
        backup(Drive("d", top), base, executor=bench.executor)


def test_a_stop_that_nobody_could_see_is_refused(bench: Bench) -> None:
    drive = Drive("d", filled(MIB), policy=DevicePolicy(io_status_enabled=False))
    with pytest.raises(InvalidParameter, match="on-source-error"):
        backup(drive, MemoryDevice(MIB), executor=bench.executor, on_source_error=OnError.STOP)


def test_a_backup_that_is_refused_leaves_guests_alone(bench: Bench) -> None:
    drive, target = Drive("d", filled(MIB)), MemoryDevice(MIB)
    with pytest.raises(InvalidParameter, match="speed"):
        backup(drive, target, executor=bench.executor, speed=-1)
    drive.guest_write(0, b"newer")
    assert (contents(target), drive.in_use) == (bytes(MIB), False)


def test_a_device_that_has_a_job_takes_no_backup(bench: Bench) -> None:
    drive = Drive("d", filled(MIB))
    backup(drive, MemoryDevice(MIB), executor=bench.executor)
    with pytest.raises(DeviceInUse):
        backup(drive, MemoryDevice(MIB), executor=bench.executor)


def test_a_layer_that_both_sides_share_stays_open(tmp_path: Path, bench: Bench) -> None:
    base = RawFile.create(tmp_path / "base.img", MIB)
    base.write(0, b"base")
    drive = Drive("d", MemoryDevice(MIB, backing=base))
    target = MemoryDevice(MIB, backing=base)
    job = backup(drive, target, sync=Sync.TOP, executor=bench.executor)
    assert bench.finish(job) == 0
    assert drive.guest_read(0, 4) == b"base"
    drive.close()


def test_the_target_is_flushed_before_the_backup_says_it_is_done(
    bench: Bench, notes: Notes
) -> None:
    log = notes.log
    fault = Fault("flush", delay_ns=1, once=True)
    target = FaultyDevice(MemoryDevice(MIB), fault, sleep_ns=lambda _: log.append("flush"))
    backup(Drive("d", filled(MIB)), target, executor=bench.executor, **notes.options())
    bench.settle()
    assert log == ["flush", COMPLETED, "callback 0"]
