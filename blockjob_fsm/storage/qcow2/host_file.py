"""The file an image lies in: exact reads of tables, padded reads of data, ordered writes, faults.

The only file of this package that touches the disk. What the bytes mean does not belong here.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from blockjob_fsm.storage.blkdebug import Rules
from blockjob_fsm.storage.device import Data
from blockjob_fsm.storage.image_error import damaged
from blockjob_fsm.storage.raw import RawFile


class HostFile:
    """Reads and writes by any number of threads; OSErrors name the file.

    What was written stays in this order for whoever opens the file after this process was killed.
    With `rules` each request may fail as they say; they stand where QEMU's blkdebug does, between
    the format and its file.
    """

    def __init__(self, file: RawFile, rules: Rules | None = None) -> None:
        self._file = file
        self.name = file.name
        self.rules = rules
        self._writes = 0
        self._flushed = 0

    def raise_event(self, event: str) -> None:
        """Tell the rules, if there are any, what the format is about to do."""
        if self.rules is not None:
            self.rules.raise_event(event)

    def announce_zeroes(self, offset: int, length: int) -> None:
        """Ask the rules as for a write of zeros, which a following write makes unnecessary."""
        if self.rules is not None:
            self.rules.raise_event("pwritev_zero")
            try:
                self._ask_rules("write-zeroes", offset, length)
            finally:
                self.rules.raise_event("pwritev_done")

    def _ask_rules(self, iotype: str, offset: int = 0, length: int = 0) -> None:
        if self.rules is not None:
            errno = self.rules.errno_for(iotype, offset, length)
            if errno:
                raise OSError(errno, os.strerror(errno), self.name)

    @property
    def descriptor(self) -> int:
        """The file's descriptor, for copies inside the kernel."""
        return self._file.fileno()

    def size(self) -> int:
        """Bytes of the file now."""
        with self._named_errors():
            return os.lseek(self.descriptor, 0, os.SEEK_END)

    def read_table(self, what: str, offset: int, length: int) -> bytes:
        """Exactly `length` bytes; a table that reaches past the end of the file is damage."""
        # Asked first, so that a false length costs no memory.
        if offset + length > self.size():
            raise damaged(self.name, f"the {what} at {offset:#x} reaches past the end of the file")
        return bytes(self.read(offset, length))

    def read(self, offset: int, length: int) -> Data:
        """`length` bytes; past the end of the file there are zeros, as QEMU reads them."""
        self._ask_rules("read", offset, length)
        with self._named_errors():
            data = os.pread(self.descriptor, length, offset)
        if len(data) == length:
            return data
        buffer = bytearray(length)
        buffer[: len(data)] = data
        self._fill(memoryview(buffer)[len(data) :], offset + len(data))
        return buffer

    def read_into(self, view: memoryview, offset: int) -> None:
        """Fill `view`; past the end of the file there are zeros."""
        self._ask_rules("read", offset, len(view))
        self._fill(view, offset)

    def _fill(self, view: memoryview, offset: int) -> None:
        with self._named_errors():
            while view and (got := os.preadv(self.descriptor, [view], offset)):
                offset += got
                view = view[got:]
        if view:
            view[:] = bytes(len(view))

    def write(self, offset: int, *pieces: Data) -> None:
        """Store all pieces, one after the other."""
        views = [memoryview(piece).cast("B") for piece in pieces if len(piece)]
        if self.rules is None:
            self._store(views, offset)
            return
        self._writes += 1
        self.rules.raise_event("pwritev")
        try:
            self._ask_rules("write", offset, sum(map(len, views)))
            self._store(views, offset)
        finally:
            self.rules.raise_event("pwritev_done")

    def _store(self, views: list[memoryview], offset: int) -> None:
        with self._named_errors():
            while views:
                done = os.pwritev(self.descriptor, views, offset)
                offset += done
                views = without_first(views, done)

    def flush(self) -> None:
        """Wait until what was written is on the disk."""
        writes = self._writes
        self.raise_event("flush_to_os")
        if writes != self._flushed:
            self.raise_event("flush_to_disk")
            self._ask_rules("flush")
        self._file.flush()
        self._flushed = writes

    def reopen(self, *, read_only: bool) -> None:
        """Change the access; an OSError means that nothing changed."""
        self._file.reopen(read_only=read_only)

    def close(self) -> None:
        """May be called again."""
        self._file.close()

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            error.filename = self.name
            raise


def without_first(views: Sequence[memoryview], done: int) -> list[memoryview]:
    """What is left after the first `done` bytes."""
    left: list[memoryview] = []
    for view in views:
        if done < len(view):
            left.append(view[done:])
        done = max(0, done - len(view))
    return left
