"""The control machine as a model: every event with every value of a small domain, in any order.

The job's own events come in any order the rows allow, as if the body were anybody's: what holds
here holds for every body. Devices and data do not exist for this model.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from itertools import product
from typing import NamedTuple

from blockjob_fsm.check.space import Move
from blockjob_fsm.declaration import Actor, Event, EventKind, Lifecycle, Output, Refused, step
from blockjob_fsm.guards import Argument, Control, Value, word
from blockjob_fsm.lifecycles.classic_words import BACKING_OPENED, OPEN_BACKING, ClassicControl

#: the numbers that are tried: a refused and an accepted speed beside no limit; one error
NUMBERS: dict[str, tuple[int, ...]] = {"new_speed": (-1, 0, 1), "result": (0, -5)}
#: an event that comes only as the answer to an output, and which output
SOLICITED: dict[EventKind, Output] = {BACKING_OPENED: OPEN_BACKING}


class Place(NamedTuple):
    """A control state, and the solicited events that are still to come."""

    control: ClassicControl
    awaited: tuple[EventKind, ...] = ()


@dataclass(slots=True)
class ControlModel:
    """A lifecycle explored for every job type, on a free device.

    While a solicited event is awaited the user can ask for nothing: the wait is nested in the
    user's last command.
    """

    lifecycle: Lifecycle[ClassicControl]
    events: tuple[tuple[Event, str], ...] = field(init=False)

    def __post_init__(self) -> None:
        self.events = tuple((event, str(event)) for event in events_of(self.lifecycle))

    def initial(self) -> Iterator[Place]:
        for settable, completable in product((False, True), repeat=2):
            yield Place(ClassicControl(settable=settable, completable=completable))

    def moves(self, state: Place) -> Iterator[Move[Place]]:
        for event, label in self.events:
            kind = event.kind
            if kind in SOLICITED and kind not in state.awaited:
                continue
            if not state.awaited or kind.actor is not Actor.USER:
                yield self.move(state, event, label)

    def move(self, state: Place, event: Event, label: str) -> Move[Place]:
        """What becomes of one event."""
        kind, result = event.kind, step(self.lifecycle, state.control, event)
        who = kind.actor.value
        if isinstance(result, Refused):
            return Move(who, kind.name, label, state, event.values, (), result)
        after = Place(result.state, _still_awaited(state.awaited, kind, result.outputs))
        return Move(who, kind.name, label, after, event.values, result.outputs)

    def view(self, state: Place) -> Control:
        return state.control

    def key(self, state: Place) -> Hashable:
        return state.control

    def describe(self, state: Place) -> str:
        awaited = "".join(f", {kind} to come" for kind in state.awaited)
        return describe_control(state.control) + awaited


def events_of(lifecycle: Lifecycle[ClassicControl]) -> Iterator[Event]:
    """Every event of a lifecycle, with every combination of its values."""
    for kind in lifecycle.events:
        for values in product(*map(domain, kind.arguments)):
            yield kind(*values)


def domain(argument: Argument) -> tuple[Value, ...]:
    """The values an argument is tried with."""
    if argument.domain is bool:
        return (False, True)
    if issubclass(argument.domain, Enum):
        return tuple(argument.domain)
    return NUMBERS[argument.name]


def describe_control(control: ClassicControl) -> str:
    """Phase, the flags that are set, and the fields that are not at their start."""
    flags = ("busy", "paused", "cancelled", "synced", "should_complete", "decided")
    words = [word(control.phase), *(name for name in flags if getattr(control, name))]
    if control.io_status is not ClassicControl().io_status:
        words.append(f"io-status {word(control.io_status)}")
    for name, number in (("speed", control.speed), ("ret", control.ret)):
        if number:
            words.append(f"{name} {number}")
    return ", ".join(words)


def _still_awaited(
    awaited: tuple[EventKind, ...], kind: EventKind, outputs: tuple[Output, ...]
) -> tuple[EventKind, ...]:
    if not awaited and not any(output in outputs for output in SOLICITED.values()):
        return awaited
    left = tuple(k for k in awaited if k is not kind)
    return left + tuple(k for k, output in SOLICITED.items() if output in outputs)
