"""Modern jobs and their transaction as a model: every event in any order that the rows allow.

Each step of a row is a move of its own. While the transaction has a step due nothing else happens,
since the main loop is busy with it; only KICK lets the world go on. Timers, I/O and completions
come as answers to outputs. Bodies do whatever the rows allow, and devices do not exist.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any, NamedTuple

from blockjob_fsm.check.space import Move
from blockjob_fsm.declaration import Actor, Event, EventKind, Lifecycle, Output, Refused, step
from blockjob_fsm.error_action import ErrorAction, IoStatus
from blockjob_fsm.guards import Control, Value, word
from blockjob_fsm.lifecycles import modern_words as words
from blockjob_fsm.lifecycles.modern_words import ENDED, THERE, ModernControl, Status
from blockjob_fsm.lifecycles.transaction import Transaction
from blockjob_fsm.properties.modern_watched import Driver, Told, Watched

#: what only a transaction does, and only when it is due
OF_TRANSACTION = frozenset(
    {
        words.PEND,
        words.PREPARE,
        words.SIBLING_CANCEL,
        words.REVISE,
        words.CONCLUDE,
        words.AUTO_DISMISSAL,
        words.KICK,
    }
)
#: the values every argument is tried with, unless a model asks for fewer
DOMAINS: dict[str, tuple[Value, ...]] = {
    "new_speed": (-1, 0, 1),
    "result": (0, -5),
    "timed": (False, True),
    "action": (ErrorAction.STOP, ErrorAction.REPORT),
    "status": (IoStatus.FAILED, IoStatus.NOSPACE),
    "to_write_blocking": (False, True),
}
#: what comes as an answer only, and the flag that says it is to come
_SOLICITED = {words.TIMER: "timer", words.IO_DONE: "io", words.COMPLETION: "deferred"}
_KINDS = ("block_job", "completable", "changeable", "mirrors")
_NEWEST_FIRST = ("j2", "j1", "j0")
#: what a move of a member that is not watched is marked with
OTHER = "other-"


class State(NamedTuple):
    """A transaction and its members, newest first."""

    transaction: Transaction
    members: tuple[Watched, ...]


class _Answer(NamedTuple):
    """What a member makes of an event: the member after it, or why it is refused."""

    event: Event
    label: str
    after: Watched
    outputs: tuple[Output, ...]
    refused: Refused[ModernControl] | None


@dataclass(slots=True)
class GroupModel:
    """A lifecycle explored for the jobs of one transaction.

    `starts` lists what may begin, as controls newest first; `left_out` names the events that never
    come; at most `most_drains` sections are open. `dutiful` bodies return as soon as they run and
    are cancelled. What is seen and told is told of member `watched`; moves of others are marked.
    """

    lifecycle: Lifecycle[ModernControl]
    starts: tuple[tuple[ModernControl, ...], ...]
    domains: dict[str, tuple[Value, ...]] = field(default_factory=dict)
    left_out: frozenset[EventKind] = frozenset()
    most_drains: int = 2
    dutiful: bool = False
    walk: Callable[[tuple[str, ...]], Transaction] = Transaction
    watched: int = 0
    _events: tuple[tuple[Event, str], ...] = field(init=False)
    _kinds: dict[str, EventKind] = field(init=False, repr=False)
    _answers: dict[Watched, tuple[_Answer, ...]] = field(default_factory=dict, repr=False)
    _members: dict[Watched, Watched] = field(default_factory=dict, repr=False)
    _views: dict[State, Watched] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        values = DOMAINS | self.domains
        self._kinds = {kind.name: kind for kind in self.lifecycle.events}
        self._events = tuple(
            (event, str(event))
            for kind in self.lifecycle.events
            if kind not in OF_TRANSACTION and kind not in self.left_out
            for event in (
                kind(*chosen) for chosen in product(*(values[a.name] for a in kind.arguments))
            )
        )

    def initial(self) -> Iterator[State]:
        for controls in self.starts:
            names = _NEWEST_FIRST[-len(controls) :]
            members = tuple(map(_watch, controls))
            if len(members) > 1:
                # One command creates all members of a group before it starts any.
                members = tuple(map(self._created, members))
            yield State(self.walk(names), members)

    def _created(self, member: Watched) -> Watched:
        taken = step(self.lifecycle, member, words.CREATE())
        if isinstance(taken, Refused):
            return member
        return _remember(member, taken.state, words.CREATE, taken.outputs)

    def moves(self, state: State) -> Iterator[Move[State]]:
        transaction, members = state
        due = transaction.due(dict(zip(transaction.members, members, strict=True)))
        if due is not None:
            number = transaction.members.index(due.member)
            results = [(0,), (-5,)] if due.kind.arguments else [()]
            taken = transaction.took(due)
            for values in results:
                event = due.kind(*values)
                answer = self._answer(members[number], event, str(event))
                yield self._move(State(taken, members), number, answer, state)
            if due.kind is not words.KICK:
                return
        for number, member in enumerate(members):
            for answer in self._answered(member):
                yield self._move(state, number, answer, state)

    def _answered(self, member: Watched) -> tuple[_Answer, ...]:
        """All that can come to a member: the same whatever its siblings are doing."""
        found = self._answers.get(member)
        if found is None:
            found = self._answers[member] = tuple(
                self._answer(member, event, label)
                for event, label in self._events
                if self._may_come(member, event.kind)
            )
        return found

    def _may_come(self, member: Watched, kind: EventKind) -> bool:
        answer = _SOLICITED.get(kind)
        if answer is not None:
            return bool(getattr(member, answer))
        if kind.actor is Actor.USER:
            return True
        if kind is words.DRAIN_BEGIN:
            return member.drains < self.most_drains and member.phase in THERE
        if kind is words.DRAIN_END:
            return member.drains > 0 and member.phase in THERE
        if self.dutiful and kind.actor is Actor.JOB and member.force_cancelled:
            return kind in (words.HOLD_DRAIN, words.RETURN, words.PAUSE_POINT)
        return True

    def _answer(self, member: Watched, event: Event, label: str) -> _Answer:
        result = step(self.lifecycle, member, event)
        if isinstance(result, Refused):
            return _Answer(event, label, member, (), result)
        after = _remember(member, result.state, event.kind, result.outputs)
        return _Answer(event, label, self._members.setdefault(after, after), result.outputs, None)

    def _move(self, of: State, number: int, answer: _Answer, before: State) -> Move[State]:
        event, label, after, outputs, refused = answer
        kind, who = event.kind.name, event.kind.actor.value
        if number != self.watched:
            name = of.transaction.members[number]
            kind, who, label = f"{OTHER}{kind}", f"{who}, {name}", f"{name}.{label}"
        if refused is not None:
            return Move(who, kind, label, before, event.values, (), refused)
        members = (*of.members[:number], after, *of.members[number + 1 :])
        heard = of.transaction.heard(of.transaction.members[number], outputs)
        return Move(who, kind, label, State(heard, members), event.values, outputs)

    def event_of(self, move: Move[State]) -> Event:
        """The event that a move is, of whichever member."""
        return self._kinds[move.kind.removeprefix(OTHER)](*move.values)

    def view(self, state: State) -> Control:
        known = self._views.get(state)
        if known is None:
            seen = self._seen(state)
            known = self._views[state] = self._members.setdefault(seen, seen)
        return known

    def _seen(self, state: State) -> Watched:
        transaction, members = state
        mine = members[self.watched]
        due = transaction.due(dict(zip(transaction.members, members, strict=True)))
        seen: dict[str, Any] = {
            "settled": due is None or due.kind is words.KICK,
            "finalizing": transaction.finalizing,
            "aborting": transaction.aborting,
        }
        if len(members) > 1:
            seen |= _siblings(members, self.watched)
        return replace(mine, **seen)

    def key(self, state: State) -> Hashable:
        return self.view(state)

    def describe(self, state: State) -> str:
        told = map(describe_modern, state.members)
        if len(state.members) == 1:
            return next(told)
        names = state.transaction.members
        return "; ".join(f"{name} {words}" for name, words in zip(names, told, strict=True))


def describe_modern(control: ModernControl) -> str:
    """Status, where the coroutine is, the flags that are set, and what is not at its start."""
    flags = ("user_paused", "holds_drain", "cancelled", "force_cancelled", "should_complete")
    told = [word(control.phase), word(control.place)]
    if control.phase is Status.UNDEFINED:
        kind = (
            "block_job",
            "completable",
            "changeable",
            "mirrors",
            "auto_finalize",
            "auto_dismiss",
        )
        return ", ".join([word(control.phase), *(name for name in kind if getattr(control, name))])
    told += [name for name in (*flags, "prepared") if getattr(control, name)]
    if control.io_status is not IoStatus.OK:
        told.append(f"io-status {word(control.io_status)}")
    for name in ("pause_count", "drains", "speed", "ret"):
        if getattr(control, name):
            told.append(f"{name} {getattr(control, name)}")
    return ", ".join(told)


def _watch(control: ModernControl) -> Watched:
    names = ModernControl.__dataclass_fields__
    return Watched(**{name: getattr(control, name) for name in names})


def _remember(
    before: Watched, after: ModernControl, kind: EventKind, outputs: tuple[Output, ...]
) -> Watched:
    """The state after a step with what its outputs, and its event, add to the past."""
    assert isinstance(after, Watched), "a step keeps what it is given"
    news: dict[str, Any] = {}
    if kind in _SOLICITED:
        news[_SOLICITED[kind]] = False
    if kind is words.PREPARE:
        news["prepares"] = min(before.prepares + 1, 2)
    if kind is words.SIBLING_CANCEL:
        news["told_off"] = min(before.told_off + 1, 2)
    for output in outputs:
        if output is words.EMIT_STATUS:
            news |= {"said": after.phase, "repeated": after.phase is before.phase}
        elif output in _ENDS:
            name, how = _ENDS[output]
            first = getattr(before, name).value == "nothing"
            news[name] = how if first else type(how)("twice")
        elif output in _COUNTED:
            news[_COUNTED[output]] = min(getattr(before, _COUNTED[output]) + 1, 2)
        elif output in _NOTED:
            name, value = _NOTED[output]
            news[name] = value
    return replace(after, **news) if news else after


_ENDS: dict[Output, tuple[str, Told | Driver]] = {
    words.EMIT_COMPLETED: ("told", Told.COMPLETED),
    words.EMIT_CANCELLED: ("told", Told.CANCELLED),
    words.COMMIT: ("driver", Driver.COMMITTED),
    words.ABORT: ("driver", Driver.ABORTED),
}
_COUNTED = {words.CLEAN: "cleaned", words.CALL_BACK: "called_back", words.RELEASE: "freed"}
_NOTED = {
    words.PIVOT: ("pivoted", True),
    words.ARM_TIMER: ("timer", True),
    words.CANCEL_TIMER: ("timer", False),
    words.SUBMIT_IO: ("io", True),
    words.DEFER: ("deferred", True),
}


def _siblings(members: tuple[Watched, ...], watched: int) -> dict[str, bool]:
    others = members[:watched] + members[watched + 1 :]
    newer = members[:watched]
    over = (Status.CONCLUDED, Status.NULL)
    return {
        "others_ended": all(other.phase in ENDED for other in others),
        "others_pending": all(other.phase is Status.PENDING for other in others),
        "others_prepared": all(other.prepared for other in others),
        "others_auto": all(other.auto_finalize for other in others),
        "other_committed": any(other.driver is Driver.COMMITTED for other in others),
        "other_aborted": any(other.driver is Driver.ABORTED for other in others),
        "newer_left": any(other.phase not in over for other in newer),
        "newer_waiting": any(other.phase is Status.WAITING for other in newer),
    }
