"""Who notices a mutant of the rows: a property by name, else the contract, else nobody.

Only the steps that the mutant takes otherwise than the original are judged, and the states that
these lead to: the rest is the same as it was.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeVar

from blockjob_fsm.check.contract import breach
from blockjob_fsm.check.control import ControlModel, Place
from blockjob_fsm.check.judge import Found, judge_state, judge_step
from blockjob_fsm.check.mutants import Mutant
from blockjob_fsm.check.space import Model, Move, Space, explore
from blockjob_fsm.declaration import Event, Lifecycle, Row
from blockjob_fsm.guards import Control
from blockjob_fsm.lifecycles.classic_words import ClassicControl
from blockjob_fsm.properties import Always, LeadsTo, Never, Property, Sometimes
from blockjob_fsm.wellformed import MalformedLifecycle, load

N = TypeVar("N", bound=Hashable)

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
        malformed = by is None and is_malformed(model.lifecycle)
        return Killed(mutant.name, by, malformed, len(differing))

    def broken(self, mutant: Mutant) -> tuple[str, ...]:
        """Every property that this mutant of the rows breaks, but those about the future."""
        model, differing = self._held_against(mutant)
        return tuple(self._broken([*differing, *self._beyond(model, differing)]))

    def _held_against(self, mutant: Mutant) -> tuple[ControlModel, Steps]:
        model = ControlModel(mutant.of(self.lifecycle))
        places = changed_places(self.lifecycle, model.lifecycle)
        return model, list(self._differing(model, places))

    def _differing(
        self, model: ControlModel, places: Iterable[tuple[str, Enum]]
    ) -> Iterator[tuple[Place, Move[Place]]]:
        """The steps the mutant takes otherwise, by those events and in those phases."""
        for kind, phase in sorted(places, key=str):
            for state, event, move in self._moves.get((kind, phase), ()):
                changed = model.move(state, event, move.label)
                if outcome(changed) != outcome(move):
                    yield state, changed

    def _noticed(self, model: ControlModel, differing: Steps) -> str:
        """By what goes wrong at once if possible, for the states beyond may be many."""
        found = next(self._broken(differing), None)
        if found is None:
            found = next(self._broken([*differing, *self._beyond(model, differing)]), None)
        return found or self._by_contract(model, differing)

    def _broken(self, steps: Steps) -> Iterator[str]:
        model = ControlModel(self.lifecycle)
        return broken(model, self.claims, steps)

    def _by_contract(self, model: ControlModel, differing: Steps) -> str:
        profile = model.lifecycle.profile
        if any(breach(profile, state.control, move) for state, move in differing):
            return CONTRACT
        raise AssertionError("a step differs from the original, and the contract allows both")

    def _beyond(self, model: ControlModel, differing: Steps) -> Iterator[tuple[Place, Move[Place]]]:
        """Every move from the states that only the mutant reaches."""
        return beyond(model, self._space.index, differing)


def beyond(
    model: Model[N], known: Container[N], steps: list[tuple[N, Move[N]]], most: int | None = None
) -> Iterator[tuple[N, Move[N]]]:
    """Every move from what steps lead to beyond known states, or from the nearest of it."""
    seen: set[N] = set()
    todo = deque(move.after for _, move in steps)
    while todo and most != 0:
        state = todo.popleft()
        if state in seen or state in known:
            continue
        seen.add(state)
        most = None if most is None else most - 1
        for move in model.moves(state):
            yield state, move
            todo.append(move.after)


def broken(
    model: Model[N], claims: Iterable[Property], steps: list[tuple[N, Move[N]]]
) -> Iterator[str]:
    """The names of the claims, but those about the future, that these steps break."""
    reached: dict[Hashable, N] = {}
    of_kind: dict[str, list[tuple[N, Move[N]]]] = {}
    for step in steps:
        after = step[1].after
        reached.setdefault(model.key(after), after)
        of_kind.setdefault(step[1].kind, []).append(step)
    for claim in claims:
        found: Found[N] = Found(claim)
        if isinstance(claim, Always | Never):
            for state in reached.values():
                judge_state(found, state, model.view(state))
        elif not isinstance(claim, Sometimes | LeadsTo):
            kinds = [str(kind) for kind in claim.events] or list(of_kind)
            _judge_steps(found, model, (step for kind in kinds for step in of_kind.get(kind, ())))
        if not found.open:
            yield claim.name


def _judge_steps(found: Found[N], model: Model[N], steps: Iterable[tuple[N, Move[N]]]) -> None:
    for state, move in steps:
        if found.open:
            judge_step(found, state, model.view(state), move, model.view(move.after))


def changed_places(before: Lifecycle[Control], after: Lifecycle[Control]) -> set[tuple[str, Enum]]:
    """The events, by name, and the phases that the rows differ about."""
    old: set[Row] = {*before.rules, *before.refusals}
    new: set[Row] = {*after.rules, *after.refusals}
    rows = old ^ new
    return {(str(kind), phase) for row in rows for kind in row.events for phase in row.phases}


def outcome(move: Move[N]) -> tuple[object, ...]:
    """What tells a step from another one in its place: what follows, or how it is refused."""
    refusal = None if move.refused is None else move.refused.refusal
    answer = None if refusal is None else (refusal.error, refusal.subject)
    return move.after, move.outputs, move.refused is None, answer


def is_malformed(lifecycle: Lifecycle[Control]) -> bool:
    """Whether rows are refused when they are loaded."""
    try:
        load(lifecycle)
    except MalformedLifecycle:
        return True
    return False
