"""The modern lifecycle, its user's half: what each verb does, and when it is refused.

The checks stand in QEMU's order, and the first that fails answers: whether the user has paused the
job comes before the verb table for resume and soft cancel, and after it for pause.
"""

from __future__ import annotations

from blockjob_fsm.declaration import EventKind, Refusal, Rule
from blockjob_fsm.error_action import IoStatus
from blockjob_fsm.errors import (
    CannotAcceptVerb,
    CannotBeCompleted,
    CannotChange,
    ChangeNotImplemented,
    JobAlreadyPaused,
    JobNotFound,
    JobNotPaused,
    JobPaused,
    NegativeSpeed,
)
from blockjob_fsm.lifecycles.modern_entering import (
    ASLEEP,
    AWAKE,
    IDLE,
    SUSPENDED,
    unparks,
    wakes_asleep,
    wakes_idle,
)
from blockjob_fsm.lifecycles.modern_words import (
    ACTIVE,
    CANCEL,
    CANCEL_TIMER,
    CANCELLED,
    CHANGE,
    CHANGEABLE,
    COMPLETABLE,
    COMPLETE,
    DISMISS,
    DRAIN_BEGIN,
    DRAIN_END,
    DRAINS,
    EMIT_STATUS,
    FINALIZE,
    FINALIZE_ALL,
    GONE,
    IO_STATUS,
    IS_READY,
    NEW_SPEED,
    PAUSE,
    PAUSE_COUNT,
    RELEASE,
    RESUME,
    SET_LIMIT,
    SET_SPEED,
    SHOULD_COMPLETE,
    SOFT_CANCEL,
    SPEED,
    THERE,
    TO_WRITE_BLOCKING,
    USER_PAUSED,
    VERBS,
    WAKE,
    WORKING,
    WRITE_BLOCKING,
    Status,
)

#: verb -> the statuses whose check it passes, the specification's verb table
VERB_TABLE: dict[EventKind, tuple[Status, ...]] = {
    CANCEL: (*WORKING, Status.WAITING, Status.PENDING),
    SOFT_CANCEL: (*WORKING, Status.WAITING, Status.PENDING),
    PAUSE: WORKING,
    RESUME: WORKING,
    SET_SPEED: WORKING,
    COMPLETE: IS_READY,
    FINALIZE: (Status.PENDING,),
    DISMISS: (Status.CONCLUDED,),
    CHANGE: WORKING,
}


def _not_for(verb: EventKind) -> tuple[Status, ...]:
    return tuple(status for status in THERE if status not in VERB_TABLE[verb])


def _table(*verbs: EventKind, since: str = "") -> tuple[Refusal, ...]:
    why = "the verb is not for this status"
    return tuple(
        Refusal((verb,), _not_for(verb), CannotAcceptVerb, why, since=since) for verb in verbs
    )


REFUSALS = (
    Refusal(VERBS, GONE, JobNotFound, "there is no job to act on"),
    Refusal(
        (RESUME,),
        THERE,
        JobNotPaused,
        "only a pause of the user's own can be resumed; asked before the verb table is",
        when=~USER_PAUSED,
    ),
    Refusal(
        (SOFT_CANCEL,),
        THERE,
        JobPaused,
        "without force a paused job must be resumed first; asked before the verb table is",
        when=USER_PAUSED,
    ),
    *_table(CANCEL, SOFT_CANCEL, PAUSE, RESUME, SET_SPEED, COMPLETE, FINALIZE, DISMISS),
    *_table(CHANGE, since="8.2"),
    Refusal((PAUSE,), WORKING, JobAlreadyPaused, "a user's pause counts once", when=USER_PAUSED),
    Refusal(
        (SET_SPEED,),
        WORKING,
        NegativeSpeed,
        "a speed is bytes per second, 0 meaning no limit",
        when=NEW_SPEED.less_than(0),
        subject="speed",
    ),
    Refusal(
        (COMPLETE,),
        (Status.STANDBY,),
        CannotAcceptVerb,
        "before 6.0 a drain that parked the job made complete fail",
        until="6.0",
    ),
    Refusal(
        (COMPLETE,),
        IS_READY,
        CannotBeCompleted,
        "the job is cancelled already, or its type has no such step",
        when=CANCELLED | ~COMPLETABLE,
    ),
    Refusal(
        (COMPLETE,),
        (Status.READY,),
        CannotBeCompleted,
        "before 6.0 not while anybody, a drain too, has asked the job to pause",
        when=~PAUSE_COUNT.equals(0),
        until="6.0",
    ),
    Refusal(
        (CHANGE,),
        WORKING,
        CannotChange,
        "only a mirror has something to change",
        when=~CHANGEABLE,
        since="8.2",
    ),
    Refusal(
        (CHANGE,),
        WORKING,
        ChangeNotImplemented,
        "a mirror whose writes block can not be put back to the background",
        when=WRITE_BLOCKING & TO_WRITE_BLOCKING.equals(False),
        subject="background",
        since="8.2",
    ),
)

_PARKED = (Status.PAUSED, Status.STANDBY)

# ---- pause, resume and drains: all count

_COUNTED = PAUSE_COUNT.set(PAUSE_COUNT.plus(1))
_UNCOUNTED = PAUSE_COUNT.set(PAUSE_COUNT.plus(-1))
_PAUSED = (USER_PAUSED.on, _COUNTED)
_RESUMED = (USER_PAUSED.off, _UNCOUNTED, IO_STATUS.set(IoStatus.OK))
_DRAINED = (DRAINS.set(DRAINS.plus(1)), _COUNTED)
_UNDRAINED = (DRAINS.set(DRAINS.plus(-1)), _UNCOUNTED)
_LAST = PAUSE_COUNT.equals(1)
_IS_DRAINED = ~DRAINS.less_than(1)
_COUNT_ONLY = tuple(status for status in THERE if status not in (*ACTIVE, *_PARKED))
_PARKS_NOW = "a suspended job is woken, so that it parks now"

