"""Whenever writing stops, the image is clean or has clusters that nobody uses: never worse.

Stopped before every single write to the file, by an error at every one, and by real kills.
"""

import contextlib
import errno
import itertools
import os
import random
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from blockjob_fsm.storage import MemoryDevice, RawFile, read_chain
from blockjob_fsm.storage.device import Data
from blockjob_fsm.storage.qcow2 import Qcow2File
from blockjob_fsm.storage.qcow2.host_file import HostFile
from blockjob_fsm.storage.qcow2.image import read_header
from tests.storage.qcow2 import killed_writer
from tests.storage.qcow2.change import Change, difference
from tests.storage.qcow2.qemu import CLEAN, LEAKING, Qemu

KIB = 1 << 10
LENGTH = 80 * KIB
CLUSTER = 512
LONG = killed_writer.LENGTH
KILLS = int(os.environ.get("BLOCKJOB_KILLS", "20"))

#: Allocating, in place, over the ends of L2 tables, zeros, growing and shrinking.
STORY = (
    Change(100, 300, 1),
    Change(0, 40 * KIB, 2),
    Change(31 * KIB + 7, 3 * KIB, 3),
    Change(10 * KIB, 20 * KIB, None),
    Change(12 * KIB + 1, 9, 4),
    Change(60 * KIB, 20 * KIB, 5),
    Change(resized=50 * KIB),
    Change(resized=6 << 20),
    Change((6 << 20) - 20 * KIB, 20 * KIB, 6),
    Change(0, 12 * KIB, 7),
)
#: The refcount table runs full, so that it moves; then further blocks are needed.
MOVING = (Change(100, 300, 1), Change(40 * KIB, 80 * KIB, 2), Change(1000, 200, 3))


class Stopped(BaseException):
    """The process is gone: nothing that follows reaches the file."""


class StoppingFile(HostFile):
    """Lets some writes through; the next raises what `stop` makes, and unless `once` all others."""

    def __init__(self, file: RawFile, allowed: int, stop: Callable[[], BaseException]) -> None:
        super().__init__(file)
        self.written = 0
        self.once = False
        self._allowed = allowed
        self._stop = stop

    def write(self, offset: int, *pieces: Data) -> None:
        """Count the write, and stop where it is time."""
        self.written += 1
        over = self.written - self._allowed
        if over == 1 or (over > 1 and not self.once):
            raise self._stop()
        super().write(offset, *pieces)


def stopping(
    path: Path, image: bytes, allowed: int, stop: Callable[[], BaseException]
) -> StoppingFile:
    """A file that holds `image` and stops after some writes."""
    path.write_bytes(image)
    return StoppingFile(RawFile.open(path), allowed, stop)


@pytest.fixture
def new(tmp_path: Path) -> bytes:
    """A small new image."""
    path = tmp_path / "new.qcow2"
    Qcow2File.create(path, LENGTH, cluster_size=CLUSTER).close()
    return path.read_bytes()


@pytest.fixture
def crowded(tmp_path: Path, qemu: Qemu) -> bytes:
    """An image whose refcount table is full but for a few clusters."""
    path = tmp_path / "crowded.qcow2"
    qemu.create(path, 4 << 20, f"cluster_size={CLUSTER}", "refcount_bits=64")
    with Qcow2File.open(path) as device:
        offset = 128 * KIB
        while path.stat().st_size < (2 << 20) - 8 * KIB:
            device.write(offset, b"d" * 4 * KIB)
            offset += 4 * KIB
        assert device.header.refcount_table_clusters == 1
    return path.read_bytes()


def image_on(host: StoppingFile) -> Qcow2File:
    """The image in the file, over old data that only its process sees."""
    device = Qcow2File(host, read_header(host), read_only=False)
    base = MemoryDevice(device.length())
    base.write(0, b"o" * device.length())
    device.backing = base
    return device


def perform_until_stopped(device: Qcow2File, story: Sequence[Change]) -> int:
    """How many changes of the story were finished."""
    for number, change in enumerate(story):
        try:
            change.perform(device)
        except Stopped:
            return number
    return len(story)


@pytest.mark.parametrize(("kind", "story"), [("new", STORY), ("crowded", MOVING)])
def test_a_stop_before_any_write_leaves_at_most_unused_clusters(
    tmp_path: Path, qemu: Qemu, kind: str, story: Sequence[Change], request: pytest.FixtureRequest
) -> None:
    image: bytes = request.getfixturevalue(kind)
    path = tmp_path / "disk.qcow2"
    allowed, finished = 0, -1
    verdicts: set[int] = set()
    while finished < len(story):
        with image_on(stopping(path, image, allowed, Stopped)) as device:
            finished = perform_until_stopped(device, story)
            tables = device.header.refcount_table_clusters
        verdicts.add(qemu.verdict(path))
        allowed += 1
    assert verdicts == {CLEAN, LEAKING}
    assert (allowed > 20, tables > 1) == (True, kind == "crowded")


def failed() -> OSError:
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_failed_change_can_be_tried_again_whichever_write_failed(
    tmp_path: Path, qemu: Qemu, new: bytes
) -> None:
    path = tmp_path / "disk.qcow2"
    allowed, written = 0, 1
    while allowed < written:
        model = bytearray(b"o" * LENGTH)
        host = stopping(path, new, allowed, failed)
        host.once = True
        with image_on(host) as device:
            for change in STORY:
                perform_twice_if_needed(device, change)
                change.perform_on_model(model)
                assert not difference(read_chain(device, 0, device.length()), model)
        written = host.written
        assert qemu.verdict(path) in {CLEAN, LEAKING}
        allowed += 1


def perform_twice_if_needed(device: Qcow2File, change: Change) -> None:
    try:
        change.perform(device)
    except OSError:
        change.perform(device)


def kill_one(path: Path, qemu: Qemu, seed: int) -> int:
    """Kill a writer at some moment; checks what is left and returns QEMU's verdict."""
    Qcow2File.create(path, LONG, cluster_size=killed_writer.CLUSTER_BYTES).close()
    command = [sys.executable, "-m", killed_writer.__name__, str(path), str(seed)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.read(1), "the writer did not start"
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(random.Random(seed).uniform(0, 0.1))
        process.kill()
        finished = len(process.stdout.read())
    model = bytearray(LONG)
    work = killed_writer.changes(seed)
    for change in itertools.islice(work, finished):
        change.perform_on_model(model)
    cut = next(work)
    found = bytearray(qemu.contents(path))
    # The change that was cut short may have been done in part.
    for data in (model, found):
        data[cut.offset : cut.offset + cut.length] = bytes(cut.length)
    assert not difference(found, model)
    return qemu.verdict(path)


@pytest.mark.parametrize("seed", range(KILLS))
def test_a_killed_writer_leaves_what_it_had_finished(tmp_path: Path, qemu: Qemu, seed: int) -> None:
    assert kill_one(tmp_path / "disk.qcow2", qemu, seed) in {CLEAN, LEAKING}


@pytest.fixture
def short_files() -> Iterator[None]:
    """No file of this process grows beyond a MiB: the write that would is cut short."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.usefixtures("short_files")
def test_a_write_that_the_file_system_cuts_short_is_an_error(tmp_path: Path, qemu: Qemu) -> None:
    path = tmp_path / "disk.qcow2"
    with Qcow2File.create(path, 2 << 20) as device:
        with pytest.raises(OSError, match="File too large") as caught:
            device.write(0, b"d" * (2 << 20))
        assert (caught.value.errno, caught.value.filename) == (errno.EFBIG, str(path))
    assert qemu.verdict(path) == CLEAN
