"""What a modern job is to those who know only QEMU 1.3, and how a single step is judged."""

from dataclasses import replace
from typing import Any

import pytest

from blockjob_fsm.declaration import Event, step
from blockjob_fsm.error_action import ErrorAction, IoStatus
from blockjob_fsm.errors import NegativeSpeed
from blockjob_fsm.guards import ALWAYS
from blockjob_fsm.lifecycles import modern_words as new
from blockjob_fsm.lifecycles.classic_words import ClassicControl, Phase
from blockjob_fsm.lifecycles.differences import DIFFERENCES, Difference
from blockjob_fsm.lifecycles.modern import modern
from blockjob_fsm.lifecycles.modern_words import RELEASES, ModernControl, Place, Status
from blockjob_fsm.lifecycles.refinement import PHASES, WORDS, Followed, Refinement, images, in_force

RELEASE = "7.2"
AT_WORK = ModernControl(phase=Status.RUNNING, place=Place.ASLEEP, pause_count=0)
BUSY = replace(AT_WORK, place=Place.WAITING, busy=True)
MIRROR = replace(AT_WORK, phase=Status.READY, completable=True)
PAUSED = replace(AT_WORK, phase=Status.PAUSED, place=Place.PARKED, pause_count=1, user_paused=True)
STOPPED = replace(PAUSED, io_status=IoStatus.FAILED)
DRAINED = replace(PAUSED, user_paused=False, drains=1)
STANDBY = replace(PAUSED, phase=Status.STANDBY, completable=True)
DONE = replace(AT_WORK, place=Place.COMPLETED)
CONCLUDED = replace(DONE, phase=Status.CONCLUDED)


def followed(control: ModernControl, event: Event, release: str = RELEASE) -> Followed:
    """The judgement on one step, of whatever classic job the modern one may be."""
    refinement = Refinement(modern(release))
    return refinement.follow(refinement.start(control), control, event)


def named(control: ModernControl, event: Event, release: str = RELEASE) -> str | None:
    """The name of the difference that a step is explained by; None for a classic step."""
    found = followed(control, event, release)
    assert found.followers, found.wrong
    return found.difference.name if found.difference else None


def seen(control: ModernControl, release: str = RELEASE) -> ClassicControl:
    """The classic state in which a job has not looked at its cancellation."""
    return next(one for one in images(control, release) if one.phase is not Phase.LEAVING)


@pytest.mark.parametrize(
    ("control", "phase"),
    [
        (ModernControl(), Phase.ABSENT),
        (ModernControl(phase=Status.CREATED), Phase.CREATED),
        (AT_WORK, Phase.ASLEEP),
        (replace(AT_WORK, place=Place.IDLE), Phase.ASLEEP),
        (BUSY, Phase.WAITING),
        (PAUSED, Phase.PARKED),
        (replace(DONE, phase=Status.PENDING), Phase.RUNNING),
        (CONCLUDED, Phase.ENDING),
        (replace(CONCLUDED, phase=Status.NULL), Phase.FREED),
    ],
)
def test_a_modern_job_is_somewhere_in_the_classic_lifecycle(
    control: ModernControl, phase: Phase
) -> None:
    assert seen(control).phase is phase


@pytest.mark.parametrize(
    ("control", "field", "value"),
    [
        (AT_WORK, "busy", False),
        (BUSY, "busy", True),
        (AT_WORK, "paused", False),
        (PAUSED, "paused", True),
        (DRAINED, "paused", True),
        (ModernControl(phase=Status.CREATED), "paused", False),
        (ModernControl(phase=Status.CREATED, pause_count=2), "paused", True),
        (STOPPED, "io_status", IoStatus.FAILED),
        (MIRROR, "synced", True),
        (STANDBY, "synced", True),
        (AT_WORK, "synced", False),
        (replace(CONCLUDED, ret=-5), "ret", -5),
        (replace(DONE, phase=Status.ABORTING, ret=-5), "ret", 0),
        (replace(CONCLUDED, phase=Status.NULL), "in_use", False),
        (CONCLUDED, "in_use", True),
        (replace(AT_WORK, speed=7), "speed", 7),
    ],
)
def test_what_a_client_of_1_3_would_see_is_given_by_the_modern_job(
    control: ModernControl, field: str, value: object
) -> None:
    assert getattr(seen(control), field) == value


@pytest.mark.parametrize(("release", "cancelled"), [("6.0", True), ("6.2", False)])
def test_since_6_2_a_soft_request_is_met_once_the_body_has_returned(
    release: str, cancelled: bool
) -> None:
    job = replace(MIRROR, place=Place.RETURNED, busy=True, cancelled=True)
    assert seen(job, release).cancelled is cancelled


def test_a_cancelled_job_at_work_may_have_looked_at_that_or_not() -> None:
    job = replace(BUSY, place=Place.RUNNING, cancelled=True, force_cancelled=True)
    assert {one.phase for one in images(job, RELEASE)} == {Phase.RUNNING, Phase.LEAVING}


def test_every_place_of_the_coroutine_has_a_phase() -> None:
    assert set(PHASES) == set(Place)


