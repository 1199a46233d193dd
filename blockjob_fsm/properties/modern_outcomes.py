"""How modern jobs are cancelled, completed and ended: what is true of the steps that do it.

The number in a name is the invariant of the specification that the claim is about.
"""

from __future__ import annotations

from blockjob_fsm.error_action import ErrorAction, IoStatus
from blockjob_fsm.guards import Flag
from blockjob_fsm.lifecycles.modern_words import (
    ABORT,
    ACTION,
    AUTO_FINALIZE,
    BLOCK_JOB,
    CANCEL,
    CANCELLED,
    CLEAN,
    COMMIT,
    COMPLETE,
    COMPLETION,
    CONCLUDE,
    DRAIN_BEGIN,
    DRAIN_END,
    DROP_DRAIN,
    EMIT_CANCELLED,
    EMIT_COMPLETED,
    EMIT_ERROR,
    EMIT_PENDING,
    ERROR,
    EVENTS,
    FORCE_CANCELLED,
    HOLD_DRAIN,
    HOLDS_DRAIN,
    IO_STATUS,
    MIRRORS,
    PAUSE,
    PAUSE_COUNT,
    PAUSE_POINT,
    PEND,
    PIVOT,
    PLACE,
    PREPARE,
    RESULT,
    RESUME,
    RET,
    RETURN,
    SHOULD_COMPLETE,
    SIBLING_CANCEL,
    SLEEP,
    SOFT_CANCEL,
    STATUS,
    UNDRAIN,
    USER_PAUSED,
    WRITE_BLOCKING,
    Place,
    Status,
)
from blockjob_fsm.properties.modern_states import (
    ASKED_TO_END,
    BEFORE_SPLIT,
    CHANGING,
    RETURNED,
    SINCE_SPLIT,
    SOFTLY,
    VISIBLE,
    in_status,
)
from blockjob_fsm.properties.words import AlwaysStep, Old, Property, unchanged

_CANCELS = (CANCEL, SOFT_CANCEL)
_STOPS = ACTION.equals(ErrorAction.STOP)

_FLAGS: tuple[Property, ...] = (
    AlwaysStep(
        name="6-force-kept",
        claim="a forced cancel is never taken back",
        before=FORCE_CANCELLED,
        after=FORCE_CANCELLED,
        witness="forced",
    ),
    AlwaysStep(
        name="6-kept",
        claim="a cancel is never taken back",
        before=CANCELLED,
        after=CANCELLED,
        witness="forced",
    ),
    AlwaysStep(
        name="7-soft",
        claim="a soft cancel of a ready job forces nothing",
        events=(SOFT_CANCEL,),
        before=in_status(Status.READY, Status.STANDBY),
        after=unchanged(FORCE_CANCELLED),
        witness="softly",
    ),
    AlwaysStep(
        name="7-forced",
        claim="a soft cancel of a job that is not ready is a forced one",
        events=(SOFT_CANCEL,),
        before=~in_status(Status.READY, Status.STANDBY),
        after=FORCE_CANCELLED,
        witness="forced",
    ),
    AlwaysStep(
        name="7-ends-well",
        claim="a job that was cancelled softly and ends in step succeeds",
        events=(COMPLETION,),
        before=SOFTLY & RET.equals(0),
        after=STATUS.equals(Status.WAITING),
        witness="softly",
        only=SINCE_SPLIT,
    ),
    AlwaysStep(
        name="8-complete",
        claim="completion that was accepted is remembered",
        events=(COMPLETE,),
        after=SHOULD_COMPLETE,
        witness="completes",
    ),
    AlwaysStep(
        name="8-remembered",
        claim="completion that was asked for stays so",
        before=SHOULD_COMPLETE,
        after=SHOULD_COMPLETE,
        witness="completes",
    ),
    AlwaysStep(
        name="22-resume",
        claim="a resume acknowledges the error",
        events=(RESUME,),
        after=IO_STATUS.equals(IoStatus.OK) & ~USER_PAUSED,
        witness="resumes-stopped",
    ),
    AlwaysStep(
        name="22-cancel",
        claim="a cancel undoes the user's pause, and acknowledges the error",
        events=(*_CANCELS, SIBLING_CANCEL),
        before=USER_PAUSED & ~RETURNED,
        after=IO_STATUS.equals(IoStatus.OK) & ~USER_PAUSED,
        witness="cancels-stopped",
    ),
    AlwaysStep(
        name="41-stop",
        claim="an error that stops pauses as the user would, however many there are",
        events=(ERROR,),
        before=_STOPS & USER_PAUSED,
        after=unchanged(PAUSE_COUNT) & USER_PAUSED,
        does=(EMIT_ERROR,),
        witness="stops-twice",
    ),
    AlwaysStep(
        name="41-pass",
        claim="an error that does not stop changes nothing",
        events=(ERROR,),
        before=~_STOPS,
        after=unchanged(PAUSE_COUNT) & unchanged(USER_PAUSED) & unchanged(IO_STATUS),
        does=(EMIT_ERROR,),
        witness="passes",
    ),
    AlwaysStep(
        name="44-soft-late",
        claim="a soft cancel of a ready job whose body has returned changes nothing",
        events=(SOFT_CANCEL,),
        before=RETURNED & STATUS.equals(Status.READY),
        after=unchanged(CANCELLED) & unchanged(FORCE_CANCELLED),
        witness="soft-late",
    ),
    AlwaysStep(
        name="44-force-late",
        claim="a forced cancel of a job whose body has returned is the end of its transaction",
        events=(CANCEL,),
        before=RETURNED,
        after=FORCE_CANCELLED & RETURNED,
        witness="returned",
    ),
    AlwaysStep(
        name="44-pause-late",
        claim="pause and resume in that window only count",
        events=(PAUSE, RESUME, DRAIN_BEGIN, DRAIN_END),
        before=RETURNED,
        after=unchanged(STATUS) & unchanged(PLACE) & unchanged(RET),
        witness="late-pause",
    ),
)


