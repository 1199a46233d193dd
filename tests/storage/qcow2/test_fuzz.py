"""Damaged images: a clear error or an answer, soon, and in little memory."""

import os
import random
import shutil
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from blockjob_fsm.storage.qcow2 import ImageError, Qcow2File
from tests.storage.qcow2.qemu import Qemu

KIB, MIB = 1 << 10, 1 << 20
#: How many images are damaged; 100000 take some minutes.
IMAGES = int(os.environ.get("BLOCKJOB_FUZZ_IMAGES", "1200"))
MOST_MEMORY = 64 * MIB
#: For one image; on an idle machine the slowest takes a hundredth of it.
MOST_SECONDS = 10.0

SEEDS = {
    "plain": ["cluster_size=512"],
    "old": ["compat=0.10", "cluster_size=4096"],
    "subclusters": ["extended_l2=on", "cluster_size=16k"],
    "wide counts": ["refcount_bits=64", "cluster_size=1k"],
    "zstd": ["compression_type=zstd", "cluster_size=4k"],
}
INTERESTING = (0, 1, 0x7F, 0x80, 0xFF, 1 << 16, 1 << 31, (1 << 32) - 1, 1 << 62, (1 << 64) - 1)


@pytest.fixture(scope="module")
def sound(qemu: Qemu, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Small images of every kind, by name, as QEMU made them."""
    folder = tmp_path_factory.mktemp("sound")
    found: dict[str, bytes] = {}
    for name, options in SEEDS.items():
        path = folder / f"{name.replace(' ', '-')}.qcow2"
        qemu.create(path, 96 * KIB, *options)
        qemu.perform(path, ["write -c -P 5 16k 16k", "write -P 3 0 16k", "write -z 64k 16k"])
        found[name] = path.read_bytes()
    return found


def damaged(rng: random.Random, image: bytes) -> bytes:
    """The image with a few numbers of it changed, most of them in its tables, or cut short."""
    raw = bytearray(image)
    tables = [
        at
        for field in (40, 48)
        for at in (int.from_bytes(raw[field : field + 8], "big"),)
        for _ in range(2)
    ]
    # What the tables point to are tables too.
    tables += [int.from_bytes(raw[at : at + 8], "big") & ~(1 << 63) for at in tables]
    for _ in range(rng.choice([1, 1, 2, 5])):
        start = rng.choice([0, 0, *tables])
        at = min(start + rng.randrange(128), len(raw) - 9)
        width = rng.choice([1, 2, 4, 8])
        value = rng.choice([*INTERESTING, rng.getrandbits(64), raw[at] ^ (1 << rng.randrange(8))])
        raw[at : at + width] = (value % (1 << 8 * width)).to_bytes(width, "big")
    return bytes(raw[: rng.randrange(len(raw))] if rng.random() < 0.1 else raw)


def read_everything(device: Qcow2File) -> None:
    """Map the disk and read some of each extent, as long as it is no giant."""
    offset = extents = 0
    while offset < device.length() and extents < 300:
        extent = device.allocation(offset, device.length() - offset)
        assert extent.length > 0
        part = min(extent.length, 256 * KIB)
        assert len(device.read(offset, part)) == part
        assert len(device.read(offset + extent.length - part, part)) == part
        offset += extent.length
        extents += 1


def write_somewhere(device: Qcow2File) -> None:
    """Change the image in each way there is."""
    length = min(device.length(), 96 * KIB)
    device.write(0, b"d" * (length // 2))
    device.write(length // 3, b"e" * (length // 5))
    device.write_zeroes(length // 4, length // 2)
    device.resize(length + MIB)


def tried(path: Path, work: Callable[[Qcow2File], None], *, read_only: bool) -> bool:
    """Open and use an image; says whether that went well, and lets nothing but ImageError by."""
    said = ""
    before = time.monotonic()
    try:
        with Qcow2File.open(path, read_only=read_only) as device:
            work(device)
    except ImageError as error:
        said = str(error)
    assert time.monotonic() - before < MOST_SECONDS
    assert not said or said.startswith(str(path))
    assert "\n" not in said
    return not said


@pytest.fixture
def watched() -> Iterator[None]:
    """Fails the test if Python's memory has ever grown beyond the limit."""
    tracemalloc.start()
    yield
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < MOST_MEMORY


@pytest.mark.parametrize("kind", sorted(SEEDS))
@pytest.mark.usefixtures("watched")
def test_a_damaged_image_is_an_error_or_an_answer(
    sound: dict[str, bytes], tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "damaged.qcow2"
    rng = random.Random(kind)
    went_well = 0
    count = IMAGES // len(SEEDS)
    for _ in range(count):
        path.write_bytes(damaged(rng, sound[kind]))
        went_well += tried(path, read_everything, read_only=True)
    # Otherwise the damage is too great, or too small, to show anything.
    assert count // 10 < went_well < count * 9 // 10


@pytest.mark.parametrize("kind", sorted(set(SEEDS) - {"subclusters"}))
@pytest.mark.usefixtures("watched")
def test_writing_to_a_damaged_image_is_an_error_or_works(
    sound: dict[str, bytes], tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "damaged.qcow2"
    rng = random.Random(kind + "written")
    for _ in range(IMAGES // 4 // len(SEEDS)):
        path.write_bytes(damaged(rng, sound[kind]))
        tried(path, write_somewhere, read_only=False)


def test_a_file_that_only_claims_to_be_large_costs_no_memory(
    sound: dict[str, bytes], tmp_path: Path
) -> None:
    path = tmp_path / "sparse.qcow2"
    raw = bytearray(sound["plain"])
    raw[36:40] = (1 << 22).to_bytes(4, "big")
    path.write_bytes(raw)
    tracemalloc.start()
    assert not tried(path, read_everything, read_only=True)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < MIB


def test_the_seeds_are_sound(sound: dict[str, bytes], tmp_path: Path) -> None:
    for name, raw in sound.items():
        path = tmp_path / f"{len(name)}.qcow2"
        path.write_bytes(raw)
        assert tried(path, read_everything, read_only=True)
    shutil.rmtree(tmp_path)
