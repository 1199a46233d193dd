"""The header of a qcow2 image: bytes to a value, the refusals, and the value to bytes again.

Pure: bytes come in and go out. Nothing is guessed: what is unknown and matters is refused, what is
unknown and does not matter is kept byte for byte.
"""

from __future__ import annotations

import errno as errno_codes
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeAlias

from blockjob_fsm.storage.image_error import CHECK, CONVERT, ImageError
from blockjob_fsm.storage.qcow2.layout import (
    MAGIC,
    MAX_BACKING_NAME_BYTES,
    MAX_CLUSTER_BITS,
    MAX_L1_BYTES,
    MAX_REFCOUNT_TABLE_BYTES,
    MIN_CLUSTER_BITS,
    MIN_EXTENDED_CLUSTER_BITS,
    WORD_BYTES,
    Geometry,
)

_COMMON = struct.Struct(">4sIQIIQIIQQIIQ")
_SINCE_3 = struct.Struct(">QQQII")
_EXTENSION = struct.Struct(">II")
#: Bytes that tell the size of a cluster, and so how much of the file is header.
PREFIX_BYTES = _COMMON.size + _SINCE_3.size
_COMPRESSION_AT = PREFIX_BYTES

DIRTY, CORRUPT, EXTERNAL_DATA, COMPRESSION, EXTENDED_L2 = (1 << bit for bit in range(5))
_UNDERSTOOD = COMPRESSION | EXTENDED_L2

BACKING_FORMAT = 0xE279_2ACA
FEATURE_NAMES = 0x6803_F857
_END = 0

#: errno, what is wrong, remedy.
Objection: TypeAlias = tuple[int, str, str]


@dataclass(frozen=True)
class Extension:
    """A header extension: its type and its data, without padding."""

    kind: int
    data: bytes


@dataclass(frozen=True)
class Header:
    """The fields of a header; offsets and lengths in bytes.

    `tail` is the part of the header proper that follows the fields known by name.
    """

    version: int
    cluster_bits: int
    length: int
    l1_entries: int
    l1_offset: int
    refcount_table_offset: int
    refcount_table_clusters: int
    snapshots: int = 0
    snapshots_offset: int = 0
    crypt_method: int = 0
    incompatible: int = 0
    compatible: int = 0
    autoclear: int = 0
    refcount_order: int = 4
    tail: bytes = b""
    extensions: tuple[Extension, ...] = ()
    backing_name: str | None = None

    @cached_property
    def geometry(self) -> Geometry:
        """What follows from the size of a cluster."""
        extended = bool(self.incompatible & EXTENDED_L2)
        return Geometry(self.cluster_bits, extended, self.refcount_order)

    @property
    def compression(self) -> int:
        """0 for zlib, 1 for zstd."""
        return self.tail[0] if self.tail else 0

    @property
    def backing_format(self) -> str | None:
        """The format recorded for the backing file."""
        found = [item.data for item in self.extensions if item.kind == BACKING_FORMAT]
        return found[0].decode("utf-8", "replace") if found else None

    def with_backing(self, name: str | None, format_name: str | None) -> Header:
        """The header with another backing file, or none; other extensions stay as they are."""
        kept = tuple(item for item in self.extensions if item.kind != BACKING_FORMAT)
        if name is not None and format_name is not None:
            kept = (Extension(BACKING_FORMAT, format_name.encode()), *kept)
        return replace(self, extensions=kept, backing_name=name)


def is_qcow2(start: bytes) -> bool:
    """Whether a file that starts so is a qcow2 image of version 2 or 3."""
    return start[:4] == MAGIC and int.from_bytes(start[4:8], "big") in {2, 3}


def header_bytes(name: str, prefix: bytes) -> int:
    """How much of the file may be header: one cluster. Raises ImageError if this is no qcow2."""
    if prefix[:4] != MAGIC:
        raise ImageError(errno_codes.EINVAL, "not a qcow2 image", name)
    if len(prefix) < _COMMON.size:
        raise ImageError(errno_codes.EINVAL, "the file ends within the header", name, CHECK)
    version = int.from_bytes(prefix[4:8], "big")
    if version not in {2, 3}:
        what = f"qcow2 version {version} is not supported (2 and 3 are)"
        raise ImageError(errno_codes.ENOTSUP, what, name, CONVERT)
    cluster_bits = int.from_bytes(prefix[20:24], "big")
    if not MIN_CLUSTER_BITS <= cluster_bits <= MAX_CLUSTER_BITS:
        what = f"clusters of 2^{cluster_bits} bytes are not allowed (2^9 to 2^21 are)"
        raise ImageError(errno_codes.EINVAL, what, name)
    return 1 << cluster_bits


