"""THE 2012 lifecycle of a block job (QEMU 1.3), as rows.

Theory of operation. A job is a coroutine that works, sleeps and ends. It is suspended in one of
three ways: waiting for its own I/O (WAITING, busy), asleep on a timer (ASLEEP, not busy) or parked
with no timer at all (PARKED, not busy). Whoever finds it not busy may enter it: that is all `busy`
means. Between suspensions it runs: RUNNING, or WOKEN when it has just returned from a sleep and has
not yet looked at `cancelled`, or LEAVING when it has looked and may do nothing but end.

The cancelled/busy rule holds in both directions. A cancelled job does not clear busy: SLEEP of a
cancelled job is WOKEN at once. And a job that sets busy does no I/O before it has tested cancelled:
SUBMIT has no row in WOKEN, TEST leads to RUNNING or LEAVING, and LEAVING has no SUBMIT either. A
synced mirror is exempt from the second by design: asked to cancel, it copies until it is clean.

Two profiles share the rows. `1.3` is QEMU 1.3 as it was, with its hazards. `safe`, the default,
differs where `only` says so: a job past its point of no return (DECIDE) can no longer be cancelled,
a cancelled job never swaps its device, and completion is asked for in one step.
"""

from __future__ import annotations

from typing import Any, TypeGuard

from blockjob_fsm.declaration import Lifecycle, Refusal, Rule, of_profile
from blockjob_fsm.error_action import ErrorAction, IoStatus
from blockjob_fsm.guards import Choose
from blockjob_fsm.lifecycles.classic_verbs import REFUSALS, RULES_OF_VERBS
from blockjob_fsm.lifecycles.classic_words import (
    ACTION,
    ARM_TIMER,
    BUSY,
    CALL_BACK,
    CANCELLED,
    CLAIM,
    CLAIM_DEVICE,
    COMPLETABLE,
    COMPLETED,
    CREATE,
    DECIDE,
    DECIDED,
    EMIT_CANCELLED,
    EMIT_COMPLETED,
    EMIT_ERROR,
    EMIT_READY,
    ERROR,
    EVENTS,
    IN_USE,
    IO_DONE,
    IO_STATUS,
    NEW_SPEED,
    ON_TARGET,
    PAUSED,
    PIVOT,
    QEMU_1_3,
    READY,
    RELEASE_DEVICE,
    RESULT,
    RET,
    RETURNED,
    SAFE,
    SET_LIMIT,
    SHOULD_COMPLETE,
    SLEEP,
    SPEED,
    START,
    STATUS,
    STOP_TARGET,
    SUBMIT,
    SUBMIT_IO,
    SYNCED,
    TEST,
    TIMER,
    UNCLAIM,
    UNDRAIN,
    VARIABLES,
    WAKE,
    ClassicControl,
    Phase,
)
from blockjob_fsm.wellformed import load

_STOPPED = (
    PAUSED.on,
    SYNCED.off,
    IO_STATUS.set(Choose(IO_STATUS.equals(IoStatus.OK), STATUS, IO_STATUS)),
)
_IS_STOP = ACTION.equals(ErrorAction.STOP)
_SUCCEEDS = RESULT.equals(0)
_MAY_END = (Phase.RUNNING, Phase.LEAVING)

