"""What is true of every step of a modern job: where it may lead, who enters it, how it ends.

The number in a name is the invariant of the specification that the claim is about.
"""

from __future__ import annotations

from blockjob_fsm.error_action import ErrorAction, IoStatus
from blockjob_fsm.guards import ALWAYS, Any, Guard
from blockjob_fsm.lifecycles.modern_words import (
    ACTION,
    CANCEL,
    CANCELLED,
    COMPLETE,
    COMPLETION,
    CONCLUDE,
    DRAIN_END,
    EMIT_READY,
    ENTERABLE,
    ERROR,
    EVENTS,
    FORCE_CANCELLED,
    IN_STEP,
    IO_DONE,
    IO_STATUS,
    KICK,
    PAUSE,
    PAUSE_COUNT,
    PAUSE_POINT,
    PLACE,
    RESUME,
    SET_SPEED,
    SHOULD_COMPLETE,
    SLEEP,
    SOFT_CANCEL,
    START,
    STATUS,
    TIMER,
    USER_PAUSED,
    WAKE,
    Place,
    Status,
)
from blockjob_fsm.lifecycles.modern_words import DRAINS as SECTIONS
from blockjob_fsm.properties.modern_states import (
    PARKED,
    RETURNED,
    SOFTLY,
    VISIBLE,
    at_place,
    in_status,
)
from blockjob_fsm.properties.words import AlwaysStep, Old, Property, Sometimes, unchanged

#: the transition table: a status, and those that may follow it
LEGAL: dict[Status, tuple[Status, ...]] = {
    Status.UNDEFINED: (Status.CREATED,),
    Status.CREATED: (Status.RUNNING, Status.ABORTING, Status.NULL),
    Status.RUNNING: (Status.PAUSED, Status.READY, Status.WAITING, Status.ABORTING),
    Status.PAUSED: (Status.RUNNING,),
    Status.READY: (Status.STANDBY, Status.WAITING, Status.ABORTING),
    Status.STANDBY: (Status.READY,),
    Status.WAITING: (Status.PENDING, Status.ABORTING),
    Status.PENDING: (Status.ABORTING, Status.CONCLUDED),
    Status.ABORTING: (Status.CONCLUDED,),
    Status.CONCLUDED: (Status.NULL,),
    Status.NULL: (),
}


def _legal_step() -> Guard:
    old = Old(STATUS)
    edges = (
        old.equals(one) & STATUS.equals(other) for one, others in LEGAL.items() for other in others
    )
    return Any((unchanged(STATUS), *edges))


_CANCELS = (CANCEL, SOFT_CANCEL)
_STOPS = ACTION.equals(ErrorAction.STOP)
_IN_ACTIVE = in_status(Status.RUNNING, Status.READY)

