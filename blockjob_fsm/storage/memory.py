"""A sparse image in memory, with copy-on-write from its backing chain: for tests, checks and demo.

No file and no job may enter this file.
"""

from __future__ import annotations

import errno as errno_codes
import re
import threading
from collections.abc import Iterator

from blockjob_fsm.storage.device import BlockDevice, Data, Extent, read_chain

_UNALLOCATED, _ZERO, _STORED = 0, 1, 2
# The first granule whose status differs; a regular expression scans a map of a terabyte in no time.
_UNLIKE = {status: re.compile(b"[^%c]" % status) for status in (_UNALLOCATED, _ZERO, _STORED)}


class MemoryDevice(BlockDevice):
    """An image of `length` bytes that stores granules of `granularity` bytes once written.

    A write of part of a granule fills the rest from the backing chain. `backing_name` is what the
    header names as backing; `change_backing` rewrites it.
    """

    def __init__(
        self,
        length: int,
        *,
        name: str = "memory",
        backing: BlockDevice | None = None,
        granularity: int = 65536,
        read_only: bool = False,
    ) -> None:
        assert length >= 0, "a device is not shorter than nothing"
        assert granularity > 0, "a granule is at least one byte"
        super().__init__(name, backing=backing, read_only=read_only)
        self.backing_name = backing.name if backing else None
        self._granularity = granularity
        self._length = length
        self._granules: dict[int, bytearray] = {}
        self._status = bytearray(-(-length // granularity))
        self._lock = threading.Lock()

    def length(self) -> int:
        """Size in bytes."""
        return self._length

    def resize(self, length: int) -> None:
        """Grow or shrink; bytes gained read as zeros even over a longer backing image."""
        assert length >= 0, "a device is not shorter than nothing"
        self._check_writable()
        old = self._length
        if length < old:
            self._cut(length)
            return
        self._status.extend(bytes(-(-length // self._granularity) - len(self._status)))
        self._length = length
        if self.backing is not None and self.backing.length() > old:
            self.write_zeroes(old, length - old)

    def _cut(self, length: int) -> None:
        with self._lock:
            kept = -(-length // self._granularity)
            self._length = length
            del self._status[kept:]
            for index in [index for index in self._granules if index >= kept]:
                del self._granules[index]
            tail = length % self._granularity
            if tail and (last := self._granules.get(kept - 1)) is not None:
                last[tail:] = bytes(self._granularity - tail)

    def read(self, offset: int, length: int) -> bytes:
        """This layer's bytes; zeros where nothing is stored."""
        self._check_range(offset, length)
        pieces: list[Data] = []
        for index, start, stop in self._pieces(offset, length):
            granule = self._granules.get(index)
            pieces.append(bytes(stop - start) if granule is None else granule[start:stop])
        return b"".join(pieces)

    def write(self, offset: int, data: Data) -> None:
        """Store `data`; granules it covers in part are completed from the backing chain."""
        self._check_writable()
        view = memoryview(data).cast("B")
        self._check_range(offset, len(view))
        done = 0
        for index, start, stop in self._pieces(offset, len(view)):
            self._store(index, start, view[done : done + stop - start])
            done += stop - start

    def write_zeroes(self, offset: int, length: int) -> None:
        """Whole granules become allocated zeros and give up their memory; others are written."""
        self._check_writable()
        self._check_range(offset, length)
        for index, start, stop in self._pieces(offset, length):
            if stop - start == self._size_of(index):
                with self._lock:
                    self._granules.pop(index, None)
                    self._status[index] = _ZERO
            else:
                self._store(index, start, memoryview(bytes(stop - start)))

    def flush(self) -> None:
        """Nothing to do: memory does not survive a crash."""

    def allocation(self, offset: int, length: int) -> Extent:
        """Status by granules, as far as equal ones reach."""
        self._check_range(offset, length)
        assert length > 0, "an empty range has no status"
        index = offset // self._granularity
        status = self._status[index]
        last = -(-(offset + length) // self._granularity)
        unlike = _UNLIKE[status].search(self._status, index, last)
        end = unlike.start() * self._granularity if unlike else offset + length
        zero = status == _ZERO or (status == _UNALLOCATED and self.backing is None)
        return Extent(status != _UNALLOCATED, zero, min(end - offset, length))

    def change_backing(self, base: BlockDevice | None, stored_name: str | None) -> None:
        """Name `stored_name` in the header and read unallocated granules from `base`."""
        if self.read_only:
            raise OSError(errno_codes.EACCES, "the image is open read-only", self.name)
        self.backing_name = stored_name
        self.backing = base

    def _size_of(self, index: int) -> int:
        return min(self._granularity, self._length - index * self._granularity)

    def _pieces(self, offset: int, length: int) -> Iterator[tuple[int, int, int]]:
        """Per granule touched: its index, and the first and last byte within it."""
        end = offset + length
        while offset < end:
            index, start = divmod(offset, self._granularity)
            stop = min(self._granularity, start + end - offset)
            yield index, start, stop
            offset += stop - start

    def _store(self, index: int, start: int, data: memoryview) -> None:
        # Reading what lies below may block, so it is done before the lock is taken. If a second
        # writer fills the granule meanwhile, its bytes stay and the filling read here is dropped.
        whole = len(data) == self._size_of(index)
        filling = None if whole or self._status[index] else self._from_below(index)
        with self._lock:
            granule = self._granules.get(index)
            if granule is None:
                unallocated = self._status[index] == _UNALLOCATED
                granule = bytearray(self._granularity)
                if filling is not None and unallocated:
                    granule[: len(filling)] = filling
                self._granules[index] = granule
            granule[start : start + len(data)] = data
            self._status[index] = _STORED

    def _from_below(self, index: int) -> Data | None:
        offset = index * self._granularity
        below = self.backing
        if below is None or below.length() <= offset:
            return None
        return read_chain(below, offset, min(self._size_of(index), below.length() - offset))
