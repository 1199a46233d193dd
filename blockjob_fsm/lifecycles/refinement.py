"""How the modern lifecycle refines the 2012 one: what a modern state is to those who know only 1.3.

`images` is the map: the classic states that a modern one may stand for. All of their variables are
given by the modern state, so whether there is a job, and busy, paused, cancelled, ready, io-status,
speed and result are each told alike; only whether a job at work has looked at its cancellation yet
(RUNNING or LEAVING) is left open, since modern rows leave that to the body.

`Refinement.follow` judges one step. Beside a modern job run those classic states that its past
allows, its followers. A step is

    a classic step   a follower takes the same event, by the rows of QEMU 1.3, into an image of the
                     new state; it answers the verb alike, and sends the same events of block jobs
    a stutter        the event is not a verb that 1.3 has, and the follower stays as it is
    a difference     one of the named rows in `differences` says what it is like instead
    unexplained      a mistake of the rows, or a difference that nobody has named

so a run whose steps need no difference is a run of QEMU 1.3, as a client sees it. The classic side
is 1.3 as it was, not `safe`: there too cancel is heard until the very end, as in a pending job.

A timer may fire whenever a follower sleeps, so time is not compared, nor that modern pauses end a
sleep at once. Neither are the words of refusals, the events JOB_STATUS_CHANGE and
BLOCK_JOB_PENDING, and when the device is switched to the target: 1.3 does so as it ends the job.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

from blockjob_fsm.declaration import (
    Actor,
    Event,
    EventKind,
    Lifecycle,
    Output,
    Refused,
    Stepped,
    has_release,
    step,
)
from blockjob_fsm.guards import Assignment, Choose, Constant, Values
from blockjob_fsm.lifecycles import classic_words as old
from blockjob_fsm.lifecycles import modern_words as new
from blockjob_fsm.lifecycles.classic import CLASSIC_1_3
from blockjob_fsm.lifecycles.classic_words import ClassicControl, Phase
from blockjob_fsm.lifecycles.differences import DIFFERENCES, Difference
from blockjob_fsm.lifecycles.modern_words import ModernControl, Place, Status

Followers = frozenset[ClassicControl]
Word = tuple[EventKind, ...]

#: where a job that has not ended is, by where its coroutine is
PHASES: dict[Place, Phase] = {
    Place.UNSTARTED: Phase.RUNNING,
    Place.RUNNING: Phase.RUNNING,
    Place.WOKEN: Phase.RUNNING,
    Place.WAITING: Phase.WAITING,
    Place.ASLEEP: Phase.ASLEEP,
    Place.IDLE: Phase.ASLEEP,
    Place.PARKED: Phase.PARKED,
    Place.RETURNED: Phase.RUNNING,
    Place.COMPLETED: Phase.RUNNING,
}
#: where it is anyway, by its status
PHASES_BY_STATUS: dict[Status, Phase] = {
    Status.UNDEFINED: Phase.ABSENT,
    Status.CREATED: Phase.CREATED,
    Status.CONCLUDED: Phase.ENDING,
    Status.NULL: Phase.FREED,
}
#: the classic events that a modern one may be, one after the other; an empty word is a stutter
WORDS: dict[EventKind, tuple[Word, ...]] = {
    new.PAUSE: ((old.PAUSE,),),
    new.RESUME: ((old.RESUME,),),
    new.SET_SPEED: ((old.SET_SPEED,),),
    new.COMPLETE: ((old.COMPLETE, old.BACKING_OPENED),),
    new.CANCEL: ((old.CANCEL,),),
    new.SOFT_CANCEL: ((old.USER_CANCEL,),),
    new.FINALIZE: (),
    new.DISMISS: (),
    new.CHANGE: (),
    new.CREATE: ((old.CREATE,),),
    new.DISCARD: (),
    new.START: ((old.START,),),
    new.IO_DONE: ((old.IO_DONE,),),
    new.TIMER: ((old.TIMER,),),
    new.SUBMIT: ((old.SUBMIT,),),
    new.SLEEP: ((old.SLEEP,), ()),
    new.PAUSE_POINT: ((old.SLEEP,), ()),
    new.ERROR: ((old.ERROR,),),
    new.IN_STEP: ((old.READY,),),
    new.RETURN: ((old.DECIDE,), ()),
    new.CONCLUDE: ((old.COMPLETED,),),
    new.AUTO_DISMISSAL: ((old.RETURNED,),),
    new.SIBLING_CANCEL: (),
}
_STUTTERS: tuple[Word, ...] = ((),)
#: what may happen to a classic job at any time, after any event
_BY_ITSELF = (old.TIMER, old.TEST)
#: answers that are kept: more than an exploration asks for
_MOST = 100_000
#: the events that both lifecycles send
_TOLD = frozenset(
    str(output)
    for output in (old.EMIT_READY, old.EMIT_ERROR, old.EMIT_COMPLETED, old.EMIT_CANCELLED)
)


_CREATED = new.STATUS.equals(Status.CREATED)
_UNSTARTED = new.PLACE.equals(Place.UNSTARTED)
_MET = new.PLACE.among(Place.RETURNED, Place.COMPLETED)
#: each classic variable but the phase, as the modern job has it
VARIABLES: tuple[Assignment, ...] = (
    old.COMPLETABLE.become(new.COMPLETABLE),
    old.IN_USE.become(new.STATUS.among(*new.THERE)),
    old.BUSY.become(new.BUSY | _CREATED),
    # A job that has not started counts as asked to pause, by nobody.
    old.PAUSED.become(~new.PAUSE_COUNT.less_than(1) & ~(_UNSTARTED & new.PAUSE_COUNT.less_than(2))),
    old.IO_STATUS.set(new.IO_STATUS),
    old.SYNCED.become(new.STATUS.among(*new.IS_READY)),
    old.SHOULD_COMPLETE.become(new.SHOULD_COMPLETE),
    old.SPEED.set(new.SPEED),
    old.RET.set(Choose(new.STATUS.among(Status.CONCLUDED, Status.NULL), new.RET, Constant(0))),
)
#: whether it is cancelled; since 6.2 a soft request is met once the body has returned
CANCELLED: tuple[tuple[str, Assignment], ...] = (
    ("6.2", old.CANCELLED.become(new.FORCE_CANCELLED | (new.CANCELLED & ~_MET))),
    ("2.12", old.CANCELLED.become(new.CANCELLED)),
)


def variables(release: str) -> tuple[Assignment, ...]:
    """What each classic variable but the phase is for a modern job of a release."""
    cancelled = next(one for since, one in CANCELLED if has_release(release, since))
    return (*VARIABLES, cancelled)


@lru_cache(maxsize=_MOST)
def images(control: ModernControl, release: str) -> Followers:
    """The classic states that a modern state of a release may stand for."""
    seen: dict[str, Any] = {
        one.variable.name: one.term.value(control, ()) for one in variables(release)
    }
    phase = PHASES_BY_STATUS.get(control.phase, PHASES[control.place])
    image = ClassicControl(phase=phase, **seen)
    if phase is Phase.RUNNING and image.cancelled:
        return frozenset({image, replace(image, phase=Phase.LEAVING)})
    return frozenset({image})


class Followed(NamedTuple):
    """What became of a step: the followers after it, and the difference it needed, if any.

    No followers: nothing explains the step, and `wrong` says what was looked for.
    """

    followers: Followers
    difference: Difference | None = None
    wrong: str = ""


@lru_cache(maxsize=_MOST)
def _followed(followers: Followers, difference: Difference | None = None) -> Followed:
    """One value for each answer, since there are millions of answers."""
    return Followed(followers, difference)


class _Ran(NamedTuple):
    """A classic state after a word, and the events that were sent on the way."""

    state: ClassicControl
    told: frozenset[str]


@dataclass(frozen=True, eq=False)
class Refinement:
    """The rows of a release, judged against those of 1.3 and the named differences.

    `lifecycle` may be a variant of the release's own rows, and `differences` other ones.
    """

    lifecycle: Lifecycle[ModernControl]
    differences: tuple[Difference, ...] = DIFFERENCES

    @cached_property
    def in_force(self) -> tuple[Difference, ...]:
        """The differences that the release has."""
        return in_force(self.lifecycle.profile, self.differences)

    def start(self, control: ModernControl) -> Followers:
        """The followers of a job that has not been created, or of a member of a new group."""
        return images(control, self.lifecycle.profile)

    def follow(self, followers: Followers, before: ModernControl, event: Event) -> Followed:
        """Judge what a modern state does at an event; a verb's refusal is judged as a step is."""
        result = step(self.lifecycle, before, event)
        if isinstance(result, Refused):
            asked = event.kind.actor is Actor.USER and WORDS[event.kind]
            return self._refused(followers, before, result) if asked else _followed(followers)
        goal = images(result.state, self.lifecycle.profile)
        told = _told(result.outputs)
        words = WORDS.get(event.kind, _STUTTERS)
        for word in words:
            ran = _run(followers, word, event.values, result.state.ret)
            found = goal.intersection(one.state for one in ran if one.told == told)
            if found:
                return _followed(found)
        for difference in self._named(before, event):
            if not difference.refused:
                ends = _explained(difference, followers, before, event, result)
                if not goal.isdisjoint(ends):
                    return _followed(goal & ends, difference)
        return Followed(frozenset(), None, _missing(goal, words, told))

    def _refused(
        self, followers: Followers, before: ModernControl, result: Refused[ModernControl]
    ) -> Followed:
        (word,) = WORDS[result.event.kind]
        found = _refusing(followers, word, result.event.values)
        if found:
            return _followed(found)
        error = result.refusal.error if result.refusal else None
        for difference in self._named(before, result.event):
            if error in difference.refused:
                return _followed(followers, difference)
        return Followed(frozenset(), None, f"1.3 does not refuse {_listed(word)}")

    def _named(self, before: ModernControl, event: Event) -> Iterator[Difference]:
        for difference in self.in_force:
            mine = event.kind in difference.events and before.phase in difference.statuses
            if mine and difference.when.holds(before, event.values):
                yield difference


