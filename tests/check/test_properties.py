"""The claims themselves: named once, never empty, each with a witness and a mutant."""

from collections import Counter

import pytest

from blockjob_fsm.check.control import ControlModel
from blockjob_fsm.check.judge import judge
from blockjob_fsm.check.report import Row
from blockjob_fsm.check.run import CONTROL, LIFECYCLES
from blockjob_fsm.check.scenarios import FAIR, Scenario, scenarios
from blockjob_fsm.check.space import explore
from blockjob_fsm.guards import Variable
from blockjob_fsm.lifecycles.classic import CLASSIC
from blockjob_fsm.lifecycles.classic_words import PAUSED, ClassicControl
from blockjob_fsm.properties import (
    CLASSIC_PROPERTIES,
    LeadsTo,
    Old,
    Property,
    Sometimes,
    claimed_for,
    implies,
    moved,
    unchanged,
)
from models import breakers

CLAIMS = {CONTROL: CLASSIC_PROPERTIES} | {s.name: s.claims for s in scenarios()}
#: every distinct list of claims, by the first model that makes it
LISTS = {claims: model for model, claims in reversed(CLAIMS.items())}
PAIRS = tuple((lifecycle, model) for lifecycle in LIFECYCLES for model in (CONTROL,))
EXPECTED = breakers.expected()
BY_MUTANT = sorted({(b["lifecycle"], b["model"], b["mutant"]) for b in EXPECTED})


@pytest.fixture(params=sorted(LISTS.values()))
def claims(request: pytest.FixtureRequest) -> tuple[Property, ...]:
    """The claims about one model."""
    return CLAIMS[request.param]


def test_no_two_claims_of_a_model_have_one_name(claims: tuple[Property, ...]) -> None:
    names = Counter(claim.name for claim in claims)
    assert [name for name, count in names.items() if count > 1] == []


def test_every_claim_but_a_witness_names_a_witness_of_its_model(
    claims: tuple[Property, ...],
) -> None:
    witnesses = {claim.name for claim in claims if isinstance(claim, Sometimes)}
    named = {claim.witness for claim in claims if not isinstance(claim, Sometimes)}
    assert named - witnesses == set()


def test_every_claim_is_a_sentence(claims: tuple[Property, ...]) -> None:
    bad = [c.name for c in claims if len(c.claim.split()) < 3 or c.claim.endswith(".")]
    assert bad == []


@pytest.mark.parametrize("lifecycle", LIFECYCLES)
def test_every_claim_about_the_control_speaks_about_something(lifecycle: str) -> None:
    rows = LIFECYCLES[lifecycle]
    claims = claimed_for(CLASSIC_PROPERTIES, rows.profile)
    found = judge(CONTROL, explore(ControlModel(rows)), claims, FAIR)
    assert silent(found) == []


@pytest.mark.parametrize(
    "scenario", [s for s in scenarios() if not s.name.startswith("mirror-")], ids=lambda s: s.name
)
def test_every_claim_about_a_linear_job_speaks_about_something(scenario: Scenario) -> None:
    claims = claimed_for(scenario.claims, CLASSIC.profile)
    found = judge(scenario.name, explore(scenario.model(CLASSIC)), claims, FAIR)
    assert silent(found) == []


def silent(rows: tuple[Row, ...]) -> list[str]:
    """The claims that no state or step was about."""
    return [row.property for row in rows if row.instances == 0]


def test_a_mutant_is_known_for_every_claim_about_the_control() -> None:
    known = {(b["lifecycle"], b["claim"]) for b in EXPECTED if b["model"] == CONTROL}
    safe = {("classic", c.name) for c in breakers.claims_of("classic", CONTROL)}
    assert safe - known == set()


def test_a_mutant_is_known_for_every_claim_of_the_old_profile_alone() -> None:
    known = {b["claim"] for b in EXPECTED if b["model"] == CONTROL}
    both = {c.name for c in breakers.claims_of("classic-1.3", CONTROL)}
    assert both - known == set()


def test_a_mutant_is_known_for_every_claim_about_a_job() -> None:
    known = {b["claim"] for b in EXPECTED if b["model"] != CONTROL}
    jobs = {c.name for s in scenarios() for c in breakers.claims_of("classic", s.name)}
    assert jobs - known == set()


@pytest.mark.slow
@pytest.mark.parametrize(("lifecycle", "model", "mutant"), BY_MUTANT)
def test_a_mutant_breaks_the_claims_it_is_known_for(
    lifecycle: str, model: str, mutant: str
) -> None:
    names = {
        b["claim"]
        for b in EXPECTED
        if (b["lifecycle"], b["model"], b["mutant"]) == (lifecycle, model, mutant)
    }
    claims = tuple(c for c in breakers.claims_of(lifecycle, model) if c.name in names)
    assert breakers.broken(lifecycle, model, mutant, claims) == names


def test_old_is_the_value_before_the_step() -> None:
    step = moved(ClassicControl(paused=False), ClassicControl(paused=True))
    assert (Old(PAUSED).value(step, ()), PAUSED.value(step, ())) == (False, True)


@pytest.mark.parametrize("after", [False, True])
def test_unchanged_compares_both_ends(after: bool) -> None:
    step = moved(ClassicControl(), ClassicControl(paused=after))
    assert unchanged(PAUSED).holds(step, ()) is not after


def test_old_has_no_value_in_a_state_alone() -> None:
    with pytest.raises(AssertionError, match="only a step has a state before it"):
        Old(PAUSED).value(ClassicControl(), ())


@pytest.mark.parametrize(
    ("one", "other", "holds"),
    [(False, False, True), (False, True, True), (True, False, False), (True, True, True)],
)
def test_implies_is_false_only_from_true_to_false(one: bool, other: bool, holds: bool) -> None:
    busy: Variable = PAUSED
    guard = implies(PAUSED, busy.equals(True) & PAUSED.equals(other))
    assert guard.holds(ClassicControl(paused=one), ()) is holds


def test_a_claim_of_one_profile_is_not_made_of_the_other() -> None:
    old = claimed_for(CLASSIC_PROPERTIES, "1.3")
    assert {c.only for c in old} <= {(), ("1.3",)}


def test_the_user_may_stop_asking_in_every_claim_about_the_future() -> None:
    assert any(isinstance(c, LeadsTo) for c in CLASSIC_PROPERTIES)
    assert FAIR.kinds.isdisjoint({"resume", "cancel", "complete", "pause", "guest_write"})