def parse_header(name: str, start: bytes, file_bytes: int) -> Header:
    """The header in `start`, which is the file's first cluster or all of a shorter file.

    Raises ImageError for what is malformed, unsupported or points outside `file_bytes`.
    """
    cluster_bytes = header_bytes(name, start)
    start = start[:cluster_bytes]
    fields = _COMMON.unpack_from(start)
    header = Header(
        version=fields[1],
        cluster_bits=fields[4],
        length=fields[5],
        crypt_method=fields[6],
        l1_entries=fields[7],
        l1_offset=fields[8],
        refcount_table_offset=fields[9],
        refcount_table_clusters=fields[10],
        snapshots=fields[11],
        snapshots_offset=fields[12],
    )
    size = _COMMON.size
    if header.version == 3:
        header, size = _with_features(name, start, header)
    stop = fields[2] or cluster_bytes
    extensions, fault = _parse_extensions(start, size, stop)
    header = replace(header, extensions=extensions)
    # A feature we lack may explain whatever else looks wrong, so it is named first.
    for objections in (_unsupported(header), _misplaced(header, file_bytes)):
        for objection in objections:
            raise ImageError(objection[0], objection[1], name, objection[2])
    if fault:
        raise ImageError(errno_codes.EINVAL, fault, name, CHECK)
    return replace(header, backing_name=_backing_name(name, start, fields[2], fields[3]))


def _with_features(name: str, start: bytes, header: Header) -> tuple[Header, int]:
    """The header with the fields that version 3 added, and its length."""
    if len(start) < PREFIX_BYTES:
        raise ImageError(errno_codes.EINVAL, "the file ends within the header", name, CHECK)
    *features, refcount_order, size = _SINCE_3.unpack_from(start, _COMMON.size)
    if not PREFIX_BYTES <= size <= len(start) or size % WORD_BYTES:
        what = f"a header of {size} bytes is not allowed"
        raise ImageError(errno_codes.EINVAL, what, name, CHECK)
    if refcount_order > 6:
        what = f"reference counts of 2^{refcount_order} bits are not allowed (2^6 at most)"
        raise ImageError(errno_codes.EINVAL, what, name)
    fuller = replace(
        header,
        incompatible=features[0],
        compatible=features[1],
        autoclear=features[2],
        refcount_order=refcount_order,
        tail=start[PREFIX_BYTES:size],
    )
    return fuller, size


