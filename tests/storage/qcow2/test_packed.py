"""Compressed clusters: where they lie, what they unpack to, and what does not unpack."""

import subprocess
import sys
import tracemalloc
import zlib
from pathlib import Path

import pytest
import zstandard

from blockjob_fsm.storage.qcow2 import ImageError, Qcow2File
from blockjob_fsm.storage.qcow2.packed import ZLIB, ZSTD, CannotUnpack, packed_range, unpack
from tests.storage.qcow2.qemu import Qemu

KIB = 1 << 10
CLUSTER = 64 * KIB


def deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-12)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize(
    ("entry", "cluster_bits", "place"),
    [
        (0x4000_0000_0000_0000, 16, (0, 512)),
        (0x4000_0000_0005_0000, 16, (0x50000, 512)),
        (0x4000_0000_0005_0005, 16, (0x50005, 507)),
        (0x4040_0000_0005_0005, 16, (0x50005, 1019)),
        (0x7FC0_0000_0000_01FF, 16, (0x1FF, 255 * 512 + 1)),
        (0x6000_0000_0000_0200, 9, (0x200, 1024)),
        (0x4002_0000_0000_0000, 21, (0, 1024)),
    ],
)
def test_an_entry_tells_where_the_bytes_lie(
    entry: int, cluster_bits: int, place: tuple[int, int]
) -> None:
    assert packed_range(entry, cluster_bits) == place


def test_what_follows_the_packed_bytes_is_ignored() -> None:
    data = b"some text " * 100
    assert unpack(ZLIB, deflated(data) + b"rubbish", len(data)) == data


@pytest.mark.parametrize(
    ("packed", "why"),
    [
        (b"", "0 bytes instead of 512"),
        (b"\xff" * 40, "invalid"),
        (deflated(b"x" * 511), "511 bytes instead of 512"),
        (deflated(b"x" * 512)[:3], "bytes instead of 512"),
    ],
)
def test_what_is_no_cluster_does_not_unpack(packed: bytes, why: str) -> None:
    with pytest.raises(CannotUnpack, match=why):
        unpack(ZLIB, packed, 512)


def test_a_bomb_unpacks_to_one_cluster_only() -> None:
    bomb = deflated(bytes(20 << 20))
    tracemalloc.start()
    assert unpack(ZLIB, bomb, 512) == bytes(512)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1 << 20


def test_a_damaged_compressed_cluster_is_an_error_that_names_its_place(
    tmp_path: Path, qemu: Qemu
) -> None:
    path = tmp_path / "disk.qcow2"
    qemu.create(path, CLUSTER)
    qemu.perform(path, ["write -c -P 5 0 64k"])
    raw = path.read_bytes()
    packed = deflated(b"\5" * CLUSTER)[:10]
    path.write_bytes(raw.replace(packed, b"\xff" * len(packed)))
    with (
        Qcow2File.open(path, read_only=True) as device,
        pytest.raises(ImageError, match=f"cluster at {raw.index(packed):#x} cannot be unpacked"),
    ):
        device.read(0, 1)


def zstd_image(path: Path, qemu: Qemu) -> None:
    """An image of one compressed cluster; skips the test where QEMU does not know zstd."""
    try:
        qemu.create(path, CLUSTER, "compression_type=zstd")
    except AssertionError:
        pytest.skip("this qemu-img does not know zstd")
    qemu.perform(path, ["write -c -P 5 0 64k"])


def test_zstd_is_unpacked(tmp_path: Path, qemu: Qemu) -> None:
    zstd_image(tmp_path / "disk.qcow2", qemu)
    with Qcow2File.open(tmp_path / "disk.qcow2", read_only=True) as device:
        assert device.read(0, CLUSTER) == b"\5" * CLUSTER


OPEN_WITHOUT_PACKAGE = """
import sys
sys.modules["zstandard"] = None
from blockjob_fsm.storage import ImageError, Qcow2File
try:
    Qcow2File.open(sys.argv[1], read_only=True)
except ImageError as error:
    print(error)
"""


def test_without_its_package_zstd_is_refused_by_name(tmp_path: Path, qemu: Qemu) -> None:
    zstd_image(tmp_path / "disk.qcow2", qemu)
    command = [sys.executable, "-c", OPEN_WITHOUT_PACKAGE, str(tmp_path / "disk.qcow2")]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "need the Python package zstandard; install blockjob-fsm[qcow2-zstd]" in said


@pytest.mark.parametrize(
    ("packed", "why"),
    [
        (b"", "0 bytes instead of 512"),
        (b"\xff" * 40, "zstd"),
        (zstandard.compress(b"x" * 511), "511 bytes instead of 512"),
        (zstandard.compress(bytes(range(256)) * 2)[:20], "bytes instead of 512"),
    ],
)
def test_what_is_no_zstd_cluster_does_not_unpack(packed: bytes, why: str) -> None:
    with pytest.raises(CannotUnpack, match=why):
        unpack(ZSTD, packed, 512)


def test_a_zstd_bomb_unpacks_to_one_cluster_only() -> None:
    bomb = zstandard.compress(bytes(20 << 20))
    tracemalloc.start()
    assert unpack(ZSTD, bomb, 512) == bytes(512)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1 << 20
