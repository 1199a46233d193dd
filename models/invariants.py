"""The 23 invariants of the 2012 block job: which claims hold each, and what is held elsewhere.

A claim belongs to an invariant by the number its name starts with. `elsewhere` names the tests, or
the laws of `models.laws.limits`, where a claim about states and steps cannot say it, or only half.
"""

from __future__ import annotations

from dataclasses import dataclass

from blockjob_fsm.check.run import CONTROL
from blockjob_fsm.check.scenarios import scenarios
from blockjob_fsm.properties import CLASSIC_PROPERTIES, Sometimes


@dataclass(frozen=True, slots=True)
class Invariant:
    """One invariant; `why_elsewhere` is empty where the claims say all of it."""

    number: int
    says: str
    elsewhere: tuple[str, ...] = ()
    why_elsewhere: str = ""


INVARIANTS = (
    Invariant(1, "a device with a job is in use, and is that job's device"),
    Invariant(
        2,
        "a device has one job at most",
        ("test_of_many_threads_that_start_a_job_on_one_device_one_wins",),
        "a model has one device; that two threads cannot both get it is shown with threads",
    ),
    Invariant(3, "a cancelled job is busy: it neither sleeps nor, when woken, does I/O untested"),
    Invariant(4, "a job that is not busy has no I/O under way"),
    Invariant(5, "not busy means suspended in a sleep, and only then may others enter"),
    Invariant(6, "a parked job is paused"),
    Invariant(7, "paused is a flag, not a count"),
    Invariant(8, "cancelled stays until the end, but for a job that has done its work"),
    Invariant(9, "a cancelled job neither sleeps nor parks, and ends"),
    Invariant(10, "the callback runs once, before job and device are freed"),
    Invariant(
        11,
        "cancel_sync returns after the callback, and what it returns",
        (
            "test_cancel_sync_returns_after_the_callback_and_the_release",
            "test_cancel_sync_of_a_job_that_is_over_tells_how_it_ended",
            "test_cancel_sync_of_a_mirror_in_step_is_a_success",
            "test_two_threads_in_cancel_sync_get_the_same_answer",
        ),
        "cancel_sync is a wait of the executor around the verb; the claims say that the job ends",
    ),
    Invariant(12, "the first error stays published until it is acknowledged"),
    Invariant(13, "an io-status other than ok means paused and, at rest, not cancelled"),
    Invariant(
        14,
        "every handled error sends one BLOCK_JOB_ERROR, before flags change; a commit sends none",
        ("test_every_error_of_a_stream_is_called_a_read",),
        "what the event says is the body's",
    ),
    Invariant(15, "COMPLETED or CANCELLED once and last; READY from a mirror only, before it"),
    Invariant(16, "a stream drops its backing only when everything was copied and nothing failed"),
    Invariant(17, "copy-on-read is switched off as often as on"),
    Invariant(18, "a mirror that completes without error has lost no write"),
    Invariant(19, "a mirror in step has said so since its last error, with its offset at the end"),
    Invariant(20, "the device is swapped only after a request accepted in step"),
    Invariant(
        21,
        "a limiter's delay is 0 to one slice, and each slice lets one operation through",
        ("delay", "fresh_slice", "progress"),
        "laws of arithmetic, confirmed for every number by CrossHair; that a limited job gets on "
        "is claimed as 23-progress",
    ),
    Invariant(
        22,
        "a speed is never negative; a refused speed changes nothing",
        ("test_a_refused_speed_keeps_the_old_one_and_the_limiter",),
        "the limiter is no part of the control state",
    ),
    Invariant(23, "every unit of work is followed by a sleep or the end"),
)


def claims_of(invariant: Invariant) -> tuple[tuple[str, str], ...]:
    """The claims of an invariant: (model, name); of many scenarios that make one, the first."""
    made = [(CONTROL, claim) for claim in CLASSIC_PROPERTIES]
    made += [(scenario.name, claim) for scenario in scenarios() for claim in scenario.claims]
    found: dict[tuple[str, str], tuple[str, str]] = {}
    for model, claim in made:
        of_kind = CONTROL if model == CONTROL else model.partition("-")[0]
        mine = claim.name.partition("-")[0] == str(invariant.number)
        if mine and not isinstance(claim, Sometimes):
            found.setdefault((of_kind, claim.name), (of_kind, claim.name))
    return tuple(found.values())
