"""What must follow sooner or later, on a finished graph.

A claim fails where the graph has a place to stay in for ever, without the goal, that is fair to
the world and the job. The user is in no fair class, nor is a guest: somebody who is made to act
for ever would wake every job that was left asleep, and hide that nobody else does.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from blockjob_fsm.check.space import Space
from blockjob_fsm.properties import LeadsTo

N = TypeVar("N", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Fairness:
    """Kinds of move that happen sooner or later, once possible without a break."""

    kinds: frozenset[str]


@dataclass(frozen=True, slots=True)
class Lasso(Generic[N]):
    """A state from which the goal need never come, and why."""

    state: N
    wrong: str


def leads_to(space: Space[N], claim: LeadsTo, fairness: Fairness) -> Lasso[N] | None:
    """A place from which the goal need never come, or None; the graph must be complete."""
    if not space.complete:
        return None
    region = _unanswered(space, claim)
    fair = [c for c in components(space, region) if _fair_to_stay(space, c, fairness)]
    if not fair:
        return None
    # States are numbered breadth first: the least number is the shortest way.
    nearest = min(fair, key=min)
    return Lasso(space.states[min(nearest)], _stays(space, nearest, claim))


def _unanswered(space: Space[N], claim: LeadsTo) -> set[int]:
    """The states that can be reached from `start` without passing `goal`."""
    views = [space.model.view(state) for state in space.states]
    goal = [claim.goal.holds(view, ()) for view in views]
    todo = [n for n, view in enumerate(views) if not goal[n] and claim.start.holds(view, ())]
    region = set(todo)
    while todo:
        for _, after in space.taken[todo.pop()]:
            if not goal[after] and after not in region:
                region.add(after)
                todo.append(after)
    return region


def _fair_to_stay(space: Space[N], component: set[int], fairness: Fairness) -> bool:
    """Whether each fair kind moves within the component, or is impossible somewhere in it."""
    for kind in fairness.kinds:
        inside = False
        always_possible = True
        for state in component:
            moves = [after for taken, after in space.taken[state] if taken == kind]
            inside = inside or any(after in component for after in moves)
            always_possible = always_possible and bool(moves)
        if always_possible and not inside:
            return False
    return True


def _stays(space: Space[N], component: set[int], claim: LeadsTo) -> str:
    kinds = {
        kind for state in component for kind, after in space.taken[state] if after in component
    }
    going_on = f"while {', '.join(sorted(kinds))} go on" if kinds else "for nothing more happens"
    return f"it may stay there for ever, {going_on}; never {claim.goal}"


def components(space: Space[N], region: set[int]) -> Iterator[set[int]]:
    """The strongly connected components of a region, single states included, in a fixed order.

    Tarjan's algorithm with an explicit stack: the graphs are too deep for recursion.
    """
    order: dict[int, int] = {}
    low: dict[int, int] = {}
    stack: list[int] = []
    on_stack: set[int] = set()
    for root in sorted(region):
        if root in order:
            continue
        work = [(root, _inside(space, root, region))]
        order[root] = low[root] = len(order)
        stack.append(root)
        on_stack.add(root)
        while work:
            state, following = work[-1]
            after = next(following, None)
            if after is None:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[state])
                if low[state] == order[state]:
                    yield _pop(stack, on_stack, state)
            elif after not in order:
                order[after] = low[after] = len(order)
                stack.append(after)
                on_stack.add(after)
                work.append((after, _inside(space, after, region)))
            elif after in on_stack:
                low[state] = min(low[state], order[after])


def _inside(space: Space[N], state: int, region: set[int]) -> Iterator[int]:
    return (after for _, after in space.taken[state] if after in region)


def _pop(stack: list[int], on_stack: set[int], root: int) -> set[int]:
    component: set[int] = set()
    while root not in component:
        state = stack.pop()
        on_stack.discard(state)
        component.add(state)
    return component
