"""Opening a chain of images by what their headers say, and finding a layer in it.

A stored name is another person's input: it may point anywhere, to itself, or to nothing. What is
named blkdebug:CONFIG:IMAGE is opened with the faults that CONFIG says. No format is read here.
"""

from __future__ import annotations

import errno as errno_codes
import os
import stat
from dataclasses import dataclass, field
from itertools import pairwise

from blockjob_fsm.storage.blkdebug import BlkdebugDevice, Rules
from blockjob_fsm.storage.blkdebug_config import ConfigError, Name, read_config, split_name
from blockjob_fsm.storage.device import BlockDevice, chain
from blockjob_fsm.storage.image_error import ImageError
from blockjob_fsm.storage.qcow2.header import is_qcow2
from blockjob_fsm.storage.qcow2.image import Qcow2File
from blockjob_fsm.storage.qcow2.layout import MAGIC
from blockjob_fsm.storage.raw import RawFile

#: Longer chains are taken for a mistake.
MAX_LAYERS = 200

# How files of formats start that must not be mistaken for raw ones.
_FOREIGN = {
    MAGIC: "qcow",
    b"KDMV": "vmdk",
    b"COWD": "vmdk",
    b"QED\0": "qed",
    b"LUKS\xba\xbe": "luks",
    b"vhdxfile": "vhdx",
    b"conectix": "vpc",
}


@dataclass(frozen=True, slots=True)
class _Link:
    """One image to open: where it is, in what format, and whose header says so (None: the user)."""

    path: str
    format_name: str | None
    overlay: Qcow2File | None = None
    read_only: bool = True
    lock: bool = True
    rules: Rules | None = None


@dataclass(slots=True)
class _Opened:
    """The layers so far, the top first, and which files they are."""

    layers: list[BlockDevice] = field(default_factory=list)
    files: dict[tuple[int, int], str] = field(default_factory=dict)


def open_chain(
    path: str | os.PathLike[str],
    format_name: str | None = None,
    *,
    read_only: bool = True,
    lock: bool = True,
) -> BlockDevice:
    """Open an image and all that lies below it; only the image itself may be written.

    All of them are locked against others, unless `lock=False`, which is only for reading. A name of
    the form blkdebug:CONFIG:IMAGE is opened with faults; a file of that very name comes first.

    `format_name` is "raw" or "qcow2". Without it the file's first bytes decide, but then no raw
    image is opened for writing: a guest could write another format's header into it, and the next
    one to look would believe that. Raises ImageError, or the OSError of opening a file, with
    everything closed again.
    """
    opened = _Opened()
    top, rules = os.fspath(path), None
    if not os.path.lexists(top):
        top, rules = _named_file(top, top), _rules_in(top, top)
    link: _Link | None = _Link(top, format_name, read_only=read_only, lock=lock, rules=rules)
    try:
        while link is not None:
            link = _open_link(link, opened)
    except OSError:
        for layer in opened.layers:
            layer.close()
        raise
    return opened.layers[0]


def find_layer(top: BlockDevice, name: str) -> BlockDevice | None:
    """The layer that `name` means: as a header stores it, or a path that leads to its file.

    A relative path may start from the folder of the image above, or from the current one. None if
    no layer is called so; the top goes by its path only.
    """
    if _same_file(top.name, name):
        return top
    for overlay, layer in pairwise(chain(top)):
        if isinstance(overlay, Qcow2File) and overlay.backing_name == name:
            return layer
        beside = os.path.join(os.path.dirname(overlay.name), name)
        if _same_file(layer.name, beside) or _same_file(layer.name, name):
            return layer
    return None


def _same_file(one: str, other: str) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)


def backing_path(image: str, stored: str) -> str:
    """The path that a stored name means: beside the image that stores it, unless absolute.

    Both files of blkdebug:CONFIG:IMAGE start from the current folder, as in QEMU. Raises
    ImageError(ENOTSUP) for a name of another protocol, and ImageError(EINVAL) for a malformed one.
    """
    named = _named_file(image, stored)
    return named if named != stored else os.path.join(os.path.dirname(image), stored)


def _named_file(image: str, name: str) -> str:
    """What is left of a name without blkdebug and its configuration."""
    faults = _split(image, name)
    path = name if faults is None else faults.image
    _refuse_protocols(image, path)
    return path


def _rules_in(image: str, name: str) -> Rules | None:
    """The rules that a name asks for, with a state of their own; None if it is a plain path."""
    faults = _split(image, name)
    if faults is None or faults.config is None:
        return None if faults is None else Rules(())
    try:
        return Rules(read_config(faults.config))
    except ConfigError as error:
        raise ImageError(errno_codes.EINVAL, f"blkdebug: {error}", image) from None
    except OSError as error:
        what = f"its blkdebug configuration {faults.config!r} cannot be read ({error.strerror})"
        raise ImageError(error.errno or errno_codes.EIO, what, image) from None


