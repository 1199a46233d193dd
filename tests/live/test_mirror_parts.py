"""What a mirror does with a long request: parts on two lanes, errors in them, early returns."""

import errno
import threading
from typing import Literal

import pytest

from blockjob_fsm.block_job import BlockJob
from blockjob_fsm.bodies.requests import CopyDirty, Mirrored
from blockjob_fsm.error_action import OnError
from blockjob_fsm.executor import Executor
from blockjob_fsm.jobs import mirror
from blockjob_fsm.operations.lanes import Lanes
from blockjob_fsm.operations.mirror import MirrorOperations
from blockjob_fsm.storage import BlockDevice, Drive, Fault, FaultyDevice, MemoryDevice
from blockjob_fsm.storage.copy import never
from tests.live.world import MIB, STOPS, Bench, Notes, contents, filled

CHUNK = 512
PART = 4 * CHUNK
# A quarter of 41 chunks, then of the 31 that are left.
FIRST_PART, SECOND_PART = 10 * CHUNK, 7 * CHUNK
LENGTH = 40 * CHUNK + 77
PATIENCE_S = 20.0


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several parts, without moving megabytes."""
    monkeypatch.setattr("blockjob_fsm.operations.mirror.PART_BYTES", PART)


def get_in_step(drive: Drive, target: BlockDevice, pool: Executor) -> BlockJob:
    """A mirror on real threads that has announced READY."""
    ready = threading.Event()
    job = mirror(drive, target, executor=pool, chunk_bytes=CHUNK, on_event=lambda _: ready.set())
    assert ready.wait(PATIENCE_S)
    return job


def test_two_lanes_copy_every_byte(pool: Executor) -> None:
    source, target = filled(LENGTH), MemoryDevice(LENGTH)
    job = get_in_step(Drive("d", source), target, pool)
    assert contents(target) == contents(source)
    assert job.cancel_sync() == 0


def test_both_lanes_copy_at_once(pool: Executor) -> None:
    meeting = threading.Barrier(2, timeout=PATIENCE_S)
    # The first chunks of two parts: neither write ends before the other has begun.
    waits = [Fault("write", offset=at, delay_ns=1, once=True) for at in (0, FIRST_PART)]
    target = FaultyDevice(MemoryDevice(LENGTH), *waits, sleep_ns=lambda _: meeting.wait())
    job = get_in_step(Drive("d", filled(LENGTH)), target, pool)
    assert (target.struck(), meeting.broken) == ((1, 1), False)
    assert job.cancel_sync() == 0


BAD_CHUNKS = [0, 1, 9, 10, 16, 39, 40]


@pytest.mark.parametrize("bad", BAD_CHUNKS)
@pytest.mark.parametrize("operation", ["read", "write"])
def test_a_chunk_that_failed_is_copied_after_the_resume(
    operation: Literal["read", "write"], bad: int, bench: Bench, notes: Notes
) -> None:
    fault = Fault(operation, errno.EIO, offset=bad * CHUNK, once=True)
    source: BlockDevice = filled(LENGTH)
    target: BlockDevice = MemoryDevice(LENGTH)
    if operation == "read":
        source = FaultyDevice(source, fault)
    else:
        target = FaultyDevice(target, fault)
    job = mirror(
        Drive("d", source, policy=STOPS),
        target,
        executor=bench.executor,
        chunk_bytes=CHUNK,
        on_source_error=OnError.STOP,
        on_target_error=OnError.STOP,
        **notes.options(),
    )
    bench.settle()
    assert (notes.names, notes.events[0].data()["operation"]) == (["BLOCK_JOB_ERROR"], operation)
    job.resume()
    bench.settle()
    assert notes.names == ["BLOCK_JOB_ERROR", "BLOCK_JOB_READY"]
    assert contents(target) == contents(source)


@pytest.mark.parametrize(
    ("cursor", "answer"),
    [
        (0, Mirrored(1, 40, 0, moved=4)),
        (7, Mirrored(9, 32, 2, moved=2)),
        (41, Mirrored(1, 40, 0, moved=4)),
    ],
    ids=["all", "up to the end", "from the start again"],
)
def test_scattered_chunks_are_copied_in_one_request(
    cursor: int, answer: Mirrored, bench: Bench
) -> None:
    drive, target = Drive("d", filled(LENGTH)), MemoryDevice(LENGTH)
    operations = MirrorOperations(drive, Drive("", target), CHUNK, Lanes(bench.executor))
    operations.begin()
    for chunk in (1, 5, 9, 40):
        drive.guest_write(chunk * CHUNK, b"new")
    assert operations.carry_out(CopyDirty(cursor, 100), never) == answer
    assert contents(target)[9 * CHUNK :][:3] == b"new"


def test_no_part_is_begun_after_one_has_failed(bench: Bench, notes: Notes) -> None:
    target = MemoryDevice(LENGTH)
    source = FaultyDevice(filled(LENGTH), Fault("read", errno.EIO, offset=FIRST_PART - 1))
    job = mirror(
        Drive("d", source), target, executor=bench.executor, chunk_bytes=CHUNK, **notes.options()
    )
    bench.settle()
    assert (job.control.ret, notes.results) == (-errno.EIO, [-errno.EIO])
    assert contents(target)[:CHUNK] == contents(source.inner)[:CHUNK]
    assert contents(target)[FIRST_PART:] == bytes(LENGTH - FIRST_PART)


def test_the_chunks_of_a_part_count_as_dirty_until_it_is_begun(bench: Bench) -> None:
    counts: list[object] = []
    wait = Fault("write", offset=FIRST_PART, delay_ns=1, once=True)
    drive = Drive("d", filled(LENGTH))
    target = FaultyDevice(
        MemoryDevice(LENGTH), wait, sleep_ns=lambda _: counts.append(drive.query()["dirty"])
    )
    mirror(drive, target, executor=bench.executor, chunk_bytes=CHUNK)
    bench.settle()
    assert counts == [{"count": 41 * CHUNK - FIRST_PART - SECOND_PART}]


@pytest.mark.parametrize(
    ("chunk_ms", "published"),
    [(1, [0]), (40, [0, 3, 6, 9]), (400, list(range(10)))],
    ids=["fast disk", "slow disk", "each chunk takes longer than the interval"],
)
def test_progress_is_published_every_100_ms_and_each_time_there_is_some(
    chunk_ms: int, published: list[int], bench: Bench
) -> None:
    offsets: list[int] = []

    def work(ns: int) -> None:
        offsets.append(job.offset // MIB)
        bench.clock.advance(ns)

    slow = Fault("write", delay_ns=chunk_ms * 1_000_000)
    target = FaultyDevice(MemoryDevice(10 * MIB), slow, sleep_ns=work)
    job = mirror(Drive("d", filled(10 * MIB)), target, executor=bench.executor)
    bench.settle()
    assert sorted(set(offsets)) == published
    assert job.control.synced
