"""QEMU's blkdebug in words: its events, its rules, and the files and names that say them.

Events, attributes and the file's format are QEMU's; where it would guess, or take something for an
empty value, a file is refused here. No device may enter this file.
"""

from __future__ import annotations

import difflib
import errno as errno_codes
import os
import re
import stat
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

#: What a device over any image raises, in the order of one life.
RAISED_EVENTS = (
    "none",
    "read_aio",
    "write_aio",
    "pwritev",
    "pwritev_zero",
    "pwritev_done",
    "flush_to_os",
    "flush_to_disk",
)
#: What a qcow2 image raises besides, at its own steps.
QCOW2_EVENTS = (
    "l1_update",
    "l1_grow_alloc_table",
    "l1_grow_write_table",
    "l1_grow_activate_table",
    "l1_shrink_write_table",
    "l1_shrink_free_l2_clusters",
    "l2_load",
    "l2_update",
    "l2_alloc_write",
    "read_backing_aio",
    "read_compressed",
    "cow_read",
    "cow_write",
    "reftable_load",
    "reftable_grow",
    "refblock_load",
    "refblock_update_part",
    "refblock_alloc",
    "refblock_alloc_hookup",
    "refblock_alloc_write",
    "refblock_alloc_write_blocks",
    "refblock_alloc_write_table",
    "refblock_alloc_switch_table",
    "cluster_alloc",
    "cluster_alloc_space",
    "cluster_free",
)
#: What QEMU raises at steps that are not taken here: rules with these are read and kept, and
#: nothing ever sets them off.
UNRAISED_EVENTS = (
    "l2_update_compressed",
    "l2_alloc_cow_read",
    "write_compressed",
    "vmstate_load",
    "vmstate_save",
    "cor_write",
    "reftable_update",
    "refblock_update",
    "cluster_alloc_bytes",
    "pwritev_rmw_head",
    "pwritev_rmw_after_head",
    "pwritev_rmw_tail",
    "pwritev_rmw_after_tail",
    "empty_image_prepare",
)
EVENTS = (*RAISED_EVENTS, *QCOW2_EVENTS, *UNRAISED_EVENTS)
IO_TYPES = ("read", "write", "write-zeroes", "discard", "flush", "block-status")
#: What a rule without an iotype fails.
USUAL_IO_TYPES = frozenset(IO_TYPES) - {"block-status"}
SECTOR_BYTES = 512

_MAX_BYTES = 1 << 20
_MAX_ERRNO = 4095
_MAX_NUMBER = 2**63 - 1
_PROTOCOL = "blkdebug:"


class ConfigError(ValueError):
    """A configuration or name that cannot be used; `str()` is one line that says where and why."""


@dataclass(frozen=True, slots=True)
class InjectError:
    """Once `event` has come, fail what fits with `errno`; 0 fits and fails nothing.

    `sector` (512 bytes, None: any) must lie in the request; `iotype` None is all but block-status;
    `state` 0 is any. `once`: strike one request only. `immediately` is kept and means nothing here,
    where every request waits for its answer.
    """

    event: str
    errno: int = errno_codes.EIO
    sector: int | None = None
    once: bool = False
    immediately: bool = False
    iotype: str | None = None
    state: int = 0

    def fits(self, iotype: str, offset: int, length: int) -> bool:
        """Whether a request of this kind and range (bytes) is one to fail."""
        if iotype != self.iotype and (self.iotype or iotype not in USUAL_IO_TYPES):
            return False
        if self.sector is None:
            return True
        return offset <= self.sector * SECTOR_BYTES < offset + length


@dataclass(frozen=True, slots=True)
class SetState:
    """When `event` comes in `state` (0: any), go to `new_state`."""

    event: str
    new_state: int = 0
    state: int = 0


Rule: TypeAlias = InjectError | SetState


class Name(NamedTuple):
    """What a name of the form blkdebug:CONFIG:IMAGE says; CONFIG may be left empty."""

    config: str | None
    image: str


def split_name(name: str) -> Name | None:
    """The parts of a blkdebug name, or None for any other name; raises ConfigError."""
    if not name.startswith(_PROTOCOL):
        return None
    config, colon, image = name.removeprefix(_PROTOCOL).partition(":")
    if not colon or not image:
        what = "an image" if colon else "both a configuration file and an image"
        raise ConfigError(f"{_shown(name)}: blkdebug needs {what}: write blkdebug:CONFIG:IMAGE")
    return Name(config or None, image)


