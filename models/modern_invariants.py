"""The 44 invariants of the modern job: which claims hold each, and what is held elsewhere.

A claim belongs to an invariant by the number its name starts with. `elsewhere` names the tests that
hold what a claim about states and steps cannot say: bytes, time and threads.
"""

from __future__ import annotations

from blockjob_fsm.check.modern_scenarios import modern_scenarios
from blockjob_fsm.check.whole_jobs import WHOLE_PROPERTIES, whole_jobs
from blockjob_fsm.properties import Sometimes
from blockjob_fsm.properties.modern import MODERN_PROPERTIES
from models.invariants import Invariant

MODERN_INVARIANTS = (
    Invariant(1, "every change of status is in the table"),
    Invariant(2, "a status is told exactly when it has changed, in order"),
    Invariant(3, "after null there is no event, no callback, and no job to be found"),
    Invariant(4, "the end of a block job that started is told once"),
    Invariant(5, "which event tells it, and with an error exactly if there is one"),
    Invariant(6, "forced is cancelled, and neither is taken back"),
    Invariant(7, "a soft cancel of a ready job forces nothing and ends it well; else it forces"),
    Invariant(8, "completion that was accepted leads to a switch unless the job is cancelled"),
    Invariant(9, "the pause count is the number of reasons to pause"),
    Invariant(10, "the pause count is never negative"),
    Invariant(11, "parked is what paused and standby say"),
    Invariant(
        12,
        "a parked job has no I/O of its own",
        ("test_inside_a_drained_section_the_job_is_parked",),
        "a model has one request at a time; that a body with many has none left is seen live",
    ),
    Invariant(13, "busy from each entry until suspended, or until the completion has begun"),
    Invariant(14, "a coroutine is entered only where it is suspended, never twice, never after"),
    Invariant(15, "the sleep's timer runs exactly while the job sleeps on it"),
    Invariant(16, "no wake-up is lost"),
    Invariant(
        17,
        "in a section the job is quiet until its end",
        ("test_inside_a_drained_section_the_job_is_parked",),
        "that whoever drains waits for a busy job is a wait of the executor around the event",
    ),
    Invariant(18, "a section that begins in the job's own completion ends"),
    Invariant(19, "nested sections, and a resume in one: only the last end lets the job go on"),
    Invariant(20, "a job that is cancelled with force neither sleeps nor parks"),
    Invariant(21, "a job that is cancelled softly still pauses"),
    Invariant(22, "a resume acknowledges the error, and so does a cancel of a stopped job"),
    Invariant(23, "an io-status that is not ok means that the user has to resume"),
    Invariant(24, "prepare once and only after success; commit or abort, never both; clean once"),
    Invariant(25, "all members of a transaction succeed, or all fail"),
    Invariant(26, "the first failure drives the abort, and nobody a second one"),
    Invariant(27, "waiting only for others that have not ended"),
    Invariant(28, "one pending, all pending"),
    Invariant(29, "finalizing any member finalizes all"),
    Invariant(30, "a member that waits for its user keeps all waiting, and says so"),
    Invariant(31, "a job that dismisses itself is never seen concluded, another stays"),
    Invariant(32, "a job that never started needs no dismissal"),
    Invariant(33, "members are walked newest first"),
    Invariant(
        34,
        "progress only grows, and is complete at success",
        ("test_the_offset_is_the_length_less_what_is_dirty",),
        "the models claim that it is complete; that it only grows is seen of the bodies",
    ),
    Invariant(
        35,
        "ready is told when all is copied and flushed, and stays",
        ("test_every_chunk_is_copied_then_flushed_then_ready",),
        "the models claim what is copied; the order of copy, flush and event is the body's",
    ),
    Invariant(
        36,
        "guests' writes are held back from the decision to end until the graph has changed",
        ("test_a_drain_keeps_the_guest_out_only_if_nothing_is_dirty",),
        "the claims are about the section; that it holds writes back is the drive's",
    ),
    Invariant(37, "a job is freed once, when nobody uses it any more"),
    Invariant(
        38,
        "a refusal changes nothing",
        ("test_a_refused_step_hands_back_the_very_same_state",),
        "a refused step has no state of its own, so no claim could see one",
    ),
    Invariant(39, "a soft cancel of the paused and a resume of the unpaused come before the table"),
    Invariant(
        40,
        "a limited job moves its quota in a slice, and one chunk more",
        ("test_a_limit_is_kept_by_sleeping_until_its_slices_are_over",),
        "time does not exist in a model of the rows",
    ),
    Invariant(41, "an error that stops counts once, however many there are"),
    Invariant(42, "a pause after the last pause point is harmless"),
    Invariant(43, "every job ends when it is cancelled with force and its I/O ends"),
    Invariant(44, "verbs in the window before the completion: which count, and which do nothing"),
)


def modern_claims_of(invariant: Invariant) -> tuple[str, ...]:
    """The names of an invariant's claims."""
    mine = (
        claim.name
        for claim in (*MODERN_PROPERTIES, *WHOLE_PROPERTIES)
        if claim.name.partition("-")[0] == str(invariant.number)
        and not isinstance(claim, Sometimes)
    )
    return tuple(dict.fromkeys(mine))


def models_of(name: str) -> tuple[str, ...]:
    """The models of which a claim is made."""
    made = [(one.name, one.claims) for one in modern_scenarios()]
    made += [(one.name, one.claims) for one in whole_jobs()]
    return tuple(model for model, claims in made if name in {claim.name for claim in claims})
