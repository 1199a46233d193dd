"""What is proved from the rows: every property, for every number, or a counterexample in words."""

import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import replace
from functools import cache

import pytest

from blockjob_fsm.check.control import ControlModel
from blockjob_fsm.check.induction import Provable, prove
from blockjob_fsm.check.judge import judge
from blockjob_fsm.check.liveness import Fairness
from blockjob_fsm.check.report import Row, Verdict
from blockjob_fsm.check.space import explore
from blockjob_fsm.declaration import Refusal, Rule
from blockjob_fsm.errors import CannotComplete
from blockjob_fsm.guards import ALWAYS
from blockjob_fsm.lifecycles.classic import CLASSIC, CLASSIC_1_3
from blockjob_fsm.lifecycles.classic_words import (
    BUSY,
    CANCELLED,
    NEW_SPEED,
    PAUSE,
    PAUSED,
    RET,
    SET_SPEED,
    SLEEP,
    SPEED,
    Phase,
)
from blockjob_fsm.properties import (
    CLASSIC_PROPERTIES,
    Always,
    AlwaysStep,
    Never,
    Property,
    Refuses,
    claimed_for,
)
from models.laws.planted import LOST_CANCEL
from tests.laws.faults import Classic
from tests.tidy.sources import ROOT

pytestmark = pytest.mark.slow

HAZARDS_OF_1_3 = {
    "H1-no-lost-data",
    "H2-atomic",
    "H2-still-there",
    "H5-second-user",
    "H7-done-is-done",
}
ANY_SPEED = Rule(
    (SET_SPEED,),
    (Phase.RUNNING,),
    None,
    "planted",
    when=NEW_SPEED.equals(123_456_789),
    sets=(SPEED.set(-1),),
)


@cache
def proved(
    lifecycle: Classic, properties: tuple[Property, ...] = CLASSIC_PROPERTIES
) -> tuple[Row, ...]:
    return prove(lifecycle, properties)


def not_proved(rows: Iterable[Row]) -> dict[str, Verdict]:
    return {row.property: row.verdict for row in rows if row.verdict is not Verdict.HOLDS}


def of_one(claim: Property, lifecycle: Classic = CLASSIC) -> Row:
    """The verdict on one property, with nothing else to lean on."""
    (row,) = prove(lifecycle, [claim])
    return row


def named(name: str) -> Property:
    return next(claim for claim in CLASSIC_PROPERTIES if claim.name == name)


def tale(row: Row) -> str:
    assert row.trace is not None
    return "\n".join(row.trace.lines())


def test_every_property_of_the_safe_rules_is_proved() -> None:
    assert not_proved(proved(CLASSIC)) == {}


def test_of_1_3_everything_is_proved_but_its_hazards() -> None:
    assert not_proved(proved(CLASSIC_1_3)) == dict.fromkeys(HAZARDS_OF_1_3, Verdict.VIOLATED)


@pytest.mark.parametrize("lifecycle", [CLASSIC, CLASSIC_1_3], ids=lambda value: str(value.profile))
def test_no_property_is_proved_for_want_of_a_case(lifecycle: Classic) -> None:
    rows = proved(lifecycle)
    assert [
        row.property for row in rows if row.verdict is Verdict.HOLDS and not row.instances
    ] == []


@pytest.mark.parametrize("lifecycle", [CLASSIC, CLASSIC_1_3], ids=lambda value: str(value.profile))
def test_every_property_but_the_last_two_polarities_is_tried(lifecycle: Classic) -> None:
    claims = claimed_for(CLASSIC_PROPERTIES, lifecycle.profile)
    tried = [claim.name for claim in claims if isinstance(claim, Provable)]
    assert [row.property for row in proved(lifecycle)] == tried


@pytest.mark.parametrize("lifecycle", [CLASSIC, CLASSIC_1_3], ids=lambda value: str(value.profile))
def test_induction_and_exploration_agree_on_every_property(lifecycle: Classic) -> None:
    rows = {row.property: row.verdict for row in proved(lifecycle)}
    claims = [claim for claim in CLASSIC_PROPERTIES if claim.name in rows]
    space = explore(ControlModel(lifecycle))
    seen = judge("control", space, claims, Fairness(frozenset()))
    assert {row.property: row.verdict for row in seen} == rows


def test_a_lost_cancel_is_told_from_the_start() -> None:
    row = next(row for row in proved(LOST_CANCEL) if row.property == "3-sleep")
    assert row.verdict is Verdict.VIOLATED
    assert row.trace is not None
    called = [label.split("(")[0] for label in row.trace.labels]
    assert sorted(called[1:-1]) in (["cancel", "start"], ["start", "user_cancel"])
    assert (called[0], called[-1]) == ("create", "sleep")
    assert "row: sleep in running when not paused -> asleep" in tale(row)


