"""Which chunks of a device are still to be copied.

One byte a chunk: searching and counting are then single calls that run at memory speed. No device
and no job may enter this file.
"""

from __future__ import annotations

import threading

_CLEAN, _DIRTY = b"\0", b"\1"

#: Bytes one bit stands for, fixed in QEMU 1.3.
CHUNK_BYTES = 1 << 20


class DirtyBitmap:
    """The chunks of `granularity` bytes that were written since they were last cleared.

    Every method may be called from any thread and takes effect at once and whole. Lengths and
    offsets are bytes, indexes and counts are chunks.
    """

    def __init__(self, length: int, granularity: int = CHUNK_BYTES) -> None:
        assert length >= 0, "a device is not shorter than nothing"
        assert granularity > 0, "a chunk is at least one byte"
        self.length = length
        self.granularity = granularity
        self.chunks = -(-length // granularity)
        self._bits = bytearray(self.chunks)
        self._count = 0
        self._lock = threading.Lock()

    @property
    def count(self) -> int:
        """How many chunks are dirty."""
        return self._count

    def is_dirty(self, index: int) -> bool:
        """Whether chunk `index` is dirty."""
        return bool(self._bits[index])

    def set(self, offset: int, length: int) -> None:
        """Mark every chunk that the range touches; an empty range touches none."""
        assert 0 <= offset <= offset + length <= self.length, "the range is outside the device"
        if length:
            last = (offset + length - 1) // self.granularity
            self._fill(offset // self.granularity, last + 1, _DIRTY)

    def clear(self, index: int, count: int = 1) -> None:
        """Mark `count` chunks from `index` clean."""
        assert 0 <= index <= index + count <= self.chunks, "the chunks are outside the device"
        self._fill(index, index + count, _CLEAN)

    def next_dirty(self, cursor: int = 0) -> int | None:
        """The first dirty chunk at or after `cursor`, going on at the start; None if all clean."""
        with self._lock:
            return self._search(cursor)

    def next_dirty_run(self, cursor: int = 0, max_chunks: int = 1) -> tuple[int, int] | None:
        """Take the next dirty chunks in a row: clear them and return (index, count).

        Clearing before the caller reads is what keeps a write that comes meanwhile from being lost:
        its chunk is dirty again. A run never goes past the end of the device.
        """
        assert max_chunks > 0, "a run has at least one chunk"
        with self._lock:
            start = self._search(cursor)
            if start is None:
                return None
            limit = min(start + max_chunks, self.chunks)
            end = self._bits.find(_CLEAN, start, limit)
            end = limit if end < 0 else end
            self._bits[start:end] = bytes(end - start)
            self._count -= end - start
            return start, end - start

    def range_of(self, index: int, count: int = 1) -> tuple[int, int]:
        """(offset, length) of `count` chunks from `index`; the last chunk may be a short one."""
        assert 0 <= index < index + count <= self.chunks, "the chunks are outside the device"
        offset = index * self.granularity
        return offset, min(count * self.granularity, self.length - offset)

    def _search(self, cursor: int) -> int | None:
        assert cursor >= 0, "a cursor is a chunk"
        if not self._count:
            return None
        found = self._bits.find(_DIRTY, cursor)
        return found if found >= 0 else self._bits.find(_DIRTY, 0, cursor)

    def _fill(self, start: int, end: int, value: bytes) -> None:
        with self._lock:
            before = self._bits.count(_DIRTY, start, end)
            self._bits[start:end] = value * (end - start)
            self._count += (end - start if value == _DIRTY else 0) - before
