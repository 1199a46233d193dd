"""Guests that write while a job works: nothing they were told is written gets lost."""

import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from blockjob_fsm.block_job import BlockJob
from blockjob_fsm.bodies.mirror import Mirror
from blockjob_fsm.executor import Executor
from blockjob_fsm.job_type import MIRROR
from blockjob_fsm.jobs import commit, stream
from blockjob_fsm.operations.lanes import Lanes
from blockjob_fsm.operations.mirror import MirrorOperations
from blockjob_fsm.storage import BlockDevice, Drive, RawFile, chain
from tests.live.world import MIB, Notes, chain_of, contents, pattern
from tests.storage.threads import until

PATIENCE_S = 30.0
LENGTH = 8 * MIB + 321
GUESTS = 4


class Guests:
    """Threads that each write to a part of a drive, and what the disk must read as."""

    def __init__(self, drive: Drive, before: bytes) -> None:
        self.drive = drive
        self.model = bytearray(before)
        self.written = 0
        self._enough = threading.Event()
        self._failures: list[BaseException] = []
        self._threads = [
            threading.Thread(target=self._write, args=(number,)) for number in range(GUESTS)
        ]

    def __enter__(self) -> "Guests":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        for thread in self._threads:
            thread.join(PATIENCE_S)
        assert not self._failures

    def _write(self, number: int) -> None:
        chance, part = random.Random(number), LENGTH // GUESTS
        try:
            # A guest that writes without a pause keeps a mirror from ever getting in step.
            while not self._enough.wait(0.02):
                offset = number * part + chance.randrange(part - 5000)
                data = pattern(chance.randint(1, 5000), chance.randint(0, 250))
                assert self.drive.guest_write(offset, data)
                self.model[offset : offset + len(data)] = data
                self.written += 1
        except BaseException as error:
            self._failures.append(error)


class Comparing(MirrorOperations):
    """A mirror that compares both sides while the guest is kept out."""

    equal: tuple[bool, ...] = ()

    def compare(self) -> None:
        source, target = self.drive.medium, self.mirror_target.medium
        assert self.drive.draining
        assert source is not None
        assert target is not None
        self.equal += (contents(source) == contents(target),)

    def pivot(self) -> None:
        self.compare()
        super().pivot()

    def undrain(self) -> None:
        if not self.equal:
            self.compare()
        super().undrain()


@pytest.fixture
def source(tmp_path: Path) -> Iterator[RawFile]:
    """A raw file with data and a hole."""
    with RawFile.create(tmp_path / "source.img", LENGTH) as image:
        image.write(0, pattern(3 * MIB))
        yield image


def mirrored(
    drive: Drive, target: BlockDevice, pool: Executor, notes: Notes
) -> tuple[BlockJob, Comparing]:
    """A mirror in small chunks, in step while the guests write."""
    operations = Comparing(drive, Drive("", target), 65536, Lanes(pool))
    body = Mirror(chunk=65536)
    job = BlockJob.create(
        MIRROR, drive, executor=pool, body=body, operations=operations, **notes.options()
    )
    job.start()
    until(lambda: "BLOCK_JOB_READY" in notes.names)
    return job, operations


@pytest.mark.stress
def test_after_a_pivot_the_device_has_every_write(
    tmp_path: Path, source: RawFile, pool: Executor, notes: Notes
) -> None:
    drive, target = Drive("d", source), RawFile.create(tmp_path / "target.img", LENGTH)
    with Guests(drive, contents(source)) as guests:
        job, operations = mirrored(drive, target, pool, notes)
        before = guests.written
        until(lambda: guests.written > before + 20)
        job.complete()
        assert job.wait(PATIENCE_S)
        after = guests.written
        until(lambda: guests.written > after + 20)
    assert (drive.medium, operations.equal) == (target, (True,))
    assert contents(target) == bytes(guests.model)
    drive.close()


@pytest.mark.stress
def test_a_mirror_cancelled_in_step_leaves_a_copy_of_one_moment(
    tmp_path: Path, source: RawFile, pool: Executor, notes: Notes
) -> None:
    drive, target = Drive("d", source), RawFile.create(tmp_path / "target.img", LENGTH)
    with Guests(drive, contents(source)) as guests:
        job, operations = mirrored(drive, target, pool, notes)
        before = guests.written
        until(lambda: guests.written > before + 20)
        assert job.cancel_sync() == 0
    assert (drive.medium, operations.equal) == (source, (True,))
    assert contents(source) == bytes(guests.model)


@pytest.mark.stress
@pytest.mark.parametrize("kind", ["stream", "commit"])
def test_a_chain_that_is_merged_under_the_guest_keeps_every_write(
    kind: str, pool: Executor
) -> None:
    layers = chain_of(LENGTH, layers=3)
    top = layers[-1]
    drive = Drive("d", top)
    with Guests(drive, contents(top)) as guests:
        until(lambda: guests.written > 20)
        if kind == "stream":
            job = stream(drive, executor=pool)
        else:
            job = commit(drive, top=layers[1], executor=pool)
        assert job.wait(PATIENCE_S)
        after = guests.written
        until(lambda: guests.written > after + 20)
    assert job.control.ret == 0
    assert contents(top) == bytes(guests.model)
    assert len(list(chain(top))) == {"stream": 1, "commit": 2}[kind]
