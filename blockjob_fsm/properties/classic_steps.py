"""What is true of every step of the 2012 lifecycle: owning, waiting, flags and speed.

The number in a name is the invariant of the specification that the claim is about. Claims about
errors, endings and the mirror are in `classic_outcomes`.
"""

from __future__ import annotations

from blockjob_fsm.declaration import EventKind
from blockjob_fsm.error_action import ErrorAction
from blockjob_fsm.lifecycles.classic_words import (
    ACTION,
    ARM_TIMER,
    BACKING_OPENED,
    BUSY,
    CANCEL,
    CANCEL_TIMER,
    CANCELLED,
    CLAIM_DEVICE,
    COMPLETABLE,
    COMPLETE,
    CREATE,
    DECIDE,
    DECIDED,
    ENTERABLE,
    ERROR,
    EVENTS,
    IN_USE,
    IO_DONE,
    IOSTATUS_RESET,
    NEW_SPEED,
    PAUSE,
    PAUSED,
    PHASE,
    RELEASE_DEVICE,
    RESET_TARGET,
    RESUME,
    RETURNED,
    SAFE,
    SET_LIMIT,
    SET_SPEED,
    SETTABLE,
    SLEEP,
    SPEED,
    START,
    SUBMIT,
    SUBMIT_IO,
    SYNCED,
    TEST,
    TIMER,
    USER_CANCEL,
    WAKE,
    Phase,
)
from blockjob_fsm.properties.classic_states import FAILED, in_phase
from blockjob_fsm.properties.words import AlwaysStep, Old, Property, implies, unchanged

CANCELS = (CANCEL, USER_CANCEL)
WAKERS = (RESUME, *CANCELS, COMPLETE, BACKING_OPENED)
RESETS = (*WAKERS, IOSTATUS_RESET)
STOPS = ACTION.equals(ErrorAction.STOP)
_BEFORE_END = ~in_phase(Phase.ENDING)


def but(*kinds: EventKind) -> tuple[EventKind, ...]:
    """Every event but these."""
    return tuple(kind for kind in EVENTS if kind not in kinds)


_OWNERSHIP: tuple[Property, ...] = (
    AlwaysStep(
        name="2-one-job",
        claim="a job is created only on a device nobody uses, and takes it, busy, at its speed",
        events=(CREATE,),
        after=Old(IN_USE).equals(False) & IN_USE & BUSY,
        does=(CLAIM_DEVICE, SET_LIMIT),
        witness="takes-create",
    ),
    AlwaysStep(
        name="1-held",
        claim="a job keeps its device until its callback has returned",
        events=but(RETURNED),
        before=~in_phase(Phase.ABSENT),
        after=IN_USE,
        never=(RELEASE_DEVICE,),
        witness="lives",
    ),
    AlwaysStep(
        name="10-freed-last",
        claim="when the callback has returned, job and device are released",
        events=(RETURNED,),
        after=in_phase(Phase.FREED) & ~IN_USE & ~BUSY,
        does=(RELEASE_DEVICE,),
        witness="freed",
    ),
    AlwaysStep(
        name="type",
        claim="what a job's type can do never changes",
        after=unchanged(SETTABLE) & unchanged(COMPLETABLE),
        witness="lives",
    ),
)

