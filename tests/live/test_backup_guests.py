"""Backups while guests write on four threads, and beside QEMU's own backup job."""

import json
import random
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from blockjob_fsm.bodies.requests import Sync
from blockjob_fsm.executor import Executor
from blockjob_fsm.jobs import backup
from blockjob_fsm.storage import BlockDevice, Drive, MemoryDevice, RawFile
from blockjob_fsm.storage.qcow2 import Qcow2File
from tests.live.world import MIB, contents, pattern
from tests.qsd import Qsd, raw_node
from tests.storage.threads import PATIENCE_S, until

GUESTS = 4
LENGTH = 2 * MIB
#: No whole number of chunks, so that writes lie across them.
SLOT = 24_000
#: Small, so that there is much to save and to wait for.
CHUNK = 4096
SLOTS = LENGTH // SLOT // GUESTS

Make = Callable[[Path], BlockDevice]


def memory(_: Path) -> BlockDevice:
    """An image in memory."""
    return MemoryDevice(LENGTH)


def raw(folder: Path) -> BlockDevice:
    """A raw file."""
    return RawFile.create(folder / "image.raw", LENGTH)


def qcow2(folder: Path) -> BlockDevice:
    """A qcow2 file whose clusters are not the backup's chunks."""
    return Qcow2File.create(folder / "image.qcow2", LENGTH, cluster_size=4096)


def shown_by(target: BlockDevice) -> bytes:
    """What a target holds that its job has closed."""
    if isinstance(target, RawFile | Qcow2File):
        with type(target).open(target.name, read_only=True) as again:
            return contents(again)
    return contents(target)


class Guests:
    """Threads that write versions, each the slots of its own part over and over, in order."""

    def __init__(self, drive: Drive, seed: int) -> None:
        self._drive = drive
        self._seed = seed
        self._go, self._stop = threading.Event(), threading.Event()
        self._pool = ThreadPoolExecutor(GUESTS)
        self._writes = [0] * GUESTS
        self._working: list[Future[None]] = []

    def __enter__(self) -> "Guests":
        self._working = [self._pool.submit(self._write, guest) for guest in range(GUESTS)]
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._go.set()
        for guest in self._working:
            guest.result(PATIENCE_S)
        self._pool.shutdown()

    def go(self) -> None:
        """Let the threads, which are there already, write."""
        self._go.set()

    def until_written(self, rounds: int) -> None:
        """Return when each guest has written all its slots so often, and more."""
        until(lambda: min(self._writes) > rounds * SLOTS)

    def _write(self, guest: int) -> None:
        skip = random.Random(self._seed * GUESTS + guest).randrange(SLOTS)
        assert self._go.wait(PATIENCE_S), "nobody let the guests write"
        while not self._stop.is_set():
            version, slot = divmod(skip + self._writes[guest], SLOTS)
            data = bytes([version % 255 + 1]) * SLOT
            assert self._drive.guest_write((guest * SLOTS + slot) * SLOT, data)
            self._writes[guest] += 1


def versions(shown: bytes, guest: int) -> list[int]:
    """The version in each slot of a guest; a slot of two versions is no version, -1."""
    start = guest * SLOTS * SLOT
    slots = [shown[at : at + SLOT] for at in range(start, start + SLOTS * SLOT, SLOT)]
    return [slot[0] if slot == slot[:1] * SLOT else -1 for slot in slots]


def is_one_moment(found: list[int]) -> bool:
    """Whether slots written in order show one moment: newer ones first, one older version after."""
    newest, oldest = found[0], found[-1]
    turn = next((at for at, version in enumerate(found) if version != newest), len(found))
    steps_on = (newest - oldest) % 255 == (1 if turn < len(found) else 0)
    return -1 not in found and steps_on and found[turn:] == [oldest] * (len(found) - turn)


@pytest.mark.stress
@pytest.mark.parametrize(
    ("source_of", "target_of", "seed"),
    [
        *((raw, raw, seed) for seed in range(50)),
        *((memory, memory, seed) for seed in range(10)),
        *((raw, qcow2, seed) for seed in range(10)),
    ],
)
def test_four_guests_never_get_into_the_backup(
    source_of: Make, target_of: Make, seed: int, tmp_path: Path, pool: Executor
) -> None:
    (tmp_path / "source").mkdir()
    source, target = source_of(tmp_path / "source"), target_of(tmp_path)
    before = pattern(LENGTH, seed)
    source.write(0, before)
    drive = Drive("d", source)
    with Guests(drive, seed) as guests:
        job = backup(drive, target, executor=pool, chunk_bytes=CHUNK)
        guests.go()
        assert job.wait(PATIENCE_S)
        guests.until_written(1)
    assert (job.control.ret, shown_by(target) == before) == (0, True)
    drive.close()


