"""The hazards of 1.3 and the limits of 2012: what must be found, and found absent."""

from functools import cache

import pytest

from blockjob_fsm.check.report import Verdict
from models.hazards import Hazard, hazards
from models.limits import Limit, limits

NAMES = ("H1", "H2", "H3", "H4", "H5", "H6", "H7")
LIMITS = ("endless-guest", "endless-errors", "no-user")


@cache
def all_hazards() -> dict[str, Hazard]:
    """Every hazard by name, explored once for all tests."""
    return {hazard.name: hazard for hazard in hazards()}


@cache
def all_limits() -> dict[str, Limit]:
    """Every limit by name."""
    return {limit.name: limit for limit in limits()}


@pytest.fixture(params=NAMES)
def hazard(request: pytest.FixtureRequest) -> Hazard:
    """One of the hazards."""
    return all_hazards()[request.param]


def test_all_seven_hazards_are_there() -> None:
    assert tuple(all_hazards()) == NAMES


def test_a_hazard_is_found_in_1_3(hazard: Hazard) -> None:
    assert hazard.in_1_3.verdict is Verdict.VIOLATED


def test_the_way_into_a_hazard_is_told(hazard: Hazard) -> None:
    assert hazard.in_1_3.trace is not None
    print("\n".join((f"{hazard.name}: {hazard.what}", *hazard.in_1_3.trace.lines())))
    assert hazard.in_1_3.trace.moves


def test_a_hazard_is_ruled_out_here(hazard: Hazard) -> None:
    assert hazard.here.verdict is Verdict.HOLDS


def test_a_hazard_is_ruled_out_by_a_claim_that_spoke(hazard: Hazard) -> None:
    assert hazard.here.instances > 0


def test_every_limit_is_listed() -> None:
    assert tuple(all_limits()) == LIMITS


@pytest.mark.parametrize("name", LIMITS)
def test_a_limit_is_still_one(name: str) -> None:
    assert all_limits()[name].found.verdict is Verdict.VIOLATED


def test_data_are_lost_in_1_3_after_the_user_asked_to_complete_and_to_cancel() -> None:
    trace = all_hazards()["H1"].in_1_3.trace
    assert trace is not None
    asked = [label for who, label, _ in trace.moves if who == "user"]
    assert asked == ["complete()", "cancel()"]
