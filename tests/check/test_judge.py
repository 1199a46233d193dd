"""Each polarity, held against a lifecycle that breaks it and one that does not."""

from functools import cache, partial

import pytest

from blockjob_fsm.check.control import ControlModel, Place
from blockjob_fsm.check.judge import judge
from blockjob_fsm.check.report import Row, Verdict
from blockjob_fsm.check.scenarios import FAIR
from blockjob_fsm.check.space import explore, replay
from blockjob_fsm.errors import DeviceNotActive, JobPaused
from blockjob_fsm.guards import ALWAYS
from blockjob_fsm.lifecycles.classic import CLASSIC
from blockjob_fsm.lifecycles.classic_words import (
    ARM_TIMER,
    BUSY,
    CANCELLED,
    PAUSE,
    PAUSED,
    RESUME,
    SLEEP,
    SUBMIT,
    TIMER,
    USER_CANCEL,
    WAKE,
    ClassicControl,
    Phase,
)
from blockjob_fsm.properties import (
    Accepts,
    Always,
    AlwaysStep,
    Answered,
    Never,
    Old,
    Property,
    Refuses,
    Sometimes,
)
from blockjob_fsm.properties.classic_states import in_phase
from tests.check.graphs import At, Graph

SPACE = explore(ControlModel(CLASSIC))
_always = partial(Always, name="it", claim="it is so", witness="it")
_always_step = partial(AlwaysStep, name="it", claim="it is so", witness="it")
_accepts = partial(Accepts, name="it", claim="it is so", witness="it")
_answered = partial(Answered, name="it", claim="it is so", witness="it")
_refuses = partial(Refuses, name="it", claim="it is so", witness="it")
_never = partial(Never, name="it", claim="it is so", witness="it")
_sometimes = partial(Sometimes, name="it", claim="it is so")
_PARKED = in_phase(Phase.PARKED)


@cache
def row_of(claim: Property) -> Row:
    """The row of one claim about the classic control."""
    (row,) = judge("control", SPACE, (claim,), FAIR)
    return row


TRUE = (
    _always(holds=in_phase(Phase.ABSENT) | ~_PARKED | PAUSED),
    _always_step(events=(TIMER,), after=BUSY, does=(WAKE,), never=(ARM_TIMER,)),
    _always_step(events=(TIMER,), after=Old(BUSY).equals(False)),
    _answered(events=(PAUSE,), when=ALWAYS),
    _accepts(events=(PAUSE,), when=in_phase(Phase.RUNNING) & ~PAUSED & ~CANCELLED),
    _refuses(events=(RESUME,), when=in_phase(Phase.FREED), error=DeviceNotActive),
    _sometimes(reached=_PARKED & ~CANCELLED),
    _sometimes(reached=PAUSED, events=(TIMER,)),
    _never(reached=_PARKED & CANCELLED),
)
FALSE = (
    (_always(holds=~PAUSED), "needs not paused", 2),
    (_always_step(events=(SLEEP,), after=BUSY), "after it, needs busy", 3),
    (_always_step(events=(SLEEP,), does=(WAKE,)), "does not wake", 3),
    (_always_step(never=(ARM_TIMER,)), "does arm_timer", 3),
    (
        _always_step(events=(PAUSE,), after=Old(PAUSED).equals(True)),
        "after it, needs old paused",
        2,
    ),
    (_answered(events=(SUBMIT,), when=ALWAYS), "no row knows this step", 1),
    (_accepts(events=(RESUME,), when=~PAUSED), "not taken", 1),
    (_refuses(events=(PAUSE,), when=PAUSED, error=JobPaused), "not refused with JobPaused", 3),
    (
        _refuses(events=(USER_CANCEL,), when=PAUSED | ~BUSY, error=JobPaused),
        "refused with DeviceNotActive",
        1,
    ),
    (_never(reached=_PARKED), "reached phase == parked", 4),
)


@pytest.mark.parametrize("claim", TRUE, ids=lambda claim: type(claim).__name__)
def test_a_true_claim_holds(claim: Property) -> None:
    assert row_of(claim).verdict is Verdict.HOLDS


@pytest.mark.parametrize("claim", TRUE, ids=lambda claim: type(claim).__name__)
def test_a_true_claim_spoke_about_something(claim: Property) -> None:
    assert row_of(claim).instances > 0 or isinstance(claim, Never)


@pytest.mark.parametrize(("claim", "wrong", "length"), FALSE)
def test_a_false_claim_is_violated_by_a_shortest_trace(
    claim: Property, wrong: str, length: int
) -> None:
    row = row_of(claim)
    assert row.trace is not None
    assert (row.verdict, row.trace.wrong, len(row.trace.moves)) == (Verdict.VIOLATED, wrong, length)


@pytest.mark.parametrize(("claim", "wrong", "length"), FALSE)
def test_the_trace_of_a_false_claim_can_be_replayed(
    claim: Property, wrong: str, length: int
) -> None:
    trace = row_of(claim).trace
    assert trace is not None
    for start in SPACE.model.initial():
        if SPACE.model.describe(start) == trace.start:
            taken = list(replay(SPACE.model, start, trace.labels))
            assert len(taken) == length
            return
    raise AssertionError(f"{trace.start} is no start; {wrong} cannot be reached")


def test_a_witness_that_is_not_found_is_violated() -> None:
    row = row_of(_sometimes(reached=_PARKED & CANCELLED))
    assert (row.verdict, row.trace) == (Verdict.VIOLATED, None)


@pytest.mark.parametrize("claim", TRUE[:5], ids=lambda claim: type(claim).__name__)
def test_a_claim_without_a_counterexample_in_a_part_of_a_space_is_undecided(
    claim: Property,
) -> None:
    (row,) = judge("control", explore(ControlModel(CLASSIC), 3), (claim,), FAIR)
    assert row.verdict is Verdict.UNDECIDED


def test_a_counterexample_in_a_part_of_a_space_counts() -> None:
    space = explore(ControlModel(CLASSIC), 10)
    (row,) = judge("control", space, (_always(holds=~BUSY),), FAIR)
    assert row.verdict is Verdict.VIOLATED


def test_a_trace_tells_who_did_what_and_the_state_after_it() -> None:
    trace = row_of(FALSE[-1][0]).trace
    assert trace is not None
    assert trace.lines() == (
        "start: absent",
        "1. world: create(0) -> created, busy",
        "2. user: pause()    -> created, busy, paused",
        "3. world: start()   -> running, busy, paused",
        "4. job: sleep()     -> parked, paused",
        "wrong: reached phase == parked",
    )


def test_views_are_told_apart_by_their_key() -> None:
    model = ControlModel(CLASSIC)
    one, two = Place(ClassicControl()), Place(ClassicControl(busy=True))
    assert (model.key(one) == model.key(two)) is (model.view(one) == model.view(two))


def test_steps_that_look_alike_count_one_by_one() -> None:
    twice = Graph(((At.A, "go", At.B), (At.A, "go", At.B)))
    (row,) = judge("two ways", explore(twice), (_always_step(),), FAIR)
    assert row.instances == 2
