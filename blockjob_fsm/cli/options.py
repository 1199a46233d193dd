"""What is typed as text: speeds and faults to inject, and sizes as people read them."""

from __future__ import annotations

import errno as errno_codes
import re
from typing import NamedTuple, get_args

from blockjob_fsm.cli.problems import Problem
from blockjob_fsm.storage.faults import Fault, Operation

SPEED_MAX = 2**63 - 1
SECTOR_BYTES = 512

_FACTORS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_SPEED = re.compile(r"([0-9]+)([KMGT]?)", re.ASCII | re.IGNORECASE)

#: The requests of a mirror that can be made to fail, by the side they go to.
SOURCE_EVENTS: tuple[Operation, ...] = ("read", "allocation")
TARGET_EVENTS: tuple[Operation, ...] = ("write", "write_zeroes", "flush")


def speed(text: str) -> int:
    """Bytes per second from "65536", "512K", "10M", "2G" or "1T"; 0 is no limit."""
    found = _SPEED.fullmatch(text)
    if found is None:
        raise Problem(
            f"--speed {text}: not a speed: give bytes per second, such as 65536, 512K or 10M"
        )
    bytes_per_s = int(found[1]) * _FACTORS[found[2].upper()]
    if bytes_per_s > SPEED_MAX:
        raise Problem(f"--speed {text}: too large: at most {SPEED_MAX}, or 0 for no limit")
    return bytes_per_s


class Injected(NamedTuple):
    """A fault and the words that asked for it."""

    fault: Fault
    text: str

    @property
    def on_source(self) -> bool:
        """Whether the source fails; the target otherwise."""
        return self.fault.operation in SOURCE_EVENTS


def injected(text: str) -> Injected:
    """A fault from EVENT:ERRNO[:SECTOR[:once]]; an empty SECTOR is any."""
    event, _, rest = text.partition(":")
    code, _, rest = rest.partition(":")
    sector, _, once = rest.partition(":")
    offset = _sector(sector, text) * SECTOR_BYTES if sector else None
    if event not in (*SOURCE_EVENTS, *TARGET_EVENTS):
        raise _wrong(text, f"EVENT is one of {', '.join((*SOURCE_EVENTS, *TARGET_EVENTS))}")
    if event == "flush" and offset is not None:
        raise _wrong(text, "a flush has no sector")
    if once not in ("", "once"):
        raise _wrong(text, "after the sector only 'once' may follow")
    operation = next(known for known in get_args(Operation) if known == event)
    return Injected(Fault(operation, _errno(code, text), offset=offset, once=bool(once)), text)


def _errno(code: str, text: str) -> int:
    known = errno_codes.errorcode
    number = next((number for number in known if code in (known[number], str(number))), None)
    if number is None:
        raise _wrong(text, "ERRNO is a name or number of an error, such as ENOSPC or 28")
    return number


def _sector(sector: str, text: str) -> int:
    if not (sector.isascii() and sector.isdigit()):
        raise _wrong(text, f"SECTOR counts {SECTOR_BYTES} bytes each, from 0")
    return int(sector)


def _wrong(text: str, remedy: str) -> Problem:
    return Problem(f"--inject {text}: {remedy}: EVENT:ERRNO[:SECTOR[:once]]")


def size(length: int) -> str:
    """Bytes as people read them: "1 GiB", "1.5 MiB", "700 B"."""
    for unit, factor in (("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if abs(length) >= factor:
            return f"{length / factor:.4g} {unit}"
    return f"{length} B"
