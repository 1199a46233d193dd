"""The devices of stream and commit: chains of which only who holds which unit is kept.

Masks have a bit per unit. A unit's content is right while the layer that is read for it holds the
newest copy, so contents themselves need not be kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from blockjob_fsm.bodies.requests import (
    Act,
    ChangeBacking,
    Copied,
    Copy,
    Done,
    Extent,
    Failed,
    GetLength,
    IoOutcome,
    IoRequest,
    Length,
    PrepareCommit,
    QueryCopy,
)
from blockjob_fsm.check.worlds import ERRNOS, Facts, bits, run_of, told
from blockjob_fsm.declaration import Output

Ended = tuple[str, IoOutcome, "Chain"]


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain under change: `source` is copied, unit by unit, into the layer that has `copied`.

    For a stream the layer is the top one, which the guest writes to as well; for a commit it is the
    base, which nobody else writes to. `changed`: the images between are gone.
    """

    units: int = 3
    source: int = 0b011
    copied: int = 0
    guest_writes: bool = True
    changed: bool = False
    header_lost: bool = False
    copy_on_read: int = 0
    writable: bool = False

    def __str__(self) -> str:
        words = f"copied {told(self.copied, self.units)} of {told(self.source, self.units)}"
        return words + (", chain changed" if self.changed else "")

    def submitted(self, request: IoRequest) -> Chain:
        # The base and the overlay are opened for writing by the job, once it exists.
        return replace(self, writable=True) if isinstance(request, PrepareCommit) else self

    def outcomes(self, request: IoRequest) -> Iterator[Ended]:
        match request:
            case GetLength() | PrepareCommit():
                yield f"length {self.units}", Length(self.units), self
                yield from self._failures(self)
            case QueryCopy(offset, length):
                yield self._extent(offset, length)
                yield from self._failures(self)
            case Copy(offset, length, unit):
                yield from self._copies(offset, length, unit)
            case ChangeBacking(drop_on_failure):
                yield "chain changed", Done(), replace(self, changed=True)
                failed = replace(self, changed=drop_on_failure, header_lost=drop_on_failure)
                yield from self._failures(failed)

    def happenings(self) -> Iterator[tuple[str, str, str, Chain]]:
        for unit in range(self.units) if self.guest_writes else ():
            if not self.copied >> unit & 1:
                written = replace(self, copied=self.copied | 1 << unit)
                yield "guest", "guest_write", f"guest writes unit {unit}", written

    def performed(self, act: Act) -> Chain:
        match act:
            case Act.COPY_ON_READ_ON:
                return replace(self, copy_on_read=self.copy_on_read + 1)
            case Act.COPY_ON_READ_OFF:
                return replace(self, copy_on_read=self.copy_on_read - 1)
            case Act.RESTORE_FLAGS:
                return replace(self, writable=False)
        raise AssertionError(f"a chain has no part in {act}")

    def signalled(self, output: Output) -> Chain:
        return self

    def facts(self) -> Facts:
        everything = not self.source & ~self.copied
        return Facts(
            guest_sees_right=everything or not self.changed,
            changed=self.changed,
            complete=everything,
            covered=not self.header_lost,
            copy_on_read=self.copy_on_read,
            writable=self.writable,
        )

    def _extent(self, offset: int, length: int) -> Ended:
        wanted = self.source & ~self.copied if self.guest_writes else self.source
        run = run_of(wanted, offset, length)
        needs_copy = bool(wanted >> offset & 1)
        word = "to copy" if needs_copy else "to skip"
        return f"{run} {word} at {offset}", Extent(needs_copy, run), self

    def _copies(self, offset: int, length: int, unit: int) -> Iterator[Ended]:
        """Stopped after any unit or whole; or failed at any unit, on either errno."""
        assert unit == 1, "a unit of this world is a byte"
        for done in range(length + 1):
            mask = bits(done) << offset
            after = replace(self, copied=self.copied | mask)
            if done:
                yield f"{done} of {length} copied", Copied(done), after
            if done < length:
                for errno in ERRNOS:
                    yield (
                        f"{done} of {length} copied, then {_name(errno)}",
                        Copied(done, errno),
                        after,
                    )

    def _failures(self, after: Chain) -> Iterator[Ended]:
        for errno in ERRNOS:
            yield _name(errno), Failed(errno), after


def _name(errno: int) -> str:
    return {ERRNOS[0]: "EIO", ERRNOS[1]: "ENOSPC"}[errno]