PAUSING = (
    Rule(
        (PAUSE,),
        (Status.CREATED, *_PARKED),
        None,
        "counted: a job that has not started, or that a drain has parked, stays where it is",
        sets=_PAUSED,
    ),
    Rule(
        (PAUSE,),
        ACTIVE,
        None,
        "counted: a busy job finds it at its next pause point, if it has one left",
        when=~SUSPENDED,
        sets=_PAUSED,
    ),
    wakes_asleep((PAUSE,), ACTIVE, _PARKS_NOW, sets=_PAUSED),
    wakes_idle((PAUSE,), ACTIVE, _PARKS_NOW, sets=_PAUSED),
    Rule(
        (RESUME,),
        (Status.CREATED,),
        None,
        "the pause of a job that has not started was only counted",
        sets=_RESUMED,
    ),
    Rule(
        (RESUME,),
        ACTIVE,
        None,
        "a job with a timer goes on when it fires; a busy one has nothing to be woken from",
        when=~(IDLE & _LAST),
        sets=_RESUMED,
    ),
    wakes_idle((RESUME,), ACTIVE, "no timer would wake it", when=_LAST, sets=_RESUMED),
    Rule((RESUME,), _PARKED, None, "a drain still wants it parked", when=~_LAST, sets=_RESUMED),
    *unparks((RESUME,), "the last reason to pause is gone", when=_LAST, sets=_RESUMED),
    Rule(
        (DRAIN_BEGIN,),
        (*_COUNT_ONLY, *_PARKED),
        None,
        "counted: a job that is parked, not started or over issues no I/O of its own",
        sets=_DRAINED,
    ),
    Rule(
        (DRAIN_BEGIN,),
        ACTIVE,
        None,
        "counted: whoever drains waits until a busy job has parked or ended",
        when=~SUSPENDED,
        sets=_DRAINED,
    ),
    wakes_asleep(
        (DRAIN_BEGIN,), ACTIVE, "a sleeping job is woken, so that it parks now", sets=_DRAINED
    ),
    wakes_idle(
        (DRAIN_BEGIN,), ACTIVE, "a waiting job is woken, so that it parks now", sets=_DRAINED
    ),
    Rule(
        (DRAIN_END,),
        (*_COUNT_ONLY, *ACTIVE),
        None,
        "each section counts for itself",
        when=_IS_DRAINED & ~(IDLE & _LAST),
        sets=_UNDRAINED,
    ),
    wakes_idle(
        (DRAIN_END,), ACTIVE, "no timer would wake it", when=_IS_DRAINED & _LAST, sets=_UNDRAINED
    ),
    Rule(
        (DRAIN_END,),
        _PARKED,
        None,
        "the user, or another section, still wants it parked",
        when=_IS_DRAINED & ~_LAST,
        sets=_UNDRAINED,
    ),
    *unparks(
        (DRAIN_END,), "the last reason to pause is gone", when=_IS_DRAINED & _LAST, sets=_UNDRAINED
    ),
)


# ---- the other verbs

_SLOWER = ~NEW_SPEED.equals(0) & ~SPEED.less_than(NEW_SPEED)
_SPEED_SET = (SPEED.set(NEW_SPEED),)
_WANTED = (SHOULD_COMPLETE.on,)
_LIMITED = "stored; a delay that runs already is cut short only by a faster limit, or none"

OTHERS = (
    Rule(
        (SET_SPEED,),
        (Status.CREATED, *_PARKED),
        None,
        "stored, for when the job goes on",
        sets=_SPEED_SET,
        does=(SET_LIMIT,),
    ),
    Rule(
        (SET_SPEED,),
        ACTIVE,
        None,
        _LIMITED,
        when=_SLOWER | ~ASLEEP,
        sets=_SPEED_SET,
        does=(SET_LIMIT,),
    ),
    Rule(
        (SET_SPEED,),
        ACTIVE,
        None,
        "a faster limit counts at once: the delay of the old one is cut short",
        when=~_SLOWER & ASLEEP,
        sets=(*_SPEED_SET, *AWAKE),
        does=(SET_LIMIT, CANCEL_TIMER, WAKE),
    ),
    Rule(
        (COMPLETE,),
        (Status.READY,),
        None,
        "remembered until the job is next clean; asking again changes nothing",
        when=~SUSPENDED,
        sets=_WANTED,
    ),
    wakes_asleep((COMPLETE,), (Status.READY,), "acted on now", sets=_WANTED),
    wakes_idle((COMPLETE,), (Status.READY,), "acted on now", sets=_WANTED),
    Rule(
        (COMPLETE,),
        (Status.STANDBY,),
        None,
        "remembered: whoever parked the job decides when it goes on",
        sets=_WANTED,
        since="6.0",
    ),
    Rule(
        (FINALIZE,),
        (Status.PENDING,),
        None,
        "finalizing one member finalizes its whole transaction",
        does=(FINALIZE_ALL,),
    ),
    Rule(
        (DISMISS,),
        (Status.CONCLUDED,),
        Status.NULL,
        "the user has seen the result, and the id is free",
        does=(EMIT_STATUS, RELEASE),
    ),
    Rule(
        (CHANGE,),
        WORKING,
        None,
        "guests' writes go to both sides from now on",
        sets=(WRITE_BLOCKING.become(TO_WRITE_BLOCKING.equals(True)),),
        since="8.2",
    ),
)

RULES_OF_VERBS = (*PAUSING, *OTHERS)
