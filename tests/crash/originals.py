"""The chains that jobs are killed on, made by QEMU's own tools. No claim is made here."""

import random
import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.storage.qcow2.qemu import Qemu, output_of

KIB = 1 << 10
#: Depth first: the chain's images without their suffixes.
NAMES = ("deepest", "base", "middle", "top")


@dataclass(frozen=True)
class Shape:
    """Lengths and cluster sizes, the deepest image first; a cluster of 0 is a raw image."""

    lengths: tuple[int, int, int, int]
    clusters: tuple[int, int, int, int]
    options: str = "compat=1.1"
    compressed: bool = False


SHAPES = (
    Shape((1024 * KIB,) * 4, (4096,) * 4),
    Shape((700 * KIB, 1500 * KIB, 900 * KIB, 1024 * KIB + 1536), (0, 4096, 4096, 4096)),
    Shape((1024 * KIB,) * 4, (65536,) * 4, compressed=True),
    Shape((1500 * KIB, 300 * KIB, 1000 * KIB, 1024 * KIB), (512, 4096, 512, 512)),
    Shape((900 * KIB, 1000 * KIB, 800 * KIB, 1024 * KIB), (4096, 512, 4096, 65536), "compat=0.10"),
)


@dataclass(frozen=True)
class Original:
    """A chain in a folder of its own, and what a guest reads of each of its images."""

    folder: Path
    suffixes: tuple[str, ...]
    shown: dict[str, bytes]

    def copy_to(self, folder: Path) -> None:
        """The same chain again; its images name each other without a folder."""
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)

    def path(self, folder: Path, name: str) -> Path:
        """Where an image is in a copy."""
        return folder / f"{name}{self.suffixes[NAMES.index(name)]}"

    @property
    def guest(self) -> bytes:
        """What the guest of the whole chain reads."""
        return self.shown["top"]


def make(number: int, folder: Path, qemu: Qemu) -> Original:
    """Make the chain of a shape, the same bytes every time."""
    folder.mkdir(parents=True)
    shape, rng = SHAPES[number], random.Random(number)
    suffixes = tuple(".qcow2" if cluster else ".raw" for cluster in shape.clusters)
    paths = [folder / f"{name}{suffix}" for name, suffix in zip(NAMES, suffixes, strict=True)]
    for depth, (path, length) in enumerate(zip(paths, shape.lengths, strict=True)):
        below = paths[depth - 1] if depth else None
        _make_image(qemu, path, length, below, shape, depth)
        qemu.perform(path, _writes(rng, length, whole=not depth))
    if shape.compressed:
        packed = folder / "packed"
        output_of(qemu.img, "convert", "-c", "-O", "qcow2", paths[0], packed)
        packed.replace(paths[0])
    shown = {name: qemu.contents(path) for name, path in zip(NAMES, paths, strict=True)}
    return Original(folder, suffixes, shown)


def _make_image(
    qemu: Qemu, path: Path, length: int, below: Path | None, shape: Shape, depth: int
) -> None:
    if not shape.clusters[depth]:
        output_of(qemu.img, "create", "-q", "-f", "raw", path, length)
        return
    options = ["-o", f"cluster_size={shape.clusters[depth]},{shape.options}"]
    backing = [] if below is None else ["-b", below.name, "-F", below.suffix[1:]]
    output_of(qemu.img, "create", "-q", "-f", "qcow2", *backing, *options, path, length)


def _writes(rng: random.Random, length: int, *, whole: bool) -> list[str]:
    """Many short pieces, so that a job has many steps; some of them zeros."""
    if whole:
        return [f"write -q -P 1 0 {length // 2}", *_pieces(rng, length, 30)]
    return _pieces(rng, length, 45)


def _pieces(rng: random.Random, length: int, count: int) -> list[str]:
    commands = []
    for _ in range(count):
        size = rng.choice([512, 4096, 8192, 30 * KIB])
        offset = rng.randrange(0, length - size, 512)
        what = "-z" if rng.random() < 0.15 else f"-P {rng.randrange(1, 256)}"
        commands.append(f"write -q {what} {offset} {size}")
    return commands
