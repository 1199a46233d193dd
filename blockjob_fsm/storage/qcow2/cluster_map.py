"""Where an image keeps what: the L1 table, a bounded cache of L2 tables, and runs of clusters.

Reading and changing entries, in the order that survives a kill. Which clusters are free does not
belong here. Its caller holds the lock of the image's metadata.
"""

from __future__ import annotations

import re
from array import array
from dataclasses import dataclass
from typing import NamedTuple

from blockjob_fsm.storage.image_error import damaged
from blockjob_fsm.storage.qcow2.cache import TableCache
from blockjob_fsm.storage.qcow2.clusters import (
    BAD,
    DATA,
    HAS_BYTES,
    PACKED,
    UNALLOCATED,
    UNLIKE,
    UNLIKE_STATUS,
    L2Table,
    load_table,
    states_of_words,
)
from blockjob_fsm.storage.qcow2.header import Header
from blockjob_fsm.storage.qcow2.host_file import HostFile
from blockjob_fsm.storage.qcow2.layout import COPIED, HOST_MASK, WORD_BYTES, to_big_endian

#: What cached L2 tables may take up.
CACHE_BYTES = 16 << 20

_NOT_ZERO = re.compile(b"[^\0]")


class Run(NamedTuple):
    """Equal granules in a row: their state, and bytes from the offset asked about.

    `host` is where the bytes lie in the file (state DATA) or the entry of a PACKED cluster, else 0.
    `own` says that a DATA run may be overwritten in place.
    """

    state: int
    host: int
    length: int
    own: bool = False


@dataclass(slots=True)
class _Spot:
    """One granule: its table (None where the L1 table has none) and its place in it."""

    index: int
    inner: int
    table: L2Table | None


