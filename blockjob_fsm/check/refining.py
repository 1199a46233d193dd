"""Modern jobs against those of QEMU 1.3: every step of an explored space, judged by the refinement.

Members of a transaction are judged one by one. What a step of 1.3 is, and how modern jobs differ,
is said in `lifecycles.refinement`; here it is only asked, of every state and every past that
matters.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import Any, NamedTuple

from blockjob_fsm.check.judge import trace_along
from blockjob_fsm.check.modern_group import OTHER, GroupModel, State
from blockjob_fsm.check.report import Row, Trace, Verdict
from blockjob_fsm.check.space import Move, Space
from blockjob_fsm.declaration import Event
from blockjob_fsm.guards import Values
from blockjob_fsm.lifecycles.differences import DIFFERENCES
from blockjob_fsm.lifecycles.modern_words import ModernControl
from blockjob_fsm.lifecycles.refinement import Followed, Followers, Refinement

REFINES = "refines-classic"
_CLAIM = "each step is one of QEMU 1.3, changes nothing, or is a difference that has a name"
# Not in the model of a lone job, since such a job does not come to it there.
_ELSEWHERE = {
    "stays-ready": "mirror",
    "change": "mirror",
    "complete-when-paused": "mirror",
    "complete-too-late": "mirror",
    "cancel-too-late": "mirror",
    "soft-cancel-sleeps": "mirror",
    "soft-cancel-parks": "mirror",
    "own-drain-pauses": "mirror",
    "own-drain-ends": "mirror",
    "own-drain-ends-late": "mirror",
    "never-told": "plain",
    "cancelled-with-siblings": "pair-auto-newest",
    "cancelled-before-entered": "pair-auto-newest",
    "entered-for-the-end": "pair-pauses-newest",
}
#: the model that must need a difference
NEEDED_IN = {one.name: _ELSEWHERE.get(one.name, "job") for one in DIFFERENCES}
_FIELDS = attrgetter(*ModernControl.__dataclass_fields__)


class _At(NamedTuple):
    """A state of the space by its number, and the followers of the member that is judged."""

    state: int
    followers: Followers


#: a move as one member sees it: which member, the number of its control state and event, the number
#: of the state after it, and its label; a plain tuple, which costs the garbage collector nothing
_Asked = tuple[int, int, int, str]


@dataclass(slots=True)
class _Moves:
    """The moves of a space, refused ones too, each looked at once."""

    space: Space[State]
    lookups: list[tuple[ModernControl, Event]] = field(default_factory=list)
    _of: dict[int, tuple[_Asked, ...]] = field(default_factory=dict)
    _controls: dict[tuple[Any, ...], int] = field(default_factory=dict)
    _numbers: dict[tuple[int, str, Values], int] = field(default_factory=dict)

    def of(self, number: int) -> tuple[_Asked, ...]:
        """The moves of a state by its number; none where the exploration was cut off."""
        known = self._of.get(number)
        if known is None:
            # A bound is hit in the last state looked at: where its moves lead is not known.
            explored = len(self.space.taken) - (not self.space.complete)
            known = self._of[number] = tuple(self._asked(number)) if number < explored else ()
        return known

    def _asked(self, number: int) -> Iterator[_Asked]:
        model, state = self.space.model, self.space.states[number]
        assert isinstance(model, GroupModel), "modern jobs are explored as a group"
        controls = [_FIELDS(member) for member in state.members]
        ends = iter(self.space.taken[number])
        for move in model.moves(state):
            member = _whose(state, move, model.watched)
            lookup = self._number(controls[member], model.event_of(move))
            end = number if move.refused else next(ends)[1]
            yield member, lookup, end, move.label

    def _number(self, control: tuple[Any, ...], event: Event) -> int:
        known = self._controls.setdefault(control, len(self._controls))
        key = (known, event.kind.name, event.values)
        number = self._numbers.setdefault(key, len(self._numbers))
        if number == len(self.lookups):
            self.lookups.append((ModernControl(*control), event))
        return number


def _whose(state: State, move: Move[State], watched: int) -> int:
    if not move.kind.startswith(OTHER):
        return watched
    return state.transaction.members.index(move.label.partition(".")[0])


@dataclass(slots=True)
class Judged:
    """What came of judging a space: steps judged, differences needed, and the nearest fault."""

    steps: int = 0
    needed: Counter[str] = field(default_factory=Counter)
    trace: Trace | None = None


def judge_refinement(space: Space[State], refinement: Refinement, *, stops: bool = False) -> Judged:
    """Judge every step of a space, of each member by itself; `stops`: up to the first fault."""
    moves, judged = _Moves(space), Judged()
    for number in range(len(space.states[0].members)):
        if judged.trace is None or not stops:
            _Member(moves, refinement, number, judged, stops).walk()
    return judged


@dataclass(slots=True)
class _Member:
    """One member, followed wherever it goes; breadth first, so its first fault is a nearest one."""

    moves: _Moves
    refinement: Refinement
    number: int
    judged: Judged
    stops: bool
    _followed: dict[Followers, dict[int, Followed]] = field(default_factory=dict)
    _ways: dict[_At, tuple[_At, str] | None] = field(default_factory=dict)

    def walk(self) -> None:
        space = self.moves.space
        starts = [space.index[one] for one in space.model.initial() if one in space.index]
        self._ways = {_At(number, self._afresh(number)): None for number in starts}
        queue = list(self._ways)
        for at in queue:
            if self.stops and self.judged.trace is not None:
                break
            for asked in self.moves.of(at.state):
                member, _, end, label = asked
                mine = member == self.number
                after = _At(end, self._after(at, asked) if mine else at.followers)
                if after not in self._ways:
                    self._ways[after] = (at, label)
                    queue.append(after)

    def _after(self, at: _At, asked: _Asked) -> Followers:
        _, lookup, end, label = asked
        known = self._followed.setdefault(at.followers, {})
        followed = known.get(lookup)
        if followed is None:
            control_and_event = self.moves.lookups[lookup]
            followed = self.refinement.follow(at.followers, *control_and_event)
            known[lookup] = followed
        self.judged.steps += 1
        if followed.difference is not None:
            self.judged.needed[followed.difference.name] += 1
        if not followed.followers and self.judged.trace is None:
            self.judged.trace = self._trace(at, label, followed.wrong)
        return followed.followers or self._afresh(end)

    def _afresh(self, number: int) -> Followers:
        control = ModernControl(*_FIELDS(self.moves.space.states[number].members[self.number]))
        return self.refinement.start(control)

    def _trace(self, at: _At, label: str, wrong: str) -> Trace:
        labels = [label]
        while (way := self._ways[at]) is not None:
            at, label = way
            labels.append(label)
        space = self.moves.space
        return trace_along(space.model, space.states[at.state], reversed(labels), wrong)


def refining_rows(name: str, space: Space[State], refinement: Refinement) -> Iterator[Row]:
    """Whether a model refines 1.3, and whether it needs the differences that it must need."""
    start = time.perf_counter()
    judged = judge_refinement(space, refinement)
    seconds = time.perf_counter() - start
    holds = Verdict.HOLDS if space.complete else Verdict.UNDECIDED
    blank = Row(name, REFINES, _CLAIM, holds, len(space.states), space.depth, 0.0)
    verdict = holds if judged.trace is None else Verdict.VIOLATED
    yield replace(
        blank, verdict=verdict, seconds=seconds, instances=judged.steps, trace=judged.trace
    )
    for one in refinement.in_force:
        if NEEDED_IN[one.name] == name:
            needed = judged.needed[one.name]
            missing = Verdict.VIOLATED if space.complete else Verdict.UNDECIDED
            yield replace(
                blank,
                property=f"differs-{one.name}",
                claim=one.why,
                verdict=Verdict.HOLDS if needed else missing,
                instances=needed,
            )
