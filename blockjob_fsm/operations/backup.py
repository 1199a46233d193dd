"""A backup's requests on a source drive and its target, and what guests' writes do before they go.

Who saves a chunk first takes it: its bit is cleared, and it is under way until it is saved, or set
again if that failed. Whoever finds a chunk under way waits; who has taken one never waits for
another, so nobody waits for ever.
"""

from __future__ import annotations

import errno as errno_codes
import os
import threading
from collections.abc import Iterator
from contextlib import suppress

from blockjob_fsm.bodies.backup import CHUNK_BYTES
from blockjob_fsm.bodies.requests import (
    Act,
    CopyDirty,
    DirtyCount,
    Flush,
    GetLength,
    InitialBitmap,
    IoOutcome,
    IoRequest,
    Length,
    Mirrored,
    Sync,
)
from blockjob_fsm.operations.base import HasClusters, Operations, Stop, clear_last_sector
from blockjob_fsm.storage.copy import CopyResult, copy_range
from blockjob_fsm.storage.device import BlockDevice, Extent, allocation_above, chain
from blockjob_fsm.storage.dirty import DirtyBitmap
from blockjob_fsm.storage.drive import Drive

#: Most that the job saves at a time, and so keeps a guest's write to the same bytes waiting for.
PIECE_BYTES = 1 << 20


def chunk_bytes_for(target: BlockDevice) -> int:
    """The unit of a backup to this target: 64 KiB, or its clusters where they are larger.

    Filling a cluster piece by piece would have the target read and write it several times.
    """
    clusters = target.cluster_bytes if isinstance(target, HasClusters) else 0
    return max(CHUNK_BYTES, clusters)


