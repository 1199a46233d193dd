"""Images named on the command line: opened or refused before anything is changed on disk.

A `-` is a standard stream: an image must have a length and holes to be found, so a stream goes
through a temporary file. No job may enter this file.
"""

from __future__ import annotations

import os
import shutil
import stat
import sys
import tempfile
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from enum import Enum
from errno import EDQUOT, EFBIG, EIO, ENOSPC
from pathlib import Path

from blockjob_fsm.cli.problems import Problem, Status, because, shown
from blockjob_fsm.storage.raw import RawFile


class ImageFormat(Enum):
    """Formats of images that a command can be told."""

    RAW = "raw"


_KINDS = {ImageFormat.RAW: RawFile}

STREAM = "-"
_BLOCK_BYTES = 1 << 20
# The disk's own failures; whatever else stops a file from being made is a matter of its name.
_DISK_ERRORS = {ENOSPC, EDQUOT, EFBIG, EIO}


@dataclass(frozen=True, slots=True)
class Target:
    """Where a copy goes. `created`: the file was not there before this run."""

    device: RawFile
    created: bool
    label: str
    is_stream: bool = False

    def remove_if_created(self) -> bool:
        """Take away what this run made; False if the file was there before."""
        if self.created:
            with suppress(FileNotFoundError):
                os.unlink(self.device.name)
        return self.created

    def settle(self) -> None:
        """Make the new file's name as durable as its data; raises OSError."""
        if self.created and not self.is_stream:
            folder = os.open(os.path.dirname(self.device.name) or ".", os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def pour(self) -> None:
        """Write the finished image to standard output, if that is the target."""
        if self.is_stream:
            with open(self.device.name, "rb") as image:
                shutil.copyfileobj(image, sys.stdout.buffer, _BLOCK_BYTES)
            sys.stdout.buffer.flush()


def open_source(path: str, image_format: ImageFormat) -> RawFile:
    """Open an image to be read; it is not changed."""
    try:
        return _KINDS[image_format].open(path, read_only=True)
    except OSError as error:
        raise Problem(
            f"{shown(path)}: {because(error)}: name an image that can be read", Status.UNREADABLE
        ) from None


def spooled_input(target: str, stack: ExitStack) -> str:
    """Copy standard input into a temporary file beside the target; zeros become holes."""
    if sys.stdin is None or sys.stdin.isatty():
        raise Problem("SOURCE -: standard input is a terminal: pipe an image into it")
    path = os.path.join(_spool_folder(target, stack), "input.raw")
    try:
        with open(path, "wb") as spool:
            while block := sys.stdin.buffer.read(_BLOCK_BYTES):
                if block.count(0) == len(block):
                    spool.seek(len(block), os.SEEK_CUR)
                else:
                    spool.write(block)
            spool.truncate()
    except OSError as error:
        message = f"standard input: {because(error)} while spooling it beside {shown(target)}"
        raise Problem(message, Status.FAILED) from None
    return path


def open_target(
    path: str, image_format: ImageFormat, source: RawFile, *, existing: bool, stack: ExitStack
) -> Target:
    """Open or create the target of a copy of `source`; refuses with nothing changed."""
    kind = _KINDS[image_format]
    if path == STREAM:
        return _stream_target(kind, source.length(), existing, stack)
    there = _status(path)
    if there is not None:
        _refuse_kind(path, there)
        if _is_same(there, os.fstat(source.fileno())):
            raise Problem(f"{shown(path)}: is the source itself: name another file")
    if not existing:
        return _create(kind, path, source.length())
    if there is None:
        raise Problem(f"{shown(path)}: does not exist: leave out --existing to create it")
    return _open_existing(kind, path, source)


def _stream_target(kind: type[RawFile], length: int, existing: bool, stack: ExitStack) -> Target:
    if existing:
        raise Problem("TARGET -: a stream cannot be overwritten: leave out --existing")
    if sys.stdout.isatty():
        raise Problem("TARGET -: standard output is a terminal: redirect it")
    path = os.path.join(_spool_folder(tempfile.gettempdir(), stack), "output.raw")
    return Target(kind.create(path, length), True, "standard output", is_stream=True)


def _create(kind: type[RawFile], path: str, length: int) -> Target:
    if os.path.lexists(path):
        dangles = not os.path.exists(path)
        raise Problem(
            f"{shown(path)}: is a link to nothing: name a file"
            if dangles
            else f"{shown(path)}: exists already: give --existing to overwrite it"
        )
    try:
        return Target(kind.create(path, length, exclusive=True), True, shown(path))
    except OSError as error:
        raise _cannot_write(path, error) from None


def _open_existing(kind: type[RawFile], path: str, source: RawFile) -> Target:
    try:
        device = kind.open(path)
    except OSError as error:
        raise _cannot_write(path, error) from None
    if device.length() < source.length():
        device.close()
        raise Problem(
            f"{shown(path)}: {device.length()} bytes are too few for the {source.length()} of "
            f"{shown(source.name)}: enlarge it, or leave out --existing and name a new file"
        )
    return Target(device, False, shown(path))


def _status(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _cannot_write(path, error) from None


def _refuse_kind(path: str, there: os.stat_result) -> None:
    if stat.S_ISDIR(there.st_mode):
        raise Problem(f"{shown(path)}: is a directory: name a file in it")
    if not (stat.S_ISREG(there.st_mode) or stat.S_ISBLK(there.st_mode)):
        raise Problem(f"{shown(path)}: is no regular file or block device: name one, or -")


def _is_same(one: os.stat_result, other: os.stat_result) -> bool:
    """Whether two names lead to the same bytes: through links, or two nodes of one device."""
    if stat.S_ISBLK(one.st_mode) and stat.S_ISBLK(other.st_mode):
        return one.st_rdev == other.st_rdev
    return os.path.samestat(one, other)


def _cannot_write(path: str, error: OSError) -> Problem:
    status = Status.FAILED if error.errno in _DISK_ERRORS else Status.USAGE
    return Problem(f"{shown(path)}: {because(error)}: name a file that can be written", status)


def _spool_folder(beside: str, stack: ExitStack) -> str:
    folder = beside if Path(beside).is_dir() else os.path.dirname(beside) or "."
    try:
        return stack.enter_context(tempfile.TemporaryDirectory(prefix=".blockjob-", dir=folder))
    except OSError as error:
        raise _cannot_write(folder, error) from None
