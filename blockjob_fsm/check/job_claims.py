"""What must be true of a whole job in its world, at the points where it is suspended.

The number in a name is the invariant of the specification, or the hazard, that the claim is about.
Claims about the control alone are in `blockjob_fsm.properties`.
"""

from __future__ import annotations

from blockjob_fsm.check.worlds import (
    CALLBACKS,
    CHANGED,
    COMPLAINED,
    COMPLETE_BELOW,
    COPY_ON_READ,
    COVERED,
    EMITTED_LATE,
    ENDED_CANCELLED,
    ENDED_WELL,
    ENDS,
    FAILED_ONCE,
    GUEST_SEES_RIGHT,
    HELD_OUT,
    LEGAL,
    OPENING,
    PIVOTED,
    QUIET,
    RELEASES,
    REQUEST,
    ROUNDS,
    STOPPED,
    TARGET_EQUALS_SOURCE,
    TIMER_ARMED,
    TRACKING,
    WHOLE,
    WRITABLE,
)
from blockjob_fsm.guards import ALWAYS, Guard
from blockjob_fsm.lifecycles.classic_words import (
    CANCELLED,
    LIVE,
    PAUSED,
    QEMU_1_3,
    SHOULD_COMPLETE,
    SYNCED,
    Phase,
)
from blockjob_fsm.properties import Always, LeadsTo, Property, Sometimes, implies
from blockjob_fsm.properties.classic_states import in_phase

_SUSPENDED = in_phase(Phase.WAITING, Phase.ASLEEP, Phase.PARKED)
_OVER = in_phase(Phase.ENDING, Phase.FREED)
_FREED = in_phase(Phase.FREED)


def _same(one: Guard, other: Guard) -> Guard:
    return implies(one, other) & implies(other, one)


EVERY_JOB_ALONE: tuple[Property, ...] = (
    Always(
        name="legal",
        claim="a body never takes a step that the rows do not know, nor is one handed to it",
        holds=LEGAL,
        witness="lives",
    ),
    Always(
        name="at-rest",
        claim="between two inputs a job is suspended, not there yet, or over",
        holds=_SUSPENDED | _OVER | in_phase(Phase.ABSENT, Phase.CREATED),
        witness="lives",
    ),
    Always(
        name="4-io",
        claim="a request is under way exactly while the job waits for it",
        holds=_same(REQUEST, in_phase(Phase.WAITING)),
        witness="lives",
    ),
    Always(
        name="5-timer",
        claim="a timer is armed exactly while the job sleeps: no wake-up is lost, none is stale",
        holds=_same(TIMER_ARMED, in_phase(Phase.ASLEEP)),
        witness="asleep",
    ),
    Always(
        name="10-callback",
        claim="the callback runs once, before the job is freed",
        holds=_same(_OVER, CALLBACKS.equals(1)) & CALLBACKS.less_than(2),
        witness="lives",
    ),
    Always(
        name="10-release",
        claim="the device is released once, after the callback",
        holds=_same(_FREED, RELEASES.equals(1)) & RELEASES.less_than(2),
        witness="lives",
    ),
    Always(
        name="13-observable",
        claim="a suspended job with an io-status other than ok is paused and not cancelled",
        holds=implies(_SUSPENDED & STOPPED, PAUSED & ~CANCELLED),
        witness="asleep",
    ),
    Always(
        name="15-one-end",
        claim="COMPLETED or CANCELLED is sent once, and nothing after it",
        holds=_same(_OVER, ENDS.equals(1)) & ENDS.less_than(2) & ~EMITTED_LATE,
        witness="lives",
    ),
    Sometimes(name="asleep", claim="a job sleeps", reached=in_phase(Phase.ASLEEP)),
    Sometimes(name="lives", claim="a job lives", reached=in_phase(*LIVE)),
)
EVERY_JOB: tuple[Property, ...] = (
    *EVERY_JOB_ALONE,
    Sometimes(name="ends-well", claim="a job completes without an error", reached=ENDED_WELL),
    Sometimes(name="ends-badly", claim="a job fails", reached=_OVER & ~ENDED_WELL),
    Sometimes(name="cancels", claim="a job is cancelled in time", reached=ENDED_CANCELLED),
    Sometimes(name="parked", claim="a job is parked", reached=in_phase(Phase.PARKED)),
)

STOPS: tuple[Property, ...] = (
    Sometimes(
        name="error-stop",
        claim="an error parks the job, and its io-status says so",
        reached=in_phase(Phase.PARKED) & STOPPED,
    ),
)

ENDS_WHEN_CANCELLED: tuple[Property, ...] = (
    LeadsTo(
        name="9-ends", claim="a cancelled job ends", start=CANCELLED, goal=_FREED, witness="cancels"
    ),
)
PAUSES: tuple[Property, ...] = (
    LeadsTo(
        name="23-pause",
        claim="a paused job parks, unless it is resumed, cancelled or done first",
        start=PAUSED & in_phase(*LIVE) & ~SHOULD_COMPLETE,
        goal=in_phase(Phase.PARKED) | ~PAUSED | CANCELLED | _OVER,
        witness="parked",
    ),
)
ENDS_ALONE: tuple[Property, ...] = (
    LeadsTo(
        name="23-progress",
        claim="a stream that nobody wakes too early ends or parks",
        start=in_phase(*LIVE),
        goal=_FREED | in_phase(Phase.PARKED),
        witness="lives",
    ),
)
GETS_READY: tuple[Property, ...] = (
    LeadsTo(
        name="23-progress",
        claim="a mirror whose guest is quiet gets into step, or fails",
        start=in_phase(*LIVE),
        goal=SYNCED | _FREED,
        witness="lives",
    ),
)