class ClusterMap:
    """Maps bytes of the disk to bytes of the file."""

    def __init__(self, host: HostFile, header: Header) -> None:
        self._host = host
        self._version = header.version
        self._geometry = header.geometry
        self._l1_offset = header.l1_offset
        raw = host.read_table("L1 table", header.l1_offset, header.l1_entries * WORD_BYTES)
        self._l1 = bytearray(raw)
        # A table in memory: its words, and one byte per granule.
        cost = header.geometry.cluster_bytes * (3 if header.geometry.extended else 2) + 512
        self._cache: TableCache[L2Table] = TableCache(CACHE_BYTES, cost)

    # Asking.

    def status(self, offset: int, limit: int) -> tuple[int, int]:
        """A state, and how many bytes a status query tells alike, at most `limit`."""
        spot = self._spot(offset)
        if spot.table is None:
            return UNALLOCATED, self._unmapped(offset, limit)
        granule = spot.inner // self._geometry.granule_bytes
        state = self._state(spot.table, granule)
        last = self._last_granule(spot, limit)
        unlike = UNLIKE_STATUS[state].search(spot.table.states, granule, last)
        return state, self._reach(spot, unlike.start() if unlike else last, limit)

    def run(self, offset: int, limit: int) -> Run:
        """The run at `offset`, at most `limit` bytes, and never past what one L2 table maps."""
        spot = self._spot(offset)
        if spot.table is None:
            return Run(UNALLOCATED, 0, self._unmapped(offset, limit))
        granule = spot.inner // self._geometry.granule_bytes
        state = self._state(spot.table, granule)
        if state == PACKED:
            within = offset % self._geometry.cluster_bytes
            length = min(self._geometry.cluster_bytes - within, limit)
            return Run(PACKED, self._entry(spot.table, spot.inner), length)
        last = self._last_granule(spot, limit)
        unlike = UNLIKE[state].search(spot.table.states, granule, last)
        stop = unlike.start() if unlike else last
        if state != DATA:
            return Run(state, 0, self._reach(spot, stop, limit))
        return self._data_run(spot, stop, limit)

    def fresh(self, offset: int, limit: int) -> int:
        """Bytes from `offset` on, at most `limit`, that no write could change in place."""
        spot = self._spot(offset)
        if spot.table is None:
            return self._unmapped(offset, limit)
        last = self._last_granule(spot, limit)
        granule = spot.inner // self._geometry.granule_bytes
        found = HAS_BYTES.search(spot.table.states, granule, last)
        return max(0, self._reach(spot, found.start() if found else last, limit))

    def _data_run(self, spot: _Spot, stop: int, limit: int) -> Run:
        """Data up to the granule `stop`, cut where the file's clusters cease to follow on."""
        assert spot.table is not None
        geometry, step = self._geometry, self._geometry.entry_words
        first = spot.inner // geometry.cluster_bytes
        end = -(-stop // geometry.granules)
        entry = expected = spot.table.entries[first * step]
        for following in spot.table.entries[(first + 1) * step : end * step : step]:
            expected += geometry.cluster_bytes
            if following != expected:
                stop = (first + 1) * geometry.granules
                break
            first += 1
        host = entry & HOST_MASK
        if host % geometry.cluster_bytes:
            raise damaged(self._host.name, f"a data cluster at {host:#x} is not aligned")
        within = spot.inner % geometry.cluster_bytes
        return Run(DATA, host + within, self._reach(spot, stop, limit), bool(entry & COPIED))

    def _spot(self, offset: int) -> _Spot:
        index, inner = divmod(offset, self._geometry.table_reach)
        return _Spot(index, inner, self._table(index))

    def _entry(self, table: L2Table, inner: int) -> int:
        return table.entries[inner // self._geometry.cluster_bytes * self._geometry.entry_words]

    def _state(self, table: L2Table, granule: int) -> int:
        state = table.states[granule]
        if state == BAD:
            what = f"the L2 table at {table.offset:#x} has an entry that is not allowed"
            raise damaged(self._host.name, what)
        return state

    def _last_granule(self, spot: _Spot, limit: int) -> int:
        assert spot.table is not None
        wanted = -(-(spot.inner + limit) // self._geometry.granule_bytes)
        return min(wanted, len(spot.table.states))

    def _reach(self, spot: _Spot, stop: int, limit: int) -> int:
        return min(stop * self._geometry.granule_bytes - spot.inner, limit)

    def _unmapped(self, offset: int, limit: int) -> int:
        """Bytes from `offset` on for which the L1 table has no L2 table."""
        reach = self._geometry.table_reach
        index = offset // reach
        last = min(-(-(offset + limit) // reach), len(self._l1) // WORD_BYTES)
        found = _NOT_ZERO.search(self._l1, (index + 1) * WORD_BYTES, last * WORD_BYTES)
        stop = found.start() // WORD_BYTES if found else last
        return min(max(stop, index + 1) * reach - offset, limit)

    def _table(self, index: int) -> L2Table | None:
        table = self._cache.get(index)
        if table is not None:
            return table
        entry = self.l1_entry(index)
        offset = entry & HOST_MASK
        if not offset:
            return None
        if offset % self._geometry.cluster_bytes:
            raise damaged(self._host.name, f"the L2 table at {offset:#x} is not aligned")
        self._host.raise_event("l2_load")
        raw = self._host.read_table("L2 table", offset, self._geometry.cluster_bytes)
        table = load_table(self._geometry, self._version, offset, raw)
        self._cache.put(index, table)
        return table

    # Changing. Memory follows the disk, so that a failed write leaves both as they were.

    def l1_entry(self, index: int) -> int:
        """An entry of the L1 table."""
        return int.from_bytes(self._l1[index * WORD_BYTES : (index + 1) * WORD_BYTES], "big")

    def table_index(self, offset: int) -> int:
        """Which L2 table maps `offset`."""
        return offset // self._geometry.table_reach

    def has_own_table(self, index: int) -> bool:
        """Whether there is an L2 table that may be changed in place."""
        return bool(self.l1_entry(index) & COPIED)

    def place_table(self, index: int, host: int) -> None:
        """Let a new L2 table at `host` hold what the old one held, and point to it."""
        old = self._table(index)
        raw = to_big_endian(old.entries) if old else bytes(self._geometry.cluster_bytes)
        self._host.raise_event("l2_alloc_write")
        self._host.write(host, raw)
        self._point_to(index, host | COPIED)
        self._cache.put(index, load_table(self._geometry, self._version, host, raw))

    def drop_table(self, index: int) -> None:
        """Have no L2 table there."""
        self._point_to(index, 0)

    def _point_to(self, index: int, entry: int) -> None:
        raw = entry.to_bytes(WORD_BYTES, "big")
        self._host.raise_event("l1_update")
        self._host.write(self._l1_offset + index * WORD_BYTES, raw)
        self._l1[index * WORD_BYTES : (index + 1) * WORD_BYTES] = raw
        self._cache.drop(index)

    def entries(self, offset: int, clusters: int) -> array[int]:
        """The entries from `offset` on, as far as this L2 table has them; zeros without one."""
        spot = self._spot(offset)
        first = spot.inner // self._geometry.cluster_bytes
        count = min(clusters, self._geometry.table_entries - first)
        if spot.table is None:
            return array("Q", bytes(count * WORD_BYTES))
        return spot.table.entries[first : first + count]

    def replace(self, offset: int, entries: array[int]) -> None:
        """Change entries from `offset` on; they lie in one L2 table, which is our own."""
        spot = self._spot(offset)
        table = spot.table
        assert table is not None
        assert self.has_own_table(spot.index), "a shared L2 table is changed in place"
        first = spot.inner // self._geometry.cluster_bytes
        assert first + len(entries) <= self._geometry.table_entries
        self._host.raise_event("l2_update")
        self._host.write(table.offset + first * WORD_BYTES, to_big_endian(entries))
        table.replace(first, entries, states_of_words(entries, self._version))

    def move_l1(self, header: Header, raw: bytes) -> None:
        """Use the L1 table that `header` names, whose bytes are `raw`."""
        self._l1_offset = header.l1_offset
        self._l1 = bytearray(raw)

    def l1_bytes(self) -> bytes:
        """The L1 table as it is stored."""
        return bytes(self._l1)
