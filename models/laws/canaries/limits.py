"""The canaries of the rate limiter."""

from __future__ import annotations

from blockjob_fsm.throttle import SLICE_NS, Limiter
from models.laws import limits
from models.laws.limits import within_a_slice


def delay(limiter: Limiter, sectors: int, now_ns: int) -> None:
    """Wrong: nobody is made to wait for a whole slice."""
    assert sectors > 0
    assert within_a_slice(limiter, now_ns)
    limits.delay(limiter, sectors, now_ns)
    assert limiter.charge(sectors, now_ns)[1] < SLICE_NS


def fresh_slice(limiter: Limiter, sectors: int, now_ns: int) -> None:
    """Wrong: an operation fits the quota."""
    assert sectors > 0
    assert within_a_slice(limiter, now_ns)
    assert limiter.next_slice_ns < now_ns
    limits.fresh_slice(limiter, sectors, now_ns)
    assert sectors <= limiter.quota_sectors


def progress(limiter: Limiter, sectors: int, now_ns: int, late_ns: int) -> None:
    """Wrong: nobody is made to wait."""
    assert sectors > 0
    assert within_a_slice(limiter, now_ns)
    assert late_ns >= 0
    limits.progress(limiter, sectors, now_ns, late_ns)
    assert limiter.charge(sectors, now_ns)[1] == 0


def quota(limiter: Limiter, sectors: int, now_ns: int) -> None:
    """Wrong: a slice holds one operation."""
    assert sectors > 0
    assert within_a_slice(limiter, now_ns)
    assert limiter.next_slice_ns > now_ns
    limits.quota(limiter, sectors, now_ns)
    assert limiter.dispatched_sectors == 0 or limiter.charge(sectors, now_ns)[1] > 0


def speed(limiter: Limiter, speed_bytes_per_s: int) -> None:
    """Wrong: every speed but 0 lets something through."""
    assert speed_bytes_per_s >= 0
    limits.speed(limiter, speed_bytes_per_s)
    assert speed_bytes_per_s == 0 or limiter.at_speed(speed_bytes_per_s).quota_sectors > 0
