"""Backups whose disks fail, or whose guests' writes do: who is told, and what is still true."""

import errno
from dataclasses import replace

import pytest

from blockjob_fsm.bodies.requests import Sync
from blockjob_fsm.error_action import (
    DevicePolicy,
    ErrorAction,
    OnError,
    choose_action,
    io_status_of,
)
from blockjob_fsm.events import BlockJobError
from blockjob_fsm.jobs import backup
from blockjob_fsm.lifecycles.classic_words import Phase
from blockjob_fsm.storage import Drive, Fault, FaultyDevice, MemoryDevice
from tests.live.saving import KIB64, limited
from tests.live.world import MIB, STOPS, Bench, Notes, chain_of, contents, filled

COMPLETED, CANCELLED, ERROR = "BLOCK_JOB_COMPLETED", "BLOCK_JOB_CANCELLED", "BLOCK_JOB_ERROR"
REPORT = OnError.REPORT


@pytest.mark.parametrize(("werror", "answer"), [(OnError.STOP, False), (OnError.IGNORE, True)])
def test_a_write_that_cannot_be_saved_fails_and_the_backup_goes_on(
    werror: OnError, answer: bool, bench: Bench, notes: Notes
) -> None:
    source, kept = filled(MIB), MemoryDevice(MIB)
    before = contents(source)
    target = FaultyDevice(kept, Fault("write", errno.ENOSPC, offset=9 * KIB64, once=True))
    drive = Drive("d", source, policy=DevicePolicy(on_write_error=werror))
    job = limited(bench, drive, target, notes)
    assert drive.guest_write(9 * KIB64, b"newer") is answer
    assert (contents(source), job.is_paused) == (before, False)
    assert (bench.finish(job), notes.names) == (0, [COMPLETED])
    assert contents(kept) == before
    assert drive.cont()


def test_a_write_that_cannot_be_saved_reports_why_and_where(bench: Bench, notes: Notes) -> None:
    target = FaultyDevice(MemoryDevice(MIB, name="full"), Fault("write", errno.ENOSPC, nth=3))
    drive = Drive("d", filled(MIB), policy=DevicePolicy(on_write_error=OnError.REPORT))
    limited(bench, drive, target, notes)
    with pytest.raises(OSError, match="No space left on device: 'full'") as caught:
        drive.guest_write(9 * KIB64, b"newer")
    assert caught.value.errno == errno.ENOSPC


def test_a_chunk_spoiled_before_the_scan_is_not_left_out(bench: Bench) -> None:
    base, top = chain_of(2 * MIB)
    target = FaultyDevice(MemoryDevice(2 * MIB, backing=base), Fault("write", errno.EIO, nth=1))
    drive = Drive("d", top, policy=DevicePolicy(on_write_error=OnError.REPORT))
    job = backup(drive, target, sync=Sync.TOP, executor=bench.executor)
    with pytest.raises(OSError, match="Input/output error"):
        drive.guest_write(0, b"newer")
    assert bench.finish(job) == 0
    assert target.inner.allocation(0, KIB64)[0]
    assert not target.inner.allocation(KIB64, KIB64)[0]


FAULTS = {
    "source": Fault("read", errno.EIO, offset=3 * KIB64, once=True),
    "target": Fault("write", errno.EIO, offset=3 * KIB64, once=True),
    "flush": Fault("flush", errno.EIO, once=True),
}


def failing(side: str, error: int, *, once: bool = True) -> tuple[FaultyDevice, FaultyDevice]:
    """Source and target of 1 MiB of which one side fails at its fourth chunk, or flushing."""
    fault = replace(FAULTS[side], errno=error, once=once)
    source = FaultyDevice(filled(MIB), *([fault] if side == "source" else []))
    target = FaultyDevice(MemoryDevice(MIB), *([] if side == "source" else [fault]))
    return source, target


