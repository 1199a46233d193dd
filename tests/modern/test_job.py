"""Modern jobs as values, against the sequences that QEMU 7.2 was seen to emit."""

import errno as errno_codes

import pytest

from blockjob_fsm.declaration import Event
from blockjob_fsm.error_action import OnError
from blockjob_fsm.lifecycles import modern_words as words
from tests.modern.world import World, a_job, born

CANCEL, SOFT_CANCEL = words.CANCEL(), words.SOFT_CANCEL()
PAUSE, RESUME, COMPLETE = words.PAUSE(), words.RESUME(), words.COMPLETE()
FINALIZE, DISMISS, START = words.FINALIZE(), words.DISMISS(), words.START()


def held(kind: str, *, manual: bool = False) -> World:
    """A running job whose first I/O is under way."""
    world = born(a_job(kind, manual=manual))
    assert world.do(START, settle=False) == "R"
    return world


def ready(*, manual: bool = False) -> World:
    world = born(a_job("mirror", manual=manual))
    assert world.do(START) == "R Y READY"
    return world


@pytest.mark.parametrize("kind", ["stream", "commit", "backup"])
def test_a_job_that_succeeds_ends_by_itself(kind: str) -> None:
    assert born(a_job(kind)).do(START) == "R W D COMPLETED E N"


def test_a_manual_job_waits_to_be_finalized_and_dismissed() -> None:
    world = born(a_job("backup", manual=True))
    assert world.do(START) == "R W D PENDING"
    assert world.do(FINALIZE) == "COMPLETED E"
    assert world.do(DISMISS) == "N"


READY_ROWS = [
    ([COMPLETE], "W D COMPLETED E N"),
    ([SOFT_CANCEL], "W D COMPLETED E N"),
    ([CANCEL], "X CANCELLED E N"),
    ([PAUSE, RESUME], "S Y"),
    ([PAUSE, CANCEL], "S Y X CANCELLED E N"),
    ([PAUSE, COMPLETE, COMPLETE, RESUME], "S Y W D COMPLETED E N"),
    ([words.DRAIN_BEGIN(), words.DRAIN_END()], "S Y"),
    ([PAUSE, words.DRAIN_BEGIN(), words.DRAIN_END(), RESUME], "S Y"),
    ([PAUSE, words.DRAIN_BEGIN(), RESUME, words.DRAIN_END()], "S Y"),
]


@pytest.mark.parametrize(("verbs", "said"), READY_ROWS, ids=lambda value: str(len(value)))
def test_a_ready_mirror_does_as_it_is_told(verbs: list[Event], said: str) -> None:
    world = ready()
    assert " ".join(filter(None, (world.do(verb) for verb in verbs))) == said


@pytest.mark.parametrize("kind", ["stream", "commit", "mirror", "backup"])
def test_a_cancelled_job_ends_once_its_io_has(kind: str) -> None:
    world = held(kind)
    assert world.do(CANCEL, settle=False) == ""
    world.settle()
    assert world.said() == "X CANCELLED E N"


@pytest.mark.parametrize("kind", ["stream", "mirror", "backup"])
def test_a_pause_takes_effect_when_the_io_has_ended(kind: str) -> None:
    world = held(kind)
    assert world.do(PAUSE, settle=False) == ""
    world.settle()
    assert world.said() == "P"
    assert world.do(RESUME).startswith("R ")


def test_a_pause_that_comes_before_the_cancel_is_never_seen() -> None:
    world = held("mirror")
    world.do(PAUSE, CANCEL, settle=False)
    world.settle()
    assert world.said() == "X CANCELLED E N"


@pytest.mark.parametrize("kind", ["stream", "mirror", "backup"])
def test_a_reported_error_aborts(kind: str) -> None:
    world = born(a_job(kind), errors={2: errno_codes.EIO})
    assert world.do(START) == "R ERROR X COMPLETED(error) E N"