@pytest.mark.stress
@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("sync", [Sync.FULL, Sync.TOP])
def test_guests_that_write_already_are_cut_at_one_moment(
    sync: Sync, seed: int, pool: Executor
) -> None:
    base = MemoryDevice(LENGTH)
    base.write(0, b"\1" * LENGTH)
    drive, target = (
        Drive("d", MemoryDevice(LENGTH, backing=base)),
        MemoryDevice(LENGTH, backing=base),
    )
    with Guests(drive, seed) as guests:
        guests.go()
        guests.until_written(1)
        job = backup(drive, target, sync=sync, executor=pool, chunk_bytes=CHUNK)
        assert job.wait(PATIENCE_S)
        guests.until_written(2)
    shown = shown_by(target)
    found = [versions(shown, guest) for guest in range(GUESTS)]
    assert [is_one_moment(one) for one in found] == [True] * GUESTS, found


@pytest.mark.parametrize(
    ("found", "answer"),
    [
        ([2, 2, 2], True),
        ([2, 2, 1], True),
        ([1, 255, 255], True),
        ([2, 1, 2], False),
        ([1, 2, 2], False),
        ([3, 1, 1], False),
        ([2, -1, 1], False),
        ([3, 2, 1], False),
    ],
)
def test_what_counts_as_one_moment(found: list[int], answer: bool) -> None:
    assert is_one_moment(found) is answer


# ---- beside QEMU


@pytest.mark.slow
@pytest.mark.usefixtures("qemu_storage_daemon")
@pytest.mark.parametrize("length", [MIB, 3 * MIB + 512])
def test_qemus_own_backup_makes_the_same_bytes(length: int, tmp_path: Path, pool: Executor) -> None:
    theirs, ours = tmp_path / "theirs.raw", tmp_path / "ours.raw"
    with RawFile.create(tmp_path / "source.raw", length) as made:
        made.write(MIB // 3, pattern(MIB // 2))
    RawFile.create(theirs, length).close()
    source = raw_node(tmp_path / "source.raw", node_name="source", read_only=True)
    with Qsd(source, raw_node(theirs, node_name="target")) as qemu:
        qemu.execute("blockdev-backup", job_id="b", device="source", target="target", sync="full")
        assert "error" not in qemu.wait_for_event("BLOCK_JOB_COMPLETED")["data"]
    drive = Drive("d", RawFile.open(tmp_path / "source.raw", read_only=True))
    job = backup(drive, RawFile.create(ours, length), executor=pool)
    assert job.wait(PATIENCE_S)
    drive.close()
    assert (job.control.ret, ours.read_bytes() == theirs.read_bytes()) == (0, True)


def guest_writes(qemu_io: Path, address: Path) -> subprocess.CompletedProcess[str]:
    """Write the first 4 KiB of the source as a client of its export."""
    uri = f"nbd+unix:///source?socket={address}"
    command = [str(qemu_io), "-f", "raw", "-c", "write -P 1 0 4096", uri]
    return subprocess.run(command, check=False, capture_output=True, text=True)


@pytest.mark.slow
@pytest.mark.usefixtures("qemu_storage_daemon")
def test_qemu_too_fails_the_guests_write_and_goes_on_with_the_backup(
    tmp_path: Path, qemu_io: Path
) -> None:
    source, target = tmp_path / "source.raw", tmp_path / "target.raw"
    source.write_bytes(b"o" * MIB)
    target.write_bytes(bytes(MIB))
    address = {"type": "unix", "data": {"path": str(tmp_path / "nbd")}}
    export = {"type": "nbd", "id": "e", "node-name": "source", "writable": True}
    fails = {"event": "pwritev", "errno": 28, "once": True}
    file_node = {"driver": "file", "filename": str(target)}
    broken = {"driver": "blkdebug", "image": file_node, "inject-error": [fails]}
    nodes = [
        raw_node(source, node_name="source"),
        {"driver": "raw", "node-name": "target", "file": broken},
    ]
    with Qsd(*nodes) as qemu:
        qemu.execute("nbd-server-start", addr=address)
        qemu.execute("block-export-add", **export)
        qemu.execute("blockdev-backup", job_id="b", device="source", target="target", sync="none")
        said = [guest_writes(qemu_io, tmp_path / "nbd") for _ in range(2)]
        jobs = json.dumps(qemu.execute("query-jobs"))
        qemu.execute("block-job-cancel", device="b")
        qemu.wait_for_event("BLOCK_JOB_CANCELLED")
    assert "No space left on device" in said[0].stdout + said[0].stderr
    assert (said[1].returncode, '"status": "running"' in jobs) == (0, True)
    assert target.read_bytes()[:65536] == b"o" * 65536