def in_force(
    release: str, differences: tuple[Difference, ...] = DIFFERENCES
) -> tuple[Difference, ...]:
    """The differences between 1.3 and a release, in their order."""
    return tuple(one for one in differences if has_release(release, one.since, one.until))


def _explained(
    difference: Difference,
    followers: Followers,
    before: ModernControl,
    event: Event,
    taken: Stepped[ModernControl],
) -> set[ClassicControl]:
    """Where a difference takes the followers; nowhere if it sends other events than the step."""
    first, then = (
        {one.variable.name: one.term.value(before, event.values) for one in some}
        for some in (difference.first, difference.sets)
    )
    usual = WORDS.get(event.kind) or _STUTTERS
    told = _told(taken.outputs)
    started = frozenset(_with(one, first) for one in followers) if first else followers
    return {
        _with(ran.state, then)
        for word in (usual if difference.like is None else (difference.like,))
        for ran in _run(started, word, event.values, taken.state.ret)
        if (not told if difference.mute else told == ran.told)
    }


def _with(state: ClassicControl, changes: dict[str, Any]) -> ClassicControl:
    return replace(state, **changes)


@lru_cache(maxsize=_MOST)
def _run(followers: Followers, word: Word, values: Values, ret: int) -> frozenset[_Ran]:
    """Where a word of classic events leads, and then what may happen by itself."""
    events = _events(word, values, ret)
    return frozenset(ran for one in followers for ran in _runs(one, events))