def _of_cancelled(is_cancelled: Flag, only: tuple[str, ...]) -> tuple[Property, ...]:
    """What a release makes of the flag that it calls cancelled."""
    return (
        AlwaysStep(
            name="20-no-sleep",
            claim="a cancelled job does not sleep",
            events=(SLEEP,),
            before=is_cancelled,
            after=PLACE.equals(Place.RUNNING),
            witness="cancelled-sleeps",
            only=only,
        ),
        AlwaysStep(
            name="20-no-park",
            claim="a cancelled job does not park",
            events=(PAUSE_POINT,),
            before=is_cancelled,
            after=PLACE.equals(Place.RUNNING),
            witness="forced",
            only=only,
        ),
        AlwaysStep(
            name="20-ends",
            claim="a cancelled job has not succeeded, whatever its body says",
            events=(COMPLETION,),
            before=is_cancelled,
            after=STATUS.equals(Status.ABORTING) & ~RET.equals(0),
            witness="forced",
            only=only,
        ),
    )


def _told_of_cancelled(is_cancelled: Flag, only: tuple[str, ...]) -> tuple[Property, ...]:
    """Which event tells of the end, by the flag that a release calls cancelled."""
    return (
        AlwaysStep(
            name="5-cancelled",
            claim="that a job was cancelled is told exactly of those that were",
            events=(CONCLUDE,),
            before=VISIBLE & is_cancelled,
            does=(EMIT_CANCELLED,),
            never=(EMIT_COMPLETED,),
            witness="told-cancelled",
            only=only,
        ),
        AlwaysStep(
            name="5-completed",
            claim="of all others it is told that they completed",
            events=(CONCLUDE,),
            before=VISIBLE & ~is_cancelled,
            does=(EMIT_COMPLETED,),
            never=(EMIT_CANCELLED,),
            witness="told",
            only=only,
        ),
    )


