"""An image's metadata as one thing under one lock: header, cluster map, reference counts.

Every method takes the lock and holds it only for tables, never while the disk's data moves. In what
order data and metadata are written is said in `writing`. Methods run on their caller's thread.
"""

from __future__ import annotations

import threading
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from blockjob_fsm.storage.image_error import damaged
from blockjob_fsm.storage.qcow2.cluster_map import ClusterMap, Run
from blockjob_fsm.storage.qcow2.epochs import Epochs
from blockjob_fsm.storage.qcow2.header import Header, build_header
from blockjob_fsm.storage.qcow2.host_file import HostFile
from blockjob_fsm.storage.qcow2.layout import COMPRESSED, COPIED, HOST_MASK, WORD_BYTES
from blockjob_fsm.storage.qcow2.packed import packed_range
from blockjob_fsm.storage.qcow2.refcounts import Refcounts

_LENGTH_AND_L1_AT = 24
_AUTOCLEAR_AT = 88


@dataclass(eq=False, slots=True)
class Watch:
    """Whether the entry of the cluster at `offset` of the disk has been changed."""

    offset: int
    changed: bool = False


class Metadata:
    """What is known of one open image; `writable` images have their reference counts loaded too."""

    def __init__(self, host: HostFile, header: Header, *, writable: bool) -> None:
        self.host = host
        self.header = header
        self.geometry = header.geometry
        self._map = ClusterMap(host, header)
        self._counts = Refcounts(host, header, self._table_moved) if writable else None
        self._epochs = Epochs()
        self._watches: list[Watch] = []
        self._lock = threading.RLock()

    def load_refcounts(self) -> None:
        """The image may be written from now on."""
        with self._lock:
            self._counts = Refcounts(self.host, self.header, self._table_moved)

    @property
    def refcounts(self) -> Refcounts:
        """Only of a writable image."""
        assert self._counts is not None, "an image opened read-only is written"
        return self._counts

    # Asking.

    def runs(self, offset: int, length: int) -> list[Run]:
        """The runs that make up a range."""
        found: list[Run] = []
        with self._lock:
            while length:
                run = self._map.run(offset, length)
                found.append(run)
                offset += run.length
                length -= run.length
        return found

    def run(self, offset: int, limit: int) -> Run:
        """The run at `offset`."""
        with self._lock:
            return self._map.run(offset, limit)

    def status(self, offset: int, limit: int) -> tuple[int, int]:
        """A state, and how far a status query tells the same, within one L2 table."""
        with self._lock:
            return self._map.status(offset, limit)

    def fresh(self, offset: int, limit: int) -> int:
        """Bytes from `offset` on that no write could change in place."""
        with self._lock:
            return self._map.fresh(offset, limit)

    @contextmanager
    def request(self) -> Iterator[None]:
        """Inside the block no place in the file that was looked up is given to others."""
        with self._lock:
            epoch = self._epochs.enter()
        try:
            yield
        finally:
            with self._lock:
                self._epochs.leave(epoch)
                if self._epochs.waiting:
                    self._give_back_retired()

    # Changing.

    def allocate(self, clusters: int) -> tuple[int, int]:
        """Take up to `clusters` clusters: (offset in the file, how many)."""
        with self._lock:
            first, count = self.refcounts.allocate(clusters)
        return first * self.geometry.cluster_bytes, count

    def give_back(self, host: int, clusters: int) -> None:
        """Give back what `allocate` gave and nothing points to yet."""
        with self._lock:
            self.refcounts.give_back(host // self.geometry.cluster_bytes, clusters)

    def link(self, offset: int, host: int, clusters: int) -> None:
        """Let `clusters` clusters of the disk from `offset` on lie at `host`."""
        size = self.geometry.cluster_bytes
        first = host | COPIED
        self.change(offset, array("Q", range(first, first + clusters * size, size)))

    @contextmanager
    def watched(self, offset: int) -> Iterator[Watch]:
        """Inside the block it is noted whether anybody changes the entry of the cluster there."""
        watch = Watch(offset)
        with self._lock:
            self._watches.append(watch)
        try:
            yield watch
        finally:
            with self._lock:
                self._watches.remove(watch)

    def link_watched(self, watch: Watch, entry: int) -> bool:
        """Change a watched entry unless somebody else has; says whether it was changed.

        That it has its old value again proves nothing: what was read meanwhile may be gone.
        """
        with self._lock:
            if not watch.changed:
                self.change(watch.offset, array("Q", (entry,)))
                return True
        return False

    def change(self, offset: int, entries: array[int]) -> None:
        """Replace the entries of the clusters from `offset` on, and retire what they described.

        An entry that is there already costs no write.
        """
        with self._lock:
            self._tell_watches(offset, offset + len(entries) * self.geometry.cluster_bytes)
            while entries:
                old = self._map.entries(offset, len(entries))
                new, entries = entries[: len(old)], entries[len(old) :]
                if new != old:
                    self._make_table_own(offset)
                    self._map.replace(offset, new)
                    self._retire(old)
                offset += len(old) * self.geometry.cluster_bytes

    def _tell_watches(self, start: int, end: int) -> None:
        for watch in self._watches:
            watch.changed |= start <= watch.offset < end

    def _make_table_own(self, offset: int) -> None:
        index, size = self._map.table_index(offset), self.geometry.cluster_bytes
        old = self._map.l1_entry(index) & HOST_MASK
        if self._map.has_own_table(index):
            self.check_writable(old, size)
            return
        cluster, _ = self.refcounts.allocate(1)
        try:
            self._map.place_table(index, cluster * size)
        except OSError:
            self.refcounts.give_back(cluster, 1)
            raise
        if old:
            self._epochs.retire(old, size)

    def _retire(self, old: array[int]) -> None:
        """Retire what entries described that are no more; no new entry describes the same."""
        size = self.geometry.cluster_bytes
        start = end = 0
        for entry in old:
            if entry & COMPRESSED:
                self._epochs.retire(*packed_range(entry, self.geometry.cluster_bits))
                continue
            host = entry & HOST_MASK
            if not host:
                continue
            # Clusters in a row go as one.
            if host != end:
                self._retire_row(start, end)
                start = host
            end = host + size
        self._retire_row(start, end)

    def _retire_row(self, start: int, end: int) -> None:
        if end > start:
            self._epochs.retire(start, end - start)

    def _give_back_retired(self) -> None:
        size = self.geometry.cluster_bytes
        for offset, length in self._epochs.take():
            first = offset // size
            count = (offset + length - 1) // size - first + 1
            self.refcounts.give_back_or_leak(first, count)

    # The header.

    def _table_moved(self, offset: int, clusters: int) -> None:
        self.header = replace(
            self.header, refcount_table_offset=offset, refcount_table_clusters=clusters
        )

    def clear_autoclear(self) -> None:
        """Say that this image was written by somebody who keeps none of the extra structures."""
        if self.header.autoclear:
            with self._lock:
                self.host.write(_AUTOCLEAR_AT, bytes(WORD_BYTES))
                self.header = replace(self.header, autoclear=0)

    def name_backing(self, name: str | None, format_name: str | None) -> None:
        """Rewrite the header so that it names another backing file, or none."""
        with self._lock:
            header = self.header.with_backing(name, format_name)
            raw = build_header(self.host.name, header)
            stale = len(build_header(self.host.name, self.header)) - len(raw)
            self.host.write(0, raw + bytes(max(0, stale)))
            self.header = header

    def make_room(self, length: int) -> None:
        """Have an L1 table for a disk of `length` bytes."""
        with self._lock:
            header, wanted = self.header, self.geometry.l1_entries(length)
            if wanted <= header.l1_entries:
                return
            size = self.geometry.clusters(wanted * WORD_BYTES)
            self.host.raise_event("l1_grow_alloc_table")
            offset = self.refcounts.allocate_in_row(size) * self.geometry.cluster_bytes
            raw = self._map.l1_bytes().ljust(size * self.geometry.cluster_bytes, b"\0")
            self.host.raise_event("l1_grow_write_table")
            self.host.write(offset, raw)
            self.host.raise_event("l1_grow_activate_table")
            self._set_length_and_l1(header.length, wanted, offset)
            self._map.move_l1(self.header, raw[: wanted * WORD_BYTES])
            old = self.geometry.clusters(header.l1_entries * WORD_BYTES)
            if old:
                self._epochs.retire(header.l1_offset, old * self.geometry.cluster_bytes)

    def set_length(self, length: int) -> None:
        """Change the length of the disk, for which there is room."""
        with self._lock:
            self._set_length_and_l1(length, self.header.l1_entries, self.header.l1_offset)

    def _set_length_and_l1(self, length: int, entries: int, offset: int) -> None:
        fields = (
            length.to_bytes(8, "big")
            + self.header.crypt_method.to_bytes(4, "big")
            + entries.to_bytes(4, "big")
            + offset.to_bytes(8, "big")
        )
        # One write for all of them: a kill leaves the old table or the new one.
        self.host.write(_LENGTH_AND_L1_AT, fields)
        self.header = replace(self.header, length=length, l1_entries=entries, l1_offset=offset)

    def drop_tables(self, first: int) -> None:
        """Unmap everything from the L2 table of number `first` on."""
        with self._lock:
            for index in range(first, self.header.l1_entries):
                entry = self._map.l1_entry(index)
                if not entry & HOST_MASK:
                    continue
                old = self._map.entries(
                    index * self.geometry.table_reach, self.geometry.table_entries
                )
                self.host.raise_event("l1_shrink_write_table")
                self._map.drop_table(index)
                self.host.raise_event("l1_shrink_free_l2_clusters")
                self._retire(old)
                self._epochs.retire(entry & HOST_MASK, self.geometry.cluster_bytes)

    def check_writable(self, host: int, length: int) -> None:
        """Refuse to write over the fixed tables or what is free: whatever says so is wrong."""
        header, size = self.header, self.geometry.cluster_bytes
        tables = header.refcount_table_clusters * size
        for what, start, extent in (
            ("the header", 0, size),
            ("the L1 table", header.l1_offset, header.l1_entries * WORD_BYTES),
            ("the refcount table", header.refcount_table_offset, tables),
        ):
            if extent and host < start + extent and start < host + length:
                raise damaged(self.host.name, f"a cluster at {host:#x} lies over {what}")
        first = host // size
        with self._lock:
            self.refcounts.check_used(first, (host + length - 1) // size - first + 1)