def _runs(start: ClassicControl, events: tuple[Event, ...]) -> Iterator[_Ran]:
    at, told = start, frozenset[str]()
    for event in events:
        result = step(CLASSIC_1_3, at, event)
        if isinstance(result, Refused):
            return
        at, told = result.state, told | _told(result.outputs)
    yield _Ran(at, told)
    for kind in _BY_ITSELF:
        result = step(CLASSIC_1_3, at, kind())
        if not isinstance(result, Refused):
            at = result.state
            yield _Ran(at, told)


@lru_cache(maxsize=_MOST)
def _refusing(followers: Followers, word: Word, values: Values) -> Followers:
    """The followers that would refuse the user one of these events."""
    events = _events(word, values, 0)
    return frozenset(one for one in followers if _refuses(one, events))


def _refuses(start: ClassicControl, events: tuple[Event, ...]) -> bool:
    at = start
    for event in events:
        result = step(CLASSIC_1_3, at, event)
        if isinstance(result, Refused):
            return result.refusal is not None
        at = result.state
    return False


def _events(word: Word, values: Values, ret: int) -> tuple[Event, ...]:
    """The classic events of a word, with the values that the modern event carries."""
    given: dict[EventKind, Values] = {
        old.CREATE: (0,),
        old.COMPLETED: (ret,),
        old.SET_SPEED: values,
        # Which side of a copy failed is nothing that a modern job keeps.
        old.ERROR: (*values, False),
    }
    return tuple(kind(*given.get(kind, ())) for kind in word)


@lru_cache(maxsize=_MOST)
def _told(outputs: tuple[Output, ...]) -> frozenset[str]:
    return frozenset(str(output) for output in outputs) & _TOLD


def _missing(goal: Followers, words: tuple[Word, ...], told: frozenset[str]) -> str:
    steps = " or ".join(map(_listed, words)) or "no classic event"
    sent = f" that sends {', '.join(sorted(told))}" if told else ""
    return f"{steps}{sent} does not lead to {' or '.join(sorted(_told_of(one) for one in goal))}"


def _listed(word: Word) -> str:
    return " and ".join(map(str, word)) or "standing still"


def _told_of(state: ClassicControl) -> str:
    flags = ("busy", "paused", "cancelled", "synced", "should_complete")
    told = [state.phase.value, *(name for name in flags if getattr(state, name))]
    return f"({', '.join(told)}, io-status {state.io_status.value})"
