"""The laws of the 2012 rate limiter, over unbounded integers."""

from __future__ import annotations

from blockjob_fsm.throttle import SLICE_NS, Limiter


def within_a_slice(limiter: Limiter, now_ns: int) -> bool:
    """What a limiter looks like that was only ever charged at times up to now."""
    return (
        limiter.quota_sectors >= 0
        and limiter.dispatched_sectors >= 0
        and limiter.next_slice_ns <= now_ns + SLICE_NS
    )


def delay(limiter: Limiter, sectors: int, now_ns: int) -> None:
    """A delay is at most what is left of the slice; the limiter stays within it."""
    assert sectors > 0
    assert within_a_slice(limiter, now_ns)
    after, delay_ns = limiter.charge(sectors, now_ns)
    assert 0 <= delay_ns <= SLICE_NS
    assert within_a_slice(after, now_ns)
    assert after.quota_sectors == limiter.quota_sectors
    assert delay_ns == 0 or now_ns + delay_ns == after.next_slice_ns


def fresh_slice(limiter: Limiter, sectors: int, now_ns: int) -> None:
    """The first operation of a slice passes, however large."""
    assert sectors > 0
    assert within_a_slice(limiter, now_ns)
    assert limiter.next_slice_ns < now_ns
    after, delay_ns = limiter.charge(sectors, now_ns)
    assert delay_ns == 0
    assert after.dispatched_sectors == sectors
    assert after.next_slice_ns == now_ns + SLICE_NS


def progress(limiter: Limiter, sectors: int, now_ns: int, late_ns: int) -> None:
    """A job that sleeps for its delay, or longer, then passes whatever its quota: no livelock."""
    assert sectors > 0
    assert within_a_slice(limiter, now_ns)
    assert late_ns >= 0
    after, delay_ns = limiter.charge(sectors, now_ns)
    if delay_ns > 0:
        assert after.charge(sectors, now_ns + delay_ns + late_ns)[1] == 0


def quota(limiter: Limiter, sectors: int, now_ns: int) -> None:
    """Inside a slice only a first operation passes the quota; at its very end one more may."""
    assert sectors > 0
    assert within_a_slice(limiter, now_ns)
    assert limiter.next_slice_ns > now_ns
    after, delay_ns = limiter.charge(sectors, now_ns)
    if delay_ns == 0 and limiter.dispatched_sectors > 0:
        assert after.dispatched_sectors == limiter.dispatched_sectors + sectors
        assert after.dispatched_sectors <= limiter.quota_sectors


def speed(limiter: Limiter, speed_bytes_per_s: int) -> None:
    """A quota is a tenth of the speed in whole sectors; nothing else changes with it."""
    assert speed_bytes_per_s >= 0
    after = limiter.at_speed(speed_bytes_per_s)
    assert 0 <= speed_bytes_per_s - after.quota_sectors * 5120 < 5120
    assert after.dispatched_sectors == limiter.dispatched_sectors
    assert after.next_slice_ns == limiter.next_slice_ns
