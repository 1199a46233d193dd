"""Which verb is taken or refused where: the verb table, and the order of the checks.

Claims about verbs alone; what an accepted verb does is claimed in `modern_steps`.
"""

from __future__ import annotations

from blockjob_fsm.declaration import EventKind
from blockjob_fsm.errors import (
    CannotAcceptVerb,
    CannotBeCompleted,
    JobAlreadyPaused,
    JobNotFound,
    JobNotPaused,
    JobPaused,
    NegativeSpeed,
)
from blockjob_fsm.guards import ALWAYS, Guard
from blockjob_fsm.lifecycles.modern_words import (
    ACTIVE,
    CANCEL,
    CANCELLED,
    CHANGE,
    COMPLETABLE,
    COMPLETE,
    COMPLETION,
    DISMISS,
    DRAIN_BEGIN,
    DRAIN_END,
    DROP_DRAIN,
    ERROR,
    FINALIZE,
    GONE,
    HOLD_DRAIN,
    HOLDS_DRAIN,
    IN_STEP,
    IO_DONE,
    MIRRORS,
    NEW_SPEED,
    PAUSE,
    PAUSE_POINT,
    RESULT,
    RESUME,
    RETURN,
    SET_SPEED,
    SLEEP,
    SOFT_CANCEL,
    START,
    SUBMIT,
    THERE,
    TIMER,
    USER_PAUSED,
    VERBS,
    WORKING,
    Place,
    Status,
)
from blockjob_fsm.properties.modern_states import ASKED_TO_END, CHANGING, at_place, in_status
from blockjob_fsm.properties.words import Accepts, Answered, Property, Refuses, Sometimes

_IS_THERE = in_status(*THERE)
_AT_WORK = in_status(*WORKING)
_UNFINISHED = in_status(*WORKING, Status.WAITING, Status.PENDING)
_READY = in_status(Status.READY, Status.STANDBY)
_PENDING = in_status(Status.PENDING)
_CONCLUDED = in_status(Status.CONCLUDED)
_CAN_COMPLETE = COMPLETABLE & ~CANCELLED
_SPEED_IS_WRONG = NEW_SPEED.less_than(0)
#: verb, where the table lets it through, and what a check before the table asks for
_TABLE: tuple[tuple[EventKind, Guard, Guard], ...] = (
    (CANCEL, _UNFINISHED, ALWAYS),
    (SOFT_CANCEL, _UNFINISHED, ~USER_PAUSED),
    (PAUSE, _AT_WORK, ALWAYS),
    (RESUME, _AT_WORK, USER_PAUSED),
    (SET_SPEED, _AT_WORK, ALWAYS),
    (COMPLETE, _READY, ALWAYS),
    (FINALIZE, _PENDING, ALWAYS),
    (DISMISS, _CONCLUDED, ALWAYS),
)


def _witness(kind: EventKind) -> str:
    return f"takes-{kind}"