def read_config(path: str | os.PathLike[str]) -> tuple[Rule, ...]:
    """The rules in a regular file; raises ConfigError, or the OSError of reading it."""
    # A name in an image's header may lead anywhere: to a pipe, or to a device without end.
    if not stat.S_ISREG(os.stat(path).st_mode) or os.stat(path).st_size > _MAX_BYTES:
        raise ConfigError(f"{_shown(os.fspath(path))}: no regular file of at most 1 MiB")
    text = Path(path).read_bytes().decode("utf-8", "replace")
    return parse_config(text, os.fspath(path))


def parse_config(text: str, where: str = "blkdebug") -> tuple[Rule, ...]:
    """The rules in a text, in its order; `where` is what messages call it. Raises ConfigError.

    Sections are [inject-error] and [set-state], attributes `key = "value"`; a line that begins with
    "#" is a comment. Of an attribute given twice the later one counts.
    """
    sections: list[_Section] = []
    for number, line in enumerate(text.split("\n"), 1):
        place = f"{where}:{number}"
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith("["):
            sections.append(_Section(place, _section_kind(line, place), {}))
            continue
        if not sections:
            raise ConfigError(f"{place}: begin with [inject-error] or [set-state]")
        key, value = _attribute(line, place)
        sections[-1].attributes[key] = _Given(value, place)
    return tuple(_rule(section) for section in sections)


class _Given(NamedTuple):
    value: str
    place: str


class _Section(NamedTuple):
    place: str
    kind: str
    attributes: dict[str, _Given]


_SECTION = re.compile(r'\[([^\]" ]*)(?: "[^"]*")?\]\s*(?:#.*)?')
_ATTRIBUTE = re.compile(r'\s*(\S+)\s+=\s*"([^"]*)"\s*(?:#.*)?')
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*", re.ASCII)
_SWITCH = {
    **dict.fromkeys(("on", "yes", "true", "y"), True),
    **dict.fromkeys(("off", "no", "false", "n"), False),
}


def _shown(text: str) -> str:
    """A text as a line may quote it."""
    short = text.strip() if len(text) <= 60 else f"{text.strip()[:60]}..."
    return short if short.isprintable() else repr(short)


def _section_kind(line: str, place: str) -> str:
    found = _SECTION.fullmatch(line)
    if found is None or found[1] not in _ATTRIBUTES:
        raise ConfigError(
            f"{place}: {_shown(line)}: no such section: write [inject-error] or [set-state]"
        )
    return found[1]


def _attribute(line: str, place: str) -> tuple[str, str]:
    found = _ATTRIBUTE.fullmatch(line)
    if found is None:
        raise ConfigError(f'{place}: {_shown(line)}: not an attribute: write key = "value"')
    return found[1], found[2]


def _rule(section: _Section) -> Rule:
    known = _ATTRIBUTES[section.kind]
    values: dict[str, Any] = {}
    for key, (value, place) in section.attributes.items():
        if key not in known:
            such = ", ".join(known)
            what = f"[{section.kind}] has no such attribute, but {such}"
            raise ConfigError(f"{place}: {_shown(key)}: {what}")
        try:
            values[key] = known[key](value)
        except ValueError as wrong:
            raise ConfigError(f'{place}: {key} = "{_shown(value)}": {wrong}') from None
    if "event" not in values:
        raise ConfigError(f"{section.place}: [{section.kind}] needs an event")
    return InjectError(**values) if section.kind == "inject-error" else SetState(**values)


def _one_of(names: Iterable[str], what: str) -> Callable[[str], str]:
    known = tuple(names)

    def read(value: str) -> str:
        if value in known:
            return value
        near = difflib.get_close_matches(value, known, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ValueError(f"no such {what}{hint}")

    return read


def _number(largest: int) -> Callable[[str], int]:
    def read(value: str) -> int:
        if _NUMBER.fullmatch(value) is None:
            raise ValueError(f"give a number from 0 to {largest}")
        octal = len(value) > 1 and value[0] == "0" and value[1] not in "xX"
        number = int(value, 8 if octal else 0)
        if number > largest:
            raise ValueError(f"too large: at most {largest}")
        return number

    return read


def _switch(value: str) -> bool:
    if value not in _SWITCH:
        raise ValueError("give on or off")
    return _SWITCH[value]


_Reader: TypeAlias = Callable[[str], object]
_COMMON: Mapping[str, _Reader] = {"event": _one_of(EVENTS, "event"), "state": _number(_MAX_NUMBER)}
_ATTRIBUTES: Mapping[str, Mapping[str, _Reader]] = {
    "inject-error": {
        **_COMMON,
        "iotype": _one_of(IO_TYPES, "iotype"),
        "errno": _number(_MAX_ERRNO),
        "sector": _number(_MAX_NUMBER // SECTOR_BYTES),
        "once": _switch,
        "immediately": _switch,
    },
    "set-state": {**_COMMON, "new_state": _number(_MAX_NUMBER)},
}
