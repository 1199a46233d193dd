"""The target of a copy: refused, opened or made, and given its name when it is whole.

A new target is made beside its name, as TARGET.partial, so that whoever finds a file called TARGET
finds a whole copy on the disk, whatever happened to the run that made it. The name is given by a
second link, which never replaces a file that appeared meanwhile, and the folder is written out
after it. What a killed run left is taken over by the next one. A file that was there before is
written in place. No job may enter this file.
"""

from __future__ import annotations

import os
import stat
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from errno import EAGAIN, EMLINK, ENOSYS, ENOTSUP, EOPNOTSUPP, EPERM

from blockjob_fsm.cli.images import ImageFormat, format_of, unreadable
from blockjob_fsm.cli.injecting import with_rules
from blockjob_fsm.cli.problems import Problem, Status, cannot_write, shown
from blockjob_fsm.cli.streams import STREAM, pour, spooled_output
from blockjob_fsm.storage.blkdebug import Rules
from blockjob_fsm.storage.chains import open_chain
from blockjob_fsm.storage.device import BlockDevice, chain
from blockjob_fsm.storage.qcow2.header import is_qcow2
from blockjob_fsm.storage.qcow2.image import Qcow2File
from blockjob_fsm.storage.raw import RawFile

PARTIAL = ".partial"

_NO_LINKS_HERE = {EPERM, ENOTSUP, EOPNOTSUPP, ENOSYS, EMLINK}