def _split(image: str, name: str) -> Name | None:
    try:
        return split_name(name)
    except ConfigError as error:
        raise ImageError(errno_codes.EINVAL, str(error), image) from None


def _refuse_protocols(image: str, name: str) -> None:
    """QEMU takes what stands before a colon for a protocol, unless a slash comes first."""
    protocol, colon, _ = name.partition(":")
    if not colon or "/" in protocol:
        return
    whose = "the name" if image == name else "the name of its backing file"
    what = f"{whose} asks for the protocol {protocol!r}, and only files are supported"
    remedy = (
        f"for a file of that name write {'./' + name!r}" if protocol != "json" else "name the file"
    )
    raise ImageError(errno_codes.ENOTSUP, what, image, remedy)


def _open_link(link: _Link, opened: _Opened) -> _Link | None:
    """Open one more layer; returns the one below, if the header names one."""
    if len(opened.layers) == MAX_LAYERS:
        what = f"its chain has more than {MAX_LAYERS} images"
        raise ImageError(errno_codes.ELOOP, what, opened.layers[0].name, "merge some of them")
    _refuse_what_is_open(link, opened)
    format_name = link.format_name or _probe(link)
    layer = _open_as(format_name, link)
    opened.layers.append(layer)
    if link.overlay is not None:
        link.overlay.backing = layer
    if not isinstance(layer, Qcow2File) or layer.backing_name is None:
        return None
    if link.overlay is not None and link.format_name is None:
        raise _unsafe_guess(link, link.overlay)
    path = backing_path(layer.name, layer.backing_name)
    rules = _rules_in(layer.name, layer.backing_name)
    return _Link(path, layer.backing_format, overlay=layer, lock=link.lock, rules=rules)


def _open_as(format_name: str, link: _Link) -> BlockDevice:
    if format_name == "qcow2":
        return Qcow2File.open(link.path, read_only=link.read_only, lock=link.lock, rules=link.rules)
    if format_name == "raw":
        file = RawFile.open(link.path, read_only=link.read_only, lock=link.lock)
        return file if link.rules is None else BlkdebugDevice(file, link.rules)
    what = f"the format {format_name!r} is not supported (raw and qcow2 are)"
    raise ImageError(errno_codes.ENOTSUP, what, link.path, "convert it with `qemu-img convert`")


def _refuse_what_is_open(link: _Link, opened: _Opened) -> None:
    """Note which file the link leads to; raises ImageError if it is missing or was met before."""
    try:
        status = os.stat(link.path)
    except OSError as error:
        if link.overlay is None:
            raise
        what = f"its backing file {link.path!r} cannot be used ({error.strerror})"
        remedy = f"put it back, or name another with `qemu-img rebase -u {link.overlay.name}`"
        raise ImageError(error.errno or errno_codes.EIO, what, link.overlay.name, remedy) from None
    is_block = stat.S_ISBLK(status.st_mode)
    # A disk is the same disk under whatever name its node has.
    file = (-1, status.st_rdev) if is_block else (status.st_dev, status.st_ino)
    if file in opened.files:
        assert link.overlay is not None, "the first file of a chain was met before"
        what = f"its backing file {link.path!r} is also above it in the chain"
        if opened.files[file] != link.path:
            what = f"{what}, as {opened.files[file]!r}"
        remedy = "name another with `qemu-img rebase -u`"
        raise ImageError(errno_codes.ELOOP, what, link.overlay.name, remedy)
    opened.files[file] = link.path


def _probe(link: _Link) -> str:
    """The format by the file's first bytes; raises ImageError where a guess could be abused."""
    # No locks: whoever may not open the image is told so when it is opened.
    with RawFile.open(link.path, read_only=True, lock=False) as file:
        start = bytes(file.read(0, min(8, file.length())))
    if is_qcow2(start):
        return "qcow2"
    for magic, format_name in _FOREIGN.items():
        if start.startswith(magic):
            return format_name
    if not link.read_only:
        what = "it looks raw, and a raw image is written only if its format is named"
        raise ImageError(errno_codes.EINVAL, what, link.path, "name the format")
    return "raw"


def _unsafe_guess(link: _Link, overlay: Qcow2File) -> ImageError:
    """What is wrong with believing a header that may be a guest's: it leads to another file."""
    what = f"the format of its backing file {link.path!r} is not recorded, and that names another"
    remedy = (
        f"if it is to be trusted: `qemu-img rebase -u -b {overlay.backing_name!r} -F qcow2 "
        f"{overlay.name}`"
    )
    return ImageError(errno_codes.EINVAL, what, overlay.name, remedy)
