"""Copies carry every byte and every hole, and say truthfully what failed."""

import errno
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockjob_fsm.storage import (
    BlockDevice,
    CopyResult,
    Fault,
    FaultyDevice,
    MemoryDevice,
    RawFile,
    copy_range,
    read_chain,
)
from blockjob_fsm.storage.copy import PIECE_BYTES, in_kernel
from tests.storage.strategies import LENGTH, Step, layers, perform, steps

PIECE = PIECE_BYTES
SIZE = 5 * PIECE + 77
HOLE = 2 * PIECE, PIECE


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("copy")


@pytest.fixture
def source(folder: Path) -> Iterator[RawFile]:
    """Random data: two pieces, a hole of one piece, two pieces and a bit."""
    with RawFile.create(folder / "source.raw", SIZE) as device:
        device.write(0, os.urandom(2 * PIECE))
        device.write(3 * PIECE, os.urandom(SIZE - 3 * PIECE))
        yield device


@pytest.fixture(params=["raw", "memory", "faulty raw"])
def target(request: pytest.FixtureRequest, folder: Path) -> Iterator[BlockDevice]:
    kind: str = request.param
    with (
        MemoryDevice(SIZE) if kind == "memory" else RawFile.create(folder / "target.raw", SIZE)
    ) as device:
        yield FaultyDevice(device) if kind.startswith("faulty") else device


@given(images=layers(), prior=st.lists(steps(), max_size=3), data=st.data())
def test_a_range_reads_alike_afterwards_and_the_rest_is_untouched(
    folder: Path, images: list[MemoryDevice], prior: list[Step], data: st.DataObject
) -> None:
    length = images[0].length()
    start = data.draw(st.integers(0, length))
    stop = data.draw(st.integers(start, length))
    keep_holes = data.draw(st.booleans())
    below = MemoryDevice(LENGTH, name="below")
    below.write(0, b"B" * LENGTH)
    targets = (MemoryDevice(LENGTH, backing=below), RawFile.create(folder / "any.raw", LENGTH))
    with targets[1]:
        target = data.draw(st.sampled_from(targets))
        for step in prior:
            perform(target, step)
        expected = bytearray(read_chain(target, 0, LENGTH))
        expected[start:stop] = read_chain(images[0], start, stop - start)
        result = copy_range(images[0], target, start, stop - start, keep_holes=keep_holes)
        assert result == CopyResult(stop - start)
        assert read_chain(target, 0, LENGTH) == expected


def test_a_file_arrives_whole_and_its_hole_with_it(source: RawFile, target: BlockDevice) -> None:
    assert copy_range(source, target, 0, SIZE) == CopyResult(SIZE)
    assert target.read(0, SIZE) == source.read(0, SIZE)
    assert target.allocation(*HOLE).zero


def test_old_data_of_the_target_becomes_a_hole(source: RawFile, target: BlockDevice) -> None:
    target.write(0, b"o" * SIZE)
    assert copy_range(source, target, 0, SIZE) == CopyResult(SIZE)
    assert target.read(0, SIZE) == source.read(0, SIZE)
    assert target.allocation(*HOLE)[1:] == (True, PIECE)


def test_a_hole_costs_nothing_however_large(folder: Path) -> None:
    with (
        RawFile.create(folder / "a.raw", 1 << 40) as source,
        RawFile.create(folder / "b.raw", 1 << 40) as target,
    ):
        assert copy_range(source, target, 0, 1 << 40) == CopyResult(1 << 40)
        assert os.fstat(target.fileno()).st_blocks == 0


def test_holes_are_written_out_when_asked(source: RawFile, target: BlockDevice) -> None:
    assert copy_range(source, target, 0, SIZE, keep_holes=False) == CopyResult(SIZE)
    assert not target.allocation(*HOLE).zero
    assert target.read(0, SIZE) == source.read(0, SIZE)


def test_holes_of_a_chain_are_written_out_when_asked(source: RawFile, target: BlockDevice) -> None:
    top = MemoryDevice(SIZE, backing=source)
    assert copy_range(top, target, 0, SIZE, keep_holes=False) == CopyResult(SIZE)
    assert not target.allocation(*HOLE).zero
    assert target.read(0, SIZE) == source.read(0, SIZE)


def test_a_lower_layer_that_is_a_file_is_copied_from_file_to_file(folder: Path) -> None:
    class Unread(RawFile):
        def read(self, offset: int, length: int) -> bytes:
            raise AssertionError("the bytes came through the device")

    with (
        Unread.create(folder / "base.raw", SIZE) as base,
        RawFile.create(folder / "target.raw", SIZE) as target,
    ):
        base.write(0, b"b" * SIZE)
        top = MemoryDevice(SIZE, backing=base)
        assert copy_range(top, target, 0, SIZE) == CopyResult(SIZE)
        assert target.read(0, SIZE) == b"b" * SIZE


def test_the_base_of_a_chain_is_copied_too(source: RawFile, target: BlockDevice) -> None:
    top = MemoryDevice(SIZE, backing=source)
    top.write(HOLE[0], b"top")
    assert copy_range(top, target, 0, SIZE) == CopyResult(SIZE)
    assert target.read(0, SIZE) == read_chain(top, 0, SIZE)


