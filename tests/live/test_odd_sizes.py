"""Disks that end within a sector, copied to images of whole sectors."""

from collections.abc import Callable
from pathlib import Path

import pytest

from blockjob_fsm.block_job import BlockJob
from blockjob_fsm.jobs import backup, mirror
from blockjob_fsm.storage import Drive, MemoryDevice, Qcow2File
from blockjob_fsm.storage.device import BlockDevice
from tests.live.world import MIB, Bench, contents, filled

LENGTHS = [1, 511, MIB + 5]


def save(drive: Drive, target: BlockDevice, bench: Bench) -> BlockJob:
    """A backup that has ended."""
    job = backup(drive, target, executor=bench.executor)
    bench.finish(job)
    return job


def move(drive: Drive, target: BlockDevice, bench: Bench) -> BlockJob:
    """A mirror that has ended, the drive on its target."""
    job = mirror(drive, target, executor=bench.executor)
    bench.settle()
    job.complete()
    bench.finish(job)
    return job


def whole_sectors(length: int) -> int:
    """The length in whole sectors."""
    return -(-length // 512) * 512


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("copy", [save, move])
def test_a_copy_to_whole_sectors_ends_in_zeros(
    copy: Callable[[Drive, BlockDevice, Bench], BlockJob], length: int, bench: Bench
) -> None:
    source, target = filled(length), MemoryDevice(whole_sectors(length))
    target.write(0, b"\xff" * target.length())
    job = copy(Drive("d", source), target, bench)
    assert (job.control.ret, job.offset) == (0, length)
    assert contents(target) == contents(filled(length)).ljust(target.length(), b"\0")


@pytest.mark.parametrize("copy", [save, move])
def test_an_odd_disk_fits_a_qcow2_image(
    copy: Callable[[Drive, BlockDevice, Bench], BlockJob], bench: Bench, tmp_path: Path
) -> None:
    source, target = filled(MIB + 5), Qcow2File.create(tmp_path / "t.qcow2", MIB + 5)
    drive = Drive("d", source)
    copy(drive, target, bench)
    drive.close()
    with Qcow2File.open(tmp_path / "t.qcow2") as copied:
        assert contents(copied) == contents(filled(MIB + 5)).ljust(MIB + 512, b"\0")


@pytest.mark.parametrize("beyond", [512, 513])
def test_what_lies_beyond_the_last_sector_stays(beyond: int, bench: Bench) -> None:
    target = filled(MIB + beyond, salt=2)
    move(Drive("d", filled(MIB)), target, bench)
    assert contents(target)[MIB:] == contents(filled(MIB + beyond, salt=2))[MIB:]
