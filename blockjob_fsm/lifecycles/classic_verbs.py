"""The 2012 lifecycle, its user's half: what each verb does, and when it is refused.

QEMU tests in a fixed order and answers with the first test that fails, so the refusals of a verb
stand here in that order.
"""

from __future__ import annotations

from blockjob_fsm.declaration import Refusal, Rule
from blockjob_fsm.error_action import IoStatus
from blockjob_fsm.errors import (
    CannotComplete,
    DeviceInUse,
    DeviceNotActive,
    InvalidParameter,
    JobPaused,
    NotSupported,
)
from blockjob_fsm.lifecycles.classic_words import (
    BACKING_OPENED,
    BUSY,
    BUSY_PHASES,
    CANCEL,
    CANCEL_TIMER,
    CANCELLED,
    CLAIM,
    COMPLETABLE,
    COMPLETE,
    CREATE,
    DECIDED,
    ENTERABLE,
    IN_USE,
    IO_STATUS,
    IOSTATUS_RESET,
    LIVE,
    NEW_SPEED,
    OPEN_BACKING,
    OVER,
    PAUSE,
    PAUSED,
    QEMU_1_3,
    RESET_TARGET,
    RESUME,
    SAFE,
    SET_LIMIT,
    SET_SPEED,
    SETTABLE,
    SHOULD_COMPLETE,
    SPEED,
    SYNCED,
    USER_CANCEL,
    WAKE,
    Phase,
)

_VERBS = (SET_SPEED, PAUSE, RESUME, CANCEL, USER_CANCEL, COMPLETE, IOSTATUS_RESET)
_RESUMED = (PAUSED.off, IO_STATUS.set(IoStatus.OK))
_CANCELLED = (*_RESUMED, CANCELLED.become(~DECIDED))
_ASKED_TO_COMPLETE = (*_RESUMED, SHOULD_COMPLETE.on)
REFUSALS = (
    # create: QEMU's checks in their order
    Refusal(
        (CREATE,),
        (Phase.ABSENT, *LIVE),
        DeviceInUse,
        "one job, or one other user, per device",
        when=IN_USE,
    ),
    Refusal(
        (CREATE,),
        (Phase.ABSENT,),
        NotSupported,
        "a limit needs a job type that can be limited",
        when=~NEW_SPEED.equals(0) & ~SETTABLE,
    ),
    Refusal(
        (CREATE,),
        (Phase.ABSENT,),
        InvalidParameter,
        "a limit is bytes per second, 0 meaning none",
        when=NEW_SPEED.less_than(0),
        subject="speed",
    ),
    Refusal(
        (CLAIM,),
        (Phase.ABSENT, *LIVE),
        DeviceInUse,
        "a second user is told so; QEMU 1.3 crashes on an assertion instead",
        when=IN_USE,
        only=(SAFE,),
    ),
    # verbs on a device without a job
    Refusal(_VERBS, OVER, DeviceNotActive, "there is no job to act on"),
    Refusal((SET_SPEED,), LIVE, NotSupported, "this job type cannot be limited", when=~SETTABLE),
    Refusal(
        (SET_SPEED,),
        LIVE,
        InvalidParameter,
        "a speed is bytes per second, 0 meaning no limit",
        when=NEW_SPEED.less_than(0),
        subject="speed",
    ),
    Refusal(
        (USER_CANCEL,),
        (*BUSY_PHASES, *ENTERABLE),
        JobPaused,
        "without force a paused job must be resumed first, so that no error stop goes unseen",
        when=PAUSED,
    ),
    Refusal(
        (COMPLETE,),
        LIVE,
        CannotComplete,
        "completion is for a running job of a type that knows how",
        when=PAUSED | CANCELLED | ~COMPLETABLE,
    ),
    Refusal(
        (COMPLETE,),
        (Phase.PARKED, Phase.LEAVING, Phase.ENDING),
        CannotComplete,
        "the job is parked, or already on its way out",
    ),
    Refusal(
        (COMPLETE,),
        LIVE,
        CannotComplete,
        "the target is not in step yet, or the job has already decided how to end",
        when=~SYNCED | (DECIDED & ~SHOULD_COMPLETE),
        only=(SAFE,),
    ),
    Refusal(
        (BACKING_OPENED,),
        LIVE,
        CannotComplete,
        "the target is not in step yet; 1.3 asks only after it has opened the files",
        when=~SYNCED,
        only=(QEMU_1_3,),
    ),
)

