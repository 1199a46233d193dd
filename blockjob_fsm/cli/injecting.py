"""`--inject`: failures asked for on the command line, as blkdebug rules in front of the images.

A job reads images on one side and writes one on the other, and each event has its side. The first
five names are requests of the disk itself, so that they mean the same in every format; the others
are blkdebug's, and strike below the format, as QEMU's blkdebug does.
"""

from __future__ import annotations

import errno as errno_codes
from typing import NamedTuple

from blockjob_fsm.cli.problems import Problem, say
from blockjob_fsm.storage.blkdebug import BlkdebugDevice, Rules
from blockjob_fsm.storage.blkdebug_config import EVENTS, SECTOR_BYTES, InjectError
from blockjob_fsm.storage.device import BlockDevice

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
    """The failures of one run. Each has a state of its own, shared by all images that it strikes.

    So `once` is once in the run, whichever of the images read is struck.
    """

    def __init__(self, injected: tuple[Injected, ...]) -> None:
        self._at_work = [(one, Rules([one.rule])) for one in injected]

    def refuse_beyond(self, length: int) -> None:
        """Refuse a sector that a disk of `length` bytes has not."""
        for one, _ in self._at_work:
            sector = one.rule.sector
            if one.is_above and sector is not None and sector * SECTOR_BYTES >= length:
                end = -(-length // SECTOR_BYTES)
                raise Problem(f"--inject {one.text}: the image ends at sector {end}")

    def in_front_of_reads(self, top: BlockDevice, base: BlockDevice | None = None) -> BlockDevice:
        """The chain from `top` down to, not including, `base`, behind what strikes reads.

        Without failures the bare devices, which the kernel can copy from and to.
        """
        mine = [rules for one, rules in self._at_work if one.is_read]
        return _chain_behind(mine, top, base) if mine else top

    def in_front_of_writes(self, device: BlockDevice) -> BlockDevice:
        """A device behind what strikes writes."""
        return _behind([rules for one, rules in self._at_work if not one.is_read], device)

    def tell_idle(self) -> None:
        """Name what struck nothing: a test in which nothing failed must not pass for one."""
        for one, rules in self._at_work:
            if not any(rules.struck()):
                say(f"--inject {one.text}: no such request came, so nothing failed")


def _chain_behind(rules: list[Rules], top: BlockDevice, base: BlockDevice | None) -> BlockDevice:
    if top.backing is not None and top.backing is not base:
        top.backing = _chain_behind(rules, top.backing, base)
    return _behind(rules, top)


def _behind(rules: list[Rules], device: BlockDevice) -> BlockDevice:
    for one in rules:
        device = BlkdebugDevice(device, one)
    return device
