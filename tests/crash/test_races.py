"""Four guests write while a job works: nothing of theirs is lost, and nothing is in two minds.

`BLOCKJOB_RACES` says how many runs there are of each.
"""

import os
from pathlib import Path

import pytest

from blockjob_fsm.block_job import BlockJob
from blockjob_fsm.bodies.mirror import Mirror
from blockjob_fsm.executor import Executor
from blockjob_fsm.job_type import MIRROR
from blockjob_fsm.jobs import backup, commit, stream
from blockjob_fsm.operations.lanes import Lanes
from blockjob_fsm.storage import Drive, RawFile, chain
from blockjob_fsm.storage.chains import open_chain
from blockjob_fsm.storage.qcow2 import Qcow2File
from tests.crash.racing import SHARED, Guests, Write, unexplained
from tests.live.test_guests import Comparing
from tests.live.world import MIB, Notes, pattern
from tests.storage.qcow2.qemu import CLEAN, Qemu
from tests.storage.threads import PATIENCE_S, until

RUNS = range(int(os.environ.get("BLOCKJOB_RACES", "4")))
#: No whole number of chunks.
LENGTH = 4 * MIB + 512 * 3
CHUNK = 65536
#: A job that does one unit in a slice, until its guests are at work and it may go on.
SLOW = 1
SUFFIXES = [(source, target) for source in ("raw", "qcow2") for target in ("raw", "qcow2")]

Image = RawFile | Qcow2File

pytestmark = [pytest.mark.slow, pytest.mark.stress]


def create(path: Path, *, backing: Path | None = None) -> Image:
    """An image by its suffix; small clusters are completed and allocated often."""
    if path.suffix == ".raw":
        return RawFile.create(path, LENGTH)
    name, kind = (backing.name, "qcow2") if backing else (None, None)
    return Qcow2File.create(path, LENGTH, cluster_size=4096, backing=name, backing_format=kind)