_LINEAR: tuple[Property, ...] = (
    Always(
        name="23-rounds",
        claim="between two sleeps there is one copy at most",
        holds=ROUNDS.less_than(2),
        witness="changes-chain",
    ),
    Always(
        name="16-data",
        claim="the guest reads what it wrote, or what was there before",
        holds=GUEST_SEES_RIGHT,
        witness="changes-chain",
    ),
    Always(
        name="16-complete",
        claim="the chain is changed only when everything has been copied",
        holds=implies(CHANGED, COMPLETE_BELOW & WHOLE),
        witness="changes-chain",
    ),
    Always(
        name="16-success",
        claim="a job that completes without an error has changed the chain",
        holds=implies(ENDED_WELL, CHANGED),
        witness="ends-well",
    ),
    Always(
        name="H3-header",
        claim="the chain in memory is the one in the image's header",
        holds=COVERED,
        witness="changes-chain",
    ),
    Always(
        name="H7-chain",
        claim="a job that reports CANCELLED has left the chain as it was",
        holds=implies(ENDED_CANCELLED, ~CHANGED),
        witness="cancels",
    ),
    Always(
        name="H7-finished",
        claim="a job that reports CANCELLED without an error has not done all its work",
        holds=implies(ENDED_CANCELLED & WHOLE, FAILED_ONCE),
        witness="cancels",
    ),
    Sometimes(name="changes-chain", claim="the chain is changed", reached=CHANGED),
)

STREAM: tuple[Property, ...] = (
    Always(
        name="17-copy-on-read",
        claim="copy-on-read is switched on at most once, and off again at the end",
        holds=~COPY_ON_READ.less_than(0)
        & COPY_ON_READ.less_than(2)
        & implies(_OVER, COPY_ON_READ.equals(0)),
        witness="ends-well",
    ),
    *_LINEAR,
)

STREAM_WITHOUT_STOP: tuple[Property, ...] = (
    Always(
        name="16-errors",
        claim="the chain is kept if anything ever failed, an ignored error included",
        holds=implies(CHANGED, ~FAILED_ONCE),
        witness="changes-chain",
    ),
    Always(
        name="14-complains",
        claim="an error that stops nothing is reported at the end, and io-status stays ok",
        holds=implies(_OVER & FAILED_ONCE, ~ENDED_WELL) & ~STOPPED,
        witness="ends-badly",
    ),
)

COMMIT: tuple[Property, ...] = (
    Always(
        name="14-silent",
        claim="a commit sends no BLOCK_JOB_ERROR and is never stopped by one",
        holds=~COMPLAINED & ~STOPPED,
        witness="ends-well",
    ),
    Always(
        name="H6-flags",
        claim="base and overlay are writable only while the job lives",
        holds=implies(WRITABLE, in_phase(Phase.WAITING, Phase.ASLEEP, Phase.PARKED)),
        witness="commits",
    ),
    *_LINEAR,
    Sometimes(name="commits", claim="base and overlay are writable", reached=WRITABLE),
)

MIRROR: tuple[Property, ...] = (
    Always(
        name="18-no-lost-write",
        claim="a mirror that completes without an error leaves a target equal to its source",
        holds=implies(ENDED_WELL, TARGET_EQUALS_SOURCE & QUIET),
        witness="ends-well",
    ),
    Always(
        name="18-covered",
        claim="in step, each unit is equal, or dirty, or being copied or written",
        holds=implies(SYNCED & in_phase(*LIVE), COVERED),
        witness="busy-guest",
    ),
    Always(
        name="18-let-in",
        claim="the guest is kept out only within the job's last step",
        holds=~HELD_OUT,
        witness="ends-well",
    ),
    Always(
        name="19-offset",
        claim="a mirror in step has its offset at the end",
        holds=implies(SYNCED, WHOLE),
        witness="busy-guest",
    ),
    Always(
        name="H1-pivot",
        claim="the device becomes its target only if the target holds everything",
        holds=GUEST_SEES_RIGHT,
        witness="pivots",
    ),
    Always(
        name="20-pivot",
        claim="the device becomes its target only on request, and the job then completes",
        holds=implies(PIVOTED, SHOULD_COMPLETE & ~ENDED_CANCELLED),
        witness="pivots",
    ),
    Always(
        name="clean-up",
        claim="dirty tracking ends with the job",
        holds=implies(_OVER, ~TRACKING),
        witness="ends-badly",
    ),
    Always(
        name="H2-opening",
        claim="no job ends while its backing files are being opened for it",
        holds=~(OPENING & _OVER),
        witness="pivots",
        only=(QEMU_1_3,),
    ),
    Always(
        name="23-rounds",
        claim="between two sleeps there is one copy at most, unless the mirror is finishing",
        holds=ROUNDS.less_than(2) | SHOULD_COMPLETE | CANCELLED | ENDED_WELL,
        witness="pivots",
    ),
    Sometimes(name="pivots", claim="the device becomes its target", reached=PIVOTED),
    Sometimes(
        name="copies-on-cancel",
        claim="a mirror in step that is cancelled completes without pivot",
        reached=ENDED_WELL & ~PIVOTED,
    ),
)

GUEST: tuple[Property, ...] = (
    Sometimes(
        name="busy-guest",
        claim="the guest writes to a mirror that is in step",
        reached=SYNCED & ~QUIET & in_phase(Phase.WAITING),
    ),
)
NO_GUEST: tuple[Property, ...] = (
    Sometimes(name="busy-guest", claim="a mirror is in step", reached=SYNCED & ALWAYS),
)