_RULES_OF_THE_JOB = (
    # the device
    Rule(
        (CLAIM,),
        (Phase.ABSENT,),
        None,
        "somebody other than a job takes the device",
        when=~IN_USE,
        sets=(IN_USE.on,),
    ),
    Rule(
        (UNCLAIM,),
        (Phase.ABSENT,),
        None,
        "the other user gives the device back",
        when=IN_USE,
        sets=(IN_USE.off,),
    ),
    # birth
    Rule(
        (CREATE,),
        (Phase.ABSENT,),
        Phase.CREATED,
        "a job owns its device from creation, and counts as busy until its first sleep",
        sets=(IN_USE.on, BUSY.on, SPEED.set(NEW_SPEED)),
        does=(CLAIM_DEVICE, SET_LIMIT),
    ),
    Rule((START,), (Phase.CREATED,), Phase.RUNNING, "the first entry", does=(WAKE,)),
    # work
    Rule(
        (SUBMIT,),
        (Phase.RUNNING,),
        Phase.WAITING,
        "one request at a time; only a job that has tested cancelled since it woke may ask",
        does=(SUBMIT_IO,),
    ),
    Rule(
        (IO_DONE,), (Phase.WAITING,), Phase.RUNNING, "only the I/O ends an I/O wait", does=(WAKE,)
    ),
    Rule(
        (ERROR,),
        (Phase.RUNNING,),
        None,
        "reported or ignored: the event is all there is, and a mirror is out of step again",
        when=~_IS_STOP,
        sets=(SYNCED.off,),
        does=(EMIT_ERROR,),
    ),
    Rule(
        (ERROR,),
        (Phase.RUNNING,),
        None,
        "event first, then the flags; the first error stays in the io-status until reset",
        when=_IS_STOP & ON_TARGET.equals(False),
        sets=_STOPPED,
        does=(EMIT_ERROR,),
    ),
    Rule(
        (ERROR,),
        (Phase.RUNNING,),
        None,
        "a target's error also stops the target: both devices publish it",
        when=_IS_STOP & ON_TARGET.equals(True),
        sets=_STOPPED,
        does=(EMIT_ERROR, STOP_TARGET),
    ),
    Rule(
        (READY,),
        (Phase.RUNNING,),
        None,
        "source and target are in step: announced once, and again after each error",
        when=~SYNCED & COMPLETABLE,
        sets=(SYNCED.on,),
        does=(EMIT_READY,),
    ),
    # sleep
    Rule(
        (SLEEP,),
        (Phase.RUNNING,),
        Phase.WOKEN,
        "a cancelled job must not wait: nobody but its own I/O could end the wait",
        when=CANCELLED,
    ),
    Rule(
        (SLEEP,),
        (Phase.RUNNING,),
        Phase.PARKED,
        "a pause takes effect at the next sleep",
        when=~CANCELLED & PAUSED,
        sets=(BUSY.off,),
    ),
    Rule(
        (SLEEP,),
        (Phase.RUNNING,),
        Phase.ASLEEP,
        "every unit of work is followed by a sleep, if only of 0 ns, so that a drain can end",
        when=~CANCELLED & ~PAUSED,
        sets=(BUSY.off,),
        does=(ARM_TIMER,),
    ),
    Rule(
        (TIMER,),
        (Phase.ASLEEP,),
        Phase.WOKEN,
        "a timer ends a sleep even if a pause came meanwhile: one more unit runs, then it parks",
        sets=(BUSY.on,),
        does=(WAKE,),
    ),
    Rule(
        (TEST,),
        (Phase.WOKEN,),
        Phase.RUNNING,
        "not cancelled, or a synced mirror that copies on until it is clean",
        when=~CANCELLED | SYNCED,
    ),
    Rule(
        (TEST,),
        (Phase.WOKEN,),
        Phase.LEAVING,
        "cancelled: no new I/O after a wake-up",
        when=CANCELLED & ~SYNCED,
    ),
    # the end
    Rule(
        (DECIDE,),
        (Phase.RUNNING,),
        None,
        "all the work is done: a cancel that comes now is too late, and the verdict says so",
        sets=(DECIDED.on, CANCELLED.off),
        only=(SAFE,),
    ),
    Rule(
        (DECIDE,),
        (Phase.RUNNING,),
        None,
        "a mirror that is clean and in step completes although it was cancelled",
        when=SYNCED,
        sets=(CANCELLED.off,),
        only=(QEMU_1_3,),
    ),
    Rule(
        (DECIDE,),
        (Phase.RUNNING,),
        None,
        "1.3's stream and commit have no point of no return",
        when=~SYNCED,
        only=(QEMU_1_3,),
    ),
    Rule(
        (COMPLETED,),
        _MAY_END,
        Phase.ENDING,
        "not cancelled: completed, with or without an error",
        when=~CANCELLED & ~(SHOULD_COMPLETE & _SUCCEEDS),
        sets=(RET.set(RESULT),),
        does=(UNDRAIN, EMIT_COMPLETED, CALL_BACK),
    ),
    Rule(
        (COMPLETED,),
        _MAY_END,
        Phase.ENDING,
        "the user asked for it and every byte is on the target: the device becomes the target",
        when=~CANCELLED & SHOULD_COMPLETE & _SUCCEEDS,
        sets=(RET.set(RESULT),),
        does=(PIVOT, UNDRAIN, EMIT_COMPLETED, CALL_BACK),
    ),
    Rule(
        (COMPLETED,),
        _MAY_END,
        Phase.ENDING,
        "a cancelled job leaves the device as it was, whatever was asked before",
        when=CANCELLED,
        sets=(RET.set(RESULT),),
        does=(UNDRAIN, EMIT_CANCELLED, CALL_BACK),
        only=(SAFE,),
    ),
    Rule(
        (COMPLETED,),
        _MAY_END,
        Phase.ENDING,
        "cancelled without a request to complete, or with an error",
        when=CANCELLED & ~(SHOULD_COMPLETE & _SUCCEEDS),
        sets=(RET.set(RESULT),),
        does=(UNDRAIN, EMIT_CANCELLED, CALL_BACK),
        only=(QEMU_1_3,),
    ),
    Rule(
        (COMPLETED,),
        _MAY_END,
        Phase.ENDING,
        "1.3 looks at the request alone, and swaps to a target that is out of step",
        when=CANCELLED & SHOULD_COMPLETE & _SUCCEEDS,
        sets=(RET.set(RESULT),),
        does=(PIVOT, UNDRAIN, EMIT_CANCELLED, CALL_BACK),
        only=(QEMU_1_3,),
    ),
    Rule(
        (RETURNED,),
        (Phase.ENDING,),
        Phase.FREED,
        "the callback sees the job and the device still taken; only then are both released",
        sets=(IN_USE.off, BUSY.off),
        does=(RELEASE_DEVICE,),
    ),
)

RULES = (*_RULES_OF_THE_JOB, *RULES_OF_VERBS)


def classic(
    profile: str, rules: tuple[Rule, ...] = RULES, refusals: tuple[Refusal, ...] = REFUSALS
) -> Lifecycle[ClassicControl]:
    """The lifecycle of one profile (`safe` or `1.3`), checked; other rows make a variant of it."""
    rules, refusals = of_profile(rules, profile), of_profile(refusals, profile)
    named = {kind for rule in rules for kind in rule.events}
    named |= {kind for refusal in refusals for kind in refusal.events}
    lifecycle = Lifecycle(
        name="classic",
        profile=profile,
        initial=ClassicControl(),
        phases=Phase,
        variables=VARIABLES,
        events=tuple(kind for kind in EVENTS if kind in named),
        rules=rules,
        refusals=refusals,
    )
    load(lifecycle)
    return lifecycle


CLASSIC = classic(SAFE)
CLASSIC_1_3 = classic(QEMU_1_3)


def is_classic(lifecycle: Lifecycle[Any]) -> TypeGuard[Lifecycle[ClassicControl]]:
    """Whether a lifecycle is that of 2012, in whichever profile."""
    return isinstance(lifecycle.initial, ClassicControl)
