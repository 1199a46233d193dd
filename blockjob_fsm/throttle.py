"""The 2012 rate limiter as a value: slices of 100 ms, integers only.

Callers hand in the time; the limiter owns no clock. The first operation of a slice always passes,
so a quota smaller than one operation slows a job down and never stops it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

SECTOR_BYTES = 512
SLICE_NS = 100_000_000
_SLICES_PER_S = 10


@dataclass(frozen=True, slots=True)
class Limiter:
    """One job's limiter. Quota and dispatched are in sectors, times in nanoseconds."""

    quota_sectors: int = 0
    dispatched_sectors: int = 0
    next_slice_ns: int = 0

    def at_speed(self, speed_bytes_per_s: int) -> Limiter:
        """The limiter for a new speed; what was dispatched in this slice stays charged."""
        assert speed_bytes_per_s >= 0, "a negative speed is refused before it gets here"
        return replace(self, quota_sectors=speed_bytes_per_s // SECTOR_BYTES // _SLICES_PER_S)

    def charge(self, sectors: int, now_ns: int) -> tuple[Limiter, int]:
        """Charge an operation: the limiter after it, and the delay in ns (0 to SLICE_NS).

        A refused charge replaces what the slice had dispatched, as in 2012; the caller sleeps for
        the delay and charges again.
        """
        assert sectors > 0, "an operation has a size"
        dispatched, next_slice_ns = self.dispatched_sectors, self.next_slice_ns
        if next_slice_ns < now_ns:
            dispatched, next_slice_ns = 0, now_ns + SLICE_NS
        if dispatched == 0 or dispatched + sectors <= self.quota_sectors:
            return Limiter(self.quota_sectors, dispatched + sectors, next_slice_ns), 0
        return Limiter(self.quota_sectors, sectors, next_slice_ns), next_slice_ns - now_ns
