"""Images named on the command line, opened with all that lies below them, and their layers by name.

What cannot be opened is one line that names the file to blame. No target of a copy is made here,
and no job may enter this file.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from enum import Enum

from blockjob_fsm.cli.problems import Problem, Status, because, shown
from blockjob_fsm.storage.chains import find_layer, open_chain
from blockjob_fsm.storage.device import BlockDevice, chain
from blockjob_fsm.storage.image_error import ImageError
from blockjob_fsm.storage.qcow2.image import Qcow2File


class ImageFormat(Enum):
    """Formats of images that a command can be told."""

    RAW = "raw"
    QCOW2 = "qcow2"


def format_of(layer: BlockDevice) -> ImageFormat:
    """The format of an image that was opened or made here."""
    return ImageFormat(layer.format_name)


def open_image(
    path: str, image_format: ImageFormat | None, stack: ExitStack, *, read_only: bool = True
) -> BlockDevice:
    """Open an image and its chain; the stack closes them. None: the format is found out safely."""
    try:
        top = open_chain(path, image_format and image_format.value, read_only=read_only)
    except OSError as error:
        raise unreadable(path, error, read_only=read_only) from None
    for layer in chain(top):
        stack.callback(layer.close)
    return top


def unreadable(path: str, error: OSError, *, read_only: bool = True) -> Problem:
    """The line about an image that does not open; its chain may be to blame."""
    name = shown(error.filename or path)
    if isinstance(error, ImageError):
        if error.remedy == "name the format":
            return Problem(f"{name}: {error.what}: give --format raw if it is")
        remedy = f": {error.remedy}" if error.remedy else ""
        return Problem(f"{name}: {error.what}{remedy}", Status.UNREADABLE)
    use = "read" if read_only else "written"
    return Problem(f"{name}: {because(error)}: name an image that can be {use}", Status.UNREADABLE)


def layer_named(top: BlockDevice, name: str, option: str) -> BlockDevice:
    """The layer that an option names, as a header stores it or by a path that leads to it."""
    layer = find_layer(top, name)
    if layer is None:
        known = ", ".join(shown(layer.name) for layer in chain(top))
        raise Problem(f"{option} {shown(name)}: is no image of this chain: name one of {known}")
    return layer


def name_for(overlay: BlockDevice, layer: BlockDevice) -> str:
    """What the header of `overlay` is to call `layer`, wherever the command is run.

    As the image above it calls it if that lies in the same folder or the name is absolute; else the
    way from one folder to the other.
    """
    above = next((one for one in chain(overlay) if one.backing is layer), None)
    stored = above.backing_name if isinstance(above, Qcow2File) else None
    folder = _folder(overlay.name)
    if above is not None and stored and (os.path.isabs(stored) or _folder(above.name) == folder):
        return stored
    way = os.path.relpath(_folder(layer.name), folder)
    name = os.path.normpath(os.path.join(way, os.path.basename(layer.name)))
    # What stands before a colon would be taken for a protocol.
    return f"./{name}" if ":" in name.partition("/")[0] else name


def refuse_unrecorded_raw(top: BlockDevice, layer: BlockDevice) -> None:
    """Refuse to write a raw image of which nobody said that it is raw."""
    above = next(one for one in chain(top) if one.backing is layer)
    if not isinstance(above, Qcow2File) or above.backing_format is not None:
        return
    if format_of(layer) is ImageFormat.RAW:
        stored = above.backing_name or layer.name
        raise Problem(
            f"{shown(layer.name)}: looks raw, but {shown(above.name)} does not record that: if it "
            f"is, record it with `qemu-img rebase -u -b {shown(stored)} -F raw {shown(above.name)}`"
        )


def sync_file(path: str) -> None:
    """Wait until what was written to a file is on the disk; raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _folder(path: str) -> str:
    return os.path.realpath(os.path.dirname(path) or ".")
