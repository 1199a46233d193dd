"""What must be true of a whole modern job in its world.

The number in a name is the invariant that the claim is about; claims about the rows alone are in
`blockjob_fsm.properties`. No job and no device may enter this file.
"""

from __future__ import annotations

from blockjob_fsm.check.worlds import (
    CALLBACKS,
    CHANGED,
    COMPLAINED,
    COMPLETE_BELOW,
    COVERED,
    DEFERRED,
    ENDED_CANCELLED,
    ENDED_WELL,
    ENDS,
    FAILED_ONCE,
    GUEST_SEES_RIGHT,
    HELD_OUT,
    LEGAL,
    PIVOTED,
    QUIET,
    RELEASES,
    REQUEST,
    STOPPED,
    TARGET_EQUALS_SOURCE,
    TIMER_ARMED,
    TRACKING,
    WHOLE,
)
from blockjob_fsm.guards import Guard
from blockjob_fsm.lifecycles import modern_words as words
from blockjob_fsm.lifecycles.modern_words import (
    CANCELLED,
    DRAINS,
    FORCE_CANCELLED,
    PLACE,
    SHOULD_COMPLETE,
    STATUS,
    USER_PAUSED,
    Place,
    Status,
)
from blockjob_fsm.properties import Always, AlwaysStep, LeadsTo, Property, Sometimes, implies

_SUSPENDED = PLACE.among(Place.WAITING, Place.ASLEEP, Place.PARKED)
#: where a job is from its last drain on
_LAST_PLACES = (Place.WAITING, Place.RETURNED, Place.COMPLETED)
_PARKED = PLACE.equals(Place.PARKED)
_READY = STATUS.among(Status.READY, Status.STANDBY)
_GONE = STATUS.equals(Status.NULL)
_CLEANED = STATUS.among(Status.CONCLUDED, Status.NULL)
#: what comes of a pause that was in time
_PAUSED_OR_DONE = _PARKED | FORCE_CANCELLED | ~_SUSPENDED


def _same(one: Guard, other: Guard) -> Guard:
    return implies(one, other) & implies(other, one)


EVERY_JOB: tuple[Property, ...] = (
    Always(
        name="legal",
        claim="a body never takes a step that the rows do not know, nor is one handed to it",
        holds=LEGAL,
        witness="lives",
    ),
    Always(
        name="12-parked",
        claim="a request is under way exactly while the job waits for it, so never while it parks",
        holds=_same(REQUEST, PLACE.equals(Place.WAITING)),
        witness="parks",
    ),
    Always(
        name="15-timer",
        claim="a timer is armed exactly while the job sleeps",
        holds=_same(TIMER_ARMED, PLACE.equals(Place.ASLEEP)),
        witness="lives",
    ),
    Always(
        name="4-one-end",
        claim="COMPLETED or CANCELLED is told once",
        holds=_same(_CLEANED, ENDS.equals(1)) & ENDS.less_than(2),
        witness="cancels",
    ),
    Always(
        name="24-once",
        claim="the driver cleans up once, and the completion function is called once",
        holds=_same(_CLEANED, RELEASES.equals(1) & CALLBACKS.equals(1))
        & RELEASES.less_than(2)
        & CALLBACKS.less_than(2),
        witness="cancels",
    ),
    Always(
        name="34-complete",
        claim="a job that succeeds has done all its work",
        holds=implies(ENDED_WELL, WHOLE),
        witness="ends-well",
    ),
    Always(
        name="34-told",
        claim="a job that succeeds although something failed has told of it",
        holds=implies(ENDED_WELL & FAILED_ONCE, COMPLAINED),
        witness="ends-well",
    ),
    AlwaysStep(
        name="20-leaves",
        claim="a job that is cancelled with force while it rests asks for nothing more",
        events=(words.CANCEL,),
        before=_SUSPENDED & ~PLACE.equals(Place.WAITING),
        after=~_SUSPENDED,
        witness="rests",
    ),
    LeadsTo(
        name="43-ends",
        claim="a job that is cancelled with force ends, whatever its devices and guests do",
        start=FORCE_CANCELLED,
        goal=_CLEANED,
        witness="cancels",
    ),
    LeadsTo(
        name="9-pauses",
        claim="a job that the user pauses parks, unless it is done or cancelled first",
        start=USER_PAUSED & _SUSPENDED,
        goal=_PAUSED_OR_DONE | ~USER_PAUSED,
        witness="parks",
    ),
    LeadsTo(
        name="17-drains",
        claim="a job in a drained section gets quiet, unless it is done or cancelled first",
        start=~DRAINS.equals(0) & _SUSPENDED,
        goal=_PAUSED_OR_DONE | DRAINS.equals(0),
        witness="parks",
    ),
    Sometimes(name="lives", claim="a job is at work", reached=_SUSPENDED),
    Sometimes(name="rests", claim="a job rests", reached=_SUSPENDED & ~PLACE.equals(Place.WAITING)),
    Sometimes(name="parks", claim="a job parks", reached=_PARKED),
    Sometimes(name="cancels", claim="a job is cancelled", reached=ENDED_CANCELLED & _CLEANED),
    Sometimes(name="ends-well", claim="a job succeeds", reached=ENDED_WELL),
    Sometimes(
        name="deferred",
        claim="something can happen between the body's return and the completion",
        reached=DEFERRED & PLACE.equals(Place.RETURNED),
    ),
)
FAILS = Sometimes(
    name="fails", claim="a job fails", reached=_CLEANED & ~ENDED_WELL & ~ENDED_CANCELLED
)
STOPS = Sometimes(
    name="stops",
    claim="an error parks the job, and its io-status says so",
    reached=_PARKED & STOPPED,
)
NEVER_STOPS = Always(
    name="22-io-status", claim="only a stop touches the io-status", holds=~STOPPED, witness="fails"
)

