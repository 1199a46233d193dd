"""What steps of a modern job do besides: who is entered, what is stored, and who may take them.

Each is the one effect without which a row would do harm that no state shows: a coroutine that is
woken only in the books, a limit that is only stored. The number in a name is the invariant of the
specification that the claim is about.
"""

from __future__ import annotations

from blockjob_fsm.error_action import ErrorAction, IoStatus
from blockjob_fsm.errors import CannotChange, ChangeNotImplemented
from blockjob_fsm.lifecycles.modern_words import (
    ABORT_ALL,
    ACTION,
    CANCEL,
    CANCELLED,
    CHANGE,
    CHANGEABLE,
    CLEAN,
    COMPLETABLE,
    COMPLETE,
    COMPLETION,
    DISCARD,
    DRAIN_BEGIN,
    DROP_DRAIN,
    EMIT_ERROR,
    ERROR,
    FORCE_CANCELLED,
    HOLD_DRAIN,
    HOLDS_DRAIN,
    IN_STEP,
    IO_DONE,
    IO_ERROR,
    IO_STATUS,
    NEW_SPEED,
    PAUSE,
    PAUSE_COUNT,
    PLACE,
    RELEASE,
    RESULT,
    RET,
    RETURN,
    SET_LIMIT,
    SET_SPEED,
    SLEEP,
    SOFT_CANCEL,
    SPEED,
    START,
    STATUS,
    SUBMIT,
    SUCCEEDED,
    TO_WRITE_BLOCKING,
    USER_PAUSED,
    WAKE,
    WORKING,
    WRITE_BLOCKING,
    Place,
    Status,
)
from blockjob_fsm.properties.modern_states import CHANGING, RETURNED, at_place, in_status
from blockjob_fsm.properties.words import Accepts, AlwaysStep, Old, Property, Refuses, unchanged

_STOPS = ACTION.equals(ErrorAction.STOP)
_ALL_WELL = IO_STATUS.equals(IoStatus.OK)
_RESTS = at_place(Place.ASLEEP, Place.IDLE)
_AT_WORK = in_status(*WORKING)
_BACK = WRITE_BLOCKING & TO_WRITE_BLOCKING.equals(False)
_FASTER = NEW_SPEED.equals(0) | SPEED.less_than(NEW_SPEED)

