"""Raw files on the real file system: holes, sizes, refusals."""

import errno
import json
import os
import stat
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from blockjob_fsm.storage import BlockDevice, Extent, MemoryDevice, RawFile

KIB = 1024
MIB = 1024 * KIB
TIB = 1 << 40

Run = tuple[int, int, bool]


def runs_of(device: BlockDevice) -> list[Run]:
    """(start, length, whether data) of each extent from first to last byte."""
    found: list[Run] = []
    offset = 0
    while offset < device.length():
        extent = device.allocation(offset, device.length() - offset)
        found.append((offset, extent.length, not extent.zero))
        offset += extent.length
    return found


def sparse(path: Path, length: int, *data: tuple[int, int]) -> RawFile:
    """A file with holes but for these (offset, length) ranges."""
    device = RawFile.create(path, length)
    for offset, size in data:
        device.write(offset, b"d" * size)
    return device


def disk_bytes(path: Path) -> int:
    return path.stat().st_blocks * 512


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "disk.raw"


def test_extents_agree_with_what_qemu_sees(path: Path, qemu_img: Path) -> None:
    with sparse(path, 9 * MIB + 123, (0, 70_000), (3 * MIB, MIB), (9 * MIB, 123)) as device:
        device.flush()
        command = [str(qemu_img), "map", "-f", "raw", "--output=json", str(path)]
        rows = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        seen = [(row["start"], row["length"], row["data"]) for row in rows]
        # QEMU counts in sectors and adds what is missing to the last one.
        assert [run for run in seen if run[0] < device.length()] == runs_of(device)