class Unsaved:
    """Which chunks of a device are not saved yet, and which are being saved now.

    Every method may be called from any thread. Indexes and counts are chunks, the rest is bytes.
    """

    def __init__(self, length: int, chunk_bytes: int) -> None:
        self._bitmap = DirtyBitmap(length, chunk_bytes)
        self._bitmap.set(0, length)
        self._under_way: list[range] = []
        self._spoiled: set[int] = set()
        # Bits change under it only, together with what is under way.
        self._changed = threading.Condition()

    @property
    def count(self) -> int:
        """How many chunks are not saved, those under way among them."""
        with self._changed:
            return self._bitmap.count + sum(len(taken) for taken in self._under_way)

    def range_of(self, taken: range) -> tuple[int, int]:
        """(offset, length) of chunks; the last chunk of the device may be a short one."""
        return self._bitmap.range_of(taken.start, len(taken))

    def leave_out(self, offset: int, length: int) -> None:
        """Take for saved the chunks that lie wholly in a range, since the target shows them as is.

        Not a chunk that is under way, nor one that failed: what that left there, nobody knows.
        """
        chunk, end = self._bitmap.granularity, offset + length
        first = -(-offset // chunk)
        last = self._bitmap.chunks if end == self._bitmap.length else end // chunk
        with self._changed:
            for index in sorted(self._spoiled.intersection(range(first, last))):
                self._bitmap.clear(first, index - first)
                first = index + 1
            self._bitmap.clear(first, max(0, last - first))

    def take_next(self, cursor: int, at_most: int) -> range | None:
        """Take the next chunks in a row, going on at the start; None if there are none to take.

        Where all that is left is under way, waits until some of that has ended, well or badly.
        """
        with self._changed:
            if self._under_way and not self._bitmap.count:
                # Once only: guests that fail for ever must not keep the job from being cancelled.
                self._changed.wait()
            return self._take(cursor, at_most)

    def take_at(self, index: int, at_most: int) -> range | None:
        """Take chunks in a row from `index` on; None if that one is saved, or under way."""
        with self._changed:
            there = index < self._bitmap.chunks and self._bitmap.is_dirty(index)
            return self._take(index, at_most) if there else None

    def take_touched(self, offset: int, length: int, at_most: int) -> range | None:
        """Take chunks in a row that a range touches; None once all that it touches are saved.

        Waits while one of them is under way.
        """
        chunk = self._bitmap.granularity
        end = min(-(-(offset + length) // chunk), self._bitmap.chunks)
        touched = range(offset // chunk, end)
        with self._changed:
            while any(_overlap(taken, touched) for taken in self._under_way):
                self._changed.wait()
            first = next(filter(self._bitmap.is_dirty, touched), None)
            return None if first is None else self._take(first, min(at_most, end - first))

    def give_back(self, taken: range, saved: int) -> None:
        """End what taking began: the first `saved` chunks are saved, the others are not."""
        with self._changed:
            self._under_way.remove(taken)
            self._spoiled.difference_update(taken[:saved])
            if saved < len(taken):
                self._spoiled.update(taken[saved:])
                self._bitmap.set(*self.range_of(taken[saved:]))
            self._changed.notify_all()

    def _take(self, cursor: int, at_most: int) -> range | None:
        run = self._bitmap.next_dirty_run(cursor, at_most)
        if run is None:
            return None
        taken = range(run[0], run[0] + run[1])
        if self._spoiled:
            # One of them cannot be copied; alone it does not keep its neighbours from that.
            bad = next((index for index in taken if index in self._spoiled), taken.stop)
            count = max(1, bad - taken.start)
            if rest := taken[count:]:
                self._bitmap.set(*self.range_of(rest))
            taken = taken[:count]
        self._under_way.append(taken)
        return taken


def _overlap(one: range, other: range) -> bool:
    return one.start < other.stop and other.start < one.stop


class BackupOperations(Operations):
    """Save `drive` as it is now on `target`, a nameless drive that belongs to the job.

    A guest's write that cannot save what it is about to change fails with the error of that: the
    guest pays, the backup stays true, and the job goes on. Source: the default, and until QEMU 7.1
    the only, behaviour of copy-before-write ("break-guest-write").
    """

    def __init__(self, drive: Drive, target: Drive, chunk_bytes: int) -> None:
        super().__init__(target)
        self.drive = drive
        self.backup_target = target
        self.chunk_bytes = chunk_bytes
        self.unsaved: Unsaved
        self._piece_chunks = max(1, PIECE_BYTES // chunk_bytes)
        self._is_hooked = False

    def begin(self) -> None:
        """From here on guests' writes save first: this is the moment that the target will show."""
        self.unsaved = Unsaved(_medium(self.drive).length(), self.chunk_bytes)
        self.drive.add_before_write(self.save_first)
        self._is_hooked = True

    def save_first(self, offset: int, length: int) -> None:
        """On the guest's thread: save what a write is about to change; raises why it cannot be."""
        while length:
            taken = self.unsaved.take_touched(offset, length, self._piece_chunks)
            if taken is None:
                return
            _, result = self._save(taken)
            if result.errno is not None:
                side = self.drive if result.is_read else self.backup_target
                raise OSError(result.errno, os.strerror(result.errno), _medium(side).name)

    def answer(self, request: IoRequest, stop: Stop) -> IoOutcome:
        match request:
            case GetLength():
                return Length(_medium(self.drive).length())
            case InitialBitmap(sync):
                self._leave_out(sync)
                return DirtyCount(self.unsaved.count)
            case CopyDirty(cursor, chunks):
                return self._copy(cursor, chunks, stop)
            case Flush():
                target = _medium(self.backup_target)
                clear_last_sector(target, _medium(self.drive))
                target.flush()
                return DirtyCount(self.unsaved.count)
        return super().answer(request, stop)

    def perform(self, act: Act) -> None:
        match act:
            case Act.STOP_DIRTY_TRACKING:
                self._unhook()
            case Act.TARGET_STATUS_OFF:
                self.target = None
            case _:
                super().perform(act)

    def close(self) -> None:
        """Close the target, but for layers that the drive has too."""
        self._unhook()
        target = self.backup_target.swap_medium(None)
        if target is None:
            return
        with suppress(OSError):
            # The job's verdict is out, and its own flush is in it.
            target.flush()
        in_use = list(chain(self.drive.medium))
        for layer in list(chain(target)):
            if layer not in in_use:
                layer.close()

    def _unhook(self) -> None:
        if self._is_hooked:
            self.drive.remove_before_write(self.save_first)
            self._is_hooked = False

    def _leave_out(self, sync: Sync) -> None:
        source, target = _medium(self.drive), _medium(self.backup_target)
        if sync is Sync.TOP:
            for offset, extent in _extents(source, source.backing):
                if not extent.allocated:
                    self.unsaved.leave_out(offset, extent.length)
        elif sync is Sync.FULL:
            # Only to be quick: what cannot be told apart is copied, and that may fail by policy.
            with suppress(OSError):
                self._leave_out_zeros(source, target)

    def _leave_out_zeros(self, source: BlockDevice, target: BlockDevice) -> None:
        for offset, extent in _extents(source, None):
            at, end = offset, offset + extent.length
            while extent.zero and at < end:
                there = allocation_above(target, None, at, end - at)
                if there.zero:
                    self.unsaved.leave_out(at, there.length)
                at += there.length

    def _copy(self, cursor: int, chunks: int, stop: Stop) -> Mirrored:
        taken = self.unsaved.take_next(cursor, min(chunks, self._piece_chunks)) if chunks else None
        first, copied = (taken.start if taken else cursor), 0
        while taken is not None:
            saved, result = self._save(taken)
            copied += saved
            if result.errno is not None:
                is_read = result.is_read is not False
                return Mirrored(first, copied, self.unsaved.count, result.errno, is_read)
            if copied >= chunks or stop():
                break
            # A row only: what a guest has saved in between ends it.
            taken = self.unsaved.take_at(taken.stop, min(chunks - copied, self._piece_chunks))
        return Mirrored(first, copied, self.unsaved.count)

    def _save(self, taken: range) -> tuple[int, CopyResult]:
        """Copy chunks that were taken and give them back: how many are saved, and the copy."""
        offset, length = self.unsaved.range_of(taken)
        saved = 0
        try:
            source, target = _medium(self.drive), _medium(self.backup_target)
            result = copy_range(source, target, offset, length)
            whole = result.bytes_done == length
            saved = len(taken) if whole else result.bytes_done // self.chunk_bytes
        finally:
            self.unsaved.give_back(taken, saved)
        return saved, result


def _extents(top: BlockDevice, base: BlockDevice | None) -> Iterator[tuple[int, Extent]]:
    """What the layers from `top` down to, not including, `base` store, extent by extent."""
    offset, length = 0, top.length()
    while offset < length:
        extent = allocation_above(top, base, offset, length - offset)
        yield offset, extent
        offset += extent.length


def _medium(drive: Drive) -> BlockDevice:
    if drive.medium is None:
        raise OSError(errno_codes.ENOMEDIUM, "no medium", drive.name)
    return drive.medium
