"""What the entries of an L2 table say about each granule, found out for a whole table at once.

Pure. Entries become one byte per granule, so that a regular expression finds where a run ends.
"""

from __future__ import annotations

import re
from array import array
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from blockjob_fsm.storage.qcow2.layout import (
    COMPRESSED,
    HOST_MASK,
    SUBCLUSTERS,
    Geometry,
    to_big_endian,
    words,
)

#: States of a granule. KEPT_ZERO reads as zeros and keeps its place in the file; BAD contradicts
#: the format.
UNALLOCATED: Final = 0
ZERO_PLAIN: Final = 1
KEPT_ZERO: Final = 2
DATA: Final = 3
PACKED: Final = 4
BAD: Final = 5

# By the bits found: 1 a host offset, 2 the zero flag, 4 the compressed flag.
_STATES = bytes((UNALLOCATED, DATA, ZERO_PLAIN, KEPT_ZERO, PACKED, PACKED, PACKED, PACKED))
_STATES_WITHOUT_ZERO = bytes((UNALLOCATED, DATA, BAD, BAD, PACKED, PACKED, PACKED, PACKED))


def _meaning(mask: int, bit: int) -> bytes:
    """A translation of one byte of an entry: `bit` where a bit of `mask` is set."""
    return bytes(bit if value & mask else 0 for value in range(256))


# Entries are big-endian: byte 0 holds the flags at the top, byte 7 the zero flag.
_COLUMNS = (
    (0, _meaning(0x40, 4)),
    *((column, _meaning(0xFF, 1)) for column in range(1, 6)),
    (6, _meaning(0xFE, 1)),
    (7, _meaning(0x01, 2)),
)

UNLIKE: Final = {state: re.compile(b"[^%c]" % state) for state in range(BAD + 1)}
_GROUPS = ((UNALLOCATED,), (ZERO_PLAIN, KEPT_ZERO), (DATA, PACKED), (BAD,))
#: By state: where granules end that a status query tells alike.
UNLIKE_STATUS: Final = {
    state: re.compile(b"[^%s]" % bytes(group)) for group in _GROUPS for state in group
}
#: The first granule whose bytes a write could change in place.
HAS_BYTES: Final = re.compile(b"[%s]" % bytes((DATA, BAD)))


@dataclass(slots=True)
class L2Table:
    """An L2 table in memory: its place in the file, its words, and the state of each granule."""

    offset: int
    entries: array[int]
    states: bytearray

    def replace(self, first: int, entries: array[int], states: bytes) -> None:
        """Put other entries in from the index `first` on (standard entries only)."""
        self.entries[first : first + len(entries)] = entries
        self.states[first : first + len(entries)] = states


def load_table(geometry: Geometry, version: int, offset: int, raw: bytes) -> L2Table:
    """The table in `raw`, which is one cluster."""
    entries = words(raw)
    states = _extended_states(entries) if geometry.extended else states_of(raw, version)
    return L2Table(offset, entries, bytearray(states))


def states_of(raw: bytes, version: int) -> bytes:
    """The states of standard entries in `raw`: in version 2 no zero flag is allowed."""
    found = 0
    for column, meaning in _COLUMNS:
        found |= int.from_bytes(raw[column::8].translate(meaning), "little")
    states = _STATES if version >= 3 else _STATES_WITHOUT_ZERO
    return found.to_bytes(len(raw) // 8, "little").translate(states.ljust(256, b"\0"))


def states_of_words(entries: array[int], version: int) -> bytes:
    """`states_of` for entries in memory."""
    return states_of(to_big_endian(entries), version)


def _extended_states(entries: array[int]) -> bytes:
    pairs = zip(entries[::2], entries[1::2], strict=True)
    return b"".join(_subcluster_states(_kind(entry), bitmap) for entry, bitmap in pairs)


def _kind(entry: int) -> int:
    return PACKED if entry & COMPRESSED else DATA if entry & HOST_MASK else UNALLOCATED


@lru_cache(maxsize=4096)
def _subcluster_states(kind: int, bitmap: int) -> bytes:
    """States of the subclusters of one cluster; `bitmap` is the entry's second word."""
    if kind == PACKED:
        return bytes((PACKED,)) * SUBCLUSTERS
    with_place = kind == DATA
    states: list[int] = []
    for number in range(SUBCLUSTERS):
        stored, zero = bitmap >> number & 1, bitmap >> SUBCLUSTERS + number & 1
        if stored:
            states.append(BAD if zero or not with_place else DATA)
        elif zero:
            states.append(KEPT_ZERO if with_place else ZERO_PLAIN)
        else:
            states.append(UNALLOCATED)
    return bytes(states)
