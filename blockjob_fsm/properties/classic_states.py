"""What is true of every state of the 2012 lifecycle, and the states that must exist.

The number in a name is the invariant of the specification, or the hazard, that the claim is about.
Claims about steps are in `classic_steps`.
"""

from __future__ import annotations

from enum import Enum

from blockjob_fsm.error_action import IoStatus
from blockjob_fsm.guards import ALWAYS, Any, Guard
from blockjob_fsm.lifecycles.classic_words import (
    BUSY,
    CANCEL,
    CANCELLED,
    CLAIM,
    COMPLETABLE,
    COMPLETE,
    COMPLETED,
    CREATE,
    DECIDE,
    DECIDED,
    ENTERABLE,
    ERROR,
    IN_USE,
    IO_DONE,
    IO_STATUS,
    LIVE,
    PAUSE,
    PAUSED,
    PHASE,
    QEMU_1_3,
    READY,
    RESUME,
    SAFE,
    SET_SPEED,
    SETTABLE,
    SHOULD_COMPLETE,
    SLEEP,
    SPEED,
    SUBMIT,
    SYNCED,
    TEST,
    TIMER,
    Phase,
)
from blockjob_fsm.properties.words import Always, LeadsTo, Property, Sometimes, implies


def in_phase(*phases: Enum) -> Guard:
    """The guard that the phase is one of these."""
    return Any(tuple(PHASE.equals(phase) for phase in phases))


FAILED = ~IO_STATUS.equals(IoStatus.OK)

STATES: tuple[Property, ...] = (
    Always(
        name="1-owned",
        claim="a device with a job is in use",
        holds=implies(in_phase(*LIVE), IN_USE),
        witness="lives",
    ),
    Always(
        name="3-no-wait",
        claim="a cancelled job is busy until it is freed: it is never suspended in a sleep",
        holds=implies(CANCELLED & ~in_phase(Phase.FREED), BUSY),
        witness="cancelled",
    ),
    Always(
        name="4-quiet",
        claim="a job that is not busy has no request under way",
        holds=implies(~BUSY, ~in_phase(Phase.WAITING)),
        witness="waits-for-io",
    ),
    Always(
        name="5-enterable",
        claim="a live job is not busy exactly while it is suspended in a sleep",
        holds=implies(in_phase(*LIVE) & ~in_phase(*ENTERABLE), BUSY)
        & implies(in_phase(*ENTERABLE), ~BUSY),
        witness="sleeps",
    ),
    Always(
        name="6-parked",
        claim="a parked job is paused",
        holds=implies(in_phase(Phase.PARKED), PAUSED),
        witness="parks",
    ),
    Always(
        name="9-final",
        claim="a cancelled job neither sleeps nor parks: cancelling it cannot be undone",
        holds=implies(CANCELLED, ~in_phase(*ENTERABLE)),
        witness="cancelled",
    ),
    Always(
        name="13-visible",
        claim="a job with an io-status other than ok is paused",
        holds=implies(FAILED, PAUSED),
        witness="stopped-by-error",
    ),
    Always(
        name="19-mirror-only",
        claim="only a job that can be completed is ever in step or asked to complete",
        holds=implies(SYNCED | SHOULD_COMPLETE, COMPLETABLE),
        witness="in-step",
    ),
    Always(
        name="22-speed",
        claim="a speed is never negative, and 0 where the job type cannot be limited",
        holds=~SPEED.less_than(0) & implies(~SETTABLE, SPEED.equals(0)),
        witness="limited",
    ),
    Always(
        name="decided",
        claim="a job past its point of no return is not cancelled",
        holds=implies(DECIDED, ~CANCELLED),
        witness="decides",
        only=(SAFE,),
    ),
    Always(
        name="undecided",
        claim="1.3 knows no point of no return: no job ever passes one",
        holds=~DECIDED,
        witness="decides",
        only=(QEMU_1_3,),
    ),
    Always(
        name="clean-birth",
        claim="before creation no flag of a job is set",
        holds=implies(
            in_phase(Phase.ABSENT),
            ~(BUSY | PAUSED | CANCELLED | SYNCED | SHOULD_COMPLETE | DECIDED | FAILED),
        ),
        witness="absent",
    ),
    Always(
        name="released",
        claim="a freed job neither holds its device nor counts as busy",
        holds=implies(in_phase(Phase.FREED), ~IN_USE & ~BUSY),
        witness="freed",
    ),
)

