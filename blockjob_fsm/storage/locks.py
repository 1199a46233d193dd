"""Image locks as QEMU holds them, so that a running QEMU and we keep out of each other's images.

Whoever opens an image says by read locks on single bytes of the file what he does with it (at 100)
and what he lets nobody else do meanwhile (at 200), and then looks whether somebody holds the byte
that contradicts. The locks belong to the open file description (Linux); elsewhere, and on file
systems without locks, there are none. What is read or written does not belong here.
"""

from __future__ import annotations

import errno as errno_codes
import fcntl
import os
import struct
from contextlib import suppress
from enum import IntEnum
from typing import NamedTuple

from blockjob_fsm.storage.image_error import ImageError

_HOLD_AT = 100
_FORBID_AT = 200

_SET: int | None = getattr(fcntl, "F_OFD_SETLK", None)
_LOOK: int | None = getattr(fcntl, "F_OFD_GETLK", None)
# Linux's `struct flock`: type, whence, start, length, process.
_FLOCK = struct.Struct("hhqqi4x")
_NO_LOCKS_HERE = {errno_codes.ENOLCK, errno_codes.EINVAL, errno_codes.ENOTSUP, errno_codes.ENOSYS}


class Permission(IntEnum):
    """What may be done with an image; the value is the place of its byte."""

    CONSISTENT_READ = 0
    WRITE = 1
    WRITE_UNCHANGED = 2
    RESIZE = 3

    @property
    def words(self) -> str:
        """As QEMU's messages call it."""
        return self.name.lower().replace("_", " ")


class Claim(NamedTuple):
    """What an opening does, and what it lets nobody else do meanwhile."""

    does: frozenset[Permission] = frozenset()
    forbids: frozenset[Permission] = frozenset()

    @property
    def bytes(self) -> frozenset[int]:
        """The bytes of the file that say so."""
        return frozenset(
            {_HOLD_AT + permission for permission in self.does}
            | {_FORBID_AT + permission for permission in self.forbids}
        )


_CHANGES = frozenset({Permission.WRITE, Permission.RESIZE})
#: Holds no byte, and minds none.
UNLOCKED = Claim()
#: What QEMU holds of a qcow2 image, of any backing file, and of the images `qemu-img` reads.
READING = Claim(frozenset({Permission.CONSISTENT_READ}), _CHANGES)
#: What QEMU holds of a qcow2 image it writes, and of the file that a commit writes to.
WRITING = Claim(_CHANGES | {Permission.CONSISTENT_READ}, _CHANGES)


def take(descriptor: int, name: str, wanted: Claim, held: Claim = UNLOCKED) -> None:
    """Hold `wanted` beside `held` on a descriptor that can be read.

    Raises ImageError(EAGAIN) if somebody else's claim contradicts; nothing has changed then.
    """
    new = wanted.bytes - held.bytes
    if _SET is None or not new:
        return
    try:
        # Looking first spares others the sight of a claim that has to be given up again.
        _refuse_contradiction(descriptor, name, wanted)
        _hold(descriptor, new)
        _refuse_contradiction(descriptor, name, wanted)
    except OSError as error:
        if error.errno not in _NO_LOCKS_HERE:
            _release(descriptor, new)
            raise


def move(old: int, fresh: int, name: str, held: Claim, wanted: Claim) -> None:
    """Hold `wanted` on `fresh`, another opening of the file that `old` holds `held` of.

    `old` is to be closed then: its locks go with it, and at no moment was there none. Raises
    ImageError(EAGAIN) like `take`.
    """
    # Asked of the old descriptor, since to the fresh one our own locks are somebody else's.
    take(old, name, wanted, held)
    try:
        _hold(fresh, wanted.bytes)
    except OSError as error:
        if error.errno not in _NO_LOCKS_HERE:
            _release(old, wanted.bytes - held.bytes)
            raise


def _hold(descriptor: int, places: frozenset[int]) -> None:
    for place in sorted(places) if _SET is not None else ():
        _set(descriptor, fcntl.F_RDLCK, place)


def _release(descriptor: int, places: frozenset[int]) -> None:
    for place in sorted(places):
        with suppress(OSError):
            _set(descriptor, fcntl.F_UNLCK, place)


def _set(descriptor: int, kind: int, place: int) -> None:
    assert _SET is not None, "asked for locks where there are none"
    fcntl.fcntl(descriptor, _SET, _FLOCK.pack(kind, os.SEEK_SET, place, 1, 0))


def _refuse_contradiction(descriptor: int, name: str, claim: Claim) -> None:
    for permission in sorted(claim.does):
        if _is_held_elsewhere(descriptor, _FORBID_AT + permission):
            raise _locked(name, f'no "{permission.words}" lock', claim)
    for permission in sorted(claim.forbids):
        if _is_held_elsewhere(descriptor, _HOLD_AT + permission):
            raise _locked(name, f'no shared "{permission.words}" lock', claim)


def _is_held_elsewhere(descriptor: int, place: int) -> bool:
    """Whether a write lock would be refused; no writing is needed to ask."""
    assert _LOOK is not None, "what locks can also look"
    question = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, place, 1, 0)
    answer = _FLOCK.unpack(fcntl.fcntl(descriptor, _LOOK, question))
    return bool(answer[0] != fcntl.F_UNLCK)


def _locked(name: str, lock: str, claim: Claim) -> ImageError:
    use, remedy = "read", "close it there, or read it without locks"
    if Permission.WRITE in claim.does:
        use, remedy = "written", "close it there"
    what = f"it is in use by another process, or a second time by this one, and cannot be {use}"
    return ImageError(errno_codes.EAGAIN, f"{what} meanwhile ({lock})", name, remedy)
