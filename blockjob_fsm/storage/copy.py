"""Moving a range from one device to another as fast as it goes, holes as holes.

The inner loop of a mirror. It starts no thread: two workers may copy two ranges at once. No lock,
clock or job may enter this file.
"""

from __future__ import annotations

import errno as errno_codes
import fcntl
import mmap
import os
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias

from blockjob_fsm.storage.device import BlockDevice, Extent, locate, read_chain_into

#: Data moved between two looks at `stop`: smaller costs calls, larger no longer fits a cache.
PIECE_BYTES = 1 << 20
#: Most that one call may clear, since a target without holes is cleared by writing.
CLEAR_BYTES = 64 << 20
#: Most that one call may share or copy inside the kernel.
KERNEL_BYTES = 16 << 20

# Linux's FICLONERANGE with its `struct file_clone_range`.
_CLONE = 0x4020940D
_CLONE_RANGE = struct.Struct("=qQQQ")
_HAS_KERNEL_COPY = hasattr(os, "copy_file_range")
_HAS_READ_INTO = hasattr(os, "preadv")

# Pages that lie aligned make the kernel's copies faster; making them costs more than one piece.
_spare_buffers: list[memoryview] = []

Move: TypeAlias = Callable[[int, int], int]


@dataclass(frozen=True, slots=True)
class CopyResult:
    """`bytes_done` bytes from the start are good; `errno` and `is_read` say what failed then.

    Both are None if nothing failed: fewer bytes than asked for then mean that `stop` said so.
    """

    bytes_done: int
    errno: int | None = None
    is_read: bool | None = None


class _SideFailed(Exception):
    def __init__(self, error: OSError, *, is_read: bool) -> None:
        super().__init__(error)
        self.errno = error.errno or errno_codes.EIO
        self.is_read = is_read


def never() -> bool:
    """The `stop` of a copy that nobody interrupts."""
    return False


def copy_range(
    source: BlockDevice,
    target: BlockDevice,
    offset: int,
    length: int,
    *,
    keep_holes: bool = True,
    stop: Callable[[], bool] = never,
) -> CopyResult:
    """Make a range of `target` read as `source`, seen through its backing chain.

    What is known to be zeros becomes a hole of the target, where something else was too; with
    `keep_holes` False every byte is written. `stop` is asked between pieces. A disk's failure is in
    the result, never an exception. Safe to call from several threads on ranges that do not overlap.
    """
    done = 0
    try:
        with borrowed_buffer() as buffer:
            work = _Copy(source, target, buffer, keep_holes)
            while done < length:
                move, extent_length = work.plan(offset + done, length - done)
                end = done + extent_length
                while done < end:
                    if stop():
                        return CopyResult(done)
                    done += move(offset + done, end - done)
    except _SideFailed as failure:
        return CopyResult(done, failure.errno, failure.is_read)
    return CopyResult(done)


@contextmanager
def borrowed_buffer() -> Iterator[memoryview]:
    """PIECE_BYTES to copy through, for this thread inside the block; they hold anything."""
    buffer = _spare_buffers.pop() if _spare_buffers else make_buffer()
    try:
        yield buffer
    finally:
        _spare_buffers.append(buffer)


def make_buffer() -> memoryview:
    """Pages to copy one piece through: private, or a forked child would share the bytes."""
    pages = mmap.mmap(-1, PIECE_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    return memoryview(pages)


@dataclass(slots=True)
class _Copy:
    source: BlockDevice
    target: BlockDevice
    buffer: memoryview
    keep_holes: bool

    def plan(self, offset: int, length: int) -> tuple[Move, int]:
        """How to move the bytes at `offset`, and how many are to be moved that way."""
        layer, extent = self._status(offset, length)
        if extent.zero and self.keep_holes:
            return self._clear, extent.length
        reader = layer.fileno() if layer else None
        writer = self.target.fileno()
        if reader is None or writer is None:
            return self._move_plainly, extent.length
        return self._between_files(reader, writer, offset, extent.length), extent.length

    def _status(self, offset: int, length: int) -> tuple[BlockDevice | None, Extent]:
        if not self.keep_holes and self.source.backing is None:
            return self.source, Extent(allocated=True, zero=False, length=length)
        try:
            return locate(self.source, offset, length)
        except OSError as error:
            raise _SideFailed(error, is_read=True) from None

    def _between_files(self, reader: int, writer: int, offset: int, length: int) -> Move:
        """The fastest way between two descriptors; a piece it cannot move goes plainly."""
        if _HAS_KERNEL_COPY and shares_blocks(reader, writer, offset, min(length, PIECE_BYTES)):
            way = in_kernel(reader, writer)
        elif _HAS_READ_INTO:
            way = _through_buffer(reader, writer, self.buffer)
        else:
            return self._move_plainly

        def move(offset: int, length: int) -> int:
            try:
                done = way(offset, length)
            except OSError:
                done = 0
            # Plain reads and writes say which side it was, or get past it.
            return done or self._move_plainly(offset, length)

        return move

    def _move_plainly(self, offset: int, length: int) -> int:
        length = min(length, PIECE_BYTES)
        data = self.buffer[:length]
        try:
            read_chain_into(self.source, offset, data)
        except OSError as error:
            raise _SideFailed(error, is_read=True) from None
        try:
            self.target.write(offset, data)
        except OSError as error:
            raise _SideFailed(error, is_read=False) from None
        return length

    def _clear(self, offset: int, length: int) -> int:
        try:
            extent = self.target.allocation(offset, length)
            if extent.zero:
                return extent.length
            length = min(extent.length, CLEAR_BYTES)
            self.target.write_zeroes(offset, length)
        except OSError as error:
            raise _SideFailed(error, is_read=False) from None
        return length


def shares_blocks(reader: int, writer: int, offset: int, length: int) -> bool:
    """Let two files share a range's blocks; False, with nothing changed, where they cannot.

    Where it works the kernel's own copy shares blocks too and moves nothing. Elsewhere that copy is
    slower than reading and writing.
    """
    try:
        fcntl.ioctl(writer, _CLONE, _CLONE_RANGE.pack(reader, offset, length, offset))
    except OSError:
        return False
    return True


def in_kernel(reader: int, writer: int) -> Move:
    """Moves by the kernel's own copy: at once where blocks can be shared."""

    def move(offset: int, length: int) -> int:
        return os.copy_file_range(reader, writer, min(length, KERNEL_BYTES), offset, offset)

    return move


def _through_buffer(reader: int, writer: int, buffer: memoryview) -> Move:
    whole = [buffer]

    def move(offset: int, length: int) -> int:
        if length >= PIECE_BYTES:
            got = os.preadv(reader, whole, offset)
        else:
            got = os.preadv(reader, [buffer[:length]], offset)
        return os.pwrite(writer, buffer if got == PIECE_BYTES else buffer[:got], offset)

    return move
