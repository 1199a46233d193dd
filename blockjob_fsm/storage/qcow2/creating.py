"""A new, empty image: the layout of its tables, written so that the header comes last.

What an open image does does not belong here.
"""

from __future__ import annotations

import errno as errno_codes
import os
from array import array

from blockjob_fsm.storage.image_error import ImageError
from blockjob_fsm.storage.qcow2.header import Header, build_header
from blockjob_fsm.storage.qcow2.host_file import HostFile
from blockjob_fsm.storage.qcow2.layout import (
    MAX_CLUSTER_BITS,
    MAX_L1_BYTES,
    MIN_CLUSTER_BITS,
    WORD_BYTES,
    Geometry,
    to_big_endian,
)
from blockjob_fsm.storage.raw import RawFile


def new_header(name: str, length: int, cluster_bytes: int, version: int) -> Header:
    """The header of an empty image of `length` bytes: refcounts first, then the L1 table.

    Raises ImageError(EINVAL) for a size of cluster or a version that is not allowed, and
    ImageError(EFBIG) for a disk too long for its clusters.
    """
    bits = cluster_bytes.bit_length() - 1
    if cluster_bytes != 1 << max(bits, 0) or not MIN_CLUSTER_BITS <= bits <= MAX_CLUSTER_BITS:
        what = f"clusters of {cluster_bytes} bytes are not allowed"
        raise ImageError(errno_codes.EINVAL, what, name, "use a power of two, 512 to 2097152")
    if version not in {2, 3}:
        raise ImageError(errno_codes.EINVAL, f"there is no version {version}", name, "use 2 or 3")
    geometry = Geometry(bits)
    entries = max(1, geometry.l1_entries(length))
    if entries * WORD_BYTES > MAX_L1_BYTES:
        what = f"a disk of {length} bytes is too long for clusters of {cluster_bytes} bytes"
        raise ImageError(errno_codes.EFBIG, what, name, "use larger clusters")
    table, blocks = _refcount_clusters(geometry, entries)
    return Header(
        version=version,
        cluster_bits=bits,
        length=length,
        l1_entries=entries,
        l1_offset=(1 + table + blocks) * cluster_bytes,
        refcount_table_offset=cluster_bytes,
        refcount_table_clusters=table,
        tail=bytes(WORD_BYTES) if version == 3 else b"",
    )


def _refcount_clusters(geometry: Geometry, l1_entries: int) -> tuple[int, int]:
    """Clusters of the refcount table and of the blocks that count a new image."""
    table = blocks = 1
    while True:
        used = 1 + table + blocks + geometry.clusters(l1_entries * WORD_BYTES)
        wanted = -(-used // geometry.refcounts_per_block)
        if wanted <= blocks and geometry.clusters(blocks * WORD_BYTES) <= table:
            return table, blocks
        blocks = max(blocks, wanted)
        table = max(table, geometry.clusters(blocks * WORD_BYTES))


def write_new_image(
    path: str | os.PathLike[str], header: Header, *, exclusive: bool = False
) -> HostFile:
    """Make the file, and keep it open; one that is there is emptied, or `exclusive` refuses it."""
    name, geometry = os.fspath(path), header.geometry
    start = build_header(name, header)
    size = geometry.cluster_bytes
    clusters = header.l1_offset // size + geometry.clusters(header.l1_entries * WORD_BYTES)
    first = 1 + header.refcount_table_clusters
    blocks = header.l1_offset // size - first
    host = HostFile(RawFile.create(path, clusters * size, exclusive=exclusive))
    try:
        host.write(first * size, to_big_endian(array("H", [1]) * clusters, "H"))
        offsets = range(first * size, (first + blocks) * size, size)
        host.write(header.refcount_table_offset, to_big_endian(offsets))
        # Until now this is no image at all; from here on it is a whole one.
        host.write(0, start)
    except OSError:
        host.close()
        raise
    return host