@pytest.mark.parametrize("side", FAULTS)
@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC])
@pytest.mark.parametrize("policy", OnError)
def test_an_error_that_passes_is_handled_by_the_policy_of_its_side(
    policy: OnError, error: int, side: str, bench: Bench, notes: Notes
) -> None:
    source, target = failing(side, error)
    on_source, on_target = (policy, REPORT) if side == "source" else (REPORT, policy)
    job = backup(
        Drive("d", source, policy=STOPS),
        target,
        executor=bench.executor,
        on_source_error=on_source,
        on_target_error=on_target,
        **notes.options(),
    )
    bench.settle()
    action = choose_action(policy, error)
    assert notes.events[0] == BlockJobError("d", side == "source", action.value)
    if action is ErrorAction.STOP:
        assert (job.phase, job.iostatus) == (Phase.PARKED, io_status_of(error))
        job.resume()
        bench.settle()
    assert job.control.ret == (-error if action is ErrorAction.REPORT else 0)
    assert (notes.names, notes.results) == ([ERROR, COMPLETED], [job.control.ret])
    assert (contents(target) == contents(source.inner)) is not (
        action is ErrorAction.REPORT and side != "flush"
    )


@pytest.mark.parametrize("side", FAULTS)
@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC])
@pytest.mark.parametrize("policy", [OnError.IGNORE, OnError.STOP])
def test_an_error_that_stays_is_met_again_until_the_job_is_cancelled(
    policy: OnError, error: int, side: str, bench: Bench, notes: Notes
) -> None:
    source, target = failing(side, error, once=False)
    job = backup(
        Drive("d", source, policy=STOPS),
        target,
        executor=bench.executor,
        on_source_error=policy,
        on_target_error=policy,
        **notes.options(),
    )
    for _ in range(3):
        bench.executor.run_pending(200)
        job.resume()
    job.cancel()
    bench.settle()
    assert set(notes.names[:-1]) == {ERROR}
    assert (len(notes.names) >= 4, notes.names[-1], notes.results) == (True, CANCELLED, [0])


def test_what_lies_behind_a_bad_chunk_is_saved_meanwhile(bench: Bench) -> None:
    source, target = failing("source", errno.EIO, once=False)
    drive = Drive("d", source, policy=STOPS)
    job = backup(drive, target, executor=bench.executor, on_source_error=OnError.IGNORE, speed=1)
    bench.settle()
    for _ in range(40):
        bench.wake()
    saved, whole = contents(target), contents(source.inner)
    good = [saved[at : at + KIB64] == whole[at : at + KIB64] for at in range(0, MIB, KIB64)]
    assert good == [at != 3 for at in range(16)]
    assert job.offset == MIB - KIB64


def test_chunks_that_were_asked_for_together_with_a_bad_one_are_saved_without_it(
    bench: Bench,
) -> None:
    bad = Fault("read", errno.EIO, offset=9 * KIB64)
    source, target = FaultyDevice(filled(MIB), bad), MemoryDevice(MIB)
    job = backup(
        Drive("d", source, policy=STOPS),
        target,
        executor=bench.executor,
        on_source_error=OnError.IGNORE,
    )
    bench.executor.run_pending(200)
    saved, whole = contents(target), contents(source.inner)
    good = [saved[at : at + KIB64] == whole[at : at + KIB64] for at in range(0, MIB, KIB64)]
    assert (good, job.offset) == ([at != 9 for at in range(16)], MIB - KIB64)
    job.cancel_sync()


def test_a_stop_on_the_target_is_published_on_both_and_reset_by_resume(bench: Bench) -> None:
    source, target = failing("target", errno.ENOSPC)
    job = backup(
        Drive("d", source), target, on_target_error=OnError.ENOSPC, executor=bench.executor
    )
    side = job._operations.target
    assert side is not None
    bench.settle()
    assert (job.iostatus.value, side.io_status.value) == ("nospace", "nospace")
    job.resume()
    assert (job.iostatus.value, side.io_status.value) == ("ok", "ok")


def test_a_source_that_does_not_tell_its_holes_is_copied_whole(bench: Bench) -> None:
    source = FaultyDevice(filled(MIB), Fault("allocation", errno.EIO, nth=1))
    target = MemoryDevice(MIB)
    job = backup(Drive("d", source), target, executor=bench.executor)
    assert bench.finish(job) == 0
    assert contents(target) == contents(source.inner)


def test_sync_top_fails_without_an_event_if_the_layer_cannot_be_asked(
    bench: Bench, notes: Notes
) -> None:
    base = filled(MIB)
    source = FaultyDevice(MemoryDevice(MIB, backing=base), Fault("allocation", errno.EIO))
    job = backup(
        Drive("d", source),
        MemoryDevice(MIB),
        sync=Sync.TOP,
        executor=bench.executor,
        **notes.options(),
    )
    assert (bench.finish(job), notes.names) == (-errno.EIO, [COMPLETED])
