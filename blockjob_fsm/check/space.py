"""Exhaustive exploration: every state a model can reach, breadth first, and the way to each.

A model says where it starts and what can happen in a state; what it is a model of does not belong
here. Breadth first makes the first way found to a state a shortest one.
"""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, Protocol, TypeVar

from blockjob_fsm.declaration import Output, Refused
from blockjob_fsm.guards import Control, Values

N = TypeVar("N", bound=Hashable)


class Move(NamedTuple, Generic[N]):
    """One thing that happens: who does what, and what comes of it.

    `kind` names the event and is what fairness is about; `label` tells it from all others possible
    in the same state. `refused` set: it was asked for, and nothing changed.
    """

    who: str
    kind: str
    label: str
    after: N
    values: Values = ()
    outputs: tuple[Output, ...] = ()
    refused: Refused[Control] | None = None


class Model(Protocol[N]):
    """What can be explored. States are hashable; `moves` gives the same moves at each call."""

    def initial(self) -> Iterable[N]:
        """Where it starts."""

    def moves(self, state: N) -> Iterable[Move[N]]:
        """Everything that can happen in a state, refusals included."""

    def view(self, state: N) -> Control:
        """What guards read: the control state, or a value with its fields and more."""

    def key(self, state: N) -> Hashable:
        """Something cheap that is equal only where the views are."""

    def describe(self, state: N) -> str:
        """A state in the domain's words, for traces."""


@dataclass(slots=True)
class Space(Generic[N]):
    """What exploration found. `moves[i]` are the taken (kind, index of the state after) of state i.

    `complete` is False when the bound was hit: then nothing that holds here is known to hold.
    """

    model: Model[N]
    states: list[N] = field(default_factory=list)
    index: dict[N, int] = field(default_factory=dict)
    parents: list[int] = field(default_factory=list)
    taken: list[tuple[tuple[str, int], ...]] = field(default_factory=list)
    depth: int = 0
    complete: bool = True
    seconds: float = 0.0

    def path(self, state: N) -> tuple[N, tuple[str, ...]]:
        """A shortest way to a state: where it begins, and the label of each move."""
        labels: list[str] = []
        at = self.index[state]
        while self.parents[at] >= 0:
            before = self.parents[at]
            labels.append(self._label(before, at))
            at = before
        return self.states[at], tuple(reversed(labels))

    def _label(self, before: int, after: int) -> str:
        state, reached = self.states[before], self.states[after]
        for move in self.model.moves(state):
            if move.refused is None and move.after == reached:
                return move.label
        raise AssertionError("a model must give the same moves at each call")

    def rest(self, index: int) -> bool:
        """Whether nothing can happen any more that changes the state."""
        return all(after == index for _, after in self.taken[index])


def explore(model: Model[N], max_states: int = 1_000_000) -> Space[N]:
    """Every reachable state, or the first `max_states` of them in breadth-first order."""
    start = time.perf_counter()
    space = Space(model)
    levels: list[int] = []
    for state in model.initial():
        _add(space, levels, state, -1, max_states)
    for number, state in enumerate(space.states):
        taken = []
        for move in model.moves(state):
            if move.refused is None:
                after = _add(space, levels, move.after, number, max_states)
                taken.append((move.kind, after))
        space.taken.append(tuple(taken))
        if not space.complete:
            break
    space.depth = max(levels, default=0)
    space.seconds = time.perf_counter() - start
    return space


def _add(space: Space[N], levels: list[int], state: N, parent: int, max_states: int) -> int:
    known = space.index.get(state)
    if known is not None:
        return known
    if len(space.states) >= max_states:
        space.complete = False
        return parent
    number = len(space.states)
    space.index[state] = number
    space.states.append(state)
    space.parents.append(parent)
    levels.append(0 if parent < 0 else levels[parent] + 1)
    return number


def replay(model: Model[N], start: N, labels: Iterable[str]) -> Iterator[tuple[Move[N], N]]:
    """Take the moves of a trace again, one by one: each move and the state after it.

    Raises ValueError naming the moves there are when a label is not among them.
    """
    state = start
    for label in labels:
        moves = {move.label: move for move in model.moves(state)}
        if label not in moves:
            raise ValueError(f"{label!r} is no move here; there are: {', '.join(sorted(moves))}")
        move = moves[label]
        state = move.after
        yield move, state
