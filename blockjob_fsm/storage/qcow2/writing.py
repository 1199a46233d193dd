"""Writing: where each byte goes, copy-on-write, zeros, and in what order the disk sees it.

Counts before data, data before the entry that points to it, and only then the old place is given
back: a kill at any moment leaves clusters that nobody uses, never ones used twice. A request runs
on its caller's thread; requests for different bytes may run at once.
"""

from __future__ import annotations

import errno as errno_codes
import threading
from array import array
from enum import Enum, auto

from blockjob_fsm.storage.device import BlockDevice, read_chain
from blockjob_fsm.storage.image_error import ImageError
from blockjob_fsm.storage.qcow2.cluster_map import Run
from blockjob_fsm.storage.qcow2.clusters import DATA, KEPT_ZERO, PACKED, UNALLOCATED, ZERO_PLAIN
from blockjob_fsm.storage.qcow2.layout import COPIED, ZERO
from blockjob_fsm.storage.qcow2.metadata import Metadata

#: Most zeros written at a time where the format has no zero clusters.
_ZEROS = memoryview(bytes(1 << 20))


class Completion(Enum):
    """Where the rest of a cluster comes from that is written in part; for blkdebug's events only.

    Here it is always one read of what a guest sees, and one write of the whole cluster.
    """

    NOTHING = auto()
    ZEROS = auto()
    COPY = auto()


