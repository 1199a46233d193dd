"""The 2012 limiter: its quotas, its delays, and the speeds that really come out of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockjob_fsm.throttle import SECTOR_BYTES, SLICE_NS, Limiter

MIB = 1 << 20
STREAM_SECTORS = 1024
MIRROR_SECTORS = 2048
#: a timer never fires early
LATE_NS = 1


def streamed_mib_per_s(speed: int, seconds: int = 4) -> float:
    """What a stream moves when copying takes no time: it charges first, and again after a delay."""
    limiter, now_ns, moved = Limiter().at_speed(speed), 1, 0
    while now_ns < seconds * 10 * SLICE_NS:
        limiter, delay_ns = limiter.charge(STREAM_SECTORS, now_ns)
        moved += 0 if delay_ns else STREAM_SECTORS * SECTOR_BYTES
        now_ns += delay_ns + LATE_NS if delay_ns else 0
    return moved / MIB / seconds


def mirrored_mib_per_s(speed: int, seconds: int = 4) -> float:
    """What a mirror moves: it charges after each chunk, and a delay is not charged again."""
    limiter, now_ns, moved = Limiter().at_speed(speed), 1, 0
    while now_ns < seconds * 10 * SLICE_NS:
        moved += MIRROR_SECTORS * SECTOR_BYTES
        limiter, delay_ns = limiter.charge(MIRROR_SECTORS, now_ns)
        now_ns += delay_ns + LATE_NS if delay_ns else 0
    return moved / MIB / seconds


@pytest.mark.parametrize(
    ("speed", "sectors"),
    [
        (0, 0),
        (5119, 0),
        (5120, 1),
        (MIB, 204),
        (8 * MIB, 1638),
        (16 * MIB, 3276),
        (2**62, 2**62 // 5120),
    ],
)
def test_a_quota_is_a_tenth_of_the_speed_in_whole_sectors(speed: int, sectors: int) -> None:
    assert Limiter().at_speed(speed).quota_sectors == sectors


def test_a_slice_is_a_tenth_of_a_second() -> None:
    assert SLICE_NS == 100_000_000


def test_a_new_limiter_lets_nothing_through_but_first_operations() -> None:
    assert Limiter() == Limiter(quota_sectors=0, dispatched_sectors=0, next_slice_ns=0)


def test_a_limiter_cannot_change() -> None:
    assert vars(Limiter)["__dataclass_params__"].frozen


def test_a_negative_speed_never_gets_here() -> None:
    with pytest.raises(AssertionError, match="negative speed"):
        Limiter().at_speed(-1)


def test_an_operation_has_a_size() -> None:
    with pytest.raises(AssertionError, match="size"):
        Limiter().charge(0, 1)


def test_what_was_dispatched_stays_charged_at_a_new_speed() -> None:
    charged, _ = Limiter().at_speed(MIB).charge(100, 1)
    assert charged.at_speed(2 * MIB).charge(309, 2)[1] == 0
    assert charged.at_speed(2 * MIB).charge(310, 2)[1] > 0


def test_the_first_operation_of_a_slice_passes_whatever_its_size() -> None:
    assert Limiter().at_speed(1).charge(1 << 40, 1)[1] == 0


def test_a_full_slice_is_waited_out() -> None:
    limiter, _ = Limiter().at_speed(1).charge(8, 1)
    assert limiter.charge(8, 41)[1] == SLICE_NS - 40


def test_a_refused_charge_replaces_what_was_dispatched() -> None:
    limiter, _ = Limiter().at_speed(MIB).charge(200, 1)
    assert limiter.charge(100, 2)[0].dispatched_sectors == 100


def test_a_slice_ends_only_when_its_time_is_past() -> None:
    limiter, _ = Limiter().at_speed(MIB).charge(8, 1)
    assert limiter.charge(8, 1 + SLICE_NS)[0].dispatched_sectors == 16
    assert limiter.charge(8, 2 + SLICE_NS)[0].dispatched_sectors == 8


@pytest.mark.parametrize(
    ("asked", "moved"), [(1, 5), (5, 5), (8, 5), (10, 10), (16, 15), (20, 20), (100, 100)]
)
def test_a_stream_moves_whole_runs_per_slice(asked: int, moved: int) -> None:
    assert streamed_mib_per_s(asked * MIB) == pytest.approx(moved, rel=0.05)


@pytest.mark.parametrize(("asked", "moved"), [(1, 20), (8, 20), (20, 30), (64, 70)])
def test_a_mirror_moves_one_chunk_more_than_fits(asked: int, moved: int) -> None:
    assert mirrored_mib_per_s(asked * MIB) == pytest.approx(moved, rel=0.05)


@given(
    speed=st.integers(0, 1 << 40),
    steps=st.lists(st.tuples(st.integers(1, 1 << 20), st.integers(0, 2 * SLICE_NS)), max_size=30),
)
def test_a_delay_is_at_most_a_slice(speed: int, steps: list[tuple[int, int]]) -> None:
    limiter, now_ns = Limiter().at_speed(speed), 0
    for sectors, later_ns in steps:
        now_ns += later_ns
        limiter, delay_ns = limiter.charge(sectors, now_ns)
        assert 0 <= delay_ns <= SLICE_NS
