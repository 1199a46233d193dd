"""What we write is what is read, by us and by QEMU, and QEMU finds no fault in the tables."""

import errno
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blockjob_fsm.storage import (
    BlockDevice,
    Extent,
    FaultyDevice,
    MemoryDevice,
    RawFile,
    chain,
    read_chain,
)
from blockjob_fsm.storage.chains import open_chain
from blockjob_fsm.storage.qcow2 import ImageError, Qcow2File
from tests.storage.qcow2.change import Change, difference
from tests.storage.qcow2.qemu import CLEAN, LEAKING, Qemu, output_of
from tests.storage.qcow2.strategies import Plan, build, changes, plans

Fresh = Callable[[str], Path]
KIB, MIB = 1 << 10, 1 << 20


@st.composite
def stories(draw: st.DrawFn) -> tuple[Plan, list[Change]]:
    """A chain as QEMU made it, and what is then done to its top."""
    plan = draw(plans())
    return plan, draw(changes(plan.shape))


def overlay(path: Path, backing: BlockDevice, length: int, version: int = 3) -> Qcow2File:
    """An empty image over a device that is no file."""
    device = Qcow2File.create(path, length, backing="below", backing_format="raw", version=version)
    device.backing = backing
    return device


def full(length: int, byte: bytes = b"o") -> MemoryDevice:
    """A device of memory full of one byte."""
    device = MemoryDevice(length)
    device.write(0, byte * length)
    return device


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "disk.qcow2"


@settings(max_examples=40)
@given(story=stories())
def test_a_written_image_is_clean_and_reads_as_the_model(
    qemu: Qemu, fresh: Fresh, story: tuple[Plan, list[Change]]
) -> None:
    plan, done = story
    path = build(plan, qemu, fresh)
    model = bytearray(qemu.contents(path))
    top = open_chain(path, "qcow2", read_only=False)
    for change in done:
        change.perform(top)
        change.perform_on_model(model)
        assert not difference(read_chain(top, 0, top.length()), model)
    for layer in list(chain(top)):
        layer.close()
    assert qemu.verdict(path) == CLEAN
    assert not difference(qemu.contents(path), model)


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("cluster_bytes", [512, 65536, 2 * MIB])
@pytest.mark.parametrize("length", [0, 512, 5 * MIB, 3 << 30])
def test_a_new_image_is_clean_and_as_long_as_asked(
    path: Path, qemu: Qemu, version: int, cluster_bytes: int, length: int
) -> None:
    with Qcow2File.create(path, length, version=version, cluster_size=cluster_bytes) as device:
        assert device.length() == length
    assert qemu.verdict(path) == CLEAN
    assert f"({length} bytes)" in output_of(qemu.img, "info", path)


def test_a_length_is_made_whole_sectors(path: Path) -> None:
    with Qcow2File.create(path, 513) as device:
        assert device.length() == 1024
        device.resize(1025)
        assert device.length() == 1536


@pytest.mark.parametrize("cluster_size", [0, 256, 1000, 4 * MIB])
def test_a_size_of_cluster_that_is_not_allowed_makes_no_file(path: Path, cluster_size: int) -> None:
    with pytest.raises(ImageError, match="not allowed; use a power of two"):
        Qcow2File.create(path, MIB, cluster_size=cluster_size)
    assert not path.exists()


def test_a_disk_too_long_for_its_clusters_makes_no_file(path: Path) -> None:
    with pytest.raises(ImageError, match="too long for clusters of 512 bytes; use larger"):
        Qcow2File.create(path, 1 << 40, cluster_size=512)
    assert not path.exists()


@pytest.mark.parametrize("width", [8, 16, 32, 64])
def test_refcounts_of_each_width_grow_with_the_file(path: Path, qemu: Qemu, width: int) -> None:
    qemu.create(path, 9 * MIB, "cluster_size=512", f"refcount_bits={width}")
    with Qcow2File.open(path) as device:
        before = device.header.refcount_table_clusters
        device.write(0, b"d" * 9 * MIB)
        # Wider counts make blocks that count less, so that the table itself has to move.
        assert (device.header.refcount_table_clusters > before) == (width > 8)
    assert qemu.verdict(path) == CLEAN


