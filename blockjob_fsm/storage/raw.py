"""Raw image files and block devices, with their holes.

The only file here that opens files. No header or backing chain may enter it: a raw image has none.
"""

from __future__ import annotations

import errno as errno_codes
import fcntl
import os
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from blockjob_fsm.storage.device import BlockDevice, Data, Extent
from blockjob_fsm.storage.locks import READING, UNLOCKED, WRITING, Claim, move, take

_ZEROS = memoryview(bytes(1 << 20))
# Linux's FS_IOC_UNRESVSP64 with its `struct space_resv`: the one way to punch a hole that needs no
# foreign function call. Where the number means nothing, zeros are written instead.
_PUNCH_HOLE = 0x4030582B
_PUNCH_RANGE = struct.Struct("=hhiqqiI4i")

_synchronise = getattr(os, "fdatasync", os.fsync)
_SEEK_DATA: int | None = getattr(os, "SEEK_DATA", None)
_SEEK_HOLE: int | None = getattr(os, "SEEK_HOLE", None)


class RawFile(BlockDevice):
    """A raw image: byte n of the file is byte n of the disk, and holes are unallocated zeros.

    Made by `open` or `create`. The length is read when opened; nobody else may change it meanwhile,
    which locks see to.
    """

    def __init__(self, path: str, descriptor: int, claim: Claim, *, read_only: bool) -> None:
        super().__init__(path, read_only=read_only)
        self._descriptor = descriptor
        self._claim = claim
        self._is_block = stat.S_ISBLK(os.fstat(descriptor).st_mode)
        self._length = os.lseek(descriptor, 0, os.SEEK_END)
        self._may_punch = not self._is_block
        # (when, start, end) of the data found last, since a file system may walk to the end of the
        # data each time it is asked. It holds as long as `when` is the present era: a new one
        # begins whenever data may have gone.
        self._era = object()
        self._found_data = (self._era, 0, 0)

    @classmethod
    def open(
        cls, path: str | os.PathLike[str], *, read_only: bool = False, lock: bool = True
    ) -> Self:
        """Open a regular file or block device; raises OSError naming `path`.

        Raises ImageError(EAGAIN) if the image is in use. `lock=False` minds no locks and takes
        none, only to read (ValueError): what is read may change and contradict itself.
        """
        if not (lock or read_only):
            raise ValueError("an image is not written without locks")
        name = os.fspath(path)
        _refuse_other_kinds(name)
        claim = _claim(read_only=read_only) if lock else UNLOCKED
        descriptor = _open(name, read_only=read_only)
        _take_or_close(descriptor, name, claim)
        return cls(name, descriptor, claim, read_only=read_only)

    @classmethod
    def create(cls, path: str | os.PathLike[str], length: int, *, exclusive: bool = False) -> Self:
        """Make a file of `length` bytes that is one hole, and open it read-write.

        A file that is there is emptied, or with `exclusive` refused (FileExistsError). A file that
        is in use (ImageError, EAGAIN) or cannot be made so long is left as it was.
        """
        assert length >= 0, "a file is not shorter than nothing"
        name = os.fspath(path)
        existed = os.path.exists(name)
        if existed and not exclusive:
            _refuse_other_kinds(name, block_device=False)
        flags = os.O_CREAT | (os.O_EXCL if exclusive else 0)
        descriptor = _open(name, read_only=False, flags=flags)
        _take_or_close(descriptor, name, WRITING)
        try:
            for size in (length, 0, length):
                os.ftruncate(descriptor, size)
        except OSError as error:
            os.close(descriptor)
            if not existed:
                Path(name).unlink()
            raise OSError(error.errno, os.strerror(error.errno or 0), name) from None
        return cls(name, descriptor, WRITING, read_only=False)

    @property
    def format_name(self) -> str:
        """Always "raw"."""
        return "raw"

    @property
    def backing(self) -> BlockDevice | None:
        """Always None."""
        return None

    @backing.setter
    def backing(self, layer: BlockDevice | None) -> None:
        if layer is not None:
            self.change_backing(layer, layer.name)

    def change_backing(self, base: BlockDevice | None, stored_name: str | None) -> None:
        """Raise OSError(ENOTSUP): there is no header, and a hole is no opening to other layers."""
        raise OSError(errno_codes.ENOTSUP, "a raw image cannot have a backing file", self.name)

    def length(self) -> int:
        """Size in bytes, of a block device too."""
        return self._length

    def resize(self, length: int) -> None:
        """Cut the file or add a hole; raises OSError(ENOTSUP) for a block device."""
        assert length >= 0, "a file is not shorter than nothing"
        self._check_writable()
        if self._is_block:
            raise OSError(errno_codes.ENOTSUP, "a block device cannot be resized", self.name)
        with self._named_errors():
            os.ftruncate(self._descriptor, length)
        self._length = length
        self._era = object()

    def read(self, offset: int, length: int) -> bytes:
        """Exactly `length` bytes; raises OSError(EIO) if the file was cut behind our back."""
        self._check_range(offset, length)
        pieces: list[bytes] = []
        with self._named_errors():
            while length:
                data = os.pread(self._descriptor, length, offset)
                if not data:
                    raise OSError(errno_codes.EIO, "the file ended early")
                pieces.append(data)
                offset += len(data)
                length -= len(data)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def read_into(self, offset: int, view: memoryview) -> None:
        """As `read`, to where the bytes are wanted."""
        self._check_range(offset, len(view))
        with self._named_errors():
            while view:
                done = os.preadv(self._descriptor, [view], offset)
                if not done:
                    raise OSError(errno_codes.EIO, "the file ended early")
                offset += done
                view = view[done:]

    def write(self, offset: int, data: Data) -> None:
        """Store all of `data`."""
        self._check_writable()
        view = memoryview(data).cast("B")
        self._check_range(offset, len(view))
        with self._named_errors():
            while view:
                done = os.pwrite(self._descriptor, view, offset)
                offset += done
                view = view[done:]

    def write_zeroes(self, offset: int, length: int) -> None:
        """Punch a hole where the platform can, else write zeros; what is a hole stays one."""
        self._check_writable()
        self._check_range(offset, length)
        end = offset + length
        while offset < end:
            extent = self.allocation(offset, end - offset)
            if not extent.zero and not self._punch(offset, extent.length):
                self._write_plain_zeroes(offset, extent.length)
            offset += extent.length

    def flush(self) -> None:
        """Wait until the data is on the disk."""
        if not self.read_only:
            with self._named_errors():
                _synchronise(self._descriptor)

    def allocation(self, offset: int, length: int) -> Extent:
        """Data or hole, as the file system tells; all data where it cannot tell.

        Data once found counts as data until this object makes a hole or is reopened.
        """
        self._check_range(offset, length)
        assert length > 0, "an empty range has no status"
        era = self._era
        when, start, end = self._found_data
        if when is era and start <= offset < end:
            return Extent(allocated=True, zero=False, length=min(end - offset, length))
        data = self._seek(offset, _SEEK_DATA, otherwise=offset)
        if data > offset:
            return Extent(allocated=False, zero=True, length=min(data - offset, length))
        hole = self._seek(offset, _SEEK_HOLE, otherwise=self._length)
        # Another thread may have punched a hole here just now: "data" is still a safe answer.
        reach = max(hole - offset, 1)
        self._found_data = (era, offset, offset + reach)
        return Extent(allocated=True, zero=False, length=min(reach, length))

    def fileno(self) -> int:
        """The file's descriptor."""
        return self._descriptor

    def reopen(self, *, read_only: bool) -> None:
        """Change access and locks while other threads go on using the same descriptor number.

        Raises ImageError(EAGAIN) if others use the image in a way that forbids it.
        """
        locked = self._claim is not UNLOCKED
        if not (locked or read_only):
            raise OSError(errno_codes.EACCES, "it was opened without locks", self.name)
        claim = _claim(read_only=read_only) if locked else UNLOCKED
        fresh = _open(self.name, read_only=read_only)
        try:
            move(self._descriptor, fresh, self.name, self._claim, claim)
            os.dup2(fresh, self._descriptor, inheritable=False)
        finally:
            os.close(fresh)
        self._claim = claim
        self._read_only = read_only
        self._era = object()

    def close(self) -> None:
        """Close the file; may be called again."""
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            os.close(descriptor)

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            error.filename = self.name
            raise

    def _seek(self, offset: int, whence: int | None, *, otherwise: int) -> int:
        if self._is_block or whence is None:
            return otherwise
        try:
            return os.lseek(self._descriptor, offset, whence)
        except OSError as error:
            if error.errno == errno_codes.ENXIO:
                return self._length
            if error.errno in (errno_codes.EINVAL, errno_codes.ENOTSUP):
                return otherwise
            raise

    def _punch(self, offset: int, length: int) -> bool:
        if not self._may_punch:
            return False
        try:
            fcntl.ioctl(
                self._descriptor,
                _PUNCH_HOLE,
                _PUNCH_RANGE.pack(0, os.SEEK_SET, 0, offset, length, 0, 0, 0, 0, 0, 0),
            )
        except OSError:
            # Whatever it was, plain writes show it again if it matters.
            self._may_punch = False
        # Only now: what another thread found before the hole was made is void.
        self._era = object()
        return self._may_punch

    def _write_plain_zeroes(self, offset: int, length: int) -> None:
        end = offset + length
        while offset < end:
            piece = _ZEROS[: end - offset]
            self.write(offset, piece)
            offset += len(piece)


def _open(name: str, *, read_only: bool, flags: int = 0) -> int:
    access = os.O_RDONLY if read_only else os.O_RDWR
    return os.open(name, access | os.O_CLOEXEC | flags, 0o644)


def _claim(*, read_only: bool) -> Claim:
    return READING if read_only else WRITING


def _take_or_close(descriptor: int, name: str, claim: Claim) -> None:
    try:
        take(descriptor, name, claim)
    except OSError:
        os.close(descriptor)
        raise


def _refuse_other_kinds(name: str, *, block_device: bool = True) -> None:
    """Refuse what is no image before opening it: opening a pipe would block."""
    mode = os.stat(name).st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno_codes.EISDIR, os.strerror(errno_codes.EISDIR), name)
    if stat.S_ISBLK(mode) and not block_device:
        raise OSError(errno_codes.ENOTSUP, "a block device is used as it is, not created", name)
    if not (stat.S_ISREG(mode) or stat.S_ISBLK(mode)):
        raise OSError(errno_codes.EINVAL, "neither a regular file nor a block device", name)