RULES_OF_VERBS = (
    # pause and resume
    Rule(
        (PAUSE,),
        (*BUSY_PHASES, *ENTERABLE),
        None,
        "a flag, not a count: it takes effect when the job next sleeps",
        sets=(PAUSED.on,),
    ),
    Rule(
        (RESUME,),
        BUSY_PHASES,
        None,
        "a busy job reads the flag before it can sleep; entering it would corrupt it",
        sets=_RESUMED,
        does=(RESET_TARGET,),
    ),
    Rule(
        (RESUME,),
        (Phase.ASLEEP,),
        Phase.WOKEN,
        "resume of a sleeping job cuts its sleep short",
        sets=(*_RESUMED, BUSY.on),
        does=(RESET_TARGET, CANCEL_TIMER, WAKE),
    ),
    Rule(
        (RESUME,),
        (Phase.PARKED,),
        Phase.WOKEN,
        "a parked job has no timer: only resume, or cancel, can wake it",
        sets=(*_RESUMED, BUSY.on),
        does=(RESET_TARGET, WAKE),
    ),
    Rule(
        (IOSTATUS_RESET,),
        LIVE,
        None,
        "the error is acknowledged; a paused job stays paused",
        sets=(IO_STATUS.set(IoStatus.OK),),
        does=(RESET_TARGET,),
    ),
    # cancel
    Rule(
        (CANCEL, USER_CANCEL),
        BUSY_PHASES,
        None,
        "the job finds the flag at its next sleep; past its point of no return it completes",
        sets=_CANCELLED,
        does=(RESET_TARGET,),
    ),
    Rule(
        (CANCEL, USER_CANCEL),
        (Phase.ASLEEP,),
        Phase.WOKEN,
        "cancelling interrupts the sleep at once",
        sets=(*_CANCELLED, BUSY.on),
        does=(RESET_TARGET, CANCEL_TIMER, WAKE),
    ),
    Rule(
        (CANCEL, USER_CANCEL),
        (Phase.PARKED,),
        Phase.WOKEN,
        "cancelling undoes a pause, or the job would never end",
        sets=(*_CANCELLED, BUSY.on),
        does=(RESET_TARGET, WAKE),
    ),
    Rule(
        (PAUSE, RESUME, CANCEL, USER_CANCEL),
        (Phase.ENDING,),
        None,
        "the result is out: nothing can change it any more",
    ),
    Rule(
        (SET_SPEED,),
        LIVE,
        None,
        "allowed in every state; a delay that runs already finishes with the old limit",
        sets=(SPEED.set(NEW_SPEED),),
        does=(SET_LIMIT,),
    ),
    # completion on request
    Rule(
        (COMPLETE,),
        BUSY_PHASES,
        None,
        "remembered until the job is next clean, even across errors",
        sets=_ASKED_TO_COMPLETE,
        does=(RESET_TARGET,),
        only=(SAFE,),
    ),
    Rule(
        (COMPLETE,),
        (Phase.ASLEEP,),
        Phase.WOKEN,
        "the request is acted on now, not at the end of the sleep",
        sets=(*_ASKED_TO_COMPLETE, BUSY.on),
        does=(RESET_TARGET, CANCEL_TIMER, WAKE),
        only=(SAFE,),
    ),
    Rule(
        (COMPLETE,),
        (*BUSY_PHASES, Phase.ASLEEP),
        None,
        "1.3 opens the target's backing chain first, and the job may change meanwhile",
        does=(OPEN_BACKING,),
        only=(QEMU_1_3,),
    ),
    Rule(
        (BACKING_OPENED,),
        BUSY_PHASES,
        None,
        "remembered until the job is next clean, even across errors",
        when=SYNCED,
        sets=_ASKED_TO_COMPLETE,
        does=(RESET_TARGET,),
        only=(QEMU_1_3,),
    ),
    Rule(
        (BACKING_OPENED,),
        (Phase.ASLEEP,),
        Phase.WOKEN,
        "the request is acted on now, not at the end of the sleep",
        when=SYNCED,
        sets=(*_ASKED_TO_COMPLETE, BUSY.on),
        does=(RESET_TARGET, CANCEL_TIMER, WAKE),
        only=(QEMU_1_3,),
    ),
)
