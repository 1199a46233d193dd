"""Properties against an explored space: a verdict each, with the shortest trace where it is not so.

What follows sooner or later (LeadsTo) is judged in `liveness`. Where the states came from does not
matter here.
"""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from blockjob_fsm.check.liveness import Fairness, leads_to
from blockjob_fsm.check.report import Row, Trace, Verdict
from blockjob_fsm.check.space import Model, Move, Space, replay
from blockjob_fsm.guards import Control
from blockjob_fsm.properties import (
    Accepts,
    Always,
    AlwaysStep,
    Answered,
    LeadsTo,
    Never,
    Property,
    Refuses,
    Sometimes,
    moved,
)

N = TypeVar("N", bound=Hashable)


@dataclass(slots=True)
class Found(Generic[N]):
    """What was seen of one property: how often it spoke, and where it was first not so."""

    claim: Property
    instances: int = 0
    where: N | None = None
    move: str | None = None
    wrong: str = ""

    @property
    def open(self) -> bool:
        """Whether the property has not been decided by an example yet."""
        return self.where is None

    def stop(self, where: N, wrong: str, move: str | None = None) -> None:
        """Note the first example; later ones are no shorter."""
        if self.where is None:
            self.where, self.wrong, self.move = where, wrong, move


@dataclass(slots=True)
class _Judge(Generic[N]):
    space: Space[N]
    found: list[Found[N]]
    of_states: list[Found[N]] = field(init=False)
    of_steps: dict[str, list[Found[N]]] = field(default_factory=dict)
    of_answers: dict[str, list[Found[N]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.of_states = []
        for found in self.found:
            match found.claim:
                case Always() | Never() | Sometimes(events=()):
                    self.of_states.append(found)
                case Answered() | Accepts() | Refuses():
                    for kind in found.claim.events:
                        self.of_answers.setdefault(str(kind), []).append(found)
                case AlwaysStep() | Sometimes():
                    for name in map(str, found.claim.events or ("",)):
                        self.of_steps.setdefault(name, []).append(found)

    def states(self) -> None:
        """Judge each distinct view once, at the first state that has it."""
        seen: set[Hashable] = set()
        model = self.space.model
        for state in self.space.states if self.of_states else ():
            key = model.key(state)
            if key in seen:
                continue
            seen.add(key)
            view = model.view(state)
            for found in self.of_states:
                judge_state(found, state, view)

    def steps(self) -> None:
        """Judge each step; of those that look alike to claims only the first is evaluated."""
        model = self.space.model
        spoken: dict[Hashable, tuple[Found[N], ...]] = {}
        for state in self.space.states if self.of_steps or self.of_answers else ():
            view = model.view(state)
            for move in model.moves(state):
                judging = self._judging(move)
                if not judging:
                    continue
                after = view if move.refused else model.view(move.after)
                answer = move.refused and move.refused.refusal
                error = answer and answer.error
                alike = view, after, move.kind, move.values, move.outputs, not move.refused, error
                if alike in spoken:
                    for found in spoken[alike]:
                        found.instances += found.open
                else:
                    spoken[alike] = tuple(_speaking(judging, state, view, move, after))

    def _judging(self, move: Move[N]) -> list[Found[N]]:
        """The claims about a step: about a refused one those that are about its answer."""
        about = self.of_answers.get(move.kind, [])
        if move.refused is not None:
            return about
        return [*about, *self.of_steps.get(move.kind, ()), *self.of_steps.get("", ())]


def _speaking(
    judging: Iterable[Found[N]], state: N, view: Control, move: Move[N], after: Control
) -> Iterator[Found[N]]:
    """The claims that a step is an instance of."""
    for found in judging:
        if found.open:
            before = found.instances
            judge_step(found, state, view, move, after)
            if found.instances > before:
                yield found


def judge_state(found: Found[N], state: N, view: Control) -> None:
    """Judge one state; the view is what guards read of it."""
    match found.claim:
        case Always(holds=holds):
            found.instances += 1
            if found.open and not holds.holds(view, ()):
                found.stop(state, f"needs {holds}")
        case Never(reached=reached) | Sometimes(reached=reached):
            if reached.holds(view, ()):
                found.instances += 1
                found.stop(state, f"reached {reached}")


def judge_step(found: Found[N], state: N, view: Control, move: Move[N], after: Control) -> None:
    """Judge one step, taken or refused; `after` is the view of the state after it."""
    claim, values, refused = found.claim, move.values, move.refused
    match claim:
        case AlwaysStep() if refused is None and claim.before.holds(view, values):
            found.instances += 1
            wrong = _step_fault(claim, view, move, after)
            if wrong:
                found.stop(state, wrong, move.label)
        case Answered() if claim.when.holds(view, values):
            found.instances += 1
            if refused is not None and refused.refusal is None:
                found.stop(state, "no row knows this step", move.label)
        case Accepts() if claim.when.holds(view, values):
            found.instances += 1
            if refused is not None:
                found.stop(state, "not taken", move.label)
        case Refuses() if claim.when.holds(view, values):
            found.instances += 1
            if refused is None or refused.refusal is None:
                found.stop(state, f"not refused with {claim.error.__name__}", move.label)
            elif refused.refusal.error is not claim.error:
                found.stop(state, f"refused with {refused.refusal.error.__name__}", move.label)
        case Sometimes(reached=reached) if refused is None and reached.holds(view, values):
            found.instances += 1
            found.stop(state, "taken", move.label)


def _step_fault(claim: AlwaysStep, view: Control, move: Move[N], after: Control) -> str:
    if not claim.after.holds(moved(view, after), move.values):
        return f"after it, needs {claim.after}"
    missing = [str(output) for output in claim.does if output not in move.outputs]
    if missing:
        return f"does not {', '.join(missing)}"
    unwanted = [str(output) for output in claim.never if output in move.outputs]
    return f"does {', '.join(unwanted)}" if unwanted else ""


def judge(
    name: str, space: Space[N], claims: Iterable[Property], fairness: Fairness
) -> tuple[Row, ...]:
    """One row per claim about an explored space; `name` is the model's."""
    start = time.perf_counter()
    found: list[Found[N]] = [Found(claim) for claim in claims]
    judged = _Judge(space, found)
    judged.states()
    judged.steps()
    shared = (time.perf_counter() - start + space.seconds) / max(len(found), 1)
    return tuple(_row(name, space, f, fairness, shared) for f in found)


def _row(name: str, space: Space[N], found: Found[N], fairness: Fairness, seconds: float) -> Row:
    start = time.perf_counter()
    claim, trace = found.claim, None
    if isinstance(claim, LeadsTo):
        lasso = leads_to(space, claim, fairness)
        if lasso is not None:
            found.stop(lasso.state, lasso.wrong)
        found.instances = sum(claim.start.holds(space.model.view(s), ()) for s in space.states)
    verdict = verdict_of(found, complete=space.complete)
    if found.where is not None and not isinstance(claim, Sometimes):
        trace = trace_to(space, found.where, found.wrong, found.move)
    return Row(
        model=name,
        property=claim.name,
        claim=claim.claim,
        verdict=verdict,
        states=len(space.states),
        depth=space.depth,
        seconds=seconds + time.perf_counter() - start,
        instances=found.instances,
        trace=trace,
    )


def verdict_of(found: Found[N], *, complete: bool) -> Verdict:
    """What an example, or the lack of one, says of the whole space."""
    if isinstance(found.claim, Sometimes):
        if found.where is not None:
            return Verdict.HOLDS
        return Verdict.VIOLATED if complete else Verdict.UNDECIDED
    if found.where is not None and (complete or not isinstance(found.claim, LeadsTo)):
        return Verdict.VIOLATED
    return Verdict.HOLDS if complete else Verdict.UNDECIDED


def trace_to(space: Space[N], state: N, wrong: str, move: str | None = None) -> Trace:
    """The shortest way to a state, and one move from there if the fault is in that move."""
    start, labels = space.path(state)
    return trace_along(space.model, start, labels if move is None else (*labels, move), wrong)


def trace_along(model: Model[N], start: N, labels: Iterable[str], wrong: str) -> Trace:
    """What happens along these moves of a model, and what is wrong at their end."""
    told = tuple(
        (taken.who, taken.label, refusal_text(taken) or model.describe(after))
        for taken, after in replay(model, start, labels)
    )
    return Trace(model.describe(start), told, wrong)


def refusal_text(move: Move[N]) -> str:
    """What a refused move was answered; empty for a move that was taken."""
    if move.refused is None:
        return ""
    error = move.refused.refusal
    return f"refused: {error.error.__name__}" if error else "no such step"
