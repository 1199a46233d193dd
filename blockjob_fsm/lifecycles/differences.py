"""Where modern jobs do otherwise than those of QEMU 1.3: the named differences, as rows.

A row says which step it is about, what it is like in the words of 1.3, and why. It is as narrow as
its guard: whatever else happens at that event must be a step of 1.3. How a step is judged, and the
map between the two lifecycles, may not enter here.
"""

from __future__ import annotations

from dataclasses import dataclass

from blockjob_fsm.declaration import EventKind
from blockjob_fsm.error_action import IoStatus
from blockjob_fsm.errors import (
    CannotAcceptVerb,
    CannotBeCompleted,
    JobAlreadyPaused,
    JobNotPaused,
    JobPaused,
    QmpError,
)
from blockjob_fsm.guards import ALWAYS, Assignment, Choose, Constant, Guard
from blockjob_fsm.lifecycles import classic_words as old
from blockjob_fsm.lifecycles import modern_words as new
from blockjob_fsm.lifecycles.classic_words import Phase
from blockjob_fsm.lifecycles.modern_entering import RETURNED, SUSPENDED
from blockjob_fsm.lifecycles.modern_words import IS_READY, WORKING, Place, Status


@dataclass(frozen=True, slots=True, eq=False)
class Difference:
    """At any of `events` in any of `statuses`, if `when` holds of the job, it is not as in 1.3.

    `refused`: the verb, which 1.3 takes, is refused with one of these errors. Otherwise the step is
    taken, and from a classic job changed by `first` it is what the events `like` make of it (None:
    those that the event is in 1.3, if any), changed by `sets`; assignments are to classic
    variables, and read the modern job before the step. `mute`: it sends none of the events that
    `like` sends. `since` is the first release with it, `until` the first without.
    """

    name: str
    events: tuple[EventKind, ...]
    why: str
    statuses: tuple[Status, ...] = tuple(Status)
    when: Guard = ALWAYS
    refused: tuple[type[QmpError], ...] = ()
    first: tuple[Assignment, ...] = ()
    like: tuple[EventKind, ...] | None = None
    sets: tuple[Assignment, ...] = ()
    mute: bool = False
    since: str = "2.12"
    until: str = ""


_UNSTARTED = new.PLACE.equals(Place.UNSTARTED)
_PARKED = new.PLACE.equals(Place.PARKED)
_DRAINED = ~new.DRAINS.less_than(1) | new.HOLDS_DRAIN
_AT_REST = SUSPENDED | _PARKED
_UNPAUSED = new.PAUSE_COUNT.equals(0) | (_UNSTARTED & new.PAUSE_COUNT.equals(1))
_ONE_REASON = new.PAUSE_COUNT.equals(1) | (_UNSTARTED & new.PAUSE_COUNT.equals(2))
_READY = (Status.READY,)
_ENDED = (Status.WAITING, Status.PENDING, Status.ABORTING, Status.CONCLUDED)
_SOFTLY = new.CANCELLED & ~new.FORCE_CANCELLED
_CANCELS = (new.CANCEL, new.SOFT_CANCEL)
_RELEASED = (old.PHASE.set(Phase.FREED), old.IN_USE.off, old.BUSY.off)

#: a verb is refused that 1.3 takes
_REFUSED = (
    Difference(
        "second-pause",
        (new.PAUSE,),
        "pauses are counted, the user's once; in 1.3 a pause is a flag that may be set again",
        statuses=WORKING,
        when=new.USER_PAUSED,
        refused=(JobAlreadyPaused,),
    ),
    Difference(
        "resume-unpaused",
        (new.RESUME,),
        "only a pause of the user's own is taken back; 1.3 resumes whatever it finds",
        statuses=(*WORKING, *_ENDED),
        when=~new.USER_PAUSED,
        refused=(JobNotPaused,),
    ),
    Difference(
        "ended-is-left-alone",
        (new.PAUSE, new.RESUME, new.SET_SPEED),
        "a job whose work is over is still there, and takes no verb that is about work",
        statuses=_ENDED,
        refused=(CannotAcceptVerb,),
    ),
    Difference(
        "aborting-is-final",
        _CANCELS,
        "a job that has failed, been cancelled or been concluded is still there to be refused",
        statuses=(Status.ABORTING, Status.CONCLUDED),
        refused=(CannotAcceptVerb, JobPaused),
    ),
    Difference(
        "complete-too-late",
        (new.COMPLETE,),
        "its body has returned as softly asked; in 1.3 such a job has forgotten that it was",
        statuses=_READY,
        when=RETURNED & _SOFTLY,
        refused=(CannotBeCompleted,),
        since="6.2",
    ),
)

#: the user asks, and what comes of it is not what 1.3 makes of it
_VERBS = (
    Difference(
        "resume-under-drain",
        (new.RESUME,),
        "pauses are counted: a drained section that is still open keeps the job paused",
        when=_DRAINED,
        like=(old.IOSTATUS_RESET,),
    ),
    Difference(
        "complete-when-paused",
        (new.COMPLETE,),
        "remembered until whoever paused the job lets it go on; 1.3 refuses a paused job",
        statuses=IS_READY,
        when=~_UNPAUSED,
        like=(),
        sets=(old.SHOULD_COMPLETE.on,),
        since="6.0",
    ),
    Difference(
        "cancel-under-drain",
        _CANCELS,
        "only the user's pause is undone, and only it makes a cancel without force be refused",
        when=_DRAINED,
        like=(old.CANCEL,),
        sets=(old.PAUSED.on,),
    ),
    Difference(
        "cancel-too-late",
        (new.SOFT_CANCEL,),
        "the body has returned in step, as the request wants it: nothing is noted any more",
        statuses=_READY,
        when=RETURNED,
        like=(),
        since="6.2",
    ),
    Difference(
        "finalize",
        (new.FINALIZE,),
        "a verb of its own: success waits for the user if it is told to",
        statuses=(Status.PENDING,),
    ),
    Difference(
        "dismiss",
        (new.DISMISS,),
        "a verb of its own: a result is kept until the user has seen it",
        statuses=(Status.CONCLUDED,),
        like=(old.RETURNED,),
    ),
    Difference(
        "change",
        (new.CHANGE,),
        "a verb of its own: a mirror may be told to send guests' writes to both sides",
        statuses=WORKING,
        since="8.2",
    ),
)

