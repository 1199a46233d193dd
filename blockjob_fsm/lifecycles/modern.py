"""THE modern lifecycle of a job (the job API since QEMU 2.12), as rows.

Theory of operation. What clients see is the status; what decides is where the coroutine is and how
many reasons there are to pause. A job is created unstarted with one such reason, which starting it
takes away. Users, drained sections, and errors under policy "stop" add reasons; the coroutine looks
at their number at pause points: when it starts, and whenever it comes back from a sleep or a wait.
There it parks, visibly (paused, standby), and the next kick of anybody takes it out again.

When the body has returned, the main loop runs the job's completion, in a step of its own: in the
window between, the status is still running or ready. From then on the transaction decides, of which
every job is a member, if only the single one of its own: all succeed (waiting, pending, concluded)
or all fail (aborting, concluded). How it walks over its members is in `transaction`.

Profiles are releases: rows and outputs say from which release on they are, and until which. "Is
cancelled" means that anybody asked before 6.2, and since then only that it was asked with force.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any, TypeGuard

from blockjob_fsm.declaration import Lifecycle, Refusal, Rule, of_profile
from blockjob_fsm.error_action import ErrorAction, IoStatus
from blockjob_fsm.guards import Choose, Flag
from blockjob_fsm.lifecycles.modern_cancel import CANCELLING
from blockjob_fsm.lifecycles.modern_ending import SETTLING, completing, failing, succeeding
from blockjob_fsm.lifecycles.modern_entering import ASLEEP, AWAKE
from blockjob_fsm.lifecycles.modern_verbs import REFUSALS, RULES_OF_VERBS
from blockjob_fsm.lifecycles.modern_words import (
    ACTION,
    ACTIVE,
    ARM_TIMER,
    BUSY,
    CANCELLED,
    CLEAN,
    COMPLETABLE,
    CREATE,
    DEFER,
    DISCARD,
    DROP_DRAIN,
    EMIT_ERROR,
    EMIT_READY,
    EMIT_STATUS,
    ERROR,
    EVENTS,
    FORCE_CANCELLED,
    HOLD_DRAIN,
    HOLDS_DRAIN,
    IN_STEP,
    IO_DONE,
    IO_ERROR,
    IO_STATUS,
    MIRRORS,
    PAUSE_COUNT,
    PAUSE_POINT,
    PLACE,
    RELEASE,
    RELEASES,
    RESULT,
    RET,
    RETURN,
    SHOULD_COMPLETE,
    SLEEP,
    START,
    SUBMIT,
    SUBMIT_IO,
    TIMED,
    TIMER,
    UNDRAIN,
    USER_PAUSED,
    VARIABLES,
    WAKE,
    ModernControl,
    Place,
    Status,
)
from blockjob_fsm.wellformed import load

_AT_WORK = PLACE.equals(Place.RUNNING)
_AT_POINT = PLACE.equals(Place.WOKEN)
_UNPAUSED = PAUSE_COUNT.equals(0)
_COUNTED = PAUSE_COUNT.set(PAUSE_COUNT.plus(1))
_UNCOUNTED = PAUSE_COUNT.set(PAUSE_COUNT.plus(-1))
_FIRST_ERROR = IO_STATUS.set(Choose(IO_STATUS.equals(IoStatus.OK), IO_ERROR, IO_STATUS))
_IS_STOP = ACTION.equals(ErrorAction.STOP)
_SUCCESS = RESULT.equals(0)
_SOFTLY_DONE = CANCELLED & ~FORCE_CANCELLED & _SUCCESS
_DEFERRED = "the completion is the main loop's; until it runs, the status stays what it was"
_RESULT_KEPT = (PLACE.set(Place.RETURNED), RET.set(RESULT))
# Whoever keeps a target in step succeeds only if guests were kept out since its last look at it.
_MAY_RETURN = _AT_WORK & (HOLDS_DRAIN | ~MIRRORS | ~_SUCCESS)
_MAY_HOLD = _AT_WORK & MIRRORS & ~HOLDS_DRAIN
_KEPT_OUT = "guests are kept out from the decision to end until the end"

_BIRTH = (
    Rule(
        (CREATE,),
        (Status.UNDEFINED,),
        Status.CREATED,
        "a job counts as asked to pause until it is started",
        does=(EMIT_STATUS,),
    ),
    Rule(
        (DISCARD,),
        (Status.CREATED,),
        Status.NULL,
        "what is refused only after the job was made leaves no job",
        does=(CLEAN, EMIT_STATUS, RELEASE),
    ),
    Rule(
        (START,),
        (Status.CREATED,),
        Status.RUNNING,
        "the coroutine's first act is a pause point",
        sets=(PLACE.set(Place.WOKEN), BUSY.on, _UNCOUNTED),
        does=(EMIT_STATUS, WAKE),
    ),
)

_WORK = (
    Rule(
        (SUBMIT,),
        ACTIVE,
        None,
        "busy until its I/O has ended: nobody enters it there",
        when=_AT_WORK,
        sets=(PLACE.set(Place.WAITING),),
        does=(SUBMIT_IO,),
    ),
    Rule(
        (IO_DONE,),
        ACTIVE,
        None,
        "only the I/O ends an I/O wait",
        when=PLACE.equals(Place.WAITING),
        sets=(PLACE.set(Place.RUNNING),),
        does=(WAKE,),
    ),
    Rule(
        (TIMER,),
        ACTIVE,
        None,
        "the sleep is over; a pause point follows",
        when=ASLEEP,
        sets=AWAKE,
        does=(WAKE,),
    ),
    Rule(
        (ERROR,),
        ACTIVE,
        None,
        "reported or ignored: the event is all there is",
        when=_AT_WORK & ~_IS_STOP,
        does=(EMIT_ERROR,),
    ),
    Rule(
        (ERROR,),
        ACTIVE,
        None,
        "the job pauses as if the user had asked; the first error stays in the io-status",
        when=_AT_WORK & _IS_STOP & ~USER_PAUSED,
        sets=(USER_PAUSED.on, _COUNTED, _FIRST_ERROR),
        does=(EMIT_ERROR,),
    ),
    Rule(
        (ERROR,),
        ACTIVE,
        None,
        "one resume undoes all the stops there were",
        when=_AT_WORK & _IS_STOP & USER_PAUSED,
        sets=(_FIRST_ERROR,),
        does=(EMIT_ERROR,),
    ),
    Rule(
        (IN_STEP,),
        (Status.RUNNING,),
        Status.READY,
        "source and target are in step: announced once, and true for good",
        when=_AT_WORK & COMPLETABLE,
        does=(EMIT_STATUS, EMIT_READY),
    ),
    Rule(
        (HOLD_DRAIN,),
        (Status.RUNNING,),
        None,
        "a mirror that is not in step ends only because it is cancelled",
        when=_MAY_HOLD & FORCE_CANCELLED,
        sets=(HOLDS_DRAIN.on, _COUNTED),
    ),
    Rule(
        (HOLD_DRAIN,),
        (Status.READY,),
        None,
        _KEPT_OUT,
        when=_MAY_HOLD & (SHOULD_COMPLETE | CANCELLED),
        sets=(HOLDS_DRAIN.on, _COUNTED),
    ),
    Rule(
        (DROP_DRAIN,),
        ACTIVE,
        None,
        "out of step again: guests go on, and so does the copying",
        when=_AT_WORK & HOLDS_DRAIN,
        sets=(HOLDS_DRAIN.off, _UNCOUNTED),
        does=(UNDRAIN,),
    ),
    Rule(
        (RETURN,),
        (Status.RUNNING,),
        None,
        _DEFERRED,
        when=_MAY_RETURN,
        sets=_RESULT_KEPT,
        does=(DEFER,),
    ),
    Rule(
        (RETURN,),
        (Status.READY,),
        None,
        _DEFERRED,
        when=_MAY_RETURN,
        sets=_RESULT_KEPT,
        does=(DEFER,),
        since="6.2",
    ),
    Rule(
        (RETURN,),
        (Status.READY,),
        None,
        _DEFERRED,
        when=_MAY_RETURN & ~_SOFTLY_DONE,
        sets=_RESULT_KEPT,
        does=(DEFER,),
        until="6.2",
    ),
    Rule(
        (RETURN,),
        (Status.READY,),
        None,
        "before 6.2 a mirror that ended as softly asked took the request back itself",
        when=_MAY_RETURN & _SOFTLY_DONE,
        sets=(*_RESULT_KEPT, CANCELLED.off),
        does=(DEFER,),
        until="6.2",
    ),
)


def _sleeping(is_cancelled: Flag) -> tuple[Rule, ...]:
    # Between its decision to end and the end a job never rests: nobody else ends its section.
    may_rest = _AT_WORK & ~HOLDS_DRAIN
    unasked = may_rest & _UNPAUSED & ~is_cancelled
    return (
        Rule((SLEEP,), ACTIVE, None, "a cancelled job must not wait", when=may_rest & is_cancelled),
        Rule(
            (SLEEP,),
            ACTIVE,
            None,
            "no sleep where a pause is wanted: the pause point comes at once",
            when=may_rest & ~_UNPAUSED & ~is_cancelled,
            sets=(PLACE.set(Place.WOKEN),),
        ),
        Rule(
            (SLEEP,),
            ACTIVE,
            None,
            "every unit of work is followed by a sleep, if only of 0 ns",
            when=unasked & TIMED.equals(True),
            sets=(PLACE.set(Place.ASLEEP), BUSY.off),
            does=(ARM_TIMER,),
        ),
        Rule(
            (SLEEP,),
            ACTIVE,
            None,
            "nothing to do until somebody asks for something",
            when=unasked & TIMED.equals(False),
            sets=(PLACE.set(Place.IDLE), BUSY.off),
        ),
    )


def _parking(is_cancelled: Flag) -> tuple[Rule, ...]:
    parks = (PLACE.set(Place.PARKED), BUSY.off)
    wanted = _AT_POINT & ~_UNPAUSED & ~is_cancelled
    why = "somebody wants a pause, and a cancelled job has no time for it"
    return (
        Rule(
            (PAUSE_POINT,),
            ACTIVE,
            None,
            "nobody wants a pause, or the job is cancelled",
            when=_AT_POINT & (_UNPAUSED | is_cancelled),
            sets=(PLACE.set(Place.RUNNING),),
        ),
        Rule(
            (PAUSE_POINT,),
            (Status.RUNNING,),
            Status.PAUSED,
            why,
            when=wanted,
            sets=parks,
            does=(EMIT_STATUS,),
        ),
        Rule(
            (PAUSE_POINT,),
            (Status.READY,),
            Status.STANDBY,
            why,
            when=wanted,
            sets=parks,
            does=(EMIT_STATUS,),
        ),
    )


def _of_releases(is_cancelled: Flag, since: str = "", until: str = "") -> tuple[Rule, ...]:
    """The rows that ask whether the job is cancelled, which releases answer by different flags."""
    asking = (_sleeping, _parking, completing, succeeding, failing)
    rows = [row for rows_of in asking for row in rows_of(is_cancelled)]
    return tuple(replace(row, since=since, until=until) for row in rows)


RULES = (
    *_BIRTH,
    *_WORK,
    *_of_releases(CANCELLED, until="6.2"),
    *_of_releases(FORCE_CANCELLED, since="6.2"),
    *SETTLING,
    *RULES_OF_VERBS,
    *CANCELLING,
)


@lru_cache(maxsize=len(RELEASES))
def modern(profile: str) -> Lifecycle[ModernControl]:
    """The lifecycle of one release, checked; see `RELEASES`."""
    return variant(profile)


def variant(
    profile: str, rules: tuple[Rule, ...] = RULES, refusals: tuple[Refusal, ...] = REFUSALS
) -> Lifecycle[ModernControl]:
    """A lifecycle of these rows, as far as the release has them and their events."""
    rules, refusals = of_profile(rules, profile), of_profile(refusals, profile)
    used = {kind for rule in rules for kind in rule.events}
    lifecycle = Lifecycle(
        name="modern",
        profile=profile,
        initial=ModernControl(),
        phases=Status,
        variables=VARIABLES,
        events=tuple(kind for kind in EVENTS if kind in used),
        rules=rules,
        refusals=refusals,
    )
    load(lifecycle)
    return lifecycle


MODERN = modern("10.1")


def is_modern(lifecycle: Lifecycle[Any]) -> TypeGuard[Lifecycle[ModernControl]]:
    """Whether a lifecycle is one of the job API, in whichever profile."""
    return isinstance(lifecycle.initial, ModernControl)