class Writer:
    """Writes to one image. `device` reads as its guest sees it; `end` is the disk's end in bytes.

    While a disk grows, `end` is where it will end. `misses_backing` says that the header names a
    backing file which nobody has opened: what lies below is unknown then.
    """

    def __init__(self, device: BlockDevice, metadata: Metadata) -> None:
        self.end = device.length()
        self.misses_backing = False
        self._device = device
        # The kernel lets one thread at a time write to a file. Who writes new clusters waits for
        # that here, and not with the lock of the metadata in his hands.
        self._turn = threading.Lock()
        self._metadata = metadata
        self._host = metadata.host
        self._cluster_bytes = metadata.geometry.cluster_bytes

    def write(self, offset: int, view: memoryview) -> None:
        """Store all of `view`."""
        while view:
            with self._metadata.request():
                done = self._write_some(offset, view)
            offset += done
            view = view[done:]

    def _write_some(self, offset: int, view: memoryview) -> int:
        run = self._metadata.run(offset, len(view))
        if run.own:
            return self._in_place(run, view)
        whole = self._whole(offset, len(view))
        fresh = self._metadata.fresh(offset, whole) if whole else 0
        if fresh:
            return self._into_new(offset, view[:fresh])
        return self._into_part(offset, view[: self._cluster_bytes - offset % self._cluster_bytes])

    def _whole(self, offset: int, length: int) -> int:
        """How many of the bytes are whole clusters; the disk's last one is whole at its end."""
        if offset % self._cluster_bytes:
            return 0
        if offset + length == self.end:
            return length
        return length - length % self._cluster_bytes

    def _in_place(self, run: Run, view: memoryview) -> int:
        self._metadata.check_writable(run.host, run.length)
        self._host.raise_event("write_aio")
        self._host.write(run.host, view[: run.length])
        return run.length

    def _into_new(self, offset: int, view: memoryview) -> int:
        """Write whole clusters to new places; returns how many bytes found room in one row."""
        clusters = self._metadata.geometry.clusters(len(view))
        with self._turn:
            host, count = self._metadata.allocate(clusters)
            view = view[: count * self._cluster_bytes]
            self._fill(host, count, view, bytes(count * self._cluster_bytes - len(view)))
            self._metadata.link(offset, host, count)
        return len(view)

    def _fill(
        self,
        host: int,
        clusters: int,
        *pieces: memoryview | bytearray | bytes,
        completed_by: Completion = Completion.NOTHING,
    ) -> None:
        """Write to new clusters; they are given back if that fails."""
        try:
            self._metadata.check_writable(host, clusters * self._cluster_bytes)
            if completed_by is Completion.ZEROS:
                self._host.raise_event("cluster_alloc_space")
                self._host.announce_zeroes(host, clusters * self._cluster_bytes)
            self._host.raise_event("write_aio")
            if completed_by is Completion.COPY:
                self._host.raise_event("cow_write")
            self._host.write(host, *pieces)
        except OSError:
            self._metadata.give_back(host, clusters)
            raise

    def _into_part(self, offset: int, view: memoryview, *, may_be_zero: bool = False) -> int:
        """Write to one cluster that has to be completed from what a guest reads there.

        With `may_be_zero` a cluster that would hold only zeros becomes a zero cluster.
        """
        within = offset % self._cluster_bytes
        start = offset - within
        while True:
            with self._metadata.watched(start) as watch:
                run = self._metadata.run(offset, len(view))
                if run.own:
                    return self._in_place(run, view)
                completed_by = self._completion(run.state)
                cluster = self._as_read(start)
                cluster[within : within + len(view)] = view
                if may_be_zero and cluster == bytes(len(cluster)):
                    entry = ZERO
                else:
                    entry = self._metadata.allocate(1)[0] | COPIED
                    self._fill(entry & ~COPIED, 1, cluster, completed_by=completed_by)
                if self._metadata.link_watched(watch, entry):
                    return len(view)
            # Somebody has changed the cluster meanwhile: complete what is there now.
            if entry != ZERO:
                self._metadata.give_back(entry & ~COPIED, 1)

    def _completion(self, state: int) -> Completion:
        """How QEMU would complete a cluster in this state; raises the events of its read."""
        if state not in {DATA, PACKED} and (state != UNALLOCATED or not self._has_below()):
            return Completion.ZEROS
        self._host.raise_event("cow_read")
        if state == UNALLOCATED:
            self._host.raise_event("read_backing_aio")
        return Completion.COPY

    def _as_read(self, start: int) -> bytearray:
        """One cluster as a guest reads it, zeros past the end of the disk."""
        length = min(self._cluster_bytes, self._device.length() - start)
        cluster = bytearray(self._cluster_bytes)
        if length > 0:
            cluster[:length] = read_chain(self._device, start, length)
        return cluster

    def refuse_to_guess(self) -> None:
        """Raise ImageError(EINVAL) while nobody knows what lies below."""
        if self.misses_backing:
            what = "its backing file is not open, so what lies below is unknown"
            raise ImageError(errno_codes.EINVAL, what, self._host.name, "open the whole chain")

    # Zeros.

    def write_zeroes(self, offset: int, length: int) -> None:
        """Make a range read as zeros; whole clusters give up their place."""
        if self._metadata.header.version == 2 and self._has_below():
            self._write_plain_zeroes(offset, length)
            return
        while length:
            with self._metadata.request():
                whole = self._whole(offset, length)
                done = self._drop(offset, whole) if whole else self._zero_part(offset, length)
            offset += done
            length -= done

    def _has_below(self) -> bool:
        return self.misses_backing or self._device.backing is not None

    def _drop(self, offset: int, length: int) -> int:
        """Let whole clusters read as zeros, as far as one L2 table goes."""
        geometry = self._metadata.geometry
        length = min(length, geometry.table_reach - offset % geometry.table_reach)
        # Version 2 has no zero clusters, but nothing lies below an unmapped one here.
        entry = ZERO if self._metadata.header.version == 3 else 0
        self._metadata.change(offset, array("Q", (entry,)) * geometry.clusters(length))
        return length

    def _zero_part(self, offset: int, length: int) -> int:
        length = min(length, self._cluster_bytes - offset % self._cluster_bytes)
        state = self._metadata.run(offset, length).state
        if state in {ZERO_PLAIN, KEPT_ZERO} or (state == UNALLOCATED and not self._has_below()):
            return length
        has_zero_clusters = self._metadata.header.version == 3
        return self._into_part(offset, memoryview(bytes(length)), may_be_zero=has_zero_clusters)

    def _write_plain_zeroes(self, offset: int, length: int) -> None:
        end = offset + length
        while offset < end:
            piece = _ZEROS[: end - offset]
            self.write(offset, piece)
            offset += len(piece)

    # Resizing.

    def resize(self, length: int) -> None:
        """Grow or shrink the disk; bytes gained read as zeros before they can be read."""
        if length < self.end:
            self._shrink(length)
        else:
            with self._metadata.request():
                # The old L1 table is given back when the request ends.
                self._metadata.make_room(length)
            gained, self.end = self.end, length
            try:
                self._clear_gained(gained)
                self._metadata.set_length(length)
            except OSError:
                self.end = gained
                raise

    def _clear_gained(self, start: int) -> None:
        """Zero what would show past the old end: leftovers in its cluster, and what lies below."""
        shown = min(self.end, -(-start // self._cluster_bytes) * self._cluster_bytes)
        backing = self._device.backing
        if self.misses_backing:
            shown = self.end
        elif backing is not None:
            shown = max(shown, min(self.end, backing.length()))
        if shown > start:
            self.write_zeroes(start, shown - start)

    def _shrink(self, length: int) -> None:
        geometry = self._metadata.geometry
        with self._metadata.request():
            self._metadata.drop_tables(geometry.l1_entries(length))
            kept = geometry.clusters(length)
            in_table = -kept % geometry.table_entries
            if in_table:
                self._metadata.change(
                    kept * geometry.cluster_bytes, array("Q", bytes(8 * in_table))
                )
            self._metadata.set_length(length)
            self.end = length
