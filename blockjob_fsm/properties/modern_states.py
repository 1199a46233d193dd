"""What is true of every state of a modern job, what must follow, and the states that must exist.

The number in a name is the invariant of the specification that the claim is about. Claims about
steps are in `modern_steps`, about verbs in `modern_answers`, about siblings in `modern_groups`.
"""

from __future__ import annotations

from enum import Enum

from blockjob_fsm.error_action import IoStatus
from blockjob_fsm.guards import Any, Choose, Guard, Plus, Term
from blockjob_fsm.lifecycles.modern_words import (
    ACTIVE,
    AUTO_DISMISS,
    BLOCK_JOB,
    BUSY,
    BUSY_PLACES,
    CANCELLED,
    DRAINS,
    FORCE_CANCELLED,
    HOLDS_DRAIN,
    IO_STATUS,
    PAUSE_COUNT,
    PLACE,
    RELEASES,
    RET,
    SHOULD_COMPLETE,
    STATUS,
    USER_PAUSED,
    Place,
    Status,
)
from blockjob_fsm.properties.modern_watched import (
    CALLED_BACK,
    CLEANED,
    DEFERRED,
    DRIVER,
    FREED,
    IO_OUT,
    PIVOTED,
    PREPARES,
    REPEATED,
    SAID,
    SETTLED,
    TIMER_SET,
    TOLD,
    Driver,
    Told,
)
from blockjob_fsm.properties.words import Always, LeadsTo, Property, Sometimes, implies


def in_status(*statuses: Enum) -> Guard:
    """The guard that the status is one of these."""
    return Any(tuple(STATUS.equals(status) for status in statuses))


def at_place(*places: Enum) -> Guard:
    """The guard that the coroutine is at one of these."""
    return Any(tuple(PLACE.equals(place) for place in places))


#: since 6.2 only a forced cancel is one; before, any was
BEFORE_SPLIT = tuple(name for name in RELEASES if name in ("2.12", "3.0", "6.0"))
SINCE_SPLIT = tuple(name for name in RELEASES if name not in BEFORE_SPLIT)
CHANGING = tuple(name for name in RELEASES if name in ("8.2", "10.1"))
TELLING = tuple(name for name in RELEASES if name != "2.12")

UNSTARTED = PLACE.equals(Place.UNSTARTED)
PARKED = PLACE.equals(Place.PARKED)
RETURNED = PLACE.equals(Place.RETURNED)
SOFTLY = CANCELLED & ~FORCE_CANCELLED
VISIBLE = BLOCK_JOB & ~UNSTARTED
CONCLUDED = in_status(Status.CONCLUDED, Status.NULL)
FAILED = ~IO_STATUS.equals(IoStatus.OK)
#: somebody wants a mirror to end as it is: cancelled with force, or in step and asked
ASKED_TO_END = in_status(Status.RUNNING) & FORCE_CANCELLED | in_status(Status.READY) & (
    SHOULD_COMPLETE | CANCELLED
)


def _one_more_if(guard: Guard, count: Term) -> Term:
    return Choose(guard, Plus(count, 1), count)


#: the reasons to pause, counted one by one
REASONS = _one_more_if(UNSTARTED, _one_more_if(USER_PAUSED, _one_more_if(HOLDS_DRAIN, DRAINS)))