def source_of(folder: Path, suffix: str) -> tuple[Image, bytes]:
    """An image with data, holes, and data at its very end."""
    source = create(folder / f"source.{suffix}")
    data = bytearray(LENGTH)
    for start, size in ((0, MIB), (2 * MIB - 77, MIB // 2), (LENGTH - 1000, 1000)):
        data[start : start + size] = pattern(size)
        source.write(start, data[start : start + size])
    return source, bytes(data)


@pytest.mark.parametrize("seed", RUNS)
@pytest.mark.parametrize(("source_suffix", "target_suffix"), SUFFIXES)
def test_a_mirror_pivots_to_a_target_that_has_every_write(
    source_suffix: str, target_suffix: str, seed: int, tmp_path: Path, pool: Executor, qemu: Qemu
) -> None:
    source, before = source_of(tmp_path, source_suffix)
    target = create(tmp_path / f"target.{target_suffix}")
    drive, notes = Drive("d", source), Notes()
    operations = Comparing(drive, Drive("", target), CHUNK, Lanes(pool))
    with Guests(drive, LENGTH, seed) as guests:
        guests.until_more(1)
        job = BlockJob.create(
            MIRROR,
            drive,
            executor=pool,
            body=Mirror(chunk=CHUNK),
            operations=operations,
            **notes.options(),
        )
        job.start()
        until(lambda: "BLOCK_JOB_READY" in notes.names)
        guests.until_more()
        job.complete()
        assert job.wait(PATIENCE_S)
        guests.until_more(1)
    assert (job.control.ret, drive.medium, operations.equal) == (0, target, (True,))
    drive.close()
    assert unexplained(qemu.contents(Path(target.name)), before, guests.writes) is None
    verdicts = [qemu.verdict(path) for path in tmp_path.glob("*.qcow2")]
    assert set(verdicts) <= {CLEAN}


@pytest.mark.parametrize("seed", RUNS)
@pytest.mark.parametrize(("source_suffix", "target_suffix"), SUFFIXES)
def test_a_backup_is_the_source_at_its_start(
    source_suffix: str, target_suffix: str, seed: int, tmp_path: Path, pool: Executor, qemu: Qemu
) -> None:
    source, before = source_of(tmp_path, source_suffix)
    target = create(tmp_path / f"target.{target_suffix}")
    drive = Drive("d", source)
    # Begun first, since of writes already under way nobody knows which come before its moment.
    job = backup(drive, target, executor=pool, chunk_bytes=4096, speed=SLOW)
    with Guests(drive, LENGTH, seed) as guests:
        guests.until_more(1)
        job.set_speed(0)
        assert job.wait(PATIENCE_S)
        guests.until_more(1)
    drive.close()
    assert (job.control.ret, qemu.contents(Path(target.name)) == before) == (0, True)
    assert unexplained(qemu.contents(Path(source.name)), before, guests.writes) is None
    verdicts = [qemu.verdict(path) for path in tmp_path.glob("*.qcow2")]
    assert set(verdicts) <= {CLEAN}


def merged_chain(folder: Path) -> tuple[Path, bytes]:
    """Three images, the lower two with data; the path of the top, and what it shows."""
    names = [folder / f"{name}.qcow2" for name in ("base", "middle", "top")]
    data = bytearray(LENGTH)
    for number, path in enumerate(names):
        with create(path, backing=names[number - 1] if number else None) as image:
            if number == 0:
                data[:] = pattern(LENGTH)
                image.write(0, data)
            elif number == 1:
                # Whole clusters only: no chain is open that could complete others.
                for start in range(0, LENGTH - 8192, 70 * 4096):
                    data[start : start + 8192] = pattern(8192, 7)
                    image.write(start, pattern(8192, 7))
    return names[-1], bytes(data)


@pytest.mark.parametrize("seed", RUNS)
@pytest.mark.parametrize("kind", ["stream", "commit"])
def test_a_chain_merged_under_four_guests_has_every_write(
    kind: str, seed: int, tmp_path: Path, pool: Executor, qemu: Qemu
) -> None:
    path, before = merged_chain(tmp_path)
    top = open_chain(path, read_only=False)
    drive = Drive("d", top)
    with Guests(drive, LENGTH, seed) as guests:
        guests.until_more(1)
        if kind == "stream":
            job = stream(drive, executor=pool, speed=SLOW)
        else:
            middle = list(chain(top))[1]
            job = commit(drive, executor=pool, top=middle, base_name="base.qcow2", speed=SLOW)
        guests.until_more(1)
        job.set_speed(0)
        assert job.wait(PATIENCE_S)
        guests.until_more(1)
    assert (job.control.ret, len(list(chain(top)))) == (0, {"stream": 1, "commit": 2}[kind])
    drive.close()
    assert unexplained(qemu.contents(path), before, guests.writes) is None
    assert qemu.verdict(path) == CLEAN


# ---- what the guests' writes explain


@pytest.mark.parametrize(
    ("writes", "found", "first_wrong"),
    [
        ([], b"oooo", None),
        ([], b"ooox", 3),
        ([Write(0, 1, 1, b"aa")], b"oaao", None),
        ([Write(0, 1, 1, b"aa")], b"ooao", 1),
        ([Write(0, 1, 0, b"aaa"), Write(2, 3, 1, b"bb")], b"abbo", None),
        ([Write(0, 1, 0, b"aaa"), Write(2, 3, 1, b"bb")], b"aabo", 1),
        ([Write(0, 2, 0, b"aaa"), Write(1, 3, 1, b"bb")], b"aabo", None),
        ([Write(0, 2, 0, b"aaa"), Write(1, 3, 1, b"bb")], b"oabo", 0),
        ([Write(0, 2, 0, b"aa"), Write(1, 3, 0, b"bb"), Write(4, 5, 0, b"c")], b"cboo", None),
    ],
)
def test_what_overlapping_writes_explain(
    writes: list[Write], found: bytes, first_wrong: int | None
) -> None:
    assert unexplained(found, b"oooo", writes) == first_wrong


def test_guests_write_to_shared_and_own_bytes_up_to_the_end(tmp_path: Path) -> None:
    with (
        RawFile.create(tmp_path / "disk.raw", LENGTH) as disk,
        Guests(Drive("d", disk), LENGTH, 1) as guests,
    ):
        guests.until_more(4)
    writes = guests.writes
    assert max(write.end for write in writes) == LENGTH
    assert sum(write.offset < SHARED for write in writes) > 4