@pytest.mark.parametrize(
    ("what", "option"), [("subclusters", "extended_l2=on"), ("less than 8 bits", "refcount_bits=4")]
)
def test_what_we_cannot_write_can_still_be_read(
    path: Path, qemu: Qemu, what: str, option: str
) -> None:
    qemu.create(path, MIB, option)
    qemu.perform(path, ["write -P 7 0 64k"])
    refuses_writes_and_reads(path, what, b"\7" * 64 * KIB)


def test_of_an_image_with_snapshots_the_active_layer_is_read(path: Path, qemu: Qemu) -> None:
    qemu.create(path, MIB)
    qemu.perform(path, ["write -P 7 0 64k"])
    output_of(qemu.img, "snapshot", "-c", "first", path)
    qemu.perform(path, ["write -P 8 0 64k"])
    refuses_writes_and_reads(path, "internal snapshots", b"\b" * 64 * KIB)


def refuses_writes_and_reads(path: Path, what: str, expected: bytes) -> None:
    with pytest.raises(ImageError, match=f"{what} can only be read") as caught:
        Qcow2File.open(path)
    assert caught.value.errno == errno.ENOTSUP
    with Qcow2File.open(path, read_only=True) as device:
        assert not difference(device.read(0, len(expected)), expected)
        with pytest.raises(ImageError, match="can only be read"):
            device.reopen(read_only=False)
        assert device.read_only


def test_a_part_of_a_cluster_is_completed_from_below(path: Path) -> None:
    with overlay(path, full(256 * KIB), 256 * KIB) as device:
        device.write(70_000, b"new")
        assert read_chain(device, 69_999, 5) == b"onewo"
        assert device.allocation(0, 256 * KIB) == Extent(False, False, 64 * KIB)
        assert device.allocation(64 * KIB, 192 * KIB) == Extent(True, False, 64 * KIB)


def test_past_the_end_of_the_backing_a_cluster_is_completed_with_zeros(path: Path) -> None:
    with overlay(path, full(1000), 64 * KIB) as device:
        device.write(2000, b"new")
        assert device.read(0, 64 * KIB) == (b"o" * 1000 + bytes(1000) + b"new").ljust(
            64 * KIB, b"\0"
        )


def test_a_whole_cluster_is_written_without_reading_below(path: Path) -> None:
    with Qcow2File.create(path, MIB, backing="nowhere", backing_format="raw") as device:
        device.write(0, b"d" * MIB)
        assert not difference(device.read(0, MIB), b"d" * MIB)


def test_what_lies_below_is_not_guessed_while_the_backing_is_unknown(path: Path) -> None:
    with Qcow2File.create(path, MIB, backing="nowhere", backing_format="raw") as device:
        assert device.allocation(0, MIB) == Extent(False, False, MIB)
        with pytest.raises(ImageError, match="its backing file is not open"):
            device.write(5, b"new")
        with pytest.raises(ImageError, match="its backing file is not open"):
            device.read(5, 10)
        device.backing = None
        device.write(5, b"new")
        assert device.read(0, 10) == bytes(5) + b"new" + bytes(2)


@pytest.mark.parametrize("version", [2, 3])
def test_zeroes_hide_what_lies_below(path: Path, qemu: Qemu, version: int) -> None:
    with overlay(path, full(MIB), MIB, version=version) as device:
        device.write_zeroes(1000, 200_000)
        expected = b"o" * 1000 + bytes(200_000) + b"o" * (MIB - 201_000)
        assert not difference(read_chain(device, 0, MIB), expected)
        device.change_backing(None, None)
    assert qemu.verdict(path) == CLEAN


@pytest.mark.parametrize("version", [2, 3])
def test_zeroes_over_data_give_its_clusters_back(path: Path, version: int) -> None:
    with Qcow2File.create(path, 4 * MIB, version=version) as device:
        device.write(0, b"d" * 4 * MIB)
        size = path.stat().st_size
        device.write_zeroes(0, 4 * MIB)
        assert device.allocation(0, 4 * MIB) == Extent(version == 3, True, 4 * MIB)
        device.write(0, b"e" * 4 * MIB)
        assert path.stat().st_size == size