_REFUSED: tuple[Property, ...] = (
    Refuses(
        name="3-gone",
        claim="a job that is not there is not found",
        events=tuple(kind for kind in VERBS if kind is not CHANGE),
        when=in_status(*GONE),
        error=JobNotFound,
        witness="takes-pause",
    ),
    *(
        Refuses(
            name=f"1.3-{kind}",
            claim=f"{kind} is refused in the statuses that the verb table names",
            events=(kind,),
            when=_IS_THERE & ~admitted & unless,
            error=CannotAcceptVerb,
            witness="limits-parked" if kind is SET_SPEED else "takes-pause",
        )
        for kind, admitted, unless in _TABLE
    ),
    Refuses(
        name="1.3-change",
        claim="change is refused in the statuses that the verb table names",
        events=(CHANGE,),
        when=_IS_THERE & ~_AT_WORK,
        error=CannotAcceptVerb,
        witness="takes-pause",
        only=CHANGING,
    ),
    Refuses(
        name="39-resume",
        claim="that there is no pause of the user's is found before the table is asked",
        events=(RESUME,),
        when=_IS_THERE & ~USER_PAUSED,
        error=JobNotPaused,
        witness="takes-pause",
    ),
    Refuses(
        name="39-cancel",
        claim="a soft cancel of what the user has paused is refused before the table is asked",
        events=(SOFT_CANCEL,),
        when=_IS_THERE & USER_PAUSED,
        error=JobPaused,
        witness="takes-pause",
    ),
    Refuses(
        name="39-pause",
        claim="a second pause is refused",
        events=(PAUSE,),
        when=_AT_WORK & USER_PAUSED,
        error=JobAlreadyPaused,
        witness="takes-pause",
    ),
    Refuses(
        name="39-speed",
        claim="a negative speed is refused",
        events=(SET_SPEED,),
        when=_AT_WORK & _SPEED_IS_WRONG,
        error=NegativeSpeed,
        witness="limits-parked",
    ),
    Refuses(
        name="8-not-cancelled",
        claim="a job whose cancel was asked for cannot be completed any more",
        events=(COMPLETE,),
        when=in_status(Status.READY) & ~_CAN_COMPLETE,
        error=CannotBeCompleted,
        witness="completes",
    ),
)
_TAKEN: tuple[Property, ...] = (
    Accepts(
        name="1.3-takes-cancel",
        claim="whatever is not over can be cancelled",
        events=(CANCEL,),
        when=_UNFINISHED,
        witness=_witness(CANCEL),
    ),
    Accepts(
        name="1.3-takes-soft-cancel",
        claim="whatever is not over and not paused can be asked to end",
        events=(SOFT_CANCEL,),
        when=_UNFINISHED & ~USER_PAUSED,
        witness=_witness(CANCEL),
    ),
    Accepts(
        name="1.3-takes-pause",
        claim="whatever works can be paused",
        events=(PAUSE,),
        when=_AT_WORK & ~USER_PAUSED,
        witness=_witness(PAUSE),
    ),
    Accepts(
        name="1.3-takes-resume",
        claim="whatever the user has paused can be resumed while it works",
        events=(RESUME,),
        when=_AT_WORK & USER_PAUSED,
        witness=_witness(PAUSE),
    ),
    Accepts(
        name="1.3-takes-speed",
        claim="whatever works can be given a speed",
        events=(SET_SPEED,),
        when=_AT_WORK & ~_SPEED_IS_WRONG,
        witness="limits-parked",
    ),
    Accepts(
        name="1.3-takes-complete",
        claim="a ready job can be completed, parked or not",
        events=(COMPLETE,),
        when=_READY & _CAN_COMPLETE,
        witness="completes",
    ),
    Accepts(
        name="1.3-takes-finalize",
        claim="whatever is pending can be finalized",
        events=(FINALIZE,),
        when=_PENDING,
        witness="manual",
    ),
    Accepts(
        name="1.3-takes-dismiss",
        claim="whatever is concluded and seen can be dismissed",
        events=(DISMISS,),
        when=_CONCLUDED,
        witness="kept",
    ),
    Accepts(
        name="18-drain",
        claim="a section can begin, and end, wherever the job is",
        events=(DRAIN_BEGIN, DRAIN_END),
        when=_IS_THERE,
        witness="drained",
    ),
    Accepts(
        name="13-world",
        claim="an answer that comes is awaited: a timer, an I/O, a completion",
        events=(TIMER, IO_DONE, COMPLETION),
        when=ALWAYS,
        witness="returned",
    ),
    Accepts(
        name="body",
        claim="a body that runs may do I/O and fail",
        events=(SUBMIT, ERROR),
        when=in_status(*ACTIVE) & at_place(Place.RUNNING),
        witness="starts",
    ),
    Accepts(
        name="sleeps-anywhere",
        claim="a body that runs and holds no section may sleep",
        events=(SLEEP,),
        when=in_status(*ACTIVE) & at_place(Place.RUNNING) & ~HOLDS_DRAIN,
        witness="starts",
    ),
    Accepts(
        name="returns-anywhere",
        claim="a body that runs may return: a mirror as a success only in its section",
        events=(RETURN,),
        when=in_status(*ACTIVE)
        & at_place(Place.RUNNING)
        & (HOLDS_DRAIN | ~MIRRORS | ~RESULT.equals(0)),
        witness="starts",
    ),
    Accepts(
        name="pause-point",
        claim="who was woken passes its pause point or parks there",
        events=(PAUSE_POINT,),
        when=in_status(*ACTIVE) & at_place(Place.WOKEN),
        witness="starts",
    ),
    Accepts(
        name="holds-drain",
        claim="a mirror that runs and has been asked to end can begin its section",
        events=(HOLD_DRAIN,),
        when=ASKED_TO_END & at_place(Place.RUNNING) & MIRRORS & ~HOLDS_DRAIN,
        witness="holds",
    ),
    Accepts(
        name="drops-drain",
        claim="a mirror that runs and holds a section can end it",
        events=(DROP_DRAIN,),
        when=in_status(*ACTIVE) & at_place(Place.RUNNING) & HOLDS_DRAIN,
        witness="holds",
    ),
    Accepts(
        name="gets-ready",
        claim="a mirror that runs can get in step",
        events=(IN_STEP,),
        when=in_status(Status.RUNNING) & at_place(Place.RUNNING) & COMPLETABLE,
        witness="in-step",
    ),
    Accepts(
        name="born",
        claim="a job that is created can be started",
        events=(START,),
        when=in_status(Status.CREATED),
        witness="starts",
    ),
    Answered(
        name="1.3-answered",
        claim="every verb is answered in every state",
        events=VERBS,
        when=ALWAYS,
        witness="takes-pause",
    ),
)
ANSWER_WITNESSES: tuple[Property, ...] = (
    Sometimes(name="takes-pause", claim="a job is paused", reached=ALWAYS, events=(PAUSE,)),
    Sometimes(name="takes-cancel", claim="a job is cancelled", reached=ALWAYS, events=(CANCEL,)),
)
ANSWERS: tuple[Property, ...] = (*_REFUSED, *_TAKEN)