def test_a_terabyte_of_holes_is_a_handful_of_extents(path: Path) -> None:
    with sparse(path, TIB, (TIB // 2, 4 * KIB)) as device:
        half = TIB // 2
        hole_after = half + 4 * KIB
        assert runs_of(device) == [
            (0, half, False),
            (half, 4 * KIB, True),
            (hole_after, TIB - hole_after, False),
        ]


def test_zeroes_over_data_become_a_hole(path: Path) -> None:
    with sparse(path, 4 * MIB, (0, 4 * MIB)) as device:
        device.write_zeroes(MIB, 2 * MIB)
        device.flush()
        assert runs_of(device) == [(0, MIB, True), (MIB, 2 * MIB, False), (3 * MIB, MIB, True)]
        assert disk_bytes(path) < 3 * MIB


def test_zeroes_over_a_hole_write_nothing(path: Path) -> None:
    with sparse(path, TIB) as device:
        device.write_zeroes(0, TIB)
        assert disk_bytes(path) < MIB


def test_zeroes_keep_the_bytes_beside_them(path: Path) -> None:
    with sparse(path, 100_000, (0, 100_000)) as device:
        device.write_zeroes(1, 99_998)
        assert device.read(0, 100_000) == b"d" + bytes(99_998) + b"d"


def test_without_hole_punching_zeros_are_written(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("blockjob_fsm.storage.raw._PUNCH_HOLE", 0)
    with sparse(path, 3 * MIB, (0, 3 * MIB)) as device:
        device.write_zeroes(5, 2 * MIB)
        assert device.read(0, 3 * MIB) == b"d" * 5 + bytes(2 * MIB) + b"d" * (MIB - 5)


def test_without_hole_punching_a_hole_stays_one(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("blockjob_fsm.storage.raw._PUNCH_HOLE", 0)
    with sparse(path, 64 * MIB, (0, MIB)) as device:
        device.write_zeroes(0, 64 * MIB)
        assert device.allocation(MIB, 63 * MIB) == Extent(False, True, 63 * MIB)


def test_creating_empties_a_file_that_is_there(path: Path) -> None:
    path.write_bytes(b"old" * 1000)
    with RawFile.create(path, 5000) as device:
        assert device.read(0, 5000) == bytes(5000)
        assert runs_of(device) == [(0, 5000, False)]


def test_exclusive_creation_leaves_a_file_that_is_there(path: Path) -> None:
    path.write_bytes(b"old")
    with pytest.raises(FileExistsError):
        RawFile.create(path, 5000, exclusive=True)
    assert path.read_bytes() == b"old"


def test_a_file_that_cannot_be_so_long_is_left_as_it_was(path: Path) -> None:
    path.write_bytes(b"old")
    with pytest.raises(OSError, match="too large") as caught:
        RawFile.create(path, (1 << 63) - 1)
    assert caught.value.filename == str(path)
    assert path.read_bytes() == b"old"


def test_a_new_file_that_cannot_be_so_long_is_not_left_behind(path: Path) -> None:
    with pytest.raises(OSError, match="too large"):
        RawFile.create(path, (1 << 63) - 1)
    assert not path.exists()


@pytest.mark.parametrize("length", [0, 1, 511, 513, 65_537])
def test_any_length_is_kept_to_the_byte(path: Path, length: int) -> None:
    with RawFile.create(path, length) as made:
        made.write(0, b"x" * length)
    with RawFile.open(path, read_only=True) as device:
        assert (device.length(), device.read(0, length)) == (length, b"x" * length)


def test_a_directory_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError, match=str(tmp_path)):
        RawFile.open(tmp_path, read_only=True)


def test_a_missing_file_is_refused_by_name(path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=str(path)):
        RawFile.open(path)


def test_a_pipe_is_refused_without_waiting_for_its_other_end(path: Path) -> None:
    os.mkfifo(path)
    with pytest.raises(OSError, match="neither a regular file nor a block device"):
        RawFile.open(path, read_only=True)


def test_a_character_device_is_no_target() -> None:
    with pytest.raises(OSError, match="neither a regular file nor a block device"):
        RawFile.create("/dev/null", 1)
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_a_file_opened_read_only_refuses_writes(path: Path) -> None:
    path.write_bytes(b"old")
    with RawFile.open(path, read_only=True) as device, pytest.raises(PermissionError):
        device.write(0, b"new")
    assert path.read_bytes() == b"old"


def test_reopening_keeps_the_descriptor_and_changes_the_access(path: Path) -> None:
    path.write_bytes(b"old")
    with RawFile.open(path, read_only=True) as device:
        before = device.fileno()
        device.reopen(read_only=False)
        device.write(0, b"new")
        device.reopen(read_only=True)
        assert device.fileno() == before
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.pwrite(before, b"!", 0)
    assert path.read_bytes() == b"new"


def test_a_refused_reopening_changes_nothing(path: Path) -> None:
    path.write_bytes(b"old")
    with RawFile.open(path, read_only=True) as device:
        path.unlink()
        with pytest.raises(FileNotFoundError):
            device.reopen(read_only=False)
        assert device.read_only
        assert device.read(0, 3) == b"old"


def test_a_file_cut_behind_our_back_is_a_read_error_that_names_it(path: Path) -> None:
    with sparse(path, 5000, (0, 5000)) as device:
        os.truncate(path, 1000)
        with pytest.raises(OSError, match="ended early") as caught:
            device.read(0, 5000)
        assert (caught.value.errno, caught.value.filename) == (errno.EIO, str(path))


def test_a_status_is_never_empty_while_holes_come_and_go(
    path: Path, pool: ThreadPoolExecutor
) -> None:
    with sparse(path, MIB, (0, MIB)) as device:

        def come_and_go() -> None:
            for _ in range(2000):
                device.write_zeroes(0, 4 * KIB)
                device.write(0, b"d" * 4 * KIB)

        working = pool.submit(come_and_go)
        shortest = MIB
        while not working.done():
            shortest = min(shortest, device.allocation(0, MIB).length)
        working.result()
    assert shortest > 0


def test_data_once_found_is_not_looked_for_again(path: Path) -> None:
    # Finding where data ends takes some file systems as long as there is data.
    with sparse(path, 4 * MIB, (0, 4 * MIB)) as device:
        assert device.allocation(0, 4 * MIB) == Extent(True, False, 4 * MIB)
        os.truncate(path, 2 * MIB)
        os.truncate(path, 4 * MIB)
        assert device.allocation(MIB, 3 * MIB) == Extent(True, False, 3 * MIB)


def make_a_hole(device: RawFile) -> None:
    device.write_zeroes(MIB, 3 * MIB)


def cut_and_grow(device: RawFile) -> None:
    device.resize(MIB)
    device.resize(4 * MIB)


def empty_and_reopen(device: RawFile) -> None:
    os.truncate(device.name, 0)
    device.reopen(read_only=True)


@pytest.mark.parametrize("lose_data", [make_a_hole, cut_and_grow, empty_and_reopen])
def test_data_that_was_found_is_forgotten_when_it_may_be_gone(
    path: Path, lose_data: Callable[[RawFile], None]
) -> None:
    with sparse(path, 4 * MIB, (0, 4 * MIB)) as device:
        assert not device.allocation(0, 4 * MIB).zero
        lose_data(device)
        assert device.allocation(2 * MIB, MIB) == Extent(False, True, MIB)


def test_resizing_adds_a_hole(path: Path) -> None:
    with sparse(path, 4 * KIB, (0, 4 * KIB)) as device:
        device.resize(MIB)
        assert path.stat().st_size == MIB
        assert device.allocation(4 * KIB, MIB - 4 * KIB) == Extent(False, True, MIB - 4 * KIB)


def test_a_raw_file_takes_no_backing(path: Path) -> None:
    with RawFile.create(path, 10) as device:
        with pytest.raises(OSError, match="cannot have a backing file") as caught:
            device.backing = MemoryDevice(10)
        assert caught.value.errno == errno.ENOTSUP
        assert device.backing is None


def test_closing_twice_closes_once(path: Path) -> None:
    device = RawFile.create(path, 10)
    device.close()
    taken = os.open(path, os.O_RDONLY)
    device.close()
    assert os.fstat(taken).st_size == 10
    os.close(taken)
