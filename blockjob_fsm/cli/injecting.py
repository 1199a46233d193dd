"""`--inject`: failures asked for on the command line, as blkdebug rules in front of the images.

A job reads images on one side and writes one on the other, and each event has its side. The first
five names are requests of the disk itself, so that they mean the same in every format; the others
are blkdebug's, and strike below the format, as QEMU's blkdebug does.
"""

from __future__ import annotations

import errno as errno_codes
import os
from typing import NamedTuple

from blockjob_fsm.cli.problems import Problem, because, say, shown
from blockjob_fsm.storage.blkdebug import BlkdebugDevice, Rules
from blockjob_fsm.storage.blkdebug_config import (
    EVENTS,
    SECTOR_BYTES,
    ConfigError,
    InjectError,
    read_config,
    split_name,
)
from blockjob_fsm.storage.device import BlockDevice
from blockjob_fsm.storage.qcow2 import Qcow2File

#: Requests of a disk by name, each with blkdebug's type of request.
READS = {"read": "read", "allocation": "block-status"}
WRITES = {"write": "write", "write_zeroes": "write-zeroes", "flush": "flush"}
#: Events below a format on the side that is read; all others are on the side that is written.
READ_EVENTS = frozenset({"read_aio", "read_backing_aio", "read_compressed", "l2_load"})
WRITE_EVENTS = frozenset(EVENTS) - READ_EVENTS - {"none"}


class Injected(NamedTuple):
    """A failure, and the words that asked for it."""

    rule: InjectError
    text: str

    @property
    def event(self) -> str:
        """The name as it was typed."""
        return self.text.partition(":")[0]

    @property
    def is_read(self) -> bool:
        """Whether the images that are read fail; the one that is written otherwise."""
        return self.event in READS or self.event in READ_EVENTS

    @property
    def is_above(self) -> bool:
        """Whether a request of the disk fails; one below its format otherwise."""
        return self.event in READS or self.event in WRITES


def injected(text: str) -> Injected:
    """A failure from EVENT:ERRNO[:SECTOR[:once]]; an empty SECTOR is any."""
    event, _, rest = text.partition(":")
    code, _, rest = rest.partition(":")
    sector, _, once = rest.partition(":")
    iotype = {**READS, **WRITES}.get(event)
    if iotype is None and event not in READ_EVENTS | WRITE_EVENTS:
        names = ", ".join((*READS, *WRITES))
        raise _wrong(text, f"EVENT is one of {names}, or of blkdebug's, such as read_aio")
    if event == "flush" and sector:
        raise _wrong(text, "a flush has no sector")
    if once not in ("", "once"):
        raise _wrong(text, "after the sector only 'once' may follow")
    rule = InjectError(
        event="none" if iotype else event,
        errno=_errno(code, text),
        sector=_sector(sector, text) if sector else None,
        once=bool(once),
        iotype=iotype,
    )
    return Injected(rule, text)


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


class Injection:
    """The failures of one run; all images of a side share their state.

    So `once` is once in the run, whichever of the images read is struck.
    """

    def __init__(self, injected: tuple[Injected, ...]) -> None:
        # Requests of a disk fail whatever else does: no event of another failure disarms them.
        self._above = [(one, Rules([one.rule])) for one in injected if one.is_above]
        self._below = {
            is_read: [one for one in injected if not one.is_above and one.is_read is is_read]
            for is_read in (True, False)
        }
        self._rules = {side: Rules(one.rule for one in ones) for side, ones in self._below.items()}

    def refuse_beyond(self, length: int) -> None:
        """Refuse a sector that a disk of `length` bytes has not."""
        for one, _ in self._above:
            sector = one.rule.sector
            if sector is not None and sector * SECTOR_BYTES >= length:
                end = -(-length // SECTOR_BYTES)
                raise Problem(f"--inject {one.text}: the image ends at sector {end}")

    def refuse_beside(self, rules: Rules | None, name: str) -> None:
        """Refuse events for an image that has rules of its own, which know no others."""
        ours = [one for side in self._below.values() for one in side]
        if rules is not None and ours:
            what = f"{shown(name)} has a blkdebug configuration: put it in there"
            raise Problem(f"--inject {ours[0].text}: {what}")

    def in_front_of_reads(self, top: BlockDevice, base: BlockDevice | None = None) -> BlockDevice:
        """The chain from `top` down to, not including, `base`, behind what strikes reads.

        Without failures the bare devices, which the kernel can copy from and to.
        """
        if top.backing is not None and top.backing is not base:
            top.backing = self.in_front_of_reads(top.backing, base)
        return self._behind(top, is_read=True)

    def in_front_of_writes(self, device: BlockDevice) -> BlockDevice:
        """A device behind what strikes writes."""
        return self._behind(device, is_read=False)

    def tell_idle(self) -> None:
        """Name what struck nothing: a test in which nothing failed must not pass for one."""
        struck = [(one, sum(rules.struck())) for one, rules in self._above]
        for side, ones in self._below.items():
            struck.extend(zip(ones, self._rules[side].struck(), strict=True))
        for one, times in struck:
            if not times:
                say(f"--inject {one.text}: no such request came, so nothing failed")

    def _behind(self, device: BlockDevice, *, is_read: bool) -> BlockDevice:
        if self._below[is_read]:
            if isinstance(device, Qcow2File):
                self.refuse_beside(device.rules, device.name)
            device = with_rules(device, self._rules[is_read])
        for one, rules in self._above:
            if one.is_read is is_read:
                device = BlkdebugDevice(device, rules)
        return device


def with_rules(device: BlockDevice, rules: Rules | None) -> BlockDevice:
    """An image with rules below its format, where QEMU's blkdebug stands."""
    if rules is None:
        return device
    if isinstance(device, Qcow2File):
        device.rules = rules
        return device
    return BlkdebugDevice(device, rules)


def named_file(name: str) -> tuple[str, Rules | None]:
    """The file of a blkdebug:CONFIG:IMAGE name and its rules; of any other name the name alone."""
    try:
        faults = None if os.path.lexists(name) else split_name(name)
        if faults is None:
            return name, None
        return faults.image, Rules(read_config(faults.config) if faults.config else ())
    except ConfigError as error:
        raise Problem(str(error)) from None
    except OSError as error:
        raise Problem(f"{shown(error.filename or name)}: {because(error)}: name a file") from None
