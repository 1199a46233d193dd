"""Exit statuses, and errors that are one line: what, where, and the remedy.

Nothing that knows of jobs may enter this file.
"""

from __future__ import annotations

import os
import sys
from enum import IntEnum
from errno import EDQUOT, EFBIG, EIO, ENOSPC

#: Errors that more room would have spared.
NO_ROOM = {ENOSPC, EDQUOT, EFBIG}
# The disk's own failures; whatever else stops a file from being made is a matter of its name.
_DISK_ERRORS = {*NO_ROOM, EIO}


class Status(IntEnum):
    """What the shell is told."""

    FINE = 0
    FAILED = 1  #: the job failed, or a property was refuted
    USAGE = 2
    UNDECIDED = 3
    UNREADABLE = 4
    INTERRUPTED = 130


class Problem(Exception):
    """A run that ends with one line on standard error and this status."""

    def __init__(self, message: str, status: Status = Status.USAGE) -> None:
        super().__init__(message)
        self.status = status


def shown(path: str | os.PathLike[str]) -> str:
    """A file's name as a line may hold it: quoted if it has control characters or odd bytes."""
    name = os.fspath(path)
    return name if name.isprintable() and name else repr(name)


def because(error: OSError) -> str:
    """The system's words for a failure."""
    return error.strerror or str(error)


def cannot_write(path: str, error: OSError) -> Problem:
    """The line about a file that cannot be made or written."""
    status = Status.FAILED if error.errno in _DISK_ERRORS else Status.USAGE
    remedy = getattr(error, "remedy", "") or "name a file that can be written"
    return Problem(f"{shown(path)}: {because(error)}: {remedy}", status)


def say(line: str) -> None:
    """One line for a person, on standard error."""
    print(f"blockjob: {line}", file=sys.stderr, flush=True)
