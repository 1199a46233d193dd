"""Which parts of a range a stream or commit has to copy, found out ahead for many units at once.

An entry of a job costs as much as copying a unit of cached data, and a disk in use has gaps
everywhere. How a part is copied does not belong in this file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from blockjob_fsm.bodies.requests import Extent

Query = Callable[[int, int], Extent]


class Needed:
    """The parts of the range asked about last. `query` says how the bytes at an offset begin.

    One thread at a time: that of the job.
    """

    def __init__(self, query: Query) -> None:
        self._query = query
        self._parts: list[tuple[int, int]] = []
        # A failure beyond what was answered: told when it is what is asked about.
        self._late: tuple[int, OSError] | None = None

    def ask(self, offset: int, length: int, *, with_gaps: bool) -> Extent:
        """Whether [offset, ...) needs copying, and how far that holds.

        Using `with_gaps` the answer may cover parts that need copying and parts that do not, and
        ends with one that does. Raises the OSError of the query at `offset`.
        """
        if self._late is not None and self._late[0] == offset:
            error, self._late = self._late[1], None
            raise error
        first = self._query(offset, length)
        self._parts = [(offset, first.length)] if first.needs_copy else []
        if with_gaps:
            self._look_ahead(offset + first.length, offset + length)
        if not self._parts:
            return first
        start, size = self._parts[-1]
        return Extent(True, start + size - offset)

    def _look_ahead(self, at: int, end: int) -> None:
        if self._late is not None and at <= self._late[0]:
            end = min(end, self._late[0])
        while at < end:
            try:
                extent = self._query(at, end - at)
            except OSError as error:
                self._late = at, error
                return
            if extent.needs_copy:
                self._parts.append((at, extent.length))
            at += extent.length

    def pieces(self, offset: int, length: int, unit: int) -> Iterator[tuple[int, int]]:
        """(offset, length) of what needs copying of a range, by units that end with their part."""
        end = offset + length
        for start, size in self._parts:
            stop = min(start + size, end)
            for at in range(max(start, offset), stop, unit):
                yield at, min(unit, stop - at)
