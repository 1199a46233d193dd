"""Numbers of the qcow2 format: flags, limits, and what follows from the size of a cluster.

Source: QEMU's interoperability document on qcow2; limits are those of QEMU 7.2. Arithmetic only: no
file may enter here.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

MAGIC = b"QFI\xfb"

#: In L1 and L2 entries: what is pointed to has a reference count of exactly one.
COPIED = 1 << 63
#: In L2 entries: the rest describes compressed bytes.
COMPRESSED = 1 << 62
#: In L2 entries since version 3: the cluster reads as zeros, whatever the host offset.
ZERO = 1
#: Bits of an entry that are an offset in the file.
HOST_MASK = 0x00FF_FFFF_FFFF_FE00

MIN_CLUSTER_BITS = 9
MAX_CLUSTER_BITS = 21
MIN_EXTENDED_CLUSTER_BITS = 14
MAX_L1_BYTES = 32 << 20
MAX_REFCOUNT_TABLE_BYTES = 8 << 20
MAX_BACKING_NAME_BYTES = 1023
SUBCLUSTERS = 32
WORD_BYTES = 8
#: Disks are whole sectors: QEMU ignores what a header says beyond the last one.
SECTOR_BYTES = 512


@dataclass(frozen=True)
class Geometry:
    """Sizes that follow from the header: bytes unless the name says otherwise.

    A granule is what has a status of its own: a subcluster with extended L2 entries, else a
    cluster.
    """

    cluster_bits: int
    extended: bool = False
    refcount_order: int = 4

    @cached_property
    def cluster_bytes(self) -> int:
        return 1 << self.cluster_bits

    @cached_property
    def entry_words(self) -> int:
        """64-bit words of one L2 entry."""
        return 2 if self.extended else 1

    @cached_property
    def table_entries(self) -> int:
        """Clusters that one L2 table maps."""
        return self.cluster_bytes // (WORD_BYTES * self.entry_words)

    @cached_property
    def table_reach(self) -> int:
        """Bytes of the disk that one L2 table maps."""
        return self.table_entries * self.cluster_bytes

    @cached_property
    def granules(self) -> int:
        """Granules of one cluster."""
        return SUBCLUSTERS if self.extended else 1

    @cached_property
    def granule_bytes(self) -> int:
        return self.cluster_bytes // self.granules

    @cached_property
    def refcounts_per_block(self) -> int:
        """Clusters whose reference counts one refcount block holds."""
        return self.cluster_bytes * 8 >> self.refcount_order

    def l1_entries(self, length: int) -> int:
        """L1 entries that a disk of `length` bytes needs."""
        return -(-length // self.table_reach)

    def clusters(self, size: int) -> int:
        """Clusters that `size` bytes take up."""
        return -(-size // self.cluster_bytes)


def whole_sectors(length: int) -> int:
    """The length of the shortest disk of at least `length` bytes."""
    return -(-length // SECTOR_BYTES) * SECTOR_BYTES


def words(raw: bytes | bytearray | memoryview) -> array[int]:
    """The big-endian 64-bit words of a table."""
    return from_big_endian("Q", raw)


def from_big_endian(code: str, raw: bytes | bytearray | memoryview) -> array[int]:
    """The big-endian numbers of a table; `code` is the array module's."""
    values = array(code, bytes(raw))
    if sys.byteorder == "little":
        values.byteswap()
    return values


def to_big_endian(values: Iterable[int], code: str = "Q") -> bytes:
    """Numbers as a table stores them."""
    stored = array(code, values)
    if sys.byteorder == "little":
        stored.byteswap()
    return stored.tobytes()
