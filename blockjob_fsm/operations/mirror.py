"""A mirror's requests on a source drive and its target."""

from __future__ import annotations

import errno as errno_codes
from contextlib import ExitStack, suppress

from blockjob_fsm.bodies.requests import (
    Act,
    CopyDirty,
    DirtyCount,
    Drain,
    Flush,
    GetLength,
    InitialBitmap,
    IoOutcome,
    IoRequest,
    Length,
    Mirrored,
    Sync,
)
from blockjob_fsm.operations.base import Operations, Stop
from blockjob_fsm.storage.copy import CopyResult, copy_range
from blockjob_fsm.storage.device import BlockDevice, allocation_above, chain
from blockjob_fsm.storage.dirty import DirtyBitmap
from blockjob_fsm.storage.drive import Drive


class MirrorOperations(Operations):
    """Mirror `drive` to `target`, a nameless drive that belongs to the job."""

    def __init__(self, drive: Drive, target: Drive, granularity: int) -> None:
        super().__init__(target)
        self.drive = drive
        self.mirror_target = target
        self.granularity = granularity
        self.dirty: DirtyBitmap
        self._drained = ExitStack()

    def begin(self) -> None:
        self.dirty = self.drive.start_dirty_tracking(self.granularity)

    def answer(self, request: IoRequest, stop: Stop) -> IoOutcome:
        match request:
            case GetLength():
                return Length(_medium(self.drive).length())
            case InitialBitmap(sync):
                self._mark(sync)
                return DirtyCount(self.dirty.count)
            case CopyDirty(cursor, chunks):
                return self._copy(cursor, chunks, stop)
            case Flush():
                _medium(self.mirror_target).flush()
                return DirtyCount(self.dirty.count)
            case Drain():
                return self._drain()
        return super().answer(request, stop)

    def perform(self, act: Act) -> None:
        match act:
            case Act.STOP_DIRTY_TRACKING:
                self.drive.stop_dirty_tracking()
            case Act.TARGET_STATUS_OFF:
                self.target = None
            case _:
                super().perform(act)

    def pivot(self) -> None:
        self.mirror_target.swap_medium(self.drive.swap_medium(self.mirror_target.medium))

    def undrain(self) -> None:
        self._drained.close()

    def close(self) -> None:
        """Close the target, after a pivot the source, but for layers the drive still has."""
        if self.drive.dirty is self.dirty:
            self.drive.stop_dirty_tracking()
        left_over = self.mirror_target.swap_medium(None)
        if left_over is None:
            return
        with suppress(OSError):
            # The job's verdict is out, and its own flushes are in it.
            left_over.flush()
        in_use = list(chain(self.drive.medium))
        for layer in list(chain(left_over)):
            if layer not in in_use:
                layer.close()

    def _mark(self, sync: Sync) -> None:
        source = _medium(self.drive)
        if sync is Sync.NONE:
            return
        base = source.backing if sync is Sync.TOP else None
        offset, length = 0, source.length()
        while offset < length:
            extent = allocation_above(source, base, offset, length - offset)
            if extent.allocated:
                self.dirty.set(offset, extent.length)
            offset += extent.length
        if sync is Sync.FULL:
            self._mark_stale(length)

    def _mark_stale(self, length: int) -> None:
        """What a target that existed before still holds must go, even under the source's holes."""
        target, offset = _medium(self.mirror_target), 0
        length = min(length, target.length())
        while offset < length:
            extent = target.allocation(offset, length - offset)
            if not extent.zero:
                self.dirty.set(offset, extent.length)
            offset += extent.length

    def _copy(self, cursor: int, chunks: int, stop: Stop) -> Mirrored:
        run = self.dirty.next_dirty_run(cursor, chunks)
        if run is None:
            return Mirrored(cursor, 0, 0)
        first, count = run
        offset, length = self.dirty.range_of(first, count)
        result = self._copy_chunks(offset, length, stop)
        whole = result.bytes_done == length
        copied = count if whole else result.bytes_done // self.dirty.granularity
        if not whole:
            good = copied * self.dirty.granularity
            self.dirty.set(offset + good, length - good)
        return Mirrored(
            first, copied, self.dirty.count, result.errno or 0, result.is_read is not False
        )

    def _copy_chunks(self, offset: int, length: int, stop: Stop) -> CopyResult:
        source, target = _medium(self.drive), _medium(self.mirror_target)
        room = max(0, min(length, target.length() - offset))
        first = min(room, self.granularity)
        # One chunk is copied whatever is asked of the job: a cancelled one must get clean too.
        result = copy_range(source, target, offset, first)
        if result.errno is None and room > first:
            rest = copy_range(source, target, offset + first, room - first, stop=stop)
            result = CopyResult(first + rest.bytes_done, rest.errno, rest.is_read)
        if result.bytes_done == room < length:
            return CopyResult(room, errno_codes.EIO, is_read=False)
        return result

    def _drain(self) -> DirtyCount:
        self._drained.enter_context(self.drive.drained())
        dirty = self.dirty.count
        if dirty:
            # Not over yet: the guest goes on, and so does the copying.
            self._drained.close()
        return DirtyCount(dirty)


def _medium(drive: Drive) -> BlockDevice:
    if drive.medium is None:
        raise OSError(errno_codes.ENOMEDIUM, "no medium", drive.name)
    return drive.medium