def test_two_workers_may_copy_two_halves(source: RawFile, target: BlockDevice) -> None:
    half = SIZE // 2
    lanes = [
        threading.Thread(target=copy_range, args=(source, target, *part))
        for part in ((0, half), (half, SIZE - half))
    ]
    for lane in lanes:
        lane.start()
    for lane in lanes:
        lane.join()
    assert target.read(0, SIZE) == source.read(0, SIZE)


def test_a_stop_is_heeded_between_pieces(source: RawFile, target: BlockDevice) -> None:
    answers = iter([False, True])
    result = copy_range(source, target, 0, SIZE, stop=lambda: next(answers))
    assert result == CopyResult(PIECE)
    assert target.read(0, PIECE) == source.read(0, PIECE)
    assert not any(target.read(PIECE, SIZE - PIECE))


@pytest.mark.parametrize(
    ("on_source", "on_target", "expected"),
    [
        (Fault("read", errno.EIO, offset=0), None, (0, errno.EIO, True)),
        (Fault("read", errno.EIO, nth=2), None, (PIECE, errno.EIO, True)),
        (Fault("allocation", errno.EIO, offset=2 * PIECE), None, (2 * PIECE, errno.EIO, True)),
        (None, Fault("write", errno.ENOSPC, offset=0), (0, errno.ENOSPC, False)),
        (None, Fault("write", errno.ENOSPC, nth=3), (3 * PIECE, errno.ENOSPC, False)),
        (None, Fault("write_zeroes", errno.ENOSPC), (2 * PIECE, errno.ENOSPC, False)),
        (None, Fault("allocation", errno.EIO), (2 * PIECE, errno.EIO, False)),
    ],
)
def test_the_side_that_failed_and_the_good_bytes_are_told(
    source: RawFile,
    on_source: Fault | None,
    on_target: Fault | None,
    expected: tuple[int, int, bool],
) -> None:
    target = MemoryDevice(SIZE)
    target.write(0, b"o" * SIZE)
    result = copy_range(
        FaultyDevice(source, *filter(None, [on_source])),
        FaultyDevice(target, *filter(None, [on_target])),
        0,
        SIZE,
    )
    assert result == CopyResult(*expected)
    good = result.bytes_done
    assert target.read(0, good) == source.read(0, good)


def test_a_source_file_cut_short_is_a_read_error(source: RawFile, target: BlockDevice) -> None:
    os.ftruncate(source.fileno(), 4 * PIECE)
    failed = copy_range(source, target, 3 * PIECE, 2 * PIECE, keep_holes=False)
    assert failed == CopyResult(PIECE, errno.EIO, True)


def test_a_target_file_that_refuses_is_a_write_error(source: RawFile, folder: Path) -> None:
    with RawFile.create(folder / "refusing.raw", SIZE) as target:
        target.reopen(read_only=True)
        assert copy_range(source, target, 0, SIZE) == CopyResult(0, errno.EACCES, False)


def test_a_full_target_file_tells_how_far_it_got(
    source: RawFile, folder: Path, file_size_limit: Callable[[int], None]
) -> None:
    with RawFile.create(folder / "full.raw", SIZE) as target:
        file_size_limit(3 * PIECE + 1000)
        assert copy_range(source, target, 0, SIZE) == CopyResult(
            3 * PIECE + 1000, errno.EFBIG, False
        )


@pytest.fixture
def file_size_limit() -> Iterator[Callable[[int], None]]:
    """Sets the most bytes a file of this process may have, until the test ends."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda limit: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


FORK = """
import os
from blockjob_fsm.storage.copy import make_buffer
buffer = make_buffer()
child = os.fork()
if not child:
    buffer[0] = 1
    os._exit(0)
os.waitpid(child, 0)
print(buffer[0])
"""


def test_a_forked_child_copies_through_bytes_of_its_own() -> None:
    ran = subprocess.run([sys.executable, "-c", FORK], check=True, capture_output=True)
    assert ran.stdout == b"0\n"


@pytest.mark.skipif(not hasattr(os, "copy_file_range"), reason="no copy inside this kernel")
def test_the_kernels_own_copy_moves_the_same_bytes(source: RawFile, folder: Path) -> None:
    with RawFile.create(folder / "kernel.raw", SIZE) as target:
        move = in_kernel(source.fileno(), target.fileno())
        done = 0
        while done < SIZE:
            done += move(done, SIZE - done)
        assert target.read(0, SIZE) == source.read(0, SIZE)


@pytest.mark.parametrize("missing", ["_HAS_READ_INTO", "_HAS_KERNEL_COPY"])
def test_a_platform_without_the_fast_calls_copies_all_the_same(
    missing: str, source: RawFile, target: BlockDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"blockjob_fsm.storage.copy.{missing}", False)
    assert copy_range(source, target, 0, SIZE) == CopyResult(SIZE)
    assert target.read(0, SIZE) == source.read(0, SIZE)