CHAIN: tuple[Property, ...] = (
    Always(
        name="data",
        claim="the guest reads what it wrote, or what was there before",
        holds=GUEST_SEES_RIGHT,
        witness="changes-chain",
    ),
    Always(
        name="data-complete",
        claim="the chain is changed only when everything has been copied",
        holds=implies(CHANGED, COMPLETE_BELOW & WHOLE),
        witness="changes-chain",
    ),
    Always(
        name="data-success",
        claim="a job that succeeds has changed the chain",
        holds=implies(ENDED_WELL, CHANGED),
        witness="changes-chain",
    ),
    Always(
        name="data-cancelled",
        claim="a job that reports CANCELLED has left the chain as it was",
        holds=implies(ENDED_CANCELLED, ~CHANGED),
        witness="cancels",
    ),
    Sometimes(name="changes-chain", claim="the chain is changed", reached=CHANGED),
)
STREAM_KEPT = Always(
    name="data-errors",
    claim="a stream keeps the chain if anything ever failed, an ignored error included",
    holds=implies(CHANGED, ~FAILED_ONCE),
    witness="changes-chain",
)

MIRROR: tuple[Property, ...] = (
    Always(
        name="data",
        claim="a mirror that succeeds leaves a target equal to its source",
        holds=implies(ENDED_WELL, TARGET_EQUALS_SOURCE & QUIET),
        witness="ends-well",
    ),
    Always(
        name="35-covered",
        claim="while ready, each unit is equal, or dirty, or being copied or written",
        holds=implies(_READY & _SUSPENDED, COVERED),
        witness="in-step",
    ),
    AlwaysStep(
        name="35-too-late",
        claim="a mirror that is cancelled with force does not get ready any more",
        before=FORCE_CANCELLED & STATUS.equals(Status.RUNNING),
        after=~_READY,
        witness="in-step",
    ),
    Always(
        name="8-pivot",
        claim="the device becomes its target only on request, if it holds all, and never cancelled",
        holds=implies(PIVOTED, SHOULD_COMPLETE & ~ENDED_CANCELLED) & GUEST_SEES_RIGHT,
        witness="pivots",
    ),
    Always(
        name="36-held-out",
        claim="guests are kept out from the last drain on, and let in at the end",
        holds=implies(HELD_OUT, PLACE.among(*_LAST_PLACES) & ~_CLEANED),
        witness="holds-out",
    ),
    Always(
        name="clean-up",
        claim="dirty tracking ends with the job",
        holds=implies(_CLEANED, ~TRACKING),
        witness="ends-well",
    ),
    Sometimes(name="in-step", claim="a mirror is ready", reached=_READY),
    Sometimes(name="holds-out", claim="a guest is kept out", reached=HELD_OUT),
    Sometimes(name="pivots", claim="the device becomes its target", reached=PIVOTED),
    Sometimes(
        name="ends-softly",
        claim="a mirror that is cancelled softly succeeds, and switches nothing",
        reached=ENDED_WELL & ~SHOULD_COMPLETE & ~PIVOTED,
    ),
)
BUSY_GUEST = Sometimes(
    name="out-of-step",
    claim="a mirror that is to end is out of step, and is cancelled with force",
    reached=_READY & ~QUIET & FORCE_CANCELLED & PLACE.equals(Place.WAITING),
)
ENDS_SOFTLY = LeadsTo(
    name="7-ends",
    claim="a mirror that is cancelled softly ends if its guest is quiet, unless it is paused",
    start=CANCELLED & _READY,
    goal=_CLEANED | _PARKED,
    witness="ends-softly",
)

BACKUP: tuple[Property, ...] = (
    Always(
        name="data-saved",
        claim="while a backup is at work or parked, what a guest changes is saved",
        holds=implies(_SUSPENDED, COVERED),
        witness="lives",
    ),
    Always(
        name="data",
        claim="a backup that succeeds shows every unit as it was",
        holds=implies(ENDED_WELL, TARGET_EQUALS_SOURCE),
        witness="ends-well",
    ),
    Always(
        name="clean-up",
        claim="guests' writes are free again when the job is over",
        holds=implies(_CLEANED, ~TRACKING),
        witness="cancels",
    ),
)
