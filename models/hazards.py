"""The hazards of QEMU 1.3, each as a scenario: seen under its rules, and ruled out under ours.

A hazard is a claim on a model. `in_1_3` must come out VIOLATED, with the shortest way to it, and
`here` must HOLD on everything there is to see. What only threads can show is said in `beyond`.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeVar

from blockjob_fsm.bodies.requests import Copy, IoRequest
from blockjob_fsm.bodies.stream import Stream
from blockjob_fsm.check import job_claims
from blockjob_fsm.check.control import ControlModel, describe_control
from blockjob_fsm.check.judge import judge
from blockjob_fsm.check.linear_worlds import Chain, Ended
from blockjob_fsm.check.liveness import Fairness
from blockjob_fsm.check.report import Row
from blockjob_fsm.check.scenarios import FAIR, VERBS, scenarios
from blockjob_fsm.check.space import Model, Move, explore
from blockjob_fsm.check.worlds import QUIET, WRITABLE, Facts, Life, Scene, scene
from blockjob_fsm.declaration import Event, Lifecycle, Refused, step
from blockjob_fsm.lifecycles.classic import CLASSIC, CLASSIC_1_3
from blockjob_fsm.lifecycles.classic_words import CREATE, PHASE, ClassicControl, Phase
from blockjob_fsm.properties import CLASSIC_PROPERTIES, Always, LeadsTo, Property

S = TypeVar("S", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Hazard:
    """One hazard: what goes wrong, and the two verdicts. `beyond`: what is shown elsewhere."""

    name: str
    what: str
    in_1_3: Row
    here: Row
    beyond: str = ""


def hazards() -> Iterator[Hazard]:
    """Every hazard of the specification in its order, explored now."""
    yield from _of_ending()
    yield from _of_waiting_and_users()
    yield Hazard(
        "H7",
        "a job that has done all its work, even changed the chain, reports CANCELLED",
        _on("stream-report", CLASSIC_1_3, "H7-chain"),
        _on("stream-report", CLASSIC, "H7-chain"),
    )


def _of_ending() -> Iterator[Hazard]:
    yield Hazard(
        "H1",
        "the device becomes a target that is out of step, and CANCELLED is reported",
        _on("mirror-stop", CLASSIC_1_3, "H1-pivot"),
        _on("mirror-stop", CLASSIC, "H1-pivot"),
    )
    yield Hazard(
        "H2",
        "completion opens the target's files, and the job is gone when they are open",
        _control(CLASSIC_1_3, "H2-still-there"),
        _control(CLASSIC, "H2-atomic"),
    )
    yield Hazard(
        "H3",
        "a stream forgets its backing file although the header still names it",
        _on("stream-report", CLASSIC_1_3, "H3-header"),
        _on("stream-report", CLASSIC, "H3-header"),
        "that memory and header change together on real images is a test of storage",
    )


def _of_waiting_and_users() -> Iterator[Hazard]:
    yield Hazard(
        "H4",
        "cancel_sync waits where no timer runs, for a request that a timer holds back",
        _throttled(FAIR),
        _throttled(Fairness(FAIR.kinds | {_LET_THROUGH})),
        "that timers run while cancel_sync waits is a test of the executor",
    )
    yield Hazard(
        "H5",
        "a second user of a device with a job crashes on an assertion",
        _control(CLASSIC_1_3, "H5-second-user"),
        _control(CLASSIC, "H5-second-user"),
    )
    yield Hazard(
        "H6",
        "a commit that is refused leaves its files open for writing",
        _commit_start(CLASSIC_1_3, reopens_first=True),
        _commit_start(CLASSIC, reopens_first=False),
        "that the flags of real files come back is a test of the live job",
    )


def _on(scenario: str, lifecycle: Lifecycle[ClassicControl], claim: str) -> Row:
    """One claim on one of the check's own scenarios."""
    chosen = next(s for s in scenarios() if s.name == scenario)
    return _row(scenario, chosen.model(lifecycle), _named(chosen.claims, claim))


