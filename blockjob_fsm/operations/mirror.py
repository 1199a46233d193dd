"""A mirror's requests on a source drive and its target."""

from __future__ import annotations

import errno as errno_codes
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial

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
from blockjob_fsm.operations.base import Operations, Stop, clear_last_sector
from blockjob_fsm.operations.lanes import Lanes
from blockjob_fsm.storage.copy import CopyResult, copy_range
from blockjob_fsm.storage.device import BlockDevice, allocation_above, chain
from blockjob_fsm.storage.dirty import DirtyBitmap
from blockjob_fsm.storage.drive import Drive

#: Least and most that a lane takes at a time: going for the next part costs nothing beside the
#: least, and what lies between is a quarter of what is left, so that lanes end together.
PART_BYTES = 16 << 20
LONG_PART_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class _Part:
    """Of `count` chunks from `first`, `copied` are good; the rest is dirty again."""

    first: int
    count: int
    copied: int
    errno: int = 0
    is_read: bool = True


class MirrorOperations(Operations):
    """Mirror `drive` to `target`, a nameless drive that belongs to the job."""

    def __init__(self, drive: Drive, target: Drive, granularity: int, lanes: Lanes) -> None:
        super().__init__(target)
        self.drive = drive
        self.mirror_target = target
        self.granularity = granularity
        self.dirty: DirtyBitmap
        self._drained = ExitStack()
        self._lanes = lanes
        self._part_chunks = max(1, PART_BYTES // granularity)
        self._long_part_chunks = max(1, LONG_PART_BYTES // granularity)
        self._failed = False

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
                target = _medium(self.mirror_target)
                clear_last_sector(target, _medium(self.drive))
                target.flush()
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
        if sync is Sync.FULL and self.dirty.count < self.dirty.chunks:
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
        parts = self._parts(cursor, chunks, stop)
        alone = min(chunks, self.dirty.count) <= self._part_chunks
        done = [part() for part in parts] if alone else self._lanes.run(parts)
        first = end = done[0].first if done else cursor
        moved = sum(part.copied for part in done)
        errno, is_read = 0, True
        for part in done:
            end = part.first + part.copied
            if part.copied < part.count:
                errno, is_read = part.errno, part.is_read
                break
        return Mirrored(first, end - first, self.dirty.count, errno, is_read, moved)

    def _parts(self, cursor: int, chunks: int, stop: Stop) -> Iterator[Callable[[], _Part]]:
        """The next dirty chunks up to the device's end, each part taken when a lane is free."""
        self._failed = False
        # One chunk is copied whatever is asked of the job: a cancelled one must get clean too.
        sure = self.granularity
        run = self._take_part(cursor, chunks)
        while run is not None:
            first, count = run
            yield partial(self._copy_part, first, count, sure, stop)
            sure, cursor, chunks = 0, first + count, chunks - count
            following = self.dirty.next_dirty(cursor)
            if not chunks or following is None or following < cursor or self._failed or stop():
                return
            run = self._take_part(following, chunks)

    def _take_part(self, cursor: int, chunks: int) -> tuple[int, int] | None:
        quarter = min(chunks, self.dirty.count) // 4
        wanted = min(max(quarter, self._part_chunks), self._long_part_chunks)
        return self.dirty.next_dirty_run(cursor, min(chunks, wanted))

    def _copy_part(self, first: int, count: int, sure: int, stop: Stop) -> _Part:
        offset, length = self.dirty.range_of(first, count)
        result = self._copy_range(offset, length, sure, stop)
        if result.bytes_done == length:
            return _Part(first, count, count)
        copied = result.bytes_done // self.granularity
        good = copied * self.granularity
        self.dirty.set(offset + good, length - good)
        self._failed = self._failed or result.errno is not None
        return _Part(first, count, copied, result.errno or 0, result.is_read is not False)

    def _copy_range(self, offset: int, length: int, sure: int, stop: Stop) -> CopyResult:
        source, target = _medium(self.drive), _medium(self.mirror_target)
        room = max(0, min(length, target.length() - offset))
        sure = min(room, sure)
        result = copy_range(source, target, offset, sure) if sure else CopyResult(0)
        if result.errno is None and room > sure:
            rest = copy_range(source, target, offset + sure, room - sure, stop=stop)
            result = CopyResult(sure + rest.bytes_done, rest.errno, rest.is_read)
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
