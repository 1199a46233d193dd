"""The modern lifecycle: cancel, soft and forced, of one job and of its siblings.

A cancel is forced if the user says so, if the job's type knows no other (all but mirror and active
commit), or if the job is not ready. Only what is left is a soft cancel: a request to end a ready
job as it is, in step with its source, without a switch to the target.
"""

from __future__ import annotations

from blockjob_fsm.declaration import Rule
from blockjob_fsm.error_action import IoStatus
from blockjob_fsm.guards import Choose, Constant
from blockjob_fsm.lifecycles.modern_entering import (
    RETURNED,
    SUSPENDED,
    unparks_ready,
    unparks_running,
    wakes_asleep,
    wakes_idle,
)
from blockjob_fsm.lifecycles.modern_words import (
    ABORT_ALL,
    ACTIVE,
    CANCEL,
    CANCELLED,
    COMPLETE_NOW,
    FORCE_CANCELLED,
    IO_STATUS,
    IS_READY,
    KICK,
    PAUSE_COUNT,
    SIBLING_CANCEL,
    SOFT_CANCEL,
    THERE,
    USER_PAUSED,
    Status,
)

# A user's pause is undone, its io-status first; the count goes down with it.
_UNPAUSED = (
    USER_PAUSED.off,
    PAUSE_COUNT.set(Choose(USER_PAUSED, PAUSE_COUNT.plus(-1), PAUSE_COUNT)),
    IO_STATUS.set(Choose(USER_PAUSED, Constant(IoStatus.OK), IO_STATUS)),
)
_FORCED = (*_UNPAUSED, CANCELLED.on, FORCE_CANCELLED.on)
_ASKED = (*_UNPAUSED, CANCELLED.on)
_BOTH = (CANCEL, SOFT_CANCEL)
_RUNNING, _READY = (Status.RUNNING,), (Status.READY,)
_UNFINISHED = (Status.WAITING, Status.PENDING)

_AT_NEXT = "a busy job finds it at its next sleep or pause point"
_AT_ONCE = "a suspended job is entered: nothing else would end it soon"
_UNPARK = "cancelling undoes a pause, and leaves the park whoever else wants it"
_TOO_LATE = "its body has returned: what is left to cancel is the transaction"

CANCELLING = (
    Rule(
        _BOTH,
        (Status.CREATED,),
        None,
        "a job that never started completes at once",
        sets=_FORCED,
        does=(COMPLETE_NOW,),
    ),
    # forced
    Rule(_BOTH, _RUNNING, None, _AT_NEXT, when=~SUSPENDED & ~RETURNED, sets=_FORCED),
    wakes_asleep(_BOTH, _RUNNING, _AT_ONCE, sets=_FORCED),
    wakes_idle(_BOTH, _RUNNING, _AT_ONCE, sets=_FORCED),
    unparks_running(_BOTH, _UNPARK, sets=_FORCED),
    Rule((CANCEL,), _READY, None, _AT_NEXT, when=~SUSPENDED & ~RETURNED, sets=_FORCED),
    wakes_asleep((CANCEL,), _READY, _AT_ONCE, sets=_FORCED),
    wakes_idle((CANCEL,), _READY, _AT_ONCE, sets=_FORCED),
    unparks_ready((CANCEL,), _UNPARK, sets=_FORCED),
    Rule(_BOTH, _RUNNING, None, _TOO_LATE, when=RETURNED, sets=_FORCED, does=(ABORT_ALL,)),
    Rule((CANCEL,), _READY, None, _TOO_LATE, when=RETURNED, sets=_FORCED, does=(ABORT_ALL,)),
    Rule(
        _BOTH,
        _UNFINISHED,
        None,
        "whoever has not been finalized can be cancelled, and all its siblings with it",
        sets=_FORCED,
        does=(ABORT_ALL,),
    ),
    # soft
    Rule((SOFT_CANCEL,), _READY, None, _AT_NEXT, when=~SUSPENDED & ~RETURNED, sets=_ASKED),
    wakes_asleep((SOFT_CANCEL,), _READY, _AT_ONCE, sets=_ASKED),
    wakes_idle((SOFT_CANCEL,), _READY, _AT_ONCE, sets=_ASKED),
    unparks_ready((SOFT_CANCEL,), "a drain's park is left, for the wish to be seen", sets=_ASKED),
    Rule(
        (SOFT_CANCEL,),
        _READY,
        None,
        "its body has returned in step: it ends as was asked, if not for this reason",
        when=RETURNED,
        since="6.2",
    ),
    Rule(
        (SOFT_CANCEL,),
        _READY,
        None,
        "before 6.2 a cancel in this window turned a finished mirror into a cancelled one",
        when=RETURNED,
        sets=_ASKED,
        does=(ABORT_ALL,),
        until="6.2",
    ),
    # a sibling's
    Rule(
        (SIBLING_CANCEL,),
        (Status.CREATED, Status.RUNNING, Status.PAUSED, *_UNFINISHED),
        None,
        "one member's failure is the failure of all",
        sets=_FORCED,
    ),
    Rule(
        (SIBLING_CANCEL,),
        IS_READY,
        None,
        "one member's failure is the failure of all, a ready mirror's too",
        sets=_FORCED,
        since="6.2",
    ),
    Rule(
        (SIBLING_CANCEL,),
        IS_READY,
        None,
        "before 6.2 a ready sibling was asked softly, and went on copying",
        sets=_ASKED,
        until="6.2",
    ),
    # whoever waits for the end keeps entering
    Rule(
        (KICK,),
        tuple(s for s in THERE if s not in (Status.PAUSED, Status.STANDBY)),
        None,
        "a busy job, or one that is not there to be entered, is left alone",
        when=~SUSPENDED,
    ),
    wakes_asleep((KICK,), ACTIVE, "whoever waits for its end enters it"),
    wakes_idle((KICK,), ACTIVE, "whoever waits for its end enters it"),
    unparks_running((KICK,), "whoever waits for its end enters it"),
    unparks_ready((KICK,), "whoever waits for its end enters it"),
)
