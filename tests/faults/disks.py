"""The images of a row, and what a job has left in them. No job runs here, and no claim is made."""

from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from blockjob_fsm.storage import BlockDevice, RawFile, chain
from blockjob_fsm.storage.chains import open_chain
from blockjob_fsm.storage.qcow2 import Qcow2File
from models.fault_matrix import AGAIN, ALONE, ERROR, FAULT_AT, KIB, LENGTH, Good, Row
from tests.live.world import contents, pattern

#: A divisor of every unit: what is good is told in pieces of it.
PIECE = 64 * KIB
OLD, NEW = pattern(LENGTH, 1), pattern(LENGTH, 7)
FORMATS = ("raw", "qcow2")
#: kind of job -> its images: the guest's, then those below it, or the target
NAMES = {
    "stream": ("top", "below"),
    "commit": ("active", "top", "base"),
    "mirror": ("source", "target"),
    "backup": ("source", "target"),
}
#: The kinds of job that work within one chain.
IN_CHAIN = ("stream", "commit")


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of a row, in the row's own words.

    `stops`: (io-status of the job, of its target, offset) at each stop; `after`: the io-status of
    job, target and device at the end. Empty where nobody can look.
    """

    events: tuple[str, ...]
    error: str
    good: Good | str
    behind: str
    layers: tuple[str, ...]
    offset: int
    stops: tuple[tuple[str, str, int], ...]
    after: tuple[str, str, str]


def expected(row: Row) -> Seen:
    """What the matrix says."""
    course = row.course
    stops = tuple((row.io_status, row.target_status, offset) for offset in course.stops)
    after = ("ok", "ok", "ok")
    layers = layers_of(row)
    return Seen(
        row.events, row.error, course.good, course.behind, layers, course.offset, stops, after
    )


def layers_of(row: Row) -> tuple[str, ...]:
    """The images that the guest's header leads to in the end."""
    if row.kind.name not in IN_CHAIN:
        return NAMES[row.kind.name][:1]
    return NAMES[row.kind.name][:1] if row.course.behind == ALONE else NAMES[row.kind.name]


def told(events: Iterable[str]) -> tuple[str, ...]:
    """Events as the matrix tells them: an error that comes more than twice comes again and again.

    A second stop is the last before the cancel, so only errors that are ignored come so often.
    """
    found: list[str] = []
    for event, times in groupby(events):
        often = len(list(times))
        many = often > 2 and event.startswith(ERROR)
        found += [event, AGAIN] if many else [event] * often
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Disks:
    """Where the images of a row are. `written` is the one that the job writes."""

    folder: Path
    row: Row
    format: str

    def path(self, name: str) -> Path:
        """The file of an image."""
        return self.folder / f"{name}.{self.format_of(name)}"

    def format_of(self, name: str) -> str:
        """The overlays of a chain cannot be raw."""
        return "qcow2" if name in ("top", "active") else self.format

    @property
    def names(self) -> tuple[str, ...]:
        """The images: the guest's, then what lies below it, or the target."""
        return NAMES[self.row.kind.name]

    def create(self) -> None:
        """Make them: what is to be copied is full of data, and so is what a commit overwrites."""
        match self.row.kind.name:
            case "stream":
                self._make("below", NEW)
                self._make("top", b"", backing="below")
            case "commit":
                self._make("base", OLD)
                self._make("top", NEW, backing="base")
                self._make("active", b"", backing="top")
            case _:
                self._make("source", NEW)
                self._make("target", b"")

    def _make(self, name: str, data: bytes, backing: str | None = None) -> None:
        path = self.path(name)
        image: BlockDevice
        if self.format_of(name) == "raw":
            image = RawFile.create(path, LENGTH)
        elif backing is None:
            image = Qcow2File.create(path, LENGTH)
        else:
            below, below_format = self.path(backing).name, self.format_of(backing)
            image = Qcow2File.create(path, LENGTH, backing=below, backing_format=below_format)
        with closing(image):
            image.write(0, data)

    # -- afterwards

    def good(self) -> Good | str:
        """Which bytes the job has put where they belong; in words of its own where no other fit."""
        name = self.row.kind.sides[1].name
        with closing(open_chain(self.path(name), self.format_of(name))) as image:
            data = contents(image)
            stored = [image.allocation(at, PIECE).allocated for at in range(0, LENGTH, PIECE)]
        if self.row.kind.name == "stream":
            assert data == NEW, "a guest sees what it saw before"
        elif self.row.kind.name == "commit":
            stored = _equal(data, NEW)
            assert _equal(data, OLD) == [not one for one in stored]
        else:
            stored = _equal(data, NEW)
            assert _equal(data, bytes(LENGTH)) == [not one for one in stored]
        known = {tuple(_pieces(good, self.row.kind.unit)): good for good in Good}
        return known.get(tuple(stored)) or f"only {[n for n, one in enumerate(stored) if one]}"

    def layers(self) -> tuple[str, ...]:
        """The images of the guest's chain, as the headers name them."""
        name = self.names[0]
        with closing(open_chain(self.path(name), self.format_of(name))) as image:
            return tuple(Path(layer.name).stem for layer in chain(image))


def _equal(one: bytes, other: bytes) -> list[bool]:
    return [one[at : at + PIECE] == other[at : at + PIECE] for at in range(0, LENGTH, PIECE)]


def _pieces(good: Good, unit: int) -> list[bool]:
    """For each piece of the disk, whether it is good."""
    starts = range(0, LENGTH, PIECE)
    match good:
        case Good.ALL:
            return [True for _ in starts]
        case Good.BEFORE:
            return [at < FAULT_AT for at in starts]
        case Good.ALL_BUT:
            return [not FAULT_AT <= at < FAULT_AT + unit for at in starts]
