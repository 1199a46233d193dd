"""The modern lifecycle, from the body's return on: completion, the transaction's steps, the end.

Which member of a transaction takes which of these steps when is not said here.
"""

from __future__ import annotations

from blockjob_fsm.declaration import Rule
from blockjob_fsm.guards import Choose, Constant, Flag
from blockjob_fsm.lifecycles.modern_entering import RETURNED
from blockjob_fsm.lifecycles.modern_words import (
    ABORT,
    ABORT_ALL,
    ACTIVE,
    AUTO_DISMISS,
    AUTO_DISMISSAL,
    AUTO_FINALIZE,
    BLOCK_JOB,
    BUSY,
    CALL_BACK,
    CLEAN,
    COMMIT,
    COMPLETION,
    CONCLUDE,
    ECANCELED,
    EMIT_CANCELLED,
    EMIT_COMPLETED,
    EMIT_PENDING,
    EMIT_STATUS,
    HOLDS_DRAIN,
    PAUSE_COUNT,
    PEND,
    PIVOT,
    PLACE,
    PREPARE,
    PREPARED,
    RELEASE,
    RESULT,
    RET,
    REVISE,
    SHOULD_COMPLETE,
    SUCCEEDED,
    UNDRAIN,
    Place,
    Status,
)

_UNSTARTED = PLACE.equals(Place.UNSTARTED)
_VISIBLE = BLOCK_JOB & ~_UNSTARTED
_SUCCESS = RESULT.equals(0)
_UNFINISHED = (Status.WAITING, Status.PENDING)
_DROPPED = (
    HOLDS_DRAIN.off,
    PAUSE_COUNT.set(Choose(HOLDS_DRAIN, PAUSE_COUNT.plus(-1), PAUSE_COUNT)),
)

SETTLING = (
    Rule(
        (PEND,),
        (Status.WAITING,),
        Status.PENDING,
        "the last member has succeeded; nobody is asked before this one is finalized",
        when=AUTO_FINALIZE | ~BLOCK_JOB,
        does=(EMIT_STATUS,),
    ),
    Rule(
        (PEND,),
        (Status.WAITING,),
        Status.PENDING,
        "the last member has succeeded; the user is told that this one waits for him",
        when=~AUTO_FINALIZE & BLOCK_JOB,
        does=(EMIT_STATUS, EMIT_PENDING),
    ),
    Rule(
        (PREPARE,),
        (Status.PENDING,),
        None,
        "what could fail has not failed",
        when=~PREPARED & _SUCCESS & ~SHOULD_COMPLETE,
        sets=(PREPARED.on, *_DROPPED),
        does=(UNDRAIN,),
    ),
    Rule(
        (PREPARE,),
        (Status.PENDING,),
        None,
        "what could fail has not failed, and completion was asked for",
        when=~PREPARED & _SUCCESS & SHOULD_COMPLETE,
        sets=(PREPARED.on, *_DROPPED),
        does=(PIVOT, UNDRAIN),
    ),
    Rule(
        (PREPARE,),
        (Status.PENDING,),
        Status.ABORTING,
        "finalizing was accepted, and failed: events and queries tell",
        when=~PREPARED & ~_SUCCESS,
        sets=(RET.set(RESULT), *_DROPPED),
        does=(UNDRAIN, EMIT_STATUS, ABORT_ALL),
    ),
    Rule(
        (AUTO_DISMISSAL,),
        (Status.CONCLUDED,),
        Status.NULL,
        "nobody wants to see the result, or there never was a job to see",
        when=AUTO_DISMISS | _UNSTARTED,
        does=(EMIT_STATUS, RELEASE),
    ),
)

_ENDS_BADLY = (ABORT, UNDRAIN, CLEAN, CALL_BACK)


_COMPLETED = (PLACE.set(Place.COMPLETED), BUSY.off)
_NOT_SUCCEEDED = RET.set(Choose(RET.equals(0), Constant(ECANCELED), RET))


def completing(is_cancelled: Flag) -> tuple[Rule, ...]:
    """The completion, and what becomes of a success once a sibling has failed."""
    return (
        Rule(
            (COMPLETION,),
            ACTIVE,
            Status.ABORTING,
            "failed, or cancelled: a cancelled job has not succeeded, whatever its body says",
            when=RETURNED & (is_cancelled | ~RET.equals(0)),
            sets=(*_COMPLETED, _NOT_SUCCEEDED),
            does=(EMIT_STATUS, ABORT_ALL),
        ),
        Rule(
            (COMPLETION,),
            ACTIVE,
            Status.WAITING,
            "succeeded, as far as this member goes",
            when=RETURNED & ~is_cancelled & RET.equals(0),
            sets=_COMPLETED,
            does=(EMIT_STATUS, SUCCEEDED),
        ),
        Rule(
            (COMPLETION,),
            (Status.CREATED,),
            Status.ABORTING,
            "cancelled before it started",
            when=is_cancelled,
            sets=(_NOT_SUCCEEDED,),
            does=(EMIT_STATUS, ABORT_ALL),
        ),
        Rule(
            (REVISE,),
            _UNFINISHED,
            Status.ABORTING,
            "it had succeeded, and was cancelled with its siblings",
            when=is_cancelled,
            sets=(_NOT_SUCCEEDED,),
            does=(EMIT_STATUS,),
        ),
    )


def succeeding(is_cancelled: Flag) -> tuple[Rule, ...]:
    """Finalizing a success."""
    good = PREPARED & ~is_cancelled
    return (
        Rule(
            (CONCLUDE,),
            (Status.PENDING,),
            Status.CONCLUDED,
            "success: the driver's work comes first, then the event",
            when=good & BLOCK_JOB,
            does=(COMMIT, CLEAN, CALL_BACK, EMIT_COMPLETED, EMIT_STATUS),
        ),
        Rule(
            (CONCLUDE,),
            (Status.PENDING,),
            Status.CONCLUDED,
            "success of a job that is no block job has no event of its own",
            when=good & ~BLOCK_JOB,
            does=(COMMIT, CLEAN, CALL_BACK, EMIT_STATUS),
        ),
    )


def failing(is_cancelled: Flag) -> tuple[Rule, ...]:
    """Finalizing a failure or a cancelled job."""
    return (
        Rule(
            (CONCLUDE,),
            (Status.ABORTING,),
            Status.CONCLUDED,
            "failed: the event carries the error",
            when=_VISIBLE & ~is_cancelled,
            sets=_DROPPED,
            does=(*_ENDS_BADLY, EMIT_COMPLETED, EMIT_STATUS),
        ),
        Rule(
            (CONCLUDE,),
            (Status.ABORTING,),
            Status.CONCLUDED,
            "cancelled, even if its own code failed on the way",
            when=_VISIBLE & is_cancelled,
            sets=_DROPPED,
            does=(*_ENDS_BADLY, EMIT_CANCELLED, EMIT_STATUS),
        ),
        Rule(
            (CONCLUDE,),
            (Status.ABORTING,),
            Status.CONCLUDED,
            "no event for what never started, or is no block job; neither ever holds a section",
            when=~_VISIBLE,
            does=(ABORT, CLEAN, CALL_BACK, EMIT_STATUS),
        ),
    )