_WAITING: tuple[Property, ...] = (
    AlwaysStep(
        name="3-sleep",
        claim="a cancelled job that asks to sleep does not: it is back at once, busy",
        events=(SLEEP,),
        before=CANCELLED,
        after=in_phase(Phase.WOKEN) & BUSY,
        never=(ARM_TIMER,),
        witness="takes-sleep",
    ),
    AlwaysStep(
        name="3-test",
        claim="after a wake-up a cancelled job goes on only as a mirror in step",
        events=(TEST,),
        after=implies(in_phase(Phase.RUNNING), ~CANCELLED | SYNCED)
        & implies(in_phase(Phase.LEAVING), CANCELLED & ~SYNCED),
        witness="winds-down",
    ),
    AlwaysStep(
        name="3-wake",
        claim="whoever wakes a job leaves it busy, with cancelled still to be tested",
        before=in_phase(*ENTERABLE),
        after=in_phase(*ENTERABLE) | (in_phase(Phase.WOKEN) & BUSY),
        witness="sleeps",
    ),
    AlwaysStep(
        name="3-io",
        claim="a job asks for I/O only after it has tested cancelled, and waits for it busy",
        events=(SUBMIT,),
        after=PHASE.equals(Phase.WAITING) & Old(PHASE).equals(Phase.RUNNING) & BUSY,
        does=(SUBMIT_IO,),
        witness="waits-for-io",
    ),
    AlwaysStep(
        name="4-io-only",
        claim="nothing but a request of the job itself reaches the device",
        events=but(SUBMIT),
        never=(SUBMIT_IO,),
        witness="waits-for-io",
    ),
    AlwaysStep(
        name="5-io-wait",
        claim="only the I/O ends an I/O wait",
        events=but(IO_DONE),
        before=in_phase(Phase.WAITING),
        after=in_phase(Phase.WAITING),
        witness="waits-for-io",
    ),
    AlwaysStep(
        name="5-busy-not-entered",
        claim="no verb enters a busy job",
        events=WAKERS,
        before=BUSY,
        after=unchanged(PHASE) & BUSY,
        never=(WAKE, CANCEL_TIMER, ARM_TIMER),
        witness="lives",
    ),
    AlwaysStep(
        name="5-entered",
        claim="a job that is resumed or cancelled while suspended runs at once",
        events=(RESUME, *CANCELS),
        before=in_phase(*ENTERABLE),
        after=in_phase(Phase.WOKEN) & BUSY,
        does=(WAKE,),
        witness="parks",
    ),
    AlwaysStep(
        name="5-run",
        claim="a job is run by its start, its I/O, its timer, or a verb that finds it suspended",
        events=(START, IO_DONE, TIMER),
        after=BUSY,
        does=(WAKE,),
        witness="takes-timer",
    ),
    AlwaysStep(
        name="6-sleep",
        claim="a paused job parks when it next sleeps, with no timer; another sleeps with one",
        events=(SLEEP,),
        before=~CANCELLED & PAUSED,
        after=in_phase(Phase.PARKED) & ~BUSY,
        never=(ARM_TIMER,),
        witness="parks",
    ),
    AlwaysStep(
        name="23-sleep",
        claim="a job that is neither cancelled nor paused sleeps with a timer",
        events=(SLEEP,),
        before=~CANCELLED & ~PAUSED,
        after=in_phase(Phase.ASLEEP) & ~BUSY,
        does=(ARM_TIMER,),
        witness="sleeps",
    ),
    AlwaysStep(
        name="5-no-stale-timer",
        claim="a verb that ends a sleep early deletes its timer",
        events=but(TIMER),
        before=in_phase(Phase.ASLEEP),
        after=in_phase(Phase.ASLEEP) | in_phase(Phase.WOKEN),
        witness="sleeps",
    ),
    AlwaysStep(
        name="5-timer-deleted",
        claim="a cut sleep leaves no timer behind",
        events=(RESUME, *CANCELS),
        before=in_phase(Phase.ASLEEP),
        does=(CANCEL_TIMER,),
        witness="sleeps",
    ),
)

_FLAGS: tuple[Property, ...] = (
    AlwaysStep(
        name="7-pause",
        claim="a pause sets a flag and nothing else",
        events=(PAUSE,),
        before=_BEFORE_END,
        after=PAUSED & unchanged(PHASE) & unchanged(BUSY),
        never=(WAKE,),
        witness="takes-pause",
    ),
    AlwaysStep(
        name="7-resume",
        claim="one resume undoes any number of pauses and acknowledges the error",
        events=(RESUME,),
        before=_BEFORE_END,
        after=~PAUSED & ~FAILED,
        does=(RESET_TARGET,),
        witness="takes-resume",
    ),
    AlwaysStep(
        name="7-paused-by",
        claim="only a pause or an error that stops pauses a job",
        events=but(PAUSE, ERROR),
        before=~PAUSED,
        after=~PAUSED,
        witness="parks",
    ),
    AlwaysStep(
        name="8-monotone",
        claim="once cancelled a job stays so, unless it has done all its work",
        events=but(DECIDE),
        before=CANCELLED,
        after=CANCELLED,
        witness="cancelled",
    ),
    AlwaysStep(
        name="8-clean-exit",
        claim="a mirror in step that is clean completes although it was cancelled",
        events=(DECIDE,),
        before=SYNCED,
        after=~CANCELLED,
        witness="decides",
    ),
    AlwaysStep(
        name="8-cancel",
        claim="a cancel before the point of no return sticks, undoes a pause, clears the error",
        events=CANCELS,
        before=_BEFORE_END & ~DECIDED,
        after=CANCELLED & ~PAUSED & ~FAILED,
        does=(RESET_TARGET,),
        witness="cancelled",
    ),
    AlwaysStep(
        name="8-cancelled-by",
        claim="only a cancel cancels a job",
        events=but(*CANCELS),
        before=~CANCELLED,
        after=~CANCELLED,
        witness="cancelled",
    ),
    AlwaysStep(
        name="decided-final",
        claim="past its point of no return a job stays there",
        before=DECIDED,
        after=DECIDED,
        witness="decides",
        only=(SAFE,),
    ),
    AlwaysStep(
        name="decided-by-job",
        claim="only the job itself passes its point of no return, when all its work is done",
        events=but(DECIDE),
        before=~DECIDED,
        after=~DECIDED,
        witness="decides",
        only=(SAFE,),
    ),
    AlwaysStep(
        name="22-speed-set",
        claim="an accepted speed is the job's speed",
        events=(CREATE, SET_SPEED),
        after=SPEED.equals(NEW_SPEED),
        does=(SET_LIMIT,),
        witness="takes-set_speed",
    ),
    AlwaysStep(
        name="22-speed-kept",
        claim="nothing else changes the speed",
        events=but(CREATE, SET_SPEED),
        after=unchanged(SPEED),
        never=(SET_LIMIT,),
        witness="limited",
    ),
)

STEPS: tuple[Property, ...] = (*_OWNERSHIP, *_WAITING, *_FLAGS)
