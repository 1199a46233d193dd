"""Which clusters of the file are in use: reference counts, taking clusters and giving them back.

Counts go up on the disk before anything points to a cluster, and down only after nothing does, so
that a kill in between leaves at most clusters that nobody uses. Who uses a cluster does not belong
here. The caller holds the lock of the image's metadata.
"""

from __future__ import annotations

import errno as errno_codes
from array import array
from collections.abc import Callable

from blockjob_fsm.storage.image_error import ImageError, damaged
from blockjob_fsm.storage.qcow2.cache import TableCache
from blockjob_fsm.storage.qcow2.header import Header
from blockjob_fsm.storage.qcow2.host_file import HostFile
from blockjob_fsm.storage.qcow2.layout import (
    MAX_REFCOUNT_TABLE_BYTES,
    WORD_BYTES,
    from_big_endian,
    to_big_endian,
    words,
)

#: What cached refcount blocks may take up.
CACHE_BYTES = 8 << 20

_CODES = {3: "B", 4: "H", 5: "I", 6: "Q"}
_HEADER_FIELDS_AT = 48
# Most entries by which a refcount table grows ahead of need.
_SPARE_ENTRIES = 1 << 16


class Refcounts:
    """The refcount table and its blocks; clusters are counted from the start of the file.

    `on_move(offset, clusters)` is told when the refcount table has moved.
    """

    def __init__(
        self, host: HostFile, header: Header, on_move: Callable[[int, int], object]
    ) -> None:
        self._host = host
        self._geometry = header.geometry
        self._code = _CODES[header.refcount_order]
        self._per_block = header.geometry.refcounts_per_block
        self._offset = header.refcount_table_offset
        size = header.refcount_table_clusters * header.geometry.cluster_bytes
        host.raise_event("reftable_load")
        self._table = words(host.read_table("refcount table", self._offset, size))
        self._blocks: TableCache[array[int]] = TableCache(
            CACHE_BYTES, header.geometry.cluster_bytes + 512
        )
        self._on_move = on_move
        # Clusters below are in use, or not worth another look.
        self._search_from = 0

    # Taking.

    def allocate(self, count: int) -> tuple[int, int]:
        """Take up to `count` free clusters in a row: (the first, how many), at least one."""
        self._host.raise_event("cluster_alloc")
        while True:
            number, start = divmod(self._search_from, self._per_block)
            block = self._block_or_new(number)
            try:
                first = block.index(0, start)
            except ValueError:
                self._search_from = (number + 1) * self._per_block
                continue
            taken = _free_in_row(block, first, count)
            cluster = number * self._per_block + first
            self._check_takeable(cluster)
            self._store(number, first, array(self._code, [1]) * taken)
            self._search_from = cluster + taken
            return cluster, taken

    def allocate_in_row(self, count: int) -> int:
        """Take exactly `count` clusters in a row, for a table; returns the first."""
        self._host.raise_event("cluster_alloc")
        for number, offset in enumerate(self._table):
            if not offset or count > self._per_block:
                continue
            block = self._block(number)
            first = self._find_row(block, count)
            if first is not None:
                cluster = number * self._per_block + first
                self._check_takeable(cluster)
                self._store(number, first, array(self._code, [1]) * count)
                return cluster
        return self._append(count)

    def _find_row(self, block: array[int], count: int) -> int | None:
        raw, wanted = block.tobytes(), bytes(count * block.itemsize)
        at = raw.find(wanted)
        while at >= 0 and at % block.itemsize:
            at = raw.find(wanted, at + 1)
        return None if at < 0 else at // block.itemsize

    def _check_takeable(self, cluster: int) -> None:
        if not cluster:
            raise damaged(self._host.name, "the header's own cluster is counted as free")

    # Giving back.

    def give_back(self, cluster: int, count: int) -> None:
        """Count one user less for each of `count` clusters in a row."""
        self._host.raise_event("cluster_free")
        self._search_from = min(self._search_from, cluster)
        end = cluster + count
        while cluster < end:
            number, start = divmod(cluster, self._per_block)
            part = min(end - cluster, self._per_block - start)
            counts = self._used(number, start, part)
            self._store(number, start, array(self._code, [value - 1 for value in counts]))
            cluster += part

    def give_back_or_leak(self, cluster: int, count: int) -> None:
        """`give_back`, where a failing disk only costs room, as in QEMU; damage is an error."""
        try:
            self.give_back(cluster, count)
        except ImageError:
            raise
        except OSError:
            # Whoever used the clusters has done his work, and must not be told that he failed.
            return

    def check_used(self, cluster: int, count: int) -> None:
        """Refuse to change clusters that others could be given, since they are counted as free."""
        end = cluster + count
        while cluster < end:
            number, start = divmod(cluster, self._per_block)
            part = min(end - cluster, self._per_block - start)
            self._used(number, start, part)
            cluster += part

    def _used(self, number: int, start: int, count: int) -> array[int]:
        """Counts of one block, all of them at least one; anything else is damage."""
        known = number < len(self._table) and self._table[number]
        counts = self._block(number)[start : start + count] if known else array(self._code)
        if not known or 0 in counts:
            at = (number * self._per_block + start) * self._geometry.cluster_bytes
            what = f"a cluster at {at:#x} or after it is in use but counted as free"
            raise damaged(self._host.name, what)
        return counts

    # Blocks.

    def _block(self, number: int) -> array[int]:
        block = self._blocks.get(number)
        if block is None:
            offset = self._table[number]
            size = self._geometry.cluster_bytes
            if offset % size:
                raise damaged(self._host.name, f"the refcount block at {offset:#x} is not aligned")
            self._host.raise_event("refblock_load")
            raw = self._host.read_table("refcount block", offset, size)
            block = from_big_endian(self._code, raw)
            self._blocks.put(number, block)
        return block

    def _store(self, number: int, first: int, counts: array[int]) -> None:
        block = self._block(number)
        raw = to_big_endian(counts, self._code)
        self._host.raise_event("refblock_update_part")
        self._host.write(self._table[number] + first * block.itemsize, raw)
        block[first : first + len(counts)] = counts

    def _block_or_new(self, number: int) -> array[int]:
        self._host.raise_event("refblock_alloc")
        if number >= len(self._table):
            self._grow_table(number + 1)
        if not self._table[number]:
            # All clusters that the block counts are free, so it can be the first of them.
            self._host.raise_event("refblock_alloc_write")
            self._write_blocks(number, 1, used=1)
            self._host.raise_event("refblock_alloc_hookup")
            self._point_to_blocks(number, number * self._per_block, 1)
        return self._block(number)

    def _write_blocks(self, number: int, blocks: int, *, used: int) -> None:
        """Write blocks from the `number`th on into the first clusters they count.

        They count the first `used` clusters, their own among them, as taken.
        """
        counts = array(self._code, [1]) * used
        counts.extend(array(self._code, [0]) * (blocks * self._per_block - used))
        start = number * self._per_block * self._geometry.cluster_bytes
        self._host.write(start, to_big_endian(counts, self._code))

    def _point_to_blocks(self, number: int, cluster: int, blocks: int) -> None:
        offsets = self._offsets(cluster, blocks)
        self._host.write(self._offset + number * WORD_BYTES, to_big_endian(offsets))
        self._table[number : number + blocks] = offsets

    def _offsets(self, cluster: int, count: int) -> array[int]:
        size = self._geometry.cluster_bytes
        return array("Q", range(cluster * size, (cluster + count) * size, size))

    # Growing, at the end: no block counts any cluster there, so all of them are free.

    def _end(self) -> int:
        """The number of the first block after the last one there is."""
        return next((i + 1 for i in range(len(self._table) - 1, -1, -1) if self._table[i]), 0)

    def _blocks_to_count(self, clusters: int) -> int:
        """Blocks that count `clusters` clusters and themselves."""
        return -(-clusters // (self._per_block - 1))

    def _append(self, count: int) -> int:
        """Take `count` clusters in a row after new blocks that count them; returns the first."""
        blocks = self._blocks_to_count(count)
        if self._end() + blocks > len(self._table):
            self._grow_table(self._end() + blocks)
        # Growing has put blocks at the end, so it is elsewhere now.
        number = self._end()
        start = number * self._per_block
        self._write_blocks(number, blocks, used=blocks + count)
        self._point_to_blocks(number, start, blocks)
        return start + blocks

    def _grow_table(self, entries: int) -> None:
        """Move the refcount table to where it has room for `entries` and some more."""
        self._host.raise_event("reftable_grow")
        number, size = self._end(), self._geometry.cluster_bytes
        clusters = blocks = 0
        wanted = entries + min(entries // 2, _SPARE_ENTRIES)
        # The blocks that count the table need entries in it too.
        while clusters * size < (wanted + 2 * blocks + 1) * WORD_BYTES:
            clusters = self._geometry.clusters((wanted + 2 * blocks + 1) * WORD_BYTES)
            blocks = self._blocks_to_count(clusters)
        if clusters * size > MAX_REFCOUNT_TABLE_BYTES:
            what = "the refcount table would be larger than 8 MiB"
            raise ImageError(errno_codes.EFBIG, what, self._host.name, "use larger clusters")
        start = number * self._per_block
        table = self._table + array("Q", bytes(clusters * size - len(self._table) * WORD_BYTES))
        table[number : number + blocks] = self._offsets(start, blocks)
        self._host.raise_event("refblock_alloc_write_blocks")
        self._write_blocks(number, blocks, used=blocks + clusters)
        self._move_table((start + blocks) * size, table)

    def _move_table(self, offset: int, table: array[int]) -> None:
        old, old_clusters = self._offset, self._geometry.clusters(len(self._table) * WORD_BYTES)
        self._host.raise_event("refblock_alloc_write_table")
        self._host.write(offset, to_big_endian(table))
        clusters = self._geometry.clusters(len(table) * WORD_BYTES)
        fields = offset.to_bytes(8, "big") + clusters.to_bytes(4, "big")
        self._host.raise_event("refblock_alloc_switch_table")
        # One write for both fields: a kill leaves the old table or the new one.
        self._host.write(_HEADER_FIELDS_AT, fields)
        self._offset, self._table = offset, table
        self._on_move(offset, clusters)
        self.give_back_or_leak(old // self._geometry.cluster_bytes, old_clusters)


def _free_in_row(block: array[int], first: int, limit: int) -> int:
    """How many counts from `first` on are zero, at most `limit`."""
    wanted = block[first : first + limit]
    if not any(wanted):
        return len(wanted)
    return next(index for index, value in enumerate(wanted) if value)
