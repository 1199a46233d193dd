"""Who notices a mutant of the rows: a property by name, else the contract, else nobody.

Only the steps that the mutant takes otherwise than the original are judged, and the states that
these lead to: the rest is the same as it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum

from blockjob_fsm.check.contract import breach
from blockjob_fsm.check.control import ControlModel, Place
from blockjob_fsm.check.judge import Found, judge_state, judge_step
from blockjob_fsm.check.mutants import Mutant
from blockjob_fsm.check.space import Move, Space, explore
from blockjob_fsm.declaration import Event, Lifecycle, Row
from blockjob_fsm.guards import Control
from blockjob_fsm.lifecycles.classic_words import ClassicControl
from blockjob_fsm.properties import Always, LeadsTo, Never, Property, Sometimes
from blockjob_fsm.wellformed import MalformedLifecycle, load

CONTRACT = "contract"

Steps = list[tuple[Place, Move[Place]]]


@dataclass(frozen=True, slots=True)
class Killed:
    """Who noticed a mutant. `by` None: no step differs, the mutant is equivalent.

    `malformed`: it would not even be loaded; asked only of a mutant that nobody else noticed.
    """

    mutant: str
    by: str | None
    malformed: bool
    differing: int


@dataclass(slots=True)
class Killer:
    """The original and all its moves, against which mutants are held."""

    lifecycle: Lifecycle[ClassicControl]
    claims: tuple[Property, ...]
    _space: Space[Place] = field(init=False)
    _moves: dict[tuple[str, Enum], list[tuple[Place, Event, Move[Place]]]] = field(
        default_factory=dict
    )

    def __post_init__(self) -> None:
        model = ControlModel(self.lifecycle)
        self._space = explore(model)
        events = {label: event for event, label in model.events}
        for state in self._space.states:
            for move in model.moves(state):
                event = events[move.label]
                place = move.kind, state.control.phase
                self._moves.setdefault(place, []).append((state, event, move))

    def kill(self, mutant: Mutant) -> Killed:
        """Who notices this mutant of the rows."""
        model, differing = self._held_against(mutant)
        by = self._noticed(model, differing) if differing else None
        malformed = by is None and _is_malformed(model.lifecycle)
        return Killed(mutant.name, by, malformed, len(differing))

    def broken(self, mutant: Mutant) -> tuple[str, ...]:
        """Every property that this mutant of the rows breaks, but those about the future."""
        model, differing = self._held_against(mutant)
        return tuple(self._broken([*differing, *self._beyond(model, differing)]))

    def _held_against(self, mutant: Mutant) -> tuple[ControlModel, Steps]:
        model = ControlModel(mutant.of(self.lifecycle))
        before: set[Row] = {*self.lifecycle.rules, *self.lifecycle.refusals}
        after: set[Row] = {*mutant.rules, *mutant.refusals}
        places = {
            (str(kind), phase)
            for row in before ^ after
            for kind in row.events
            for phase in row.phases
        }
        return model, list(self._differing(model, places))

    def _differing(
        self, model: ControlModel, places: Iterable[tuple[str, Enum]]
    ) -> Iterator[tuple[Place, Move[Place]]]:
        """The steps the mutant takes otherwise, by those events and in those phases."""
        for kind, phase in sorted(places, key=str):
            for state, event, move in self._moves.get((kind, phase), ()):
                changed = model.move(state, event, move.label)
                if _outcome(changed) != _outcome(move):
                    yield state, changed

    def _noticed(self, model: ControlModel, differing: Steps) -> str:
        """By what goes wrong at once if possible, for the states beyond may be many."""
        found = next(self._broken(differing), None)
        if found is None:
            found = next(self._broken([*differing, *self._beyond(model, differing)]), None)
        return found or self._by_contract(model, differing)

    def _broken(self, steps: Steps) -> Iterator[str]:
        views: dict[Control, Place] = {m.after.control: m.after for _, m in steps}
        for claim in self.claims:
            if isinstance(claim, Sometimes | LeadsTo):
                continue
            found: Found[Place] = Found(claim)
            if isinstance(claim, Always | Never):
                for view, place in views.items():
                    judge_state(found, place, view)
            else:
                _judge_steps(found, steps)
            if not found.open:
                yield claim.name

    def _by_contract(self, model: ControlModel, differing: Steps) -> str:
        profile = model.lifecycle.profile
        if any(breach(profile, state.control, move) for state, move in differing):
            return CONTRACT
        raise AssertionError("a step differs from the original, and the contract allows both")

    def _beyond(self, model: ControlModel, differing: Steps) -> Iterator[tuple[Place, Move[Place]]]:
        """Every move from the states that only the mutant reaches."""
        known = set(self._space.index)
        todo = [move.after for _, move in differing]
        while todo:
            state = todo.pop(0)
            if state in known:
                continue
            known.add(state)
            for move in model.moves(state):
                yield state, move
                todo.append(move.after)


def _judge_steps(found: Found[Place], steps: Steps) -> None:
    claim = found.claim
    kinds = {str(kind) for kind in getattr(claim, "events", ())}
    for state, move in steps:
        if found.open and (not kinds or move.kind in kinds):
            judge_step(found, state, state.control, move, move.after.control)


def _outcome(move: Move[Place]) -> tuple[object, ...]:
    refusal = None if move.refused is None else move.refused.refusal
    answer = None if refusal is None else (refusal.error, refusal.subject)
    return move.after, move.outputs, move.refused is None, answer


def _is_malformed(lifecycle: Lifecycle[ClassicControl]) -> bool:
    try:
        load(lifecycle)
    except MalformedLifecycle:
        return True
    return False
