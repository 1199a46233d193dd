"""The images that jobs are measured on: a disk of 1 GiB as one raw file, and as a qcow2 chain.

The chain is like one that has been in use: three layers, each with some of the disk in runs of
64 KiB to 4 MiB that were written in no order. Who copies what is not said here.
"""

import os
import random
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from blockjob_fsm.storage import Qcow2File

KIB, MIB = 1 << 10, 1 << 20
CLUSTER = 64 * KIB

#: How much of the disk each layer stores, the lowest first; together they store about half of it.
SHARES = (0.35, 0.20, 0.08)
_LAYERS = ("base.qcow2", "middle.qcow2", "top.qcow2")


@dataclass(frozen=True)
class Images:
    """A folder with `disk.raw`, full of data, and a chain below `top.qcow2`."""

    folder: Path
    size: int

    @property
    def raw(self) -> Path:
        """The raw disk."""
        return self.folder / "disk.raw"

    @property
    def layers(self) -> tuple[Path, Path, Path]:
        """The lowest layer, the one between, and the top."""
        base, middle, top = (self.folder / name for name in _LAYERS)
        return base, middle, top


def make_images(folder: Path, size: int, seed: int = 1) -> Images:
    """Make them, on the disk too, so that no write of ours goes on behind the measurement."""
    images = Images(folder, size)
    folder.mkdir()
    rng = random.Random(seed)
    with images.raw.open("wb") as file:
        for offset in range(0, size, MIB):
            file.write(rng.randbytes(min(MIB, size - offset)))
    below: str | None = None
    for path, share in zip(images.layers, SHARES, strict=True):
        kind = "qcow2" if below else None
        with Qcow2File.create(path, size, backing=below, backing_format=kind) as layer:
            # Whole clusters only are written, so what lies below is never looked at.
            for offset, length in runs(size, share, rng):
                layer.write(offset, rng.randbytes(length))
        below = path.name
    settle(images.raw, *images.layers)
    return images


def runs(size: int, share: float, rng: random.Random) -> list[tuple[int, int]]:
    """(offset, length) of runs of whole clusters that cover a share of the disk, in any order."""
    found: list[tuple[int, int]] = []
    offset = 0
    while offset < size:
        length = CLUSTER << rng.randrange(7)
        length = min(length, size - offset)
        if rng.random() < share:
            found.append((offset, length))
        offset += length
    rng.shuffle(found)
    return found


def copy_of(images: Images, folder: Path) -> Images:
    """The chain again in an empty folder; the raw disk only if there is none yet."""
    folder.mkdir(exist_ok=True)
    for path in images.layers:
        shutil.copyfile(path, folder / path.name)
    return Images(folder, images.size)


def new_target(path: Path, kind: str, size: int) -> None:
    """An empty image for a job to fill, in place of what was there."""
    path.unlink(missing_ok=True)
    command = ["qemu-img", "create", "-q", "-f", kind, str(path), str(size)]
    subprocess.run(command, check=True)


def settle(*paths: Path) -> None:
    """Wait until the files are on the disk."""
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def same_contents(one: Path, other: Path) -> bool:
    """Whether a guest would read the same, whatever lies behind; QEMU judges."""
    command = ["qemu-img", "compare", "-q", str(one), str(other)]
    return subprocess.run(command, check=False).returncode == 0
