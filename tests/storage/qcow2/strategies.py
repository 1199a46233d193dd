"""Random qcow2 images and what is done to them; no claim is made here."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hypothesis import strategies as st

from tests.storage.qcow2.change import Change
from tests.storage.qcow2.qemu import Qemu

SECTOR = 512
#: Longest disk drawn, in clusters: with the smallest ones it takes many L2 tables.
CLUSTERS = {512: 400, 4096: 40, 65536: 12, 2 << 20: 3}
FILL = 0xE5


@dataclass(frozen=True)
class Shape:
    """How an image is made: bytes, and the options of `qemu-img create`."""

    length: int
    cluster_bytes: int
    version: int
    subclusters: bool = False

    @property
    def options(self) -> tuple[str, ...]:
        """For `qemu-img create -o`."""
        extended = ("extended_l2=on",) if self.subclusters else ()
        compat = "0.10" if self.version == 2 else "1.1"
        return (f"cluster_size={self.cluster_bytes}", f"compat={compat}", *extended)


@dataclass(frozen=True)
class Request:
    """One request in bytes; `kind` is a command of qemu-io, `fill` the byte written."""

    kind: str
    offset: int
    length: int
    fill: int = 0

    @property
    def command(self) -> str:
        """The request in qemu-io's words."""
        pattern = f"-P {self.fill} " if self.kind in {"write", "write -c"} else ""
        return f"{self.kind} {pattern}{self.offset} {self.length}"


@st.composite
def shapes(draw: st.DrawFn, *, subclusters: bool = False) -> Shape:
    """An image of whole sectors, often not of whole clusters."""
    extended = subclusters and draw(st.booleans())
    cluster_bytes = draw(
        st.sampled_from([size for size in CLUSTERS if not extended or size >= 16384])
    )
    sectors = draw(st.integers(1, CLUSTERS[cluster_bytes] * cluster_bytes // SECTOR))
    version = 3 if extended else draw(st.sampled_from([2, 3]))
    return Shape(sectors * SECTOR, cluster_bytes, version, extended)


@st.composite
def ranges(draw: st.DrawFn, limit: int, unit: int) -> tuple[int, int]:
    """Offset and length inside `limit`: of whole units but for the last one, or of sectors."""
    unit = draw(st.sampled_from([unit, SECTOR]))
    first = draw(st.integers(0, (limit - 1) // unit))
    count = draw(st.integers(1, max(1, min(24, limit // unit - first))))
    return first * unit, min(count * unit, limit - first * unit)


@st.composite
def qemu_requests(draw: st.DrawFn, shape: Shape) -> Request:
    """A request for qemu-io; compressed writes are of one cluster, as it wants them."""
    kinds = ["write", "write -z", "discard"]
    kinds += ["write -z -u"] if shape.version == 3 else []
    kinds += ["write -c"] if shape.length >= shape.cluster_bytes else []
    kind = draw(st.sampled_from(kinds))
    fill = draw(st.integers(1, 255))
    if kind == "write -c":
        cluster = draw(st.integers(0, shape.length // shape.cluster_bytes - 1))
        return Request(kind, cluster * shape.cluster_bytes, shape.cluster_bytes, fill)
    return Request(kind, *draw(ranges(shape.length, shape.cluster_bytes)), fill)


def in_order(requests: list[Request]) -> list[Request]:
    """Compressed writes first and each to a place of its own: QEMU compresses over nothing."""
    packed = {one.offset: one for one in requests if one.kind == "write -c"}
    return [*packed.values(), *(one for one in requests if one.kind != "write -c")]


@dataclass(frozen=True)
class Plan:
    """An image and the one below it (None: nothing), with what QEMU writes to each."""

    shape: Shape
    requests: list[Request]
    below: "Plan | None" = None
    raw: bool = False


@st.composite
def plans(draw: st.DrawFn, *, subclusters: bool = False, depth: int = 2) -> Plan:
    """A chain of up to `depth` images, the last of which may be raw."""
    shape = draw(shapes(subclusters=subclusters))
    requests = in_order(draw(st.lists(qemu_requests(shape), max_size=6)))
    below: Plan | None = None
    if depth > 1 and draw(st.booleans()):
        below = draw(plans(subclusters=subclusters, depth=depth - 1))
    raw = below is None and depth == 1 and draw(st.booleans())
    return Plan(shape, [one for one in requests if not raw or one.kind == "write"], below, raw)


def build(plan: Plan, qemu: Qemu, fresh: Callable[[str], Path]) -> Path:
    """Make the chain and return its top."""
    below = build(plan.below, qemu, fresh) if plan.below else None
    path = fresh("image.raw" if plan.raw else "image.qcow2")
    if plan.raw:
        with path.open("wb") as file:
            file.truncate(plan.shape.length)
    else:
        qemu.create(path, plan.shape.length, *plan.shape.options, backing=below)
    qemu.perform(path, [request.command for request in plan.requests])
    return path


@st.composite
def changes(draw: st.DrawFn, shape: Shape) -> list[Change]:
    """Writes and zeros at any byte, and resizing, in a row."""
    made: list[Change] = []
    length = shape.length
    for _ in range(draw(st.integers(1, 8))):
        if draw(st.integers(0, 4)) == 0:
            most = CLUSTERS[shape.cluster_bytes] * shape.cluster_bytes // SECTOR
            length = draw(st.integers(1, most)) * SECTOR
            made.append(Change(resized=length))
            continue
        start, size = draw(ranges(length, shape.cluster_bytes))
        start += draw(st.sampled_from([0, 0, 1, 511])) if size > SECTOR else 0
        size = min(size, length - start)
        made.append(Change(start, size, draw(st.one_of(st.none(), st.integers(1, 255)))))
    return made
