"""The lifecycle's rows as a `transitions` machine, which is what live jobs run on.

Nothing is decided here: each rule becomes one transition per phase, guarded by its refusals and its
own guard, and the machine offers the same `fire` as `step` does. It is the only file that imports
`transitions`. One machine serves every job of a lifecycle from any thread, since the model of a
trigger lives only as long as the trigger.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from enum import Enum
from functools import lru_cache, partial
from typing import Any

from transitions import EventData, Machine, MachineError

from blockjob_fsm.declaration import (
    C,
    Event,
    EventKind,
    Lifecycle,
    Output,
    Refused,
    Rule,
    Stepped,
    apply,
)
from blockjob_fsm.guards import Control, Values

# A refused guard is an answer here, not something to warn about.
logging.getLogger("transitions").setLevel(logging.ERROR)


class _Model:
    """What one trigger works on; `state` is the phase's name, as `transitions` wants it."""

    __slots__ = ("control", "fired", "state", "values")

    def __init__(self, control: Control, values: Values) -> None:
        self.state = control.phase.name
        self.control = control
        self.values = values
        self.fired: Rule | None = None


def machine_of(lifecycle: Lifecycle[C]) -> Callable[[C, Event], Stepped[C] | Refused[C]]:
    """The `fire` of a lifecycle's machine: like `step`, but dispatched by `transitions`."""
    machine = build(lifecycle)

    def fire(state: C, event: Event) -> Stepped[C] | Refused[C]:
        model = _Model(state, event.values)
        trigger = machine.events.get(event.kind.name)
        try:
            taken = trigger is not None and trigger.trigger(model)
        except MachineError:
            taken = False  # the phase has no transition for this event
        if not taken:
            return _refused(lifecycle, state, event)
        assert model.fired is not None, "a transition that was taken is a rule that fired"
        outputs: tuple[Output, ...] = model.fired.does
        control: Any = model.control
        assert control.phase.name == model.state, "machine and control state agree on the phase"
        return Stepped(control, outputs, model.fired)

    return fire


@lru_cache(maxsize=16)
def build(lifecycle: Lifecycle[Control]) -> Machine:
    """The machine itself, for those who want to look at it or draw it with `transitions`."""
    machine = Machine(
        model=None,
        states=[phase.name for phase in lifecycle.phases],
        initial=None,
        auto_transitions=False,
        send_event=True,
    )
    for rule in lifecycle.rules:
        for kind in rule.events:
            for phase in rule.phases:
                _add(machine, lifecycle, rule, kind, phase)
    return machine


def _add(
    machine: Machine, lifecycle: Lifecycle[Control], rule: Rule, kind: EventKind, phase: Enum
) -> None:
    refusals = lifecycle.refusals_at(kind, phase)

    def admitted(data: EventData) -> bool:
        model: Any = data.model
        control, values = model.control, model.values
        return not any(r.when.holds(control, values) for r in refusals) and rule.when.holds(
            control, values
        )

    machine.add_transition(
        trigger=kind.name,
        source=phase.name,
        # None is an internal transition: the phase is kept.
        dest=None if rule.to is None else rule.to.name,
        conditions=[admitted],
        after=[partial(_take, rule)],
    )


def _take(rule: Rule, data: EventData) -> None:
    model: Any = data.model
    model.control = apply(rule, model.control, model.values)
    model.fired = rule


def _refused(lifecycle: Lifecycle[C], state: C, event: Event) -> Refused[C]:
    """What `transitions` reports as plain False: which refusal it was, if any."""
    for refusal in lifecycle.refusals_at(event.kind, state.phase):
        if refusal.when.holds(state, event.values):
            return Refused(state, event, refusal)
    return Refused(state, event, None)
