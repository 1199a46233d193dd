"""A qcow2 image as a device: reading, and handing each change to who knows how to write it.

No table and no order of writes belongs here, and no chain is opened here.
"""

from __future__ import annotations

import errno as errno_codes
import os
from typing import Self

from blockjob_fsm.storage.blkdebug import Rules
from blockjob_fsm.storage.device import BlockDevice, Data, Extent
from blockjob_fsm.storage.image_error import CONVERT, ImageError, damaged
from blockjob_fsm.storage.qcow2.cluster_map import Run
from blockjob_fsm.storage.qcow2.clusters import DATA, KEPT_ZERO, PACKED, UNALLOCATED, ZERO_PLAIN
from blockjob_fsm.storage.qcow2.creating import new_header, write_new_image
from blockjob_fsm.storage.qcow2.header import PREFIX_BYTES, Header, header_bytes, parse_header
from blockjob_fsm.storage.qcow2.host_file import HostFile
from blockjob_fsm.storage.qcow2.layout import whole_sectors
from blockjob_fsm.storage.qcow2.metadata import Metadata
from blockjob_fsm.storage.qcow2.packed import CannotUnpack, can_unpack, packed_range, unpack
from blockjob_fsm.storage.qcow2.writing import Writer
from blockjob_fsm.storage.raw import RawFile

# What a status query tells apart.
_NOTHING, _ZEROS, _STORED = range(3)
_KINDS = {
    UNALLOCATED: _NOTHING,
    ZERO_PLAIN: _ZEROS,
    KEPT_ZERO: _ZEROS,
    DATA: _STORED,
    PACKED: _STORED,
}


