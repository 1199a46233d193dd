"""A guard means to z3 what it means to `step`."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockjob_fsm.check.report import Verdict
from blockjob_fsm.check.z3_terms import At, Solver, formula, literal, symbol, value_of
from blockjob_fsm.error_action import IoStatus
from blockjob_fsm.guards import (
    Argument,
    Choose,
    Constant,
    Equal,
    Guard,
    Number,
    Term,
    Value,
    Variable,
)
from blockjob_fsm.lifecycles.classic_words import (
    IO_STATUS,
    PAUSED,
    PHASE,
    SPEED,
    SYNCED,
    VARIABLES,
    ClassicControl,
    Phase,
)
from blockjob_fsm.properties import Old, moved

FIRST, SECOND = Argument("first", int), Argument("second", bool, 1)
NUMBERS = st.integers(-(2**70), 2**70)


@dataclass(frozen=True)
class Mystery(Term):
    """A term that only this test knows."""


terms = st.sampled_from([SPEED, FIRST, Number("ret")]) | st.builds(Constant, NUMBERS)
small = st.sampled_from([SPEED, FIRST]) | st.builds(Constant, st.integers(-2, 2))
atoms: st.SearchStrategy[Guard] = st.one_of(
    st.sampled_from([PAUSED, SYNCED, SECOND.equals(True), SECOND.equals(False)]),
    st.builds(PHASE.equals, st.sampled_from(Phase)),
    st.builds(IO_STATUS.equals, st.sampled_from(IoStatus)),
    st.builds(Equal, terms, terms),
    st.builds(SPEED.less_than, NUMBERS),
    st.builds(FIRST.less_than, st.integers(-2, 2)),
)
guards: st.SearchStrategy[Guard] = st.recursive(
    atoms,
    lambda parts: st.one_of(
        st.builds(lambda a, b: a & b, parts, parts),
        st.builds(lambda a, b: a | b, parts, parts),
        st.builds(lambda a: ~a, parts),
        st.builds(lambda w, t, o: Choose(w, t, o).equals(SPEED), parts, small, small),
    ),
    max_leaves=8,
)
states = st.builds(
    ClassicControl,
    phase=st.sampled_from(Phase),
    paused=st.booleans(),
    synced=st.booleans(),
    io_status=st.sampled_from(IoStatus),
    speed=st.integers(-2, 2) | NUMBERS,
    ret=st.integers(-2, 2),
)


def known(state: ClassicControl) -> dict[str, object]:
    return {v.name: literal(getattr(state, v.name)) for v in VARIABLES}


def is_true(guard: Guard, at: At) -> bool:
    return Solver().refute(formula(guard, at))[0] is Verdict.VIOLATED


@given(guards, states, st.integers(-2, 2), st.booleans())
def test_a_guard_holds_for_z3_where_it_holds(
    guard: Guard, state: ClassicControl, first: int, second: bool
) -> None:
    at = At(known(state), (literal(first), literal(second)))
    assert is_true(guard, at) is guard.holds(state, (first, second))


@given(states, states)
def test_an_old_value_is_the_one_before_the_step(
    before: ClassicControl, after: ClassicControl
) -> None:
    guard = Equal(SPEED, Old(SPEED)) | ~Equal(PHASE, Old(PHASE))
    at = At(known(after), (), known(before))
    assert is_true(guard, at) is guard.holds(moved(before, after), ())


@pytest.mark.parametrize(
    "value", [True, False, 0, -(2**80), 2**80, Phase.PARKED, IoStatus.NOSPACE], ids=str
)
def test_a_value_comes_back_from_z3_as_it_went_in(value: Value) -> None:
    unknown = symbol("x", type(value))
    _, found = Solver().refute(unknown == literal(value))
    assert value_of(found, unknown, type(value)) == value


@pytest.mark.parametrize("variable", VARIABLES, ids=str)
def test_a_variable_that_does_not_matter_gets_a_value_of_its_kind(variable: Variable) -> None:
    _, found = Solver().refute(literal(True))
    unknown = symbol(variable.name, variable.domain)
    assert isinstance(value_of(found, unknown, variable.domain), variable.domain)


def test_a_term_that_is_not_known_is_an_error_and_never_a_guess() -> None:
    with pytest.raises(AssertionError, match=r"unknown term Mystery\(\)"):
        formula(Mystery(), At({}))


def test_an_old_value_without_a_step_is_an_error() -> None:
    with pytest.raises(AssertionError, match="a state before it"):
        formula(Old(SPEED), At(known(ClassicControl())))


def test_a_question_is_forgotten_once_it_is_answered() -> None:
    solver = Solver()
    assert solver.refute(literal(False))[0] is Verdict.HOLDS
    assert solver.refute(literal(True))[0] is Verdict.VIOLATED