def _parse_extensions(
    start: bytes, offset: int, stop: int
) -> tuple[tuple[Extension, ...], str | None]:
    """The header extensions, and what is wrong with the one after them."""
    found: list[Extension] = []
    stop = min(stop, len(start))
    while offset + _EXTENSION.size <= stop:
        kind, length = _EXTENSION.unpack_from(start, offset)
        offset += _EXTENSION.size
        if kind == _END:
            break
        if length > stop - offset:
            return tuple(found), f"header extension {kind:#x} reaches past the end of the header"
        found.append(Extension(kind, start[offset : offset + length]))
        offset += -(-length // 8) * 8
    return tuple(found), None


def _unsupported(header: Header) -> Iterator[Objection]:
    lacking = errno_codes.ENOTSUP
    flags = header.incompatible
    if flags & ~(_UNDERSTOOD | DIRTY | CORRUPT | EXTERNAL_DATA):
        yield lacking, f"unknown features are needed: {_unknown_features(header)}", CONVERT
    if header.crypt_method:
        yield lacking, "the image is encrypted", CONVERT
    if flags & EXTERNAL_DATA:
        yield lacking, "the image keeps its data in another file", CONVERT
    if flags & CORRUPT:
        yield errno_codes.EIO, "the image is marked corrupt", CHECK
    if flags & DIRTY:
        what = "the image was not closed properly and its reference counts may be wrong"
        yield errno_codes.EIO, what, "repair them with `qemu-img check -r all`"
    if bool(flags & COMPRESSION) != bool(header.compression):
        what = "the feature bit for compression and the compression type contradict each other"
        yield errno_codes.EINVAL, what, CHECK
    if header.compression > 1:
        yield lacking, f"compression type {header.compression} is unknown", CONVERT
    if flags & EXTENDED_L2 and header.cluster_bits < MIN_EXTENDED_CLUSTER_BITS:
        yield errno_codes.EINVAL, "subclusters need clusters of at least 16 KiB", CHECK


def _unknown_features(header: Header) -> str:
    names: dict[int, str] = {}
    for item in header.extensions:
        if item.kind == FEATURE_NAMES:
            for at in range(0, len(item.data) - 47, 48):
                if item.data[at] == 0:
                    text = item.data[at + 2 : at + 48].rstrip(b"\0").decode("ascii", "replace")
                    names[item.data[at + 1]] = "".join(c if c.isprintable() else "?" for c in text)
    unknown = [bit for bit in range(5, 64) if header.incompatible >> bit & 1]
    return ", ".join(names.get(bit) or f"bit {bit}" for bit in unknown)


def _misplaced(header: Header, file_bytes: int) -> Iterator[Objection]:
    geometry = header.geometry
    l1_bytes = header.l1_entries * WORD_BYTES
    refcount_bytes = header.refcount_table_clusters << header.cluster_bits
    if l1_bytes > MAX_L1_BYTES or geometry.l1_entries(header.length) * WORD_BYTES > MAX_L1_BYTES:
        yield errno_codes.EFBIG, "the L1 table is larger than 32 MiB", "use larger clusters"
    if header.l1_entries < geometry.l1_entries(header.length):
        yield errno_codes.EINVAL, "the L1 table is too small for the disk", CHECK
    if refcount_bytes > MAX_REFCOUNT_TABLE_BYTES:
        yield errno_codes.EFBIG, "the refcount table is larger than 8 MiB", "use larger clusters"
    if not header.refcount_table_clusters:
        yield errno_codes.EINVAL, "there is no refcount table", CHECK
    for what, offset, size in (
        ("L1 table", header.l1_offset, l1_bytes),
        ("refcount table", header.refcount_table_offset, refcount_bytes),
    ):
        if offset % geometry.cluster_bytes:
            yield errno_codes.EINVAL, f"the {what} does not start at a cluster", CHECK
        if size and not offset:
            yield errno_codes.EINVAL, f"the {what} lies over the header", CHECK
        if offset + size > file_bytes:
            yield errno_codes.EINVAL, f"the {what} reaches past the end of the file", CHECK


def _backing_name(name: str, start: bytes, offset: int, length: int) -> str | None:
    if not offset:
        return None
    if length > MAX_BACKING_NAME_BYTES or offset + length > len(start):
        raise ImageError(errno_codes.EINVAL, "the backing file's name lies outside", name, CHECK)
    stored = start[offset : offset + length]
    if b"\0" in stored:
        raise ImageError(errno_codes.EINVAL, "the backing file's name holds a NUL", name, CHECK)
    return os.fsdecode(stored) or None


def build_header(name: str, header: Header) -> bytes:
    """The header with its extensions and the backing file's name, as the file stores it.

    Raises ImageError(EINVAL) for too long a name and ImageError(ENOSPC) if all of it does not fit
    into one cluster.
    """
    backing = os.fsencode(header.backing_name or "")
    if len(backing) > MAX_BACKING_NAME_BYTES or b"\0" in backing:
        what = f"a backing file's name has at most {MAX_BACKING_NAME_BYTES} bytes and no NUL"
        raise ImageError(errno_codes.EINVAL, what, name, "use a shorter name")
    area = b"".join(_pack_extension(item) for item in header.extensions) + _EXTENSION.pack(_END, 0)
    size = _COMMON.size + (_SINCE_3.size + len(header.tail) if header.version == 3 else 0)
    at = size + len(area)
    if at + len(backing) > 1 << header.cluster_bits:
        what = "the header does not fit into one cluster with this backing file's name"
        raise ImageError(errno_codes.ENOSPC, what, name, "use a shorter name")
    common = _COMMON.pack(
        MAGIC,
        header.version,
        at if backing else 0,
        len(backing),
        header.cluster_bits,
        header.length,
        header.crypt_method,
        header.l1_entries,
        header.l1_offset,
        header.refcount_table_offset,
        header.refcount_table_clusters,
        header.snapshots,
        header.snapshots_offset,
    )
    return common + _pack_features(header, size) + area + backing


def _pack_features(header: Header, size: int) -> bytes:
    if header.version == 2:
        return b""
    features = (header.incompatible, header.compatible, header.autoclear)
    return _SINCE_3.pack(*features, header.refcount_order, size) + header.tail


def _pack_extension(item: Extension) -> bytes:
    padding = -len(item.data) % WORD_BYTES
    return _EXTENSION.pack(item.kind, len(item.data)) + item.data + bytes(padding)