def _control(lifecycle: Lifecycle[ClassicControl], claim: str) -> Row:
    return _row("control", ControlModel(lifecycle), _named(CLASSIC_PROPERTIES, claim))


def _row(name: str, model: Model[S], claim: Property, fairness: Fairness = FAIR) -> Row:
    (row,) = judge(name, explore(model), (claim,), fairness)
    return row


def _named(claims: tuple[Property, ...], name: str) -> Property:
    return next(claim for claim in claims if claim.name == name)


# ---- H4: a request that is held back by a timer of the device's own limit

_LET_THROUGH = "let_through"


@dataclass(frozen=True, slots=True)
class ThrottledChain(Chain):
    """A chain whose copies wait in a queue until a timer lets them through."""

    queued: bool = False

    def submitted(self, request: IoRequest) -> ThrottledChain:
        return replace(self, queued=isinstance(request, Copy))

    def outcomes(self, request: IoRequest) -> Iterator[Ended]:
        if not self.queued:
            yield from Chain.outcomes(self, request)

    def happenings(self) -> Iterator[tuple[str, str, str, Chain]]:
        if self.queued:
            yield "world", _LET_THROUGH, "the queue lets it through", replace(self, queued=False)


def _throttled(fairness: Fairness) -> Row:
    """Whether a cancelled stream ends; in 1.3's nested wait the queue's timer has no turn."""
    claim = _named(job_claims.ENDS_WHEN_CANCELLED, "9-ends")
    assert isinstance(claim, LeadsTo), "that something ends is a claim about the future"
    chosen = next(s for s in scenarios() if s.name == "stream-report")
    throttled = replace(chosen, devices=ThrottledChain(), verbs=VERBS, body=Stream(unit=1, batch=2))
    return _row("stream-throttled", throttled.model(CLASSIC), claim, fairness)


# ---- H6: the start of a commit


class Starting(NamedTuple):
    """A commit's start: the control, which steps are left, whether the files are writable."""

    control: ClassicControl
    left: tuple[str, ...]
    writable: bool = False


@dataclass(frozen=True, slots=True)
class CommitStart:
    """The order of a commit's first steps: reopen the files and create the job, or otherwise."""

    lifecycle: Lifecycle[ClassicControl]
    order: tuple[str, ...]

    def initial(self) -> Iterator[Starting]:
        for in_use in (False, True):
            yield Starting(ClassicControl(in_use=in_use), self.order)

    def moves(self, state: Starting) -> Iterator[Move[Starting]]:
        if state.left[:1] == ("reopen",):
            after = Starting(state.control, state.left[1:], writable=True)
            yield Move("user", "reopen", "the files are reopened", after)
        elif state.left[:1] == ("create",):
            for speed in (0, -1):
                yield self._create(state, CREATE(speed))

    def _create(self, state: Starting, event: Event) -> Move[Starting]:
        result = step(self.lifecycle, state.control, event)
        if isinstance(result, Refused):
            # The refusal is the command's answer: none of the steps behind it is taken.
            after = Starting(state.control, (), state.writable)
            assert result.refusal is not None, "a create is always answered"
            label = f"{event} refused: {result.refusal.error.__name__}"
            return Move("user", "refused", label, after)
        created = Starting(result.state, state.left[1:], state.writable)
        return Move("user", "create", str(event), created)

    def view(self, state: Starting) -> Scene:
        facts = Facts(writable=state.writable, quiet=not state.left)
        return scene(state.control, 0, 0, Life(), facts)

    def key(self, state: Starting) -> Hashable:
        return state

    def describe(self, state: Starting) -> str:
        return describe_control(state.control) + (", files writable" if state.writable else "")


def _commit_start(lifecycle: Lifecycle[ClassicControl], *, reopens_first: bool) -> Row:
    order = ("reopen", "create") if reopens_first else ("create", "reopen")
    claim = Always(
        name="H6-start",
        claim="a commit that is refused leaves its files as they were",
        # No step is left and there is no job: the command has been refused.
        holds=~(WRITABLE & QUIET & PHASE.equals(Phase.ABSENT)),
        witness="absent",
    )
    return _row("commit-start", CommitStart(lifecycle, order), claim)
