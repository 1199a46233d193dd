"""Random chains of images, and the shell commands that build them.

What is run is what is printed: a failure is rebuilt by hand from its commands. No job is here.
"""

import os
import shlex
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

from hypothesis import strategies as st

SECTOR = 512
MIB = 1 << 20
#: The longest disk for each size of cluster; most are shorter.
LONGEST = {512: MIB, 4096: 3 * MIB, 65536: 4 * MIB, 262144: 5 * MIB, 2 << 20: 8 * MIB}
LENGTHS = (64 << 10, MIB, MIB + 65536, 2 * MIB, 3 * MIB, 8 * MIB)
#: More options of version 3; most images have none.
EXTRAS = ("", "", "refcount_bits=8", "refcount_bits=32", "lazy_refcounts=on")
SUBCLUSTERS = "extended_l2=on"
SUBCLUSTERS_FROM = 16384
#: Text without a period, so that a shifted byte shows; each file is other text.
PATTERNS = {f"pattern{number}": f"seq {number}0000 {number}9999" for number in (1, 2, 3)}


@dataclass(frozen=True)
class Write:
    """One request of qemu-io in bytes; `pattern` is the file of what is written."""

    kind: str
    offset: int
    length: int
    pattern: str = ""

    @property
    def command(self) -> str:
        """The request in qemu-io's words."""
        source = f"-s {self.pattern} " if self.pattern else ""
        return f"{self.kind} {source}{self.offset} {self.length}"