@pytest.mark.parametrize(
    ("errno", "status"), [(errno_codes.EIO, "failed"), (errno_codes.ENOSPC, "nospace")]
)
@pytest.mark.parametrize("kind", ["stream", "mirror", "backup"])
def test_a_stop_pauses_until_it_is_resumed(kind: str, errno: int, status: str) -> None:
    world = born(a_job(kind, on_error=OnError.STOP), errors={2: errno})
    assert world.do(START) == "R ERROR P"
    assert world.group.job("j0").query_block_job()["io-status"] == status
    assert world.do(SOFT_CANCEL) == "The block job for device 'j0' is currently paused"
    assert world.do(RESUME).startswith("R ")
    assert world.group.job("j0").query_block_job()["io-status"] == "ok"


def test_an_ignored_error_of_a_stream_fails_it_at_the_end() -> None:
    world = born(a_job("stream", on_error=OnError.IGNORE), errors={2: errno_codes.EIO})
    assert world.do(START) == "R ERROR X COMPLETED(error) E N"
    assert (world.units, world.group.job("j0").progress.offset) == (3, 12)


@pytest.mark.parametrize("manual", [False, True])
def test_finalizing_may_fail_after_it_was_accepted(manual: bool) -> None:
    world = born(a_job("stream", manual=manual))
    world.prepare_fails = errno_codes.ENOSPC
    said = world.do(START, FINALIZE) if manual else world.do(START)
    assert said == (
        "R W D PENDING X COMPLETED(error) E" if manual else "R W D X COMPLETED(error) E N"
    )
    assert world.group.job("j0").error == "No space left on device"


def test_a_pending_mirror_holds_guests_and_counts_as_paused() -> None:
    world = ready(manual=True)
    assert world.do(COMPLETE) == "W D PENDING"
    assert world.group.job("j0").query_block_job()["paused"] is True
    assert world.do(RESUME) == "Can't resume a job that was not paused"
    assert world.do(FINALIZE) == "COMPLETED E"
    assert world.group.job("j0").query_block_job()["paused"] is False


def test_a_pause_that_came_too_late_outlives_the_job() -> None:
    world = born(a_job("stream", manual=True))
    world.do(START, settle=False)
    while world.control().place is not words.Place.RETURNED:
        world.one()
    assert world.do(PAUSE, FINALIZE) == "W D PENDING COMPLETED E"
    assert world.control().pause_count == 1
    assert "cannot accept command verb 'resume'" in world.do(RESUME)


def test_a_soft_cancel_of_a_job_that_has_returned_changes_nothing() -> None:
    world = ready()
    world.do(COMPLETE, settle=False)
    while world.control().place is not words.Place.RETURNED:
        world.one()
    assert world.do(SOFT_CANCEL) == "W D COMPLETED E N"


def test_a_forced_cancel_of_a_job_that_has_returned_aborts_it() -> None:
    world = ready()
    world.do(COMPLETE, settle=False)
    while world.control().place is not words.Place.RETURNED:
        world.one()
    assert world.do(CANCEL) == "X CANCELLED E N"


def test_who_never_started_vanishes_without_an_event_of_its_own() -> None:
    world = born(a_job("backup", manual=True))
    assert world.do(CANCEL) == "X E N"


# The limiter.


@pytest.mark.parametrize(("profile", "units"), [("7.2", 2), ("8.1", 1)])
def test_a_kick_lets_one_more_unit_pass_before_8_1(profile: str, units: int) -> None:
    world = limited(profile)
    world.do(words.DRAIN_BEGIN(), words.DRAIN_END())
    assert world.units == units


@pytest.mark.parametrize(("speed", "units"), [(1, 1), (2, 2), (0, 3)])
def test_only_a_faster_limit_counts_at_once(speed: int, units: int) -> None:
    world = limited("7.2")
    world.do(words.SET_SPEED(speed))
    assert world.units == units


def limited(profile: str) -> World:
    """A stream that has copied one unit and sleeps for its limit."""
    leaks = profile == "7.2"
    world = born(a_job("stream", leaks=leaks), profile=profile)
    world.do(words.SET_SPEED(1), START)
    assert world.units == 1
    return world


def test_a_limit_is_kept_by_sleeping_until_its_slices_are_over() -> None:
    # Less than a byte a slice counts as one: a unit of four bytes takes four slices.
    world, slices_ns = limited("7.2"), 4 * 100_000_000
    units = []
    for ns in (slices_ns - 1, 1):
        world.pass_time(ns)
        units.append(world.units)
    assert units == [1, 2]