def test_a_number_that_no_bounded_search_tries_is_found() -> None:
    spoilt = replace(CLASSIC, rules=(ANY_SPEED, *CLASSIC.rules))
    row = next(row for row in proved(spoilt) if row.property == "22-speed")
    assert row.verdict is Verdict.VIOLATED
    assert "user: set_speed(123456789)" in tale(row)
    assert "speed -1" in tale(row)


def test_a_state_that_is_only_supposed_leaves_a_property_undecided() -> None:
    row = of_one(named("8-monotone"), CLASSIC_1_3)
    assert row.verdict is Verdict.UNDECIDED
    assert "decided" in tale(row).splitlines()[0]
    assert "not kept by induction: after it, needs cancelled; row: cancel" in tale(row)


def test_what_is_false_at_the_start_needs_no_step() -> None:
    row = of_one(Always(name="x", claim="never any speed", holds=~SPEED.equals(0), witness=""))
    assert row.verdict is Verdict.VIOLATED
    assert tale(row).splitlines()[1:] == ["wrong: needs speed != 0"]


def test_every_kind_of_job_is_proved_at_once() -> None:
    needs_hook = Always(name="x", claim="", holds=SPEED.equals(0), witness="")
    assert "settable" in tale(of_one(needs_hook)).splitlines()[0]


def test_a_state_that_is_never_reached_is_proved_so() -> None:
    idle = Never(name="x", claim="", reached=PAUSED & SPEED.less_than(-1), witness="")
    leaning = (*CLASSIC_PROPERTIES, idle)
    assert next(r for r in proved(CLASSIC, leaning) if r.property == "x").verdict is Verdict.HOLDS


def test_an_output_that_is_missing_is_named() -> None:
    silent = tuple(
        replace(rule, does=()) if SLEEP in rule.events else rule for rule in CLASSIC.rules
    )
    row = next(r for r in proved(replace(CLASSIC, rules=silent)) if r.property == "23-sleep")
    assert "wrong: does not arm_timer; row: sleep in running when" in tale(row)


def test_a_wrong_refusal_is_named() -> None:
    wrong = Refusal((PAUSE,), (Phase.ABSENT,), CannotComplete, "planted")
    spoilt = replace(CLASSIC, refusals=(wrong, *CLASSIC.refusals))
    claim = next(c for c in CLASSIC_PROPERTIES if isinstance(c, Refuses) and PAUSE in c.events)
    row = next(r for r in proved(spoilt) if r.property == claim.name)
    assert row.verdict is Verdict.VIOLATED
    assert "pause() -> refused: CannotComplete" in tale(row)


def test_a_step_claim_reads_the_state_before() -> None:
    claim = AlwaysStep(name="x", claim="", before=~CANCELLED, after=RET.equals(0), witness="")
    assert of_one(claim).verdict is Verdict.VIOLATED


def test_a_deleted_answer_is_missed() -> None:
    fewer = tuple(rule for rule in CLASSIC.rules if PAUSE not in rule.events)
    rows = proved(replace(CLASSIC, rules=fewer))
    assert not_proved(rows)["answers-verbs"] is Verdict.VIOLATED


def test_a_guard_weakened_to_nothing_is_noticed() -> None:
    loose = tuple(
        replace(rule, when=ALWAYS, sets=(BUSY.off,)) if rule.to is Phase.PARKED else rule
        for rule in CLASSIC.rules
    )
    assert "6-parked" in not_proved(proved(replace(CLASSIC, rules=loose)))


PRINT_HAZARDS = """
from blockjob_fsm.check.induction import prove
from blockjob_fsm.lifecycles.classic import CLASSIC_1_3
from blockjob_fsm.properties import CLASSIC_PROPERTIES
for row in prove(CLASSIC_1_3, CLASSIC_PROPERTIES):
    print(row.property, row.verdict, row.instances, row.trace)
"""


def output_of(program: str, seed: str) -> str:
    environment = os.environ | {"PYTHONHASHSEED": seed}
    run = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return run.stdout + run.stderr


def test_the_same_counterexamples_come_out_whatever_the_hash_seed() -> None:
    assert output_of(PRINT_HAZARDS, "1") == output_of(PRINT_HAZARDS, "2")


def test_without_z3_one_line_says_what_to_install() -> None:
    hidden = "import sys; sys.modules['z3'] = None; import blockjob_fsm.check.induction"
    told = output_of(hidden, "0").splitlines()[-1]
    assert told == (
        "ImportError: proving needs z3: install it with pip install 'blockjob-fsm[test]'"
    )
