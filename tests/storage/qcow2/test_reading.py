"""Images made by QEMU read as QEMU reads them."""

import errno
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blockjob_fsm.storage import BlockDevice, chain, read_chain
from blockjob_fsm.storage.chains import open_chain
from blockjob_fsm.storage.qcow2 import ImageError, Qcow2File
from blockjob_fsm.storage.qcow2.cache import TableCache
from blockjob_fsm.storage.qcow2.host_file import without_first
from tests.storage.qcow2.change import difference
from tests.storage.qcow2.qemu import Qemu, merged
from tests.storage.qcow2.strategies import Plan, build, plans

Fresh = Callable[[str], Path]
KIB, MIB, TIB = 1 << 10, 1 << 20, 1 << 40


def close_chain(top: BlockDevice) -> None:
    for layer in list(chain(top)):
        layer.close()


def extents(device: BlockDevice) -> list[tuple[int, int, str]]:
    """(start, length, kind) of each extent from first to last byte."""
    found: list[tuple[int, int, str]] = []
    offset = 0
    while offset < device.length():
        extent = device.allocation(offset, device.length() - offset)
        kind = "none" if not extent.allocated else "zero" if extent.zero else "data"
        found.append((offset, extent.length, kind))
        offset += extent.length
    return found


@settings(max_examples=40)
@given(plan=plans(subclusters=True), data=st.data())
def test_a_chain_made_by_qemu_reads_as_qemu_reads_it(
    qemu: Qemu, fresh: Fresh, plan: Plan, data: st.DataObject
) -> None:
    path = build(plan, qemu, fresh)
    expected = qemu.contents(path)
    top = open_chain(path, path.suffix[1:])
    try:
        assert top.length() == len(expected)
        assert not difference(read_chain(top, 0, len(expected)), expected)
        offset = data.draw(st.integers(0, len(expected)))
        length = data.draw(st.integers(0, len(expected) - offset))
        part = read_chain(top, offset, length)
        assert not difference(part, expected[offset : offset + length])
    finally:
        close_chain(top)


@settings(max_examples=30)
@given(plan=plans(subclusters=True))
def test_allocation_is_what_qemu_maps(qemu: Qemu, fresh: Fresh, plan: Plan) -> None:
    path = build(plan, qemu, fresh)
    with Qcow2File.open(path, read_only=True) as device:
        found = extents(device)
        assert found == merged(found), "an extent was cut short"
        assert found == qemu.stored(path)


def test_a_sparse_terabyte_is_mapped_soon_and_in_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "sparse.qcow2"
    spots = [number * (TIB // 64) for number in range(1, 64)]
    with Qcow2File.create(path, TIB) as device:
        for spot in spots:
            device.write(spot, b"d" * 64 * KIB)
    tracemalloc.start()
    before = time.process_time()
    with Qcow2File.open(path, read_only=True) as device:
        found = extents(device)
    seconds = time.process_time() - before
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [start for start, _, kind in found if kind == "data"] == spots
    assert (seconds < 2, peak < 100 * MIB) == (True, True)


MAPPING = """
import sys, time
from blockjob_fsm.storage import Qcow2File
before = time.process_time()
with Qcow2File.open(sys.argv[1], read_only=True) as device:
    offset = extents = 0
    while offset < device.length():
        offset += device.allocation(offset, device.length() - offset).length
        extents += 1
# What getrusage tells is never less than what the parent had when it forked.
with open("/proc/self/status") as status:
    peak_kib = next(line.split()[1] for line in status if line.startswith("VmHWM"))
print(extents, time.process_time() - before, peak_kib)
"""


@pytest.mark.slow
def test_a_terabyte_of_many_tables_is_mapped_by_a_small_process(tmp_path: Path) -> None:
    path = tmp_path / "sparse.qcow2"
    with Qcow2File.create(path, TIB) as device:
        for number in range(512):
            device.write_zeroes(number * (TIB // 512) + MIB, 64 * KIB)
    command = [sys.executable, "-c", MAPPING, str(path)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    extents, seconds, peak_kib = int(said[0]), float(said[1]), int(said[2])
    assert extents == 2 * 512 + 1
    assert (seconds < 2, peak_kib < 100 * KIB) == (True, True)


def test_a_disk_written_in_a_row_lies_in_a_row(tmp_path: Path) -> None:
    with Qcow2File.create(tmp_path / "disk.qcow2", 4 * MIB) as device:
        device.write(0, b"d" * 4 * MIB)
        place = device.host_extent(5, 4 * MIB - 5)
        assert place is not None
        assert place[1] == 4 * MIB - 5


def test_data_past_the_end_of_the_file_is_zeros(tmp_path: Path, qemu: Qemu) -> None:
    path = tmp_path / "disk.qcow2"
    qemu.create(path, MIB, "preallocation=metadata")
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - 100 * KIB)
    with Qcow2File.open(path, read_only=True) as device:
        assert not difference(device.read(0, MIB), bytes(MIB))


def test_a_table_past_the_end_of_the_file_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "disk.qcow2"
    with Qcow2File.create(path, MIB) as device:
        device.write(0, b"d" * MIB)
        l1_offset = device.header.l1_offset
    with path.open("r+b") as file:
        file.seek(l1_offset)
        file.write((1 << 63 | 1 << 40).to_bytes(8, "big"))
    with (
        Qcow2File.open(path, read_only=True) as device,
        pytest.raises(ImageError, match="L2 table at 0x10000000000 reaches past the end") as caught,
    ):
        device.read(0, 1)
    assert caught.value.errno == errno.EIO


def test_only_a_bounded_number_of_tables_is_kept() -> None:
    cache: TableCache[str] = TableCache(budget_bytes=300, table_bytes=100)
    for number in range(10):
        cache.put(number, f"table {number}")
        cache.get(0)
    assert len(cache) == 3
    assert [cache.get(number) for number in (0, 8, 9)] == ["table 0", "table 8", "table 9"]


@pytest.mark.parametrize(
    ("done", "left"),
    [(0, [b"abc", b"de"]), (1, [b"bc", b"de"]), (3, [b"de"]), (4, [b"e"]), (5, [])],
)
def test_a_short_write_goes_on_where_it_ended(done: int, left: list[bytes]) -> None:
    assert without_first([memoryview(b"abc"), memoryview(b"de")], done) == left