_ENTRIES: tuple[Property, ...] = (
    AlwaysStep(
        name="16-begins",
        claim="a job that is started, or whose I/O has ended, is entered",
        events=(START, IO_DONE),
        does=(WAKE,),
        witness="starts",
    ),
    AlwaysStep(
        name="16-parks-now",
        claim="who sleeps or waits is entered by a pause and by a section, so that it parks now",
        events=(PAUSE, DRAIN_BEGIN),
        before=_RESTS,
        does=(WAKE,),
        witness="resumes-parked",
    ),
    AlwaysStep(
        name="16-faster",
        claim="a faster limit enters whoever sleeps for the old one",
        events=(SET_SPEED,),
        before=PLACE.equals(Place.ASLEEP) & _FASTER,
        does=(WAKE,),
        witness="limits-parked",
    ),
    AlwaysStep(
        name="8-now",
        claim="who sleeps or waits is entered when it is asked to complete",
        events=(COMPLETE,),
        before=_RESTS,
        does=(WAKE,),
        witness="completes",
    ),
    AlwaysStep(
        name="17-at-once",
        claim="who would sleep where a pause is wanted comes to a pause point at once",
        events=(SLEEP,),
        before=~PAUSE_COUNT.equals(0) & ~CANCELLED,
        after=PLACE.equals(Place.WOKEN),
        witness="parks",
    ),
    AlwaysStep(
        name="17-sleeps",
        claim="where nobody wants a pause whoever would sleep does",
        events=(SLEEP,),
        before=PAUSE_COUNT.equals(0) & ~CANCELLED,
        after=_RESTS,
        witness="sleeps",
    ),
    AlwaysStep(
        name="14-own",
        claim="what a job's own code does it does where it runs",
        events=(SUBMIT, SLEEP, ERROR, IN_STEP, HOLD_DRAIN, DROP_DRAIN, RETURN),
        after=Old(PLACE).equals(Place.RUNNING),
        witness="starts",
    ),
)
_ERRORS: tuple[Property, ...] = (
    AlwaysStep(
        name="41-first",
        claim="the first error that stops stays in the io-status, and asks for a pause",
        events=(ERROR,),
        before=_STOPS & _ALL_WELL,
        after=IO_STATUS.equals(IO_ERROR) & USER_PAUSED,
        does=(EMIT_ERROR,),
        witness="stops",
    ),
    AlwaysStep(
        name="41-later",
        claim="later ones leave it there",
        events=(ERROR,),
        before=_STOPS & ~_ALL_WELL,
        after=unchanged(IO_STATUS),
        does=(EMIT_ERROR,),
        witness="stops-twice",
    ),
)
_CANCELS: tuple[Property, ...] = (
    AlwaysStep(
        name="7-cancel",
        claim="a cancel with force forces, whatever the job is doing",
        events=(CANCEL,),
        after=FORCE_CANCELLED & CANCELLED,
        witness="forced",
    ),
    AlwaysStep(
        name="7-asked",
        claim="a soft cancel is remembered, but by whoever has returned in step",
        events=(SOFT_CANCEL,),
        before=~(RETURNED & STATUS.equals(Status.READY)),
        after=CANCELLED,
        witness="takes-cancel",
    ),
    AlwaysStep(
        name="44-abort-all",
        claim="a forced cancel after the body's return aborts the whole transaction",
        events=(CANCEL,),
        before=RETURNED | in_status(Status.WAITING, Status.PENDING),
        does=(ABORT_ALL,),
        witness="returned",
    ),
    AlwaysStep(
        name="44-abort-all-too",
        claim="and so does a soft one of what never was in step",
        events=(SOFT_CANCEL,),
        before=RETURNED & STATUS.equals(Status.RUNNING),
        does=(ABORT_ALL,),
        witness="returned",
    ),
)
_STORED: tuple[Property, ...] = (
    AlwaysStep(
        name="40-stored",
        claim="a speed is stored, and the limiter told",
        events=(SET_SPEED,),
        after=SPEED.equals(NEW_SPEED),
        does=(SET_LIMIT,),
        witness="limits-parked",
    ),
    AlwaysStep(
        name="5-kept",
        claim="the body's result is the job's",
        events=(RETURN,),
        after=RET.equals(RESULT),
        witness="returned",
    ),
    AlwaysStep(
        name="27-told",
        claim="the transaction is told of a member that has succeeded",
        events=(COMPLETION,),
        before=RETURNED & RET.equals(0) & ~CANCELLED,
        does=(SUCCEEDED,),
        witness="succeeds",
    ),
    AlwaysStep(
        name="24-discarded",
        claim="what is refused after it was made is cleaned up and freed",
        events=(DISCARD,),
        does=(CLEAN, RELEASE),
        witness="starts",
    ),
    AlwaysStep(
        name="35-completable",
        claim="only what can be completed gets in step",
        events=(IN_STEP,),
        after=COMPLETABLE,
        witness="starts",
    ),
    AlwaysStep(
        name="36-no-sleep",
        claim="nobody sleeps while it holds a section, not even for no time",
        events=(SLEEP,),
        after=~HOLDS_DRAIN,
        witness="starts",
    ),
    AlwaysStep(
        name="36-own",
        claim="nobody ends a section that it does not hold",
        events=(DROP_DRAIN,),
        after=Old(HOLDS_DRAIN).equals(True),
        witness="starts",
    ),
)
_CHANGES: tuple[Property, ...] = (
    Refuses(
        name="change-other",
        claim="nothing but a mirror can be changed",
        events=(CHANGE,),
        when=_AT_WORK & ~CHANGEABLE,
        error=CannotChange,
        witness="takes-pause",
        only=CHANGING,
    ),
    Refuses(
        name="change-back",
        claim="a mirror whose writes block cannot be put back",
        events=(CHANGE,),
        when=_AT_WORK & CHANGEABLE & _BACK,
        error=ChangeNotImplemented,
        witness="writes-block",
        only=CHANGING,
    ),
    Accepts(
        name="change-taken",
        claim="any other change of a mirror is taken",
        events=(CHANGE,),
        when=_AT_WORK & CHANGEABLE & ~_BACK,
        witness="writes-block",
        only=CHANGING,
    ),
    AlwaysStep(
        name="change-done",
        claim="what is asked for is done: writes block from then on, or do not yet",
        events=(CHANGE,),
        after=WRITE_BLOCKING.equals(TO_WRITE_BLOCKING),
        witness="writes-block",
        only=CHANGING,
    ),
)
EFFECTS: tuple[Property, ...] = (*_ENTRIES, *_ERRORS, *_CANCELS, *_STORED, *_CHANGES)