WITNESSES: tuple[Property, ...] = (
    Sometimes(name="absent", claim="a device has no job", reached=in_phase(Phase.ABSENT)),
    Sometimes(name="lives", claim="a job lives", reached=in_phase(*LIVE) & IN_USE),
    Sometimes(name="freed", claim="a job is freed", reached=in_phase(Phase.FREED)),
    Sometimes(name="sleeps", claim="a job sleeps", reached=in_phase(Phase.ASLEEP)),
    Sometimes(name="parks", claim="a job parks", reached=in_phase(Phase.PARKED)),
    Sometimes(
        name="cancelled",
        claim="a job lives on for a while after it was cancelled",
        reached=CANCELLED & in_phase(Phase.WAITING),
    ),
    Sometimes(
        name="waits-for-io", claim="a job waits for its I/O", reached=in_phase(Phase.WAITING)
    ),
    Sometimes(
        name="stopped-by-error",
        claim="a job is parked with its error published",
        reached=FAILED & in_phase(Phase.PARKED),
    ),
    Sometimes(
        name="stopped-unseen",
        claim="a job is parked by an error that was acknowledged: io-status ok, still paused",
        reached=~FAILED & in_phase(Phase.PARKED),
    ),
    Sometimes(name="in-step", claim="a mirror is in step", reached=SYNCED),
    Sometimes(
        name="asked-again",
        claim="a request to complete outlives an error",
        reached=SHOULD_COMPLETE & ~SYNCED,
    ),
    Sometimes(name="limited", claim="a job has a speed limit", reached=~SPEED.equals(0)),
    Sometimes(
        name="decides",
        claim="a job passes its point of no return",
        reached=in_phase(Phase.RUNNING) & CANCELLED,
        events=(DECIDE,),
    ),
    Sometimes(
        name="winds-down",
        claim="a cancelled mirror that is in step goes on copying",
        reached=CANCELLED & SYNCED,
        events=(SUBMIT,),
    ),
    Sometimes(
        name="leaves",
        claim="a job that finds itself cancelled may only end",
        reached=in_phase(Phase.LEAVING),
    ),
    Sometimes(
        name="in-callback",
        claim="verbs reach a job whose result is out",
        reached=in_phase(Phase.ENDING),
        events=(CANCEL,),
    ),
    Sometimes(
        name="taken",
        claim="a device is in use without a job",
        reached=in_phase(Phase.ABSENT) & IN_USE,
    ),
    *(
        Sometimes(name=f"takes-{kind}", claim=f"{kind} is taken", reached=ALWAYS, events=(kind,))
        for kind in (
            CLAIM,
            CREATE,
            COMPLETE,
            COMPLETED,
            ERROR,
            IO_DONE,
            PAUSE,
            READY,
            RESUME,
            SET_SPEED,
            SLEEP,
            TEST,
            TIMER,
        )
    ),
)

LIVENESS: tuple[Property, ...] = (
    LeadsTo(
        name="23-io-ends",
        claim="a job that waits for its I/O goes on",
        start=in_phase(Phase.WAITING),
        goal=~in_phase(Phase.WAITING),
        witness="waits-for-io",
    ),
    LeadsTo(
        name="23-sleep-ends",
        claim="a sleeping job is woken, by its timer if by nobody else",
        start=in_phase(Phase.ASLEEP),
        goal=~in_phase(Phase.ASLEEP),
        witness="sleeps",
    ),
    LeadsTo(
        name="9-leaves",
        claim="a job that has found itself cancelled ends, and its device is released",
        start=in_phase(Phase.LEAVING),
        goal=in_phase(Phase.FREED),
        witness="leaves",
    ),
    LeadsTo(
        name="10-released",
        claim="once the callback runs, the device is released",
        start=in_phase(Phase.ENDING),
        goal=in_phase(Phase.FREED),
        witness="in-callback",
    ),
)