_ENDS: tuple[Property, ...] = (
    AlwaysStep(
        name="20-only-then",
        claim="a body that succeeds, and is not cancelled at all, has succeeded",
        events=(COMPLETION,),
        before=~CANCELLED & RET.equals(0),
        after=STATUS.equals(Status.WAITING) & RET.equals(0),
        witness="succeeds",
    ),
    AlwaysStep(
        name="24-prepare",
        claim="only a job that has succeeded so far is prepared",
        events=(PREPARE,),
        after=Old(RET).equals(0) & Old(STATUS).equals(Status.PENDING),
        witness="prepared",
    ),
    AlwaysStep(
        name="24-commit",
        claim="a success commits",
        events=(CONCLUDE,),
        before=STATUS.equals(Status.PENDING),
        does=(COMMIT, CLEAN),
        never=(ABORT,),
        witness="committed",
    ),
    AlwaysStep(
        name="24-abort",
        claim="a failure aborts",
        events=(CONCLUDE,),
        before=~STATUS.equals(Status.PENDING),
        does=(ABORT, CLEAN),
        never=(COMMIT,),
        witness="aborted",
    ),
    AlwaysStep(
        name="30-told",
        claim="a block job that is not finalized by itself says so when it is pending",
        events=(PEND,),
        before=~AUTO_FINALIZE & BLOCK_JOB,
        does=(EMIT_PENDING,),
        witness="manual",
    ),
    AlwaysStep(
        name="30-not-told",
        claim="no other says so",
        events=EVENTS,
        before=AUTO_FINALIZE | ~BLOCK_JOB,
        never=(EMIT_PENDING,),
        witness="automatic",
    ),
    AlwaysStep(
        name="8-pivot",
        claim="who was asked to complete moves its users to the target when prepared",
        events=(PREPARE,),
        before=SHOULD_COMPLETE & RESULT.equals(0),
        does=(PIVOT,),
        witness="pivots",
    ),
    AlwaysStep(
        name="8-no-pivot",
        claim="who was not asked to complete leaves its users where they are",
        events=EVENTS,
        before=~SHOULD_COMPLETE,
        never=(PIVOT,),
        witness="softly",
    ),
    AlwaysStep(
        name="36-kept",
        claim="the section that a job holds stays until its graph changes",
        events=tuple(k for k in EVENTS if k not in (DROP_DRAIN, PREPARE, CONCLUDE)),
        before=HOLDS_DRAIN,
        after=HOLDS_DRAIN,
        never=(UNDRAIN,),
        witness="holds",
    ),
    AlwaysStep(
        name="36-ends",
        claim="a mirror succeeds only while guests are kept out",
        events=(RETURN,),
        before=MIRRORS & RESULT.equals(0),
        after=HOLDS_DRAIN,
        witness="holds",
    ),
    AlwaysStep(
        name="36-asked",
        claim="only a mirror takes a section of its own, and only if it is asked to end",
        events=(HOLD_DRAIN,),
        after=ASKED_TO_END & MIRRORS,
        witness="starts",
    ),
    AlwaysStep(
        name="36-dropped",
        claim="when it is dropped guests go on",
        events=(DROP_DRAIN, PREPARE, CONCLUDE),
        before=HOLDS_DRAIN,
        after=~HOLDS_DRAIN,
        does=(UNDRAIN,),
        witness="holds",
    ),
    AlwaysStep(
        name="kind",
        claim="what sort of job it is never changes",
        after=unchanged(BLOCK_JOB) & unchanged(AUTO_FINALIZE),
        witness="starts",
    ),
)
_WRITES: tuple[Property, ...] = (
    AlwaysStep(
        name="change-kept",
        claim="a mirror whose writes block is never put back",
        before=WRITE_BLOCKING,
        after=WRITE_BLOCKING,
        witness="writes-block",
        only=CHANGING,
    ),
)

OUTCOMES: tuple[Property, ...] = (
    *_FLAGS,
    *_of_cancelled(CANCELLED, BEFORE_SPLIT),
    *_of_cancelled(FORCE_CANCELLED, SINCE_SPLIT),
    *_told_of_cancelled(CANCELLED, BEFORE_SPLIT),
    *_told_of_cancelled(FORCE_CANCELLED, SINCE_SPLIT),
    *_ENDS,
    *_WRITES,
)