def test_zeroes_in_a_cluster_that_is_zeros_below_take_no_place(path: Path) -> None:
    with overlay(path, MemoryDevice(MIB), MIB) as device:
        size = path.stat().st_size
        device.write_zeroes(100, 50)
        assert device.allocation(0, 64 * KIB) == Extent(True, True, 64 * KIB)
        # One cluster for the L2 table that says so.
        assert path.stat().st_size == size + 64 * KIB


def test_rewriting_what_was_compressed_gives_its_bytes_back(path: Path, qemu: Qemu) -> None:
    qemu.create(path, MIB)
    qemu.perform(path, [f"write -c -P {n + 1} {n * 64}k 64k" for n in range(16)])
    with Qcow2File.open(path) as device:
        device.write(3 * 64 * KIB + 7, b"new")
        device.write(8 * 64 * KIB, b"d" * 8 * 64 * KIB)
        assert device.read(3 * 64 * KIB, 12) == b"\4" * 7 + b"new" + b"\4" * 2
    assert qemu.verdict(path) == CLEAN


def test_version_2_gets_no_zero_cluster_where_compressed_zeros_were(path: Path, qemu: Qemu) -> None:
    qemu.create(path, MIB, "compat=0.10")
    qemu.perform(path, ["write -c -P 0 0 64k"])
    with Qcow2File.open(path) as device:
        device.write_zeroes(100, 50)
        assert device.allocation(0, MIB) == Extent(True, False, 64 * KIB)
    assert qemu.verdict(path) == CLEAN


@pytest.mark.parametrize("kind", ["raw", "qcow2", None])
def test_the_format_of_a_new_backing_file_is_recorded(path: Path, kind: str | None) -> None:
    below = path.with_name("below")
    bases: dict[str | None, Callable[[], BlockDevice]] = {
        "raw": lambda: RawFile.create(below, MIB),
        "qcow2": lambda: Qcow2File.create(below, MIB),
        None: lambda: MemoryDevice(MIB),
    }
    base = bases[kind]()
    with Qcow2File.create(path, MIB) as device, base:
        device.change_backing(FaultyDevice(base), "below")
        assert (device.backing_name, device.backing_format) == ("below", kind)


def test_what_a_growing_disk_gains_is_zeros_over_a_longer_backing(path: Path, qemu: Qemu) -> None:
    with overlay(path, full(MIB), 100 * KIB) as device:
        device.write(99 * KIB, b"d" * KIB)
        device.resize(MIB + KIB)
        expected = b"o" * 99 * KIB + b"d" * KIB + bytes(MIB + KIB - 100 * KIB)
        assert not difference(read_chain(device, 0, MIB + KIB), expected)
        device.change_backing(None, None)
    assert qemu.verdict(path) == CLEAN


def test_a_grown_disk_may_need_another_l1_table(path: Path, qemu: Qemu) -> None:
    with Qcow2File.create(path, 32 * KIB, cluster_size=512) as device:
        device.write(0, b"d" * 32 * KIB)
        device.resize(512 * MIB)
        device.write(512 * MIB - 1, b"e")
        assert (device.read(0, 1), device.read(512 * MIB - 1, 1)) == (b"d", b"e")
    assert qemu.verdict(path) == CLEAN


def test_a_disk_that_only_grew_has_given_its_old_l1_table_back(path: Path, qemu: Qemu) -> None:
    with Qcow2File.create(path, 32 * KIB, cluster_size=512) as device:
        device.resize(64 * MIB)
    assert qemu.verdict(path) == CLEAN


def test_a_shrunk_disk_gives_its_clusters_back(path: Path, qemu: Qemu) -> None:
    with Qcow2File.create(path, 8 * MIB, cluster_size=4096) as device:
        device.write(0, b"d" * 8 * MIB)
        device.resize(KIB)
        device.resize(8 * MIB)
        assert not difference(device.read(0, 8 * MIB), b"d" * KIB + bytes(8 * MIB - KIB))
        size = path.stat().st_size
        device.write(0, b"e" * 8 * MIB)
        assert path.stat().st_size <= size + 16 * KIB
    assert qemu.verdict(path) == CLEAN