_PAUSES: tuple[Property, ...] = (
    Always(
        name="9-reasons",
        claim="the pause count is the number of reasons to pause: not started, the user, sections",
        holds=PAUSE_COUNT.equals(REASONS),
        witness="pauses",
    ),
    Always(
        name="9-user",
        claim="what the user has paused is asked to pause",
        holds=implies(USER_PAUSED, ~PAUSE_COUNT.less_than(1)),
        witness="pauses",
    ),
    Always(
        name="10-count",
        claim="the pause count is never negative",
        holds=~PAUSE_COUNT.less_than(0),
        witness="drained",
    ),
    Always(
        name="11-parked",
        claim="a job is parked exactly while its status says paused or standby",
        holds=PARKED.equals(in_status(Status.PAUSED, Status.STANDBY)),
        witness="parks",
    ),
    Always(
        name="16-wanted",
        claim="a parked job has a reason to be, until it is cancelled",
        holds=implies(PARKED & ~FORCE_CANCELLED, ~PAUSE_COUNT.equals(0)),
        witness="parks",
    ),
    Always(
        name="17-no-rest",
        claim="nobody sleeps or waits where a pause is wanted: the section would begin too early",
        holds=implies(at_place(Place.ASLEEP, Place.IDLE), PAUSE_COUNT.equals(0)),
        witness="drained-parked",
    ),
    Always(
        name="23-stopped",
        claim="an io-status that is not ok means that the user has to resume",
        holds=implies(FAILED, USER_PAUSED),
        witness="stops",
    ),
)
_WORK: tuple[Property, ...] = (
    Always(
        name="12-parked-quiet",
        claim="a parked job has no I/O of its own under way",
        holds=implies(PARKED, ~IO_OUT),
        witness="parks",
    ),
    Always(
        name="12-io",
        claim="the job waits for its I/O exactly while there is some",
        holds=IO_OUT.equals(PLACE.equals(Place.WAITING)),
        witness="does-io",
    ),
    Always(
        name="13-busy",
        claim="a job is busy from each entry until it is suspended, or its completion has begun",
        holds=BUSY.equals(at_place(*BUSY_PLACES)),
        witness="sleeps",
    ),
    Always(
        name="15-timer",
        claim="the sleep's timer runs exactly while the job sleeps on it",
        holds=TIMER_SET.equals(PLACE.equals(Place.ASLEEP)),
        witness="sleeps",
    ),
    Always(
        name="18-itself",
        claim="a job whose completion has begun keeps no section waiting for itself",
        holds=implies(PLACE.equals(Place.COMPLETED), ~BUSY),
        witness="succeeds",
    ),
    Always(
        name="14-completion",
        claim="the completion is to come exactly while the body has returned",
        holds=DEFERRED.equals(RETURNED),
        witness="returned",
    ),
    Always(
        name="6-forced",
        claim="a job that is cancelled with force is cancelled",
        holds=implies(FORCE_CANCELLED, CANCELLED),
        witness="forced",
    ),
)
_ENDS: tuple[Property, ...] = (
    Always(
        name="2-said",
        claim="the last status that was told is the status",
        holds=SAID.equals(STATUS),
        witness="succeeds",
        only=TELLING,
    ),
    Always(
        name="2-once",
        claim="no status is told that has not changed",
        holds=~REPEATED,
        witness="succeeds",
        only=TELLING,
    ),
    Always(
        name="3-over",
        claim="a job that is gone has no timer, no I/O and no completion to come",
        holds=implies(STATUS.equals(Status.NULL), ~TIMER_SET & ~IO_OUT & ~DEFERRED),
        witness="gone",
    ),
    Always(
        name="37-freed",
        claim="a job is freed when it is gone, and once",
        holds=implies(STATUS.equals(Status.NULL), FREED.equals(1))
        & implies(~STATUS.equals(Status.NULL), FREED.equals(0)),
        witness="gone",
    ),
    Always(
        name="4-told",
        claim="the end of a block job that was started is told once, and of no other job",
        holds=~TOLD.equals(Told.TWICE)
        & implies(STATUS.equals(Status.CONCLUDED), VISIBLE.equals(~TOLD.equals(Told.NOTHING))),
        witness="told",
    ),
    Always(
        name="5-result",
        claim="a job on its way to success has no error, one on its way to failure has one",
        holds=implies(in_status(Status.WAITING, Status.PENDING), RET.equals(0))
        & implies(STATUS.equals(Status.ABORTING), ~RET.equals(0)),
        witness="fails",
    ),
    Always(
        name="24-prepared-once",
        claim="a job is prepared at most once",
        holds=PREPARES.less_than(2),
        witness="prepared",
    ),
    Always(
        name="24-driver",
        claim="a concluded job was committed or aborted as its result says, once, then cleaned",
        holds=~DRIVER.equals(Driver.TWICE)
        & implies(DRIVER.equals(Driver.COMMITTED), RET.equals(0))
        & implies(DRIVER.equals(Driver.ABORTED), ~RET.equals(0))
        & implies(
            STATUS.equals(Status.CONCLUDED),
            ~DRIVER.equals(Driver.NOTHING) & CLEANED.equals(1) & CALLED_BACK.equals(1),
        ),
        witness="committed",
    ),
    Always(
        name="31-not-seen",
        claim="a job that dismisses itself is never seen concluded",
        holds=implies(SETTLED & STATUS.equals(Status.CONCLUDED), ~AUTO_DISMISS),
        witness="kept",
    ),
    Always(
        name="32-never-started",
        claim="a job that never started needs no dismissal",
        holds=implies(SETTLED & STATUS.equals(Status.CONCLUDED), ~UNSTARTED),
        witness="vanishes",
    ),
    Always(
        name="36-held",
        claim="a job that is over holds no section",
        holds=implies(CONCLUDED, ~HOLDS_DRAIN),
        witness="holds",
    ),
    Always(
        name="36-no-rest",
        claim="a job that holds a section neither sleeps nor parks: nobody else would end it",
        holds=implies(HOLDS_DRAIN, ~at_place(Place.ASLEEP, Place.IDLE, Place.WOKEN, Place.PARKED)),
        witness="holds",
    ),
    Always(
        name="8-pivoted",
        claim="only a job that was asked to complete has moved its users to the target",
        holds=implies(PIVOTED, SHOULD_COMPLETE),
        witness="pivots",
    ),
)
_SUSPENDED = at_place(Place.ASLEEP, Place.WAITING, Place.WOKEN)
_ON = at_place(Place.RUNNING, Place.PARKED, Place.RETURNED, Place.COMPLETED)
LIVENESS: tuple[Property, ...] = (
    LeadsTo(
        name="16-goes-on",
        claim="a job that sleeps, does I/O or was woken comes back to work, parks or ends",
        start=_SUSPENDED,
        goal=_ON | CONCLUDED,
        witness="sleeps",
    ),
    LeadsTo(
        name="43-entered",
        claim="a job that is cancelled with force gets back to work, whatever it was waiting for",
        start=FORCE_CANCELLED & in_status(*ACTIVE, Status.PAUSED, Status.STANDBY),
        goal=at_place(Place.RUNNING, Place.RETURNED, Place.COMPLETED),
        witness="forced",
    ),
    LeadsTo(
        name="43-completes",
        claim="a job whose body has returned completes",
        start=RETURNED,
        goal=PLACE.equals(Place.COMPLETED),
        witness="returned",
    ),
    LeadsTo(
        name="43-unstarted",
        claim="a job that is cancelled before it started goes",
        start=FORCE_CANCELLED & UNSTARTED,
        goal=STATUS.equals(Status.NULL),
        witness="vanishes",
    ),
    LeadsTo(
        name="43-concludes",
        claim="a lone job that is aborting concludes",
        start=STATUS.equals(Status.ABORTING),
        goal=CONCLUDED,
        witness="fails",
    ),
)
WITNESSES: tuple[Property, ...] = (
    Sometimes(name="pauses", claim="a user pauses a job", reached=USER_PAUSED),
    Sometimes(name="drained", claim="a job is in two sections", reached=DRAINS.equals(2)),
    Sometimes(name="parks", claim="a job parks", reached=PARKED),
    Sometimes(name="stops", claim="an error stops a job", reached=FAILED & PARKED),
    Sometimes(name="does-io", claim="a job does I/O", reached=IO_OUT),
    Sometimes(name="sleeps", claim="a job sleeps", reached=TIMER_SET),
    Sometimes(name="returned", claim="a body has returned", reached=RETURNED),
    Sometimes(name="forced", claim="a job is cancelled by force", reached=FORCE_CANCELLED),
    Sometimes(
        name="drained-parked",
        claim="a section finds its job parked",
        reached=PARKED & ~DRAINS.less_than(1),
    ),
    Sometimes(
        name="succeeds",
        claim="a job succeeds",
        reached=CONCLUDED & RET.equals(0) & PLACE.equals(Place.COMPLETED),
    ),
    Sometimes(name="fails", claim="a job fails", reached=STATUS.equals(Status.ABORTING)),
    Sometimes(
        name="prepared", claim="a job is prepared", reached=~PREPARES.less_than(1) & RET.equals(0)
    ),
    Sometimes(
        name="prepare-fails",
        claim="a prepare step fails",
        reached=~PREPARES.less_than(1) & STATUS.equals(Status.ABORTING),
    ),
    Sometimes(name="committed", claim="a driver commits", reached=DRIVER.equals(Driver.COMMITTED)),
    Sometimes(name="aborted", claim="a driver aborts", reached=DRIVER.equals(Driver.ABORTED)),
    Sometimes(name="gone", claim="a job is freed", reached=FREED.equals(1)),
    Sometimes(
        name="vanishes",
        claim="a job goes that never started",
        reached=STATUS.equals(Status.NULL) & UNSTARTED & CANCELLED,
    ),
    Sometimes(
        name="late-pause",
        claim="a pause comes after the last pause point",
        reached=RETURNED & USER_PAUSED,
    ),
)
STATES: tuple[Property, ...] = (*_PAUSES, *_WORK, *_ENDS)
