"""What a job can do next, in sets: the steps that nobody sees, and those that send an event.

A client sees a job's events, replies and queries, not its sleeps and I/O. What is known of a job is
therefore a set of control states, closed under the unseen steps. Every step is `step` over the
lifecycle's rows; what is added here is when a job's own code, the world, or a command asks for one.

Control states are numbered once and shared by all recordings of a release, since thousands of lines
lead to the same few of them.
"""

from __future__ import annotations

import errno as errno_codes
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Flag, auto
from itertools import product
from typing import TypeAlias

from blockjob_fsm.declaration import Actor, Event, Lifecycle, Output, Refused, Stepped, step
from blockjob_fsm.errno_text import errno_text
from blockjob_fsm.error_action import choose_action, io_status_of
from blockjob_fsm.events import (
    BlockJobCancelled,
    BlockJobCompleted,
    BlockJobError,
    BlockJobPending,
    BlockJobReady,
    JobStatusChange,
)
from blockjob_fsm.guards import Value, word
from blockjob_fsm.lifecycles import modern_words as words
from blockjob_fsm.lifecycles.modern_entering import QUIESCENT
from blockjob_fsm.lifecycles.modern_words import ModernControl, Place, Status
from blockjob_fsm.trace.creation import JobKind

#: output of a row -> the event that it is
EVENT_OF: dict[Output, str] = {
    words.EMIT_STATUS: JobStatusChange.name,
    words.EMIT_READY: BlockJobReady.name,
    words.EMIT_PENDING: BlockJobPending.name,
    words.EMIT_ERROR: BlockJobError.name,
    words.EMIT_COMPLETED: BlockJobCompleted.name,
    words.EMIT_CANCELLED: BlockJobCancelled.name,
}

States: TypeAlias = frozenset[int]

#: failures that a recording may show; the last stands for all whose text is no errno's
FAILURES = (-errno_codes.EIO, -errno_codes.ENOSPC, -errno_codes.EPROTO)
ANY_TEXT = FAILURES[-1]
_ERRNOS = (errno_codes.EIO, errno_codes.ENOSPC)

#: the values that steps are tried with; an error's come from the job's policies instead
_VALUES: dict[str, tuple[Value, ...]] = {"result": (0, *FAILURES), "timed": (True, False)}
#: answers of the world to what the job has asked for: its rows know whether it has
_ANSWERS = (words.IO_DONE, words.TIMER, words.COMPLETION)
_TOLD = (words.ABORT_ALL, words.FINALIZE_ALL, words.COMPLETE_NOW)


class Going(Flag):
    """What a command that is being carried out lets happen to jobs, besides its verb."""

    NOTHING = 0
    DRAINS = auto()  #: it may drain devices
    CREATES = auto()  #: it makes this job
    FAILS = auto()  #: it makes this job, and will be refused
    QUITS = auto()  #: it ends the program: every job is cancelled and dismissed


@dataclass(frozen=True, slots=True)
class Sent:
    """An event as the rows send it: its name, and the members it must have."""

    name: str
    members: tuple[tuple[str, str | int | None], ...] = ()

    def __str__(self) -> str:
        members = (f"{name}={value}" for name, value in self.members if value is not None)
        return " ".join((self.name, *members))


@dataclass(frozen=True, slots=True)
class Result:
    """What steps of one outcome have in common: the events sent, and what the transaction hears."""

    sent: tuple[Sent, ...]
    told: tuple[Output, ...]
    phase: Status
    prepared: bool


Branches: TypeAlias = tuple[tuple[Result, States], ...]