def test_bitmaps_kept_by_others_are_declared_stale_by_the_first_write(
    path: Path, qemu: Qemu
) -> None:
    qemu.create(path, MIB)
    output_of(qemu.img, "bitmap", "--add", path, "changes")
    with Qcow2File.open(path) as device:
        assert device.header.autoclear == 1
        device.write(0, b"d")
    with Qcow2File.open(path, read_only=True) as device:
        assert device.header.autoclear == 0
    assert qemu.verdict(path) in {CLEAN, LEAKING}


@pytest.mark.parametrize(
    "change",
    [
        lambda device: device.write(0, b"d"),
        lambda device: device.write_zeroes(0, 1),
        lambda device: device.resize(0),
        lambda device: device.change_backing(None, "x"),
    ],
)
def test_an_image_opened_read_only_is_never_changed(
    path: Path, change: Callable[[Qcow2File], None]
) -> None:
    Qcow2File.create(path, MIB).close()
    before = path.read_bytes()
    with Qcow2File.open(path, read_only=True) as device, pytest.raises(PermissionError):
        change(device)
    assert path.read_bytes() == before


def test_reopening_for_writing_makes_writes_possible(path: Path, qemu: Qemu) -> None:
    Qcow2File.create(path, MIB).close()
    with Qcow2File.open(path, read_only=True) as device:
        device.reopen(read_only=False)
        device.write(0, b"d" * 100)
        device.reopen(read_only=True)
        assert device.read(0, 100) == b"d" * 100
        with pytest.raises(PermissionError):
            device.write(0, b"e")
    assert qemu.verdict(path) == CLEAN


def test_data_is_found_in_the_file_where_the_image_says_it_is(path: Path) -> None:
    with Qcow2File.create(path, MIB) as device:
        device.write(128 * KIB, b"d" * 192 * KIB)
        assert device.host_extent(0, MIB) is None
        place = device.host_extent(130 * KIB, MIB - 130 * KIB)
        assert place is not None
        assert place[1] == 190 * KIB
        with path.open("rb") as file:
            file.seek(place[0])
            assert file.read(place[1]) == b"d" * 190 * KIB


def test_the_last_cluster_ends_in_zeros_whatever_was_there(path: Path) -> None:
    with Qcow2File.create(path, 128 * KIB) as device:
        device.write(0, b"old" * 40_000)
        device.write_zeroes(0, 128 * KIB)
        device.resize(66 * KIB)
        device.write(0, b"d" * 66 * KIB)
        place = device.host_extent(64 * KIB, 2 * KIB)
    assert place is not None
    found = path.read_bytes()[place[0] : place[0] + 64 * KIB]
    assert found == (b"d" * 2 * KIB).ljust(64 * KIB, b"\0")


def test_what_something_else_uses_too_is_copied_and_not_changed(path: Path, qemu: Qemu) -> None:
    qemu.create(path, MIB, "cluster_size=4096")
    qemu.perform(path, ["write -P 7 0 600k"])
    output_of(qemu.img, "snapshot", "-c", "first", path)
    hide_snapshots(path, count=0)
    model = bytearray(b"\7" * 600 * KIB)
    with Qcow2File.open(path) as device:
        for change in (Change(100, 9, 1), Change(4096, 8192, 2), Change(50_000, 300_000, None)):
            change.perform(device)
            change.perform_on_model(model)
        assert not difference(device.read(0, 600 * KIB), model)
    assert qemu.verdict(path) == LEAKING
    hide_snapshots(path, count=1)
    assert qemu.verdict(path) == CLEAN
    old = path.with_suffix(".raw")
    output_of(qemu.img, "convert", "-l", "first", "-O", "raw", path, old)
    assert old.read_bytes()[: 600 * KIB] == b"\7" * 600 * KIB


def hide_snapshots(path: Path, *, count: int) -> None:
    """Say in the header how many snapshots there are, whatever the tables say."""
    with path.open("r+b") as file:
        file.seek(60)
        file.write(count.to_bytes(4, "big"))