@dataclass(frozen=True)
class Layer:
    """An image: `cluster_bytes` 0 is raw. A raw length may be any number of bytes.

    `name` may lead through a folder; headers store names relative to the folder of their image.
    """

    name: str
    length: int
    cluster_bytes: int = 0
    version: int = 3
    zstd: bool = False
    extras: str = ""
    writes: tuple[Write, ...] = ()

    @property
    def format_name(self) -> str:
        """As `qemu-img -f` wants it."""
        return "qcow2" if self.cluster_bytes else "raw"

    @property
    def options(self) -> str:
        """For `qemu-img create -o`."""
        words = [f"cluster_size={self.cluster_bytes}"]
        words += ["compat=1.1" if self.version == 3 else "compat=0.10"]
        words += ["compression_type=zstd"] if self.zstd else []
        return ",".join([*words, self.extras] if self.extras else words)

    def stored(self, backing: "Layer") -> str:
        """The name by which this image's header knows another."""
        return os.path.relpath(backing.name, os.path.dirname(self.name) or ".")

    def commands(self, backing: "Layer | None" = None) -> list[list[str]]:
        """What makes the image, with `backing` below it, and fills it."""
        folder = os.path.dirname(self.name)
        made = [["mkdir", "-p", folder]] if folder else []
        if self.format_name == "raw":
            whole = -(-self.length // SECTOR) * SECTOR
            made.append(["truncate", "-s", str(whole), self.name])
        else:
            below = ["-b", self.stored(backing), "-F", backing.format_name] if backing else []
            create = ["qemu-img", "create", "-q", "-f", "qcow2", "-o", self.options]
            made.append([*create, *below, self.name, str(self.length)])
        if self.writes:
            words = [word for one in self.writes for word in ("-c", one.command)]
            made.append(["qemu-io", "-f", self.format_name, *words, self.name])
        if self.length % SECTOR:
            # Cut only now: QEMU writes whole sectors and would make the file longer again.
            made.append(["truncate", "-s", str(self.length), self.name])
        return made


@dataclass(frozen=True)
class Case:
    """A chain, the top first, and what the jobs on it are given.

    `target` is the image that mirror and backup fill where that is qcow2. `guest` is written by the
    guest while they run. `chunk_bytes` is the unit of a mirror. `by_name`: the header shall name
    the new backing file as the chain does, and not by its path.
    """

    layers: tuple[Layer, ...]
    target: Layer = Layer("target.qcow2", 0, 65536)
    stale: tuple[Write, ...] = ()
    guest: tuple[Write, ...] = ()
    chunk_bytes: int = 65536
    by_name: bool = False

    @property
    def top(self) -> Layer:
        """The image that the guest sees."""
        return self.layers[0]

    def commands(self) -> list[list[str]]:
        """What builds the chain, the deepest image first."""
        below: list[Layer | None] = [*self.layers[1:], None]
        pairs = zip(reversed(self.layers), reversed(below), strict=True)
        return [command for layer, backing in pairs for command in layer.commands(backing)]


def text(pattern: str, length: int) -> bytes:
    """What a write of so many bytes of a pattern writes."""
    first = int(pattern.removeprefix("pattern")) * 10000
    whole = "".join(f"{number}\n" for number in range(first, first + 10000)).encode()
    return (whole * (length // len(whole) + 1))[:length]


def make_patterns(folder: Path) -> None:
    """The files that are written from, made once."""
    for name, command in PATTERNS.items():
        folder.joinpath(name).write_text(run(folder, command.split()))


def run(folder: Path, command: list[str]) -> str:
    """What a command prints in a folder; it must succeed."""
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=folder)
    said = f"{done.stdout}{done.stderr}"
    assert done.returncode == 0, f"{shlex.join(command)}: {said}"
    # qemu-io reports a failed request and ends well.
    assert " failed: " not in said, f"{shlex.join(command)}: {said}"
    return done.stdout


def recipe(commands: list[list[str]]) -> str:
    """The commands as a script, the patterns first."""
    lines = [f"{command} > {name}" for name, command in PATTERNS.items()]
    return "\n".join([*lines, *(shlex.join(command) for command in commands)])


# ---- drawing


@st.composite
def ranges(draw: st.DrawFn, limit: int, units: tuple[int, ...]) -> tuple[int, int]:
    """Offset and length within `limit`, of whole units but for the last one."""
    unit = draw(st.sampled_from(units))
    first = draw(st.integers(0, (limit - 1) // unit))
    count = draw(st.integers(1, 8))
    return first * unit, min(count * unit, limit - first * unit)


@st.composite
def writes(draw: st.DrawFn, layer: Layer) -> Write:
    """What qemu-io may do to this layer."""
    kinds = ["write", "write", "write", "write -z", "discard"]
    whole = layer.cluster_bytes and layer.length // layer.cluster_bytes
    if layer.version == 3 and layer.cluster_bytes:
        kinds.append("write -z -u")
    if whole:
        kinds += ["write -c", "write -c"]
    kind = draw(st.sampled_from(kinds))
    pattern = draw(st.sampled_from(sorted(PATTERNS))) if kind in {"write", "write -c"} else ""
    if kind == "write -c":
        cluster = draw(st.integers(0, whole - 1)) * layer.cluster_bytes
        return Write(kind, cluster, layer.cluster_bytes, pattern)
    units = (SECTOR, layer.cluster_bytes or SECTOR, 65536, MIB)
    limit = -(-layer.length // SECTOR) * SECTOR
    return Write(kind, *draw(ranges(limit, units)), pattern)


def in_order(requests: list[Write]) -> tuple[Write, ...]:
    """Compressed writes first and each to a place of its own: QEMU compresses over nothing."""
    packed = {one.offset: one for one in requests if one.kind == "write -c"}
    return (*packed.values(), *(one for one in requests if one.kind != "write -c"))


@st.composite
def lengths(draw: st.DrawFn, longest: int, unit: int) -> int:
    """A length of whole units, often just beside a round one."""
    near = min(draw(st.sampled_from(LENGTHS)), longest)
    off = draw(st.sampled_from([0, 1, -1, 17])) * unit
    return max(unit, min(near + off, longest))


@st.composite
def layers(draw: st.DrawFn, depth: int, *, deepest: bool, zstd: bool, usual: int) -> Layer:
    """One image; only the deepest may be raw. `usual` is the length of the others, 0: no matter."""
    raw = deepest and draw(st.booleans())
    cluster_bytes = 0 if raw else draw(st.sampled_from(list(LONGEST)))
    longest = 8 * MIB if raw else LONGEST[cluster_bytes]
    if usual and draw(st.booleans()):
        length = min(usual, longest)
    else:
        unit = draw(st.sampled_from([1, SECTOR])) if raw else SECTOR
        length = draw(lengths(longest, unit))
    version = 3 if raw else draw(st.sampled_from([2, 3]))
    packs_zstd = not raw and version == 3 and zstd and draw(st.booleans())
    folder = draw(st.sampled_from(["", "", "old/"]))
    name = f"{folder}{depth or 'top'}.{'raw' if raw else 'qcow2'}"
    extras = ""
    if cluster_bytes and version == 3:
        # A chain is opened for writing, and an image with subclusters is not.
        more = (SUBCLUSTERS,) if depth and cluster_bytes >= SUBCLUSTERS_FROM else ()
        extras = draw(st.sampled_from(EXTRAS + more))
    layer = Layer(name, length, cluster_bytes, version, packs_zstd, extras)
    fewest = draw(st.sampled_from([0, 2, 3]))
    return replace(
        layer, writes=in_order(draw(st.lists(writes(layer), min_size=fewest, max_size=6)))
    )


@st.composite
def cases(draw: st.DrawFn, *, zstd: bool) -> Case:
    """A chain of one to four images and all that is asked about it."""
    count = draw(st.integers(1, 4))
    made: list[Layer] = []
    for depth in range(count):
        usual = made[0].length if made else 0
        made.append(draw(layers(depth, deepest=depth == count - 1, zstd=zstd, usual=usual)))
    top = made[0]
    cluster_bytes = draw(st.sampled_from(list(LONGEST)))
    version = draw(st.sampled_from([2, 3]))
    target = Layer("target.qcow2", -(-top.length // SECTOR) * SECTOR, cluster_bytes, version)
    whole = top.length // SECTOR * SECTOR
    return Case(
        tuple(made),
        target,
        stale=tuple(draw(st.lists(plain_writes(target.length), min_size=1, max_size=3))),
        guest=tuple(draw(st.lists(plain_writes(whole), max_size=3))) if whole else (),
        chunk_bytes=draw(st.sampled_from([65536, MIB])),
        by_name=draw(st.booleans()),
    )


@st.composite
def plain_writes(draw: st.DrawFn, length: int) -> Write:
    """A write of whole sectors to a disk of whole sectors."""
    offset, size = draw(ranges(length, (65536, SECTOR, 4096, MIB)))
    return Write("write", offset, size, draw(st.sampled_from(sorted(PATTERNS))))