@dataclass(eq=False)
class Moves:
    """The steps of jobs under one lifecycle, remembered."""

    lifecycle: Lifecycle[ModernControl]
    controls: list[ModernControl] = field(default_factory=list)
    _own: tuple[Event, ...] = field(init=False)
    _numbers: dict[ModernControl, int] = field(default_factory=dict)
    _closures: dict[tuple[States, JobKind, Going], States] = field(default_factory=dict)
    _branches: dict[tuple[States, JobKind, Going], Branches] = field(default_factory=dict)
    _next: dict[tuple[int, JobKind, Going], tuple[tuple[Result, int], ...]] = field(
        default_factory=dict
    )

    def __post_init__(self) -> None:
        self._own = tuple(_own_steps(self.lifecycle))

    def number(self, control: ModernControl) -> int:
        """The control state's number."""
        found = self._numbers.get(control)
        if found is None:
            found = self._numbers[control] = len(self.controls)
            self.controls.append(control)
        return found

    def some(self, states: States) -> ModernControl:
        """One of the states: they agree in what a transaction looks at."""
        return self.controls[min(states)]

    def keep(self, states: States, wanted: Callable[[ModernControl], bool]) -> States:
        """Those of the states that are wanted."""
        return frozenset(number for number in states if wanted(self.controls[number]))

    def closed(self, states: States, kind: JobKind, going: Going) -> States:
        """The states, and all that unseen steps of the job lead to."""
        key = states, kind, going
        if key not in self._closures:
            found, todo = set(states), list(states)
            while todo:
                number = todo.pop()
                quiet = _unseen(self.controls[number])
                for result, after in self._steps(number, kind, going):
                    if result == quiet and after not in found:
                        found.add(after)
                        todo.append(after)
            self._closures[key] = frozenset(found)
        return self._closures[key]

    def branches(self, states: States, kind: JobKind, going: Going) -> Branches:
        """What the job can do that is seen, or that its transaction hears of."""
        key = states, kind, going
        if key not in self._branches:
            found: dict[Result, set[int]] = defaultdict(set)
            for number in sorted(states):
                quiet = _unseen(self.controls[number])
                for result, after in self._steps(number, kind, going):
                    if result != quiet:
                        found[result].add(after)
            self._branches[key] = _frozen(found)
        return self._branches[key]

    def taken(self, states: States, event: Event, kind: JobKind) -> Branches:
        """What one step leads to from those of the states that allow it."""
        found: dict[Result, set[int]] = defaultdict(set)
        for number in sorted(states):
            stepped = self.step(self.controls[number], event)
            if isinstance(stepped, Stepped):
                found[result_of(stepped, event, kind)].add(self.number(stepped.state))
        return _frozen(found)

    def step(
        self, control: ModernControl, event: Event
    ) -> Stepped[ModernControl] | Refused[ModernControl]:
        """One step over the rows."""
        return step(self.lifecycle, control, event)

    def _steps(self, number: int, kind: JobKind, going: Going) -> tuple[tuple[Result, int], ...]:
        key = number, kind, going
        if key not in self._next:
            control = self.controls[number]
            found = []
            for event, operation in self._offers(control, kind, going):
                stepped = self.step(control, event)
                if isinstance(stepped, Stepped):
                    result = result_of(stepped, event, kind, operation)
                    found.append((result, self.number(stepped.state)))
            self._next[key] = tuple(found)
        return self._next[key]

    def _offers(
        self, control: ModernControl, kind: JobKind, going: Going
    ) -> Iterator[tuple[Event, str]]:
        for event in (*self._own, *self._of_the_world(control, kind, going)):
            # What never started completes when its transaction says so.
            if event.kind is not words.COMPLETION or control.place is not Place.UNSTARTED:
                yield event, ""
        for operation, policy in kind.policies:
            for code in _ERRNOS:
                action = choose_action(policy, code)
                yield words.ERROR(action, io_status_of(code)), operation

    def _of_the_world(self, control: ModernControl, kind: JobKind, going: Going) -> Iterator[Event]:
        if Going.DRAINS in going:
            if not control.drains:
                yield words.DRAIN_BEGIN()
            elif QUIESCENT.holds(control, ()):
                yield words.DRAIN_END()
        if Going.CREATES in going:
            yield words.CREATE()
            speed = words.SET_SPEED(kind.speed)
            if isinstance(self.step(control, speed), Stepped):
                yield words.START()
        if Going.FAILS in going and control.phase is Status.CREATED:
            yield words.DISCARD()
            yield words.CANCEL()
        if Going.QUITS in going:
            yield words.DISMISS() if control.phase is Status.CONCLUDED else words.CANCEL()


def result_of(
    stepped: Stepped[ModernControl], event: Event, kind: JobKind, operation: str = ""
) -> Result:
    """What is to be known of a step taken, but for the state after it."""
    control = stepped.state
    sent = (_sent(output, control, event, kind, operation) for output in stepped.outputs)
    told = tuple(output for output in stepped.outputs if output in _TOLD)
    return Result(tuple(filter(None, sent)), told, control.phase, control.prepared)


def _own_steps(lifecycle: Lifecycle[ModernControl]) -> Iterator[Event]:
    """Every step that a job, or the world for it, may try at any time."""
    for kind in lifecycle.events:
        of_the_job = kind.actor is Actor.JOB and kind is not words.ERROR
        if of_the_job or kind in _ANSWERS:
            yield from (kind(*some) for some in product(*(_VALUES[a.name] for a in kind.arguments)))


def _unseen(control: ModernControl) -> Result:
    return Result((), (), control.phase, control.prepared)


def _frozen(found: dict[Result, set[int]]) -> Branches:
    return tuple((result, frozenset(states)) for result, states in found.items())


def _sent(
    output: Output, control: ModernControl, event: Event, kind: JobKind, operation: str
) -> Sent | None:
    """The event that an output sends, with what the rows say of its members."""
    name = EVENT_OF.get(output)
    if name is None:
        return None
    members: dict[str, str | int | None] = {"type": kind.type}
    match output:
        case words.EMIT_STATUS:
            members = {"status": control.phase.value}
        case words.EMIT_ERROR:
            members = {"operation": operation, "action": word(event.values[0])}
        case words.EMIT_READY:
            members["speed"] = control.speed
        case words.EMIT_COMPLETED:
            members |= {"speed": control.speed, "error": error_of(control)}
        case words.EMIT_CANCELLED:
            members |= {"speed": control.speed, "error": None}
    return Sent(name, tuple(members.items()))


def error_of(control: ModernControl) -> str | None:
    """The text of the job's result; empty for one that is known only not to be an errno's."""
    if control.ret == 0:
        return None
    return "" if control.ret == ANY_TEXT else errno_text(-control.ret)


def same_error(wanted: str | int | None, given: object) -> bool:
    """Whether an `error` member, None if there is none, is the one that the rows want."""
    if wanted == "":
        return isinstance(given, str) and given not in _KNOWN_TEXTS
    return given == wanted


_KNOWN_TEXTS = {errno_text(-code) for code in (*FAILURES[:-1], words.ECANCELED)}
