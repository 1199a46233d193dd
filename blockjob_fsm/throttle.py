"""The rate limiters as values, that of 2012 and that since 2018: slices of 100 ms, integers only.

Callers hand in the time; a limiter owns no clock. The first operation of a slice always passes,
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


@dataclass(frozen=True, slots=True)
class SliceLimiter:
    """The limiter since 2018: what exceeds a slice's quota makes the slice longer.

    Quota and dispatched are in bytes, times in nanoseconds; quota 0 is no limit.
    """

    quota_bytes: int = 0
    dispatched_bytes: int = 0
    slice_start_ns: int = -1
    slice_end_ns: int = -1

    def at_speed(self, speed_bytes_per_s: int) -> SliceLimiter:
        """The limiter for a new speed; what was dispatched in this slice stays charged."""
        assert speed_bytes_per_s >= 0, "a negative speed is refused before it gets here"
        quota = max(1, speed_bytes_per_s // _SLICES_PER_S) if speed_bytes_per_s else 0
        return replace(self, quota_bytes=quota)

    def charge(self, length: int, now_ns: int) -> SliceLimiter:
        """Account `length` bytes that are moved now."""
        if not self.quota_bytes:
            return self
        begun = self
        if self.slice_end_ns < now_ns:
            begun = replace(
                self, dispatched_bytes=0, slice_start_ns=now_ns, slice_end_ns=now_ns + SLICE_NS
            )
        dispatched = begun.dispatched_bytes + length
        if dispatched < self.quota_bytes:
            return replace(begun, dispatched_bytes=dispatched)
        end_ns = begun.slice_start_ns + SLICE_NS * dispatched // self.quota_bytes
        return replace(begun, dispatched_bytes=dispatched, slice_end_ns=end_ns)

    def wait_ns(self, now_ns: int) -> int:
        """How long nothing more may be moved; 0 if it may."""
        if not self.quota_bytes or self.slice_end_ns < now_ns:
            return 0
        if self.dispatched_bytes < self.quota_bytes:
            return 0
        end_ns = self.slice_start_ns + SLICE_NS * self.dispatched_bytes // self.quota_bytes
        return max(0, end_ns - now_ns)