class Qcow2File(BlockDevice):
    """One qcow2 image, made by `open` or `create`; `chains.open_chain` opens what lies below too.

    As long as nobody has set `backing` for an image whose header names one, what this layer does
    not store is unknown: it is not called zero, and reading it is refused with EINVAL.
    """

    def __init__(self, host: HostFile, header: Header, *, read_only: bool) -> None:
        super().__init__(host.name, read_only=read_only)
        self._host = host
        self._metadata = Metadata(host, header, writable=not read_only)
        self._writer = Writer(self, self._metadata)
        self._writer.misses_backing = header.backing_name is not None
        self._unpacked: tuple[int, bytes] | None = None

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        read_only: bool = False,
        lock: bool = True,
        rules: Rules | None = None,
    ) -> Self:
        """Open the image at `path`; raises ImageError, or the OSError of opening the file.

        `lock=False` as with `RawFile.open`. `rules` of blkdebug fail requests to the file below the
        format, at the steps of the format that QEMU names so too.
        """
        host = HostFile(RawFile.open(path, read_only=read_only, lock=lock), rules)
        return cls._of(host, read_only=read_only)

    @classmethod
    def _of(cls, host: HostFile, *, read_only: bool) -> Self:
        """The image in an open file, which is closed if there is none."""
        try:
            header = read_header(host)
            if not can_unpack(header.compression):
                what = "its compressed clusters need the Python package zstandard"
                remedy = f"install blockjob-fsm[qcow2-zstd], or {CONVERT}"
                raise ImageError(errno_codes.ENOTSUP, what, host.name, remedy)
            if not read_only:
                _check_can_write(host.name, header)
            return cls(host, header, read_only=read_only)
        except OSError:
            host.close()
            raise

    @classmethod
    def create(
        cls,
        path: str | os.PathLike[str],
        length: int,
        *,
        backing: str | None = None,
        backing_format: str | None = None,
        cluster_size: int = 65536,
        version: int = 3,
        exclusive: bool = False,
    ) -> Self:
        """Make an empty image of `length` bytes, made whole sectors, and open it read-write.

        `backing` is the name stored in the header; it is neither opened nor looked for. A file that
        is there is emptied, or with `exclusive` refused (FileExistsError).
        """
        assert length >= 0, "a disk is not shorter than nothing"
        header = new_header(os.fspath(path), whole_sectors(length), cluster_size, version)
        header = header.with_backing(backing, backing_format)
        return cls._of(write_new_image(path, header, exclusive=exclusive), read_only=False)

    # What the header says.

    @property
    def format_name(self) -> str:
        """Always "qcow2"."""
        return "qcow2"

    @property
    def rules(self) -> Rules | None:
        """The blkdebug rules that requests to the file ask; set them while nobody else uses it."""
        return self._host.rules

    @rules.setter
    def rules(self, rules: Rules | None) -> None:
        self._host.rules = rules

    @property
    def header(self) -> Header:
        """The header as it is now."""
        return self._metadata.header

    @property
    def backing_name(self) -> str | None:
        """The backing file's name as stored: relative to this image's folder unless absolute."""
        return self.header.backing_name

    @property
    def backing_format(self) -> str | None:
        """The backing file's format as stored; None if it is not recorded."""
        return self.header.backing_format

    @property
    def cluster_bytes(self) -> int:
        """Size of a cluster."""
        return self._metadata.geometry.cluster_bytes

    @property
    def backing(self) -> BlockDevice | None:
        """The layer below; setting it, to None too, says that it is known what lies below."""
        return self._backing

    @backing.setter
    def backing(self, layer: BlockDevice | None) -> None:
        self._backing = layer
        self._writer.misses_backing = False

    def length(self) -> int:
        """Size of the disk in bytes."""
        return self.header.length

    # Reading.

    def allocation(self, offset: int, length: int) -> Extent:
        """Status as far as it is the same, over any number of L2 tables."""
        self._check_range(offset, length)
        assert length > 0, "an empty range has no status"
        state, reach = self._metadata.status(offset, length)
        kind = _KINDS[state]
        while reach < length:
            state, more = self._metadata.status(offset + reach, length - reach)
            if _KINDS[state] != kind:
                break
            reach += more
        nothing_below = self._backing is None and not self._writer.misses_backing
        zero = kind == _ZEROS or (kind == _NOTHING and nothing_below)
        return Extent(kind != _NOTHING, zero, reach)

    def read(self, offset: int, length: int) -> Data:
        """This layer's bytes: one read per run of clusters that lie in a row in the file."""
        self._check_range(offset, length)
        with self._metadata.request():
            runs = self._metadata.runs(offset, length)
            if len(runs) == 1 and runs[0].state == DATA:
                self._host.raise_event("read_aio")
                return self._host.read(runs[0].host, length)
            # Fresh memory is zeros already, and costs nothing until it is written.
            buffer = bytearray(length)
            self._read_runs(runs, offset, memoryview(buffer))
        return buffer

    def read_into(self, offset: int, view: memoryview) -> None:
        """As `read`, to where the bytes are wanted."""
        self._check_range(offset, len(view))
        with self._metadata.request():
            runs = self._metadata.runs(offset, len(view))
            if any(run.state != DATA for run in runs):
                view[:] = bytes(len(view))
            self._read_runs(runs, offset, view)

    def _read_runs(self, runs: list[Run], offset: int, view: memoryview) -> None:
        """Fill `view`, which holds zeros unless all of the runs are data."""
        for run in runs:
            self._read_run(run, offset, view[: run.length])
            view = view[run.length :]
            offset += run.length

    def _read_run(self, run: Run, offset: int, view: memoryview) -> None:
        if run.state == DATA:
            self._host.raise_event("read_aio")
            self._host.read_into(view, run.host)
        elif run.state == UNALLOCATED:
            self._writer.refuse_to_guess()
        elif run.state == PACKED:
            within = offset % self.cluster_bytes
            view[:] = self._unpack(run.host)[within : within + run.length]

    def _unpack(self, entry: int) -> bytes:
        """A compressed cluster; the last one is kept, since reads may be smaller than clusters.

        An entry always means the same bytes, because no compressed cluster is ever written here.
        """
        kept = self._unpacked
        if kept is not None and kept[0] == entry:
            return kept[1]
        offset, length = packed_range(entry, self.header.cluster_bits)
        self._host.raise_event("read_compressed")
        packed = bytes(self._host.read(offset, length))
        try:
            data = unpack(self.header.compression, packed, self.cluster_bytes)
        except CannotUnpack as error:
            what = f"the compressed cluster at {offset:#x} cannot be unpacked ({error})"
            raise damaged(self.name, what) from None
        self._unpacked = entry, data
        return data

    def host_extent(self, offset: int, length: int) -> tuple[int, int] | None:
        """Where bytes at `offset` lie in the file: (offset there, how many in a row).

        None where they lie nowhere as they are, or where rules want to see each byte. Past the end
        of the file read zeros. The answer holds until the range is written as zeros or the image is
        closed.
        """
        self._check_range(offset, length)
        if self.rules is not None:
            return None
        run = self._metadata.run(offset, length)
        return (run.host, run.length) if run.state == DATA else None

    # Writing.

    def write(self, offset: int, data: Data) -> None:
        """Store `data`; clusters it covers in part are completed from the backing chain."""
        self._check_writable()
        view = memoryview(data).cast("B")
        self._check_range(offset, len(view))
        self._metadata.clear_autoclear()
        self._writer.write(offset, view)

    def write_zeroes(self, offset: int, length: int) -> None:
        """Whole clusters become zero clusters; version 2 has none, and writes zeros over data."""
        self._check_writable()
        self._check_range(offset, length)
        self._metadata.clear_autoclear()
        self._writer.write_zeroes(offset, length)

    def resize(self, length: int) -> None:
        """Grow or shrink to whole sectors; nobody else may use the image meanwhile."""
        assert length >= 0, "a disk is not shorter than nothing"
        self._check_writable()
        self._metadata.clear_autoclear()
        self._writer.resize(whole_sectors(length))

    def flush(self) -> None:
        """Wait until data and tables are on the disk."""
        self._host.flush()

    def change_backing(
        self, base: BlockDevice | None, stored_name: str | None, *, stored_format: str | None = None
    ) -> None:
        """Name another backing file in the header; the format is that of `base` unless given."""
        self._check_writable()
        self._metadata.clear_autoclear()
        below = None if base is None else base.format_name
        self._metadata.name_backing(stored_name, stored_format or below)
        self.backing = base
        self._writer.misses_backing = base is None and stored_name is not None

    # Opening and closing.

    def reopen(self, *, read_only: bool) -> None:
        """Change the access; raises ImageError for an image that cannot be written."""
        if not read_only:
            _check_can_write(self.name, self.header)
        self._host.reopen(read_only=read_only)
        if not read_only:
            try:
                self._metadata.load_refcounts()
            except OSError:
                self._host.reopen(read_only=True)
                raise
        self._read_only = read_only

    def close(self) -> None:
        """Close the file; may be called again."""
        self._host.close()


def read_header(host: HostFile) -> Header:
    """The header of the image in a file; raises ImageError."""
    file_bytes = host.size()
    prefix = bytes(host.read(0, min(PREFIX_BYTES, file_bytes)))
    size = header_bytes(host.name, prefix)
    return parse_header(host.name, bytes(host.read(0, min(size, file_bytes))), file_bytes)


def _check_can_write(name: str, header: Header) -> None:
    """Refuse to write what we only know how to read."""
    for refused, what, remedy in (
        (header.snapshots, "an image with internal snapshots", CONVERT),
        (header.geometry.extended, "an image with subclusters", CONVERT),
        (
            header.refcount_order < 3,
            "an image with reference counts of less than 8 bits",
            "widen them with `qemu-img amend -o refcount_bits=16`",
        ),
    ):
        if refused:
            raise ImageError(errno_codes.ENOTSUP, f"{what} can only be read", name, remedy)