#: what users do not ask for
_PAUSES = (
    Difference(
        "drain-pauses",
        (new.DRAIN_BEGIN,),
        "a drained section pauses the jobs of its nodes; in 1.3 jobs keep out of its way",
        when=_UNPAUSED,
        like=(old.PAUSE,),
        sets=(old.PAUSED.on,),
    ),
    Difference(
        "drain-resumes",
        (new.DRAIN_END,),
        "the last section that ends lets the job go on, unless the user has paused it",
        when=_ONE_REASON,
        like=(old.RESUME,),
        sets=(old.PAUSED.off,),
    ),
    Difference(
        "own-drain-pauses",
        (new.HOLD_DRAIN,),
        "a mirror keeps guests out by a drained section from its last look on, and is in it",
        when=_UNPAUSED,
        sets=(old.PAUSED.on,),
    ),
    Difference(
        "own-drain-ends",
        (new.DROP_DRAIN, new.PREPARE),
        "the section that the job itself held is over",
        when=new.HOLDS_DRAIN & _ONE_REASON,
        sets=(old.PAUSED.off,),
    ),
    Difference(
        "own-drain-ends-late",
        (new.CONCLUDE,),
        "a mirror that fails or is cancelled ends its section when it is concluded",
        when=new.HOLDS_DRAIN & _ONE_REASON,
        sets=(old.PAUSED.off,),
    ),
    Difference(
        "soft-cancel-sleeps",
        (new.SLEEP,),
        "a ready job that was softly cancelled is at work until it is clean: it may wait",
        statuses=_READY,
        when=_SOFTLY,
        like=(),
        sets=(old.PHASE.set(Phase.ASLEEP), old.BUSY.off),
        since="6.2",
    ),
    Difference(
        "soft-cancel-parks",
        (new.PAUSE_POINT,),
        "a ready job that was softly cancelled is at work until it is clean: it can be paused",
        statuses=_READY,
        when=_SOFTLY,
        like=(),
        sets=(old.PHASE.set(Phase.PARKED), old.BUSY.off),
        since="6.2",
    ),
)

_WORK = (
    Difference(
        "stays-ready",
        (new.ERROR,),
        "a mirror is ready for good, whatever fails; in 1.3 an error takes it out of step",
        statuses=_READY,
        sets=(old.SYNCED.on,),
    ),
    Difference(
        "body-looks-itself",
        (new.SUBMIT, new.ERROR, new.IN_STEP),
        "whether a cancelled job works on after a sleep is its body's matter, not its rows'",
        when=new.FORCE_CANCELLED,
        first=(old.PHASE.set(Phase.RUNNING),),
    ),
)

#: how a job is made, and how it ends
_ENDS = (
    Difference(
        "discarded",
        (new.DISCARD,),
        "a negative speed is found once the job is there; 1.3 looks before it makes one",
        statuses=(Status.CREATED,),
        sets=_RELEASED,
    ),
    Difference(
        "never-started",
        (new.COMPLETION,),
        "jobs of one command are made before any is started, and one may end before that",
        when=_UNSTARTED,
        sets=(old.PHASE.set(Phase.RUNNING), old.BUSY.off),
    ),
    Difference(
        "never-told",
        (new.CONCLUDE,),
        "no event tells of the end of a job that never started, or is no block job",
        when=_UNSTARTED | ~new.BLOCK_JOB,
        mute=True,
    ),
    Difference(
        "over-before-the-end",
        (new.COMPLETION,),
        "once its work is over a job is neither busy nor ready, and waits for others to end it",
        when=~_UNSTARTED,
        sets=(old.BUSY.off, old.SYNCED.off),
    ),
)

_GROUPS = (
    Difference(
        "cancelled-with-siblings",
        (new.SIBLING_CANCEL,),
        "members of a transaction fail together; jobs of 1.3 know nothing of each other",
        when=~_AT_REST,
        like=(old.CANCEL,),
        sets=(old.PAUSED.become(_DRAINED),),
    ),
    Difference(
        "cancelled-before-entered",
        (new.SIBLING_CANCEL,),
        "all members are cancelled first, and then entered one by one",
        when=_AT_REST,
        sets=(
            old.CANCELLED.on,
            old.PAUSED.become(_DRAINED),
            old.IO_STATUS.set(Choose(new.USER_PAUSED, Constant(IoStatus.OK), new.IO_STATUS)),
        ),
    ),
    Difference(
        "entered-for-the-end",
        (new.KICK,),
        "whoever waits for a member's end takes it out of its park",
        when=_PARKED,
        like=(old.CANCEL,),
        sets=(old.PAUSED.become(~_UNPAUSED),),
    ),
)

#: all of them by what they are about, in the order in which they are asked
CHAPTERS: dict[str, tuple[Difference, ...]] = {
    "Verbs refused that 1.3 takes": _REFUSED,
    "Verbs taken in another way": _VERBS,
    "Pauses and sleeps": _PAUSES,
    "The body's work": _WORK,
    "The beginning and the end": _ENDS,
    "Transactions": _GROUPS,
}
DIFFERENCES: tuple[Difference, ...] = tuple(one for some in CHAPTERS.values() for one in some)