_STATUS: tuple[Property, ...] = (
    AlwaysStep(
        name="1-table",
        claim="every change of status is in the table",
        after=_legal_step(),
        witness="succeeds",
    ),
    AlwaysStep(
        name="35-ready",
        claim="being in step is told when the job says so, and at no other time",
        events=(IN_STEP,),
        after=STATUS.equals(Status.READY),
        does=(EMIT_READY,),
        witness="in-step",
    ),
    AlwaysStep(
        name="35-once",
        claim="nobody else tells that a job is ready",
        events=tuple(kind for kind in EVENTS if kind is not IN_STEP),
        never=(EMIT_READY,),
        witness="starts",
    ),
    AlwaysStep(
        name="14-entered",
        claim="a coroutine is entered by others only where it is suspended in a sleep or a park",
        events=tuple(kind for kind in EVENTS if kind not in (START, IO_DONE)),
        before=~at_place(*ENTERABLE),
        never=(WAKE,),
        witness="busy-paused",
    ),
    AlwaysStep(
        name="14-io",
        claim="only its I/O ends a wait for I/O",
        events=tuple(kind for kind in EVENTS if kind is not IO_DONE),
        before=PLACE.equals(Place.WAITING),
        after=PLACE.equals(Place.WAITING),
        witness="does-io",
    ),
    AlwaysStep(
        name="14-after-return",
        claim="a body that has returned stays so until its completion runs",
        events=tuple(kind for kind in EVENTS if kind is not COMPLETION),
        before=RETURNED,
        after=RETURNED,
        witness="returned",
    ),
    AlwaysStep(
        name="17-looks-first",
        claim="who comes from a sleep looks for a pause before it does anything else",
        events=(TIMER,),
        after=PLACE.equals(Place.WOKEN),
        does=(WAKE,),
        witness="sleeps",
    ),
)
_DRAINS: tuple[Property, ...] = (
    AlwaysStep(
        name="16-last-reason",
        claim="when the last reason to pause goes, a job without a timer is entered",
        events=(RESUME, DRAIN_END),
        before=PAUSE_COUNT.equals(1) & at_place(Place.IDLE, Place.PARKED),
        does=(WAKE,),
        witness="resumes-parked",
    ),
    AlwaysStep(
        name="16-cancel",
        claim="a cancel enters a job that is suspended",
        events=_CANCELS,
        before=at_place(*ENTERABLE),
        does=(WAKE,),
        witness="parks",
    ),
    AlwaysStep(
        name="16-kick",
        claim="who waits for a job's end enters it",
        events=(KICK,),
        before=at_place(*ENTERABLE),
        does=(WAKE,),
        witness="kicked",
    ),
    AlwaysStep(
        name="17-stays",
        claim="in a section only a cancel or an abort moves a parked job",
        events=tuple(k for k in EVENTS if k not in (*_CANCELS, KICK, DRAIN_END)),
        before=PARKED & ~SECTIONS.less_than(1),
        after=PARKED,
        witness="drained-parked",
    ),
    AlwaysStep(
        name="17-parks",
        claim="at a pause point where a pause is wanted a job that is not cancelled parks",
        events=(PAUSE_POINT,),
        before=~PAUSE_COUNT.equals(0) & ~CANCELLED,
        after=PARKED,
        witness="parks",
    ),
    AlwaysStep(
        name="19-nested",
        claim="the end of a section, or a resume, leaves parked whom others want parked",
        events=(RESUME, DRAIN_END),
        before=PARKED & ~PAUSE_COUNT.equals(1),
        after=PARKED,
        never=(WAKE,),
        witness="resumes-in-drain",
    ),
    AlwaysStep(
        name="21-softly",
        claim="a job that is cancelled softly still pauses",
        events=(PAUSE_POINT,),
        before=SOFTLY & ~PAUSE_COUNT.equals(0),
        after=PARKED,
        witness="softly",
    ),
    AlwaysStep(
        name="8-parked",
        claim="completing a parked job leaves it parked",
        events=(COMPLETE,),
        before=PARKED,
        after=PARKED & SHOULD_COMPLETE,
        never=(WAKE,),
        witness="completes",
    ),
    AlwaysStep(
        name="16-speed",
        claim="a new speed enters a job only out of a timed sleep",
        events=(SET_SPEED,),
        before=~PLACE.equals(Place.ASLEEP),
        after=unchanged(PLACE),
        never=(WAKE,),
        witness="limits-parked",
    ),
    AlwaysStep(
        name="42-late",
        claim="a pause after the last pause point is harmless",
        events=(COMPLETION,),
        before=USER_PAUSED,
        after=in_status(Status.WAITING, Status.ABORTING),
        witness="late-pause",
    ),
)
STEP_WITNESSES: tuple[Property, ...] = (
    Sometimes(name="starts", claim="a job starts", reached=ALWAYS, events=(START,)),
    Sometimes(
        name="busy-paused",
        claim="a busy job is asked to pause",
        reached=_IN_ACTIVE & ~at_place(*ENTERABLE),
        events=(PAUSE,),
    ),
    Sometimes(
        name="resumes-parked", claim="a parked job is resumed", reached=PARKED, events=(RESUME,)
    ),
    Sometimes(
        name="resumes-in-drain",
        claim="a job is resumed in a section",
        reached=PARKED & ~SECTIONS.less_than(1),
        events=(RESUME,),
    ),
    Sometimes(
        name="limits-parked",
        claim="a parked job gets a new speed",
        reached=PARKED,
        events=(SET_SPEED,),
    ),
    Sometimes(
        name="resumes-stopped",
        claim="a job that an error stopped is resumed",
        reached=~IO_STATUS.equals(IoStatus.OK),
        events=(RESUME,),
    ),
    Sometimes(
        name="cancels-stopped",
        claim="a job that an error stopped is cancelled",
        reached=~IO_STATUS.equals(IoStatus.OK),
        events=(CANCEL,),
    ),
    Sometimes(
        name="stops-twice",
        claim="a second error stops a job that is asked to pause",
        reached=_STOPS & USER_PAUSED,
        events=(ERROR,),
    ),
    Sometimes(
        name="passes", claim="an error passes that does not stop", reached=~_STOPS, events=(ERROR,)
    ),
    Sometimes(
        name="cancelled-sleeps",
        claim="a cancelled job would sleep",
        reached=FORCE_CANCELLED,
        events=(SLEEP,),
    ),
    Sometimes(
        name="told-cancelled",
        claim="that a job was cancelled is told",
        reached=VISIBLE & FORCE_CANCELLED,
        events=(CONCLUDE,),
    ),
    Sometimes(name="told", claim="a job's end is told", reached=VISIBLE, events=(CONCLUDE,)),
)
STEPS: tuple[Property, ...] = (*_STATUS, *_DRAINS)