@pytest.mark.parametrize(
    ("control", "event"),
    [
        (AT_WORK, new.PAUSE()),
        (PAUSED, new.RESUME()),
        (STOPPED, new.RESUME()),
        (PAUSED, new.CANCEL()),
        (PAUSED, new.SOFT_CANCEL()),
        (MIRROR, new.SOFT_CANCEL()),
        (MIRROR, new.COMPLETE()),
        (AT_WORK, new.COMPLETE()),
        (AT_WORK, new.SET_SPEED(0)),
        (AT_WORK, new.SET_SPEED(-1)),
        (AT_WORK, new.TIMER()),
        (BUSY, new.IO_DONE()),
        (ModernControl(), new.CANCEL()),
    ],
    ids=str,
)
def test_what_1_3_does_too_needs_no_difference(control: ModernControl, event: Event) -> None:
    assert named(control, event) is None


@pytest.mark.parametrize(
    ("control", "event", "name"),
    [
        (PAUSED, new.PAUSE(), "second-pause"),
        (AT_WORK, new.RESUME(), "resume-unpaused"),
        (STANDBY, new.COMPLETE(), "complete-when-paused"),
        (replace(PAUSED, pause_count=2, drains=1), new.RESUME(), "resume-under-drain"),
        (DRAINED, new.SOFT_CANCEL(), "cancel-under-drain"),
        (AT_WORK, new.DRAIN_BEGIN(), "drain-pauses"),
        (DRAINED, new.DRAIN_END(), "drain-resumes"),
        (CONCLUDED, new.SET_SPEED(1), "ended-is-left-alone"),
        (CONCLUDED, new.CANCEL(), "aborting-is-final"),
        (CONCLUDED, new.DISMISS(), "dismiss"),
        (AT_WORK, new.SIBLING_CANCEL(), "cancelled-before-entered"),
        (BUSY, new.SIBLING_CANCEL(), "cancelled-with-siblings"),
    ],
    ids=str,
)
def test_what_modern_jobs_do_otherwise_has_a_name(
    control: ModernControl, event: Event, name: str
) -> None:
    assert named(control, event) == name


def test_before_6_0_a_paused_job_cannot_be_completed_as_in_1_3() -> None:
    assert named(STANDBY, new.COMPLETE(), "3.0") is None


def test_an_error_leaves_a_mirror_ready() -> None:
    job = replace(MIRROR, place=Place.RUNNING, busy=True)
    error = new.ERROR(ErrorAction.REPORT, IoStatus.FAILED)
    assert named(job, error) == "stays-ready"


def test_a_woken_job_that_is_cancelled_and_works_on_is_told_apart() -> None:
    refinement = Refinement(modern(RELEASE))
    control, followers = AT_WORK, refinement.start(AT_WORK)
    told: list[Any] = []
    for event in (new.CANCEL(), new.PAUSE_POINT(), new.SUBMIT()):
        found = refinement.follow(followers, control, event)
        told.append(found.difference and found.difference.name)
        control, followers = _after(refinement, control, event), found.followers
    assert told == [None, None, "body-looks-itself"]


def _after(refinement: Refinement, control: ModernControl, event: Event) -> ModernControl:
    return step(refinement.lifecycle, control, event).state


def test_without_its_difference_a_step_is_not_explained() -> None:
    refinement = Refinement(modern(RELEASE), ())
    found = refinement.follow(refinement.start(PAUSED), PAUSED, new.PAUSE())
    assert (found.followers, found.wrong) == (frozenset(), "1.3 does not refuse pause")


def test_a_verb_without_any_row_is_no_refusal_of_1_3() -> None:
    rows = modern(RELEASE)
    mutant = replace(rows, rules=tuple(one for one in rows.rules if new.PAUSE not in one.events))
    refinement = Refinement(mutant)
    assert not refinement.follow(refinement.start(AT_WORK), AT_WORK, new.PAUSE()).followers


def test_a_difference_is_known_by_its_error() -> None:
    other = replace(DIFFERENCES[0], refused=(NegativeSpeed,))
    refinement = Refinement(modern(RELEASE), (other,))
    assert not refinement.follow(refinement.start(PAUSED), PAUSED, new.PAUSE()).followers


def test_what_a_step_would_have_to_be_is_told() -> None:
    refinement = Refinement(modern(RELEASE), ())
    found = refinement.follow(refinement.start(AT_WORK), AT_WORK, new.DRAIN_BEGIN())
    wrong = "standing still does not lead to (running, busy, paused, io-status ok)"
    assert found.wrong == wrong


def test_no_two_differences_have_one_name() -> None:
    assert len({one.name for one in DIFFERENCES}) == len(DIFFERENCES)


@pytest.mark.parametrize("difference", DIFFERENCES, ids=lambda one: one.name)
def test_a_difference_has_a_release_and_a_reason_of_its_own(difference: Difference) -> None:
    assert difference.since in RELEASES
    assert difference.why not in {one.why for one in DIFFERENCES if one is not difference}


@pytest.mark.parametrize("difference", DIFFERENCES, ids=lambda one: one.name)
def test_a_difference_is_not_about_every_job(difference: Difference) -> None:
    assert difference.when != ALWAYS or len(difference.statuses) < len(Status)


def test_differences_come_into_force_with_their_release() -> None:
    since = {one.name for one in in_force("6.0")} - {one.name for one in in_force("3.0")}
    assert since == {"complete-when-paused"}


def test_every_verb_of_a_user_has_its_classic_words() -> None:
    assert set(new.VERBS) <= set(WORDS)