@dataclass(frozen=True, slots=True)
class Target:
    """Where a copy goes. `made`: the file that this run made and that has not its name yet."""

    device: BlockDevice
    path: str
    made: str | None = None

    @property
    def is_stream(self) -> bool:
        """Whether the copy goes to standard output."""
        return self.path == STREAM

    @property
    def label(self) -> str:
        """What messages call the target."""
        return "standard output" if self.is_stream else shown(self.path)

    @property
    def remains(self) -> str:
        """What messages call the file that a failure leaves."""
        return shown(self.made or self.path)

    def remove_if_made(self) -> bool:
        """Take away what this run made; False if the file was there before."""
        if self.made is None:
            return False
        with suppress(FileNotFoundError):
            os.unlink(self.made)
        return True

    def settle(self) -> None:
        """After the last flush: give a new file its name, on the disk too.

        Raises OSError, or Problem if somebody took the name.
        """
        if self.made is not None and not self.is_stream:
            try:
                _give_name(self.made, self.path)
            except FileExistsError:
                raise Problem(
                    f"{self.label}: appeared meanwhile and is not replaced; the copy is whole: "
                    f"give {self.remains} a name yourself",
                    Status.FAILED,
                ) from None

    def pour(self) -> None:
        """Write the finished image to standard output, if that is the target."""
        if self.is_stream:
            assert self.made is not None, "a stream is made in a temporary file"
            pour(self.made)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What target is asked for.

    `backing`: what the header of a new one is to name, if anything. `exact`: an existing one may
    not be longer either. `is_sure`: the user named the format. `rules` are its blkdebug's.
    """

    path: str
    image_format: ImageFormat
    length: int
    existing: bool = False
    exact: bool = False
    is_sure: bool = True
    backing: BlockDevice | None = None
    rules: Rules | None = None


def open_target(wanted: Wanted, source: BlockDevice, stack: ExitStack) -> Target:
    """Open or make the target of a copy of `source`; refuses with nothing changed."""
    path = wanted.path
    if path == STREAM:
        if wanted.existing:
            raise Problem("TARGET -: a stream cannot be overwritten: leave out --existing")
        made = spooled_output(stack)
        return Target(with_rules(_make(wanted, made), wanted.rules), path, made)
    _refuse_protocol(path)
    there = _status(path)
    if there is not None:
        _refuse_kind(path, there)
        _refuse_source(path, there, source)
    if wanted.existing:
        if there is None:
            raise Problem(f"{shown(path)}: does not exist: leave out --existing to create it")
        return Target(with_rules(_open_existing(wanted, source), wanted.rules), path)
    _refuse_taken(path)
    made = f"{path}{PARTIAL}"
    return Target(with_rules(_make(wanted, made), wanted.rules), path, made)


def _refuse_taken(path: str) -> None:
    if os.path.lexists(path):
        dangles = not os.path.exists(path)
        raise Problem(
            f"{shown(path)}: is a link to nothing: name a file"
            if dangles
            else f"{shown(path)}: exists already: give --existing to overwrite it"
        )


def _make(wanted: Wanted, path: str) -> BlockDevice:
    """A new image; the backing file's name is absolute, so it holds whatever becomes of the file's.

    An unfinished copy that is there is taken over, unless somebody has it open.
    """
    _clear_the_way(path)
    left_over = os.path.lexists(path)
    try:
        if wanted.image_format is ImageFormat.RAW:
            return RawFile.create(path, wanted.length)
        below = wanted.backing
        image = Qcow2File.create(
            path,
            wanted.length,
            backing=None if below is None else os.path.abspath(below.name),
            backing_format=None if below is None else format_of(below).value,
        )
    except OSError as error:
        if not left_over:
            with suppress(OSError):
                os.unlink(path)
        # In use: a run that is not over. Otherwise it is the target's own name that will not do.
        raise cannot_write(path if error.errno == EAGAIN else wanted.path, error) from None
    image.backing = below
    return image


def _clear_the_way(partial: str) -> None:
    """Refuse what is no unfinished copy; take a second name off a file that has got its own."""
    try:
        there = os.lstat(partial)
    except OSError:
        return  # making it tells what is wrong
    if not stat.S_ISREG(there.st_mode):
        raise Problem(f"{shown(partial)}: is in the way, and is no unfinished copy: move it away")
    if there.st_nlink > 1:
        # A run was killed between giving the name and taking this one off: the copy is whole.
        os.unlink(partial)


def _give_name(partial: str, path: str) -> None:
    """Call the file `path`; raises FileExistsError, with nothing changed, if something is."""
    try:
        os.link(partial, path, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_LINKS_HERE:
            raise
        # Take the name first, then put the file there: nobody else's file is replaced.
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
        os.replace(partial, path)
    else:
        os.unlink(partial)
    _sync_folder(os.path.dirname(path) or ".")


def _sync_folder(path: str) -> None:
    folder = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _open_existing(wanted: Wanted, source: BlockDevice) -> BlockDevice:
    path = wanted.path
    try:
        if not wanted.is_sure:
            _refuse_another_format(wanted)
        device = open_chain(path, wanted.image_format.value, read_only=False)
    except OSError as error:
        raise _cannot_overwrite(path, error) from None
    length = device.length()
    if length == wanted.length or (length > wanted.length and not wanted.exact):
        return device
    what = "too few" if length < wanted.length else "too many"
    message = (
        f"{shown(path)}: {length} bytes are {what} for the {wanted.length} of "
        f"{shown(source.name)}: resize it, or leave out --existing and name a new file"
    )
    for layer in list(chain(device)):
        layer.close()
    raise Problem(message)


def _refuse_another_format(wanted: Wanted) -> None:
    """A format that nobody named must not cost an image of another one; raises OSError too."""
    with RawFile.open(wanted.path, read_only=True) as file:
        start = file.read(0, min(8, file.length()))
    if wanted.image_format is ImageFormat.RAW and is_qcow2(start):
        remedy = "give --target-format qcow2, or raw to write over all of it"
        raise Problem(f"{shown(wanted.path)}: looks like qcow2: {remedy}")


def _cannot_overwrite(path: str, error: OSError) -> Problem:
    problem = unreadable(path, error, read_only=False)
    return Problem(str(problem))


def _status(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise cannot_write(path, error) from None


def _refuse_protocol(path: str) -> None:
    """A file so named could be made, and then not be opened by that name, by QEMU either."""
    protocol, colon, _ = path.partition(":")
    if colon and "/" not in protocol and not os.path.lexists(path):
        remedy = f"for a file of that name write ./{path}"
        raise Problem(f"{shown(path)}: asks for the protocol {protocol!r}: {remedy}")


def _refuse_kind(path: str, there: os.stat_result) -> None:
    if stat.S_ISDIR(there.st_mode):
        raise Problem(f"{shown(path)}: is a directory: name a file in it")
    if not (stat.S_ISREG(there.st_mode) or stat.S_ISBLK(there.st_mode)):
        raise Problem(f"{shown(path)}: is no regular file or block device: name one, or -")


def _refuse_source(path: str, there: os.stat_result, source: BlockDevice) -> None:
    for layer in chain(source):
        if _is_same(there, os.stat(layer.name)):
            what = "the source itself" if layer is source else "a backing file of the source"
            raise Problem(f"{shown(path)}: is {what}: name another file")


def _is_same(one: os.stat_result, other: os.stat_result) -> bool:
    """Whether two names lead to the same bytes: through links, or two nodes of one device."""
    if stat.S_ISBLK(one.st_mode) and stat.S_ISBLK(other.st_mode):
        return one.st_rdev == other.st_rdev
    return os.path.samestat(one, other)
