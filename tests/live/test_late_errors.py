"""Disks that find out at a flush that they are full: no job may call its work done then."""

import errno

import pytest

from blockjob_fsm.block_job import BlockJob
from blockjob_fsm.error_action import ErrorAction, OnError, choose_action, io_status_of
from blockjob_fsm.jobs import backup, commit, mirror
from blockjob_fsm.lifecycles.classic_words import Phase
from blockjob_fsm.storage import Drive, Fault, FaultyDevice, MemoryDevice
from tests.live.world import MIB, STOPS, Bench, Notes, chain_of, contents, filled

#: What a network's or a quota's file system says only when it is made to keep its word.
LATE = {
    errno.ENOSPC: "No space left on device",
    errno.EDQUOT: "Disk quota exceeded",
    errno.EFBIG: "File too large",
}
NOT_IGNORED = [OnError.REPORT, OnError.STOP, OnError.ENOSPC]


def started(kind: str, late: int, policy: OnError, notes: Notes, bench: Bench) -> BlockJob:
    """A copy to a target whose first flush fails."""
    drive = Drive("d", filled(MIB), policy=STOPS)
    begin = {"mirror": mirror, "backup": backup}[kind]
    target = FaultyDevice(MemoryDevice(MIB), Fault("flush", late, once=True))
    job = begin(drive, target, executor=bench.executor, on_target_error=policy, **notes.options())
    bench.settle()
    return job


@pytest.mark.parametrize("late", LATE)
@pytest.mark.parametrize("policy", NOT_IGNORED)
@pytest.mark.parametrize("kind", ["mirror", "backup"])
def test_a_failed_flush_ends_or_stops_a_copy_by_its_policy(
    kind: str, policy: OnError, late: int, bench: Bench, notes: Notes
) -> None:
    job = started(kind, late, policy, notes, bench)
    assert "BLOCK_JOB_READY" not in notes.names
    if choose_action(policy, late) is ErrorAction.STOP:
        assert (job.phase, job.iostatus) == (Phase.PARKED, io_status_of(late))
    else:
        assert (job.phase, notes.events[-1].data()["error"]) == (Phase.FREED, LATE[late])


@pytest.mark.parametrize("late", LATE)
@pytest.mark.parametrize("kind", ["mirror", "backup"])
def test_a_copy_stopped_at_a_flush_flushes_again_when_resumed(
    kind: str, late: int, bench: Bench, notes: Notes
) -> None:
    job = started(kind, late, OnError.STOP, notes, bench)
    job.resume()
    bench.settle()
    last = {"mirror": "BLOCK_JOB_READY", "backup": "BLOCK_JOB_COMPLETED"}[kind]
    assert (notes.names, job.control.ret) == (["BLOCK_JOB_ERROR", last], 0)


@pytest.mark.parametrize("late", LATE)
def test_a_commit_whose_base_cannot_be_flushed_keeps_the_chain(
    late: int, bench: Bench, notes: Notes
) -> None:
    base, top, active = chain_of(3 * MIB, layers=3)
    top.backing = FaultyDevice(base, Fault("flush", late))
    before = contents(active)
    commit(Drive("d", active), top=top, executor=bench.executor, **notes.options())
    bench.settle()
    assert (notes.results, notes.events[-1].data()["error"]) == ([-late], LATE[late])
    assert (active.backing, contents(active)) == (top, before)
