"""Modern jobs explored: what holds of each release, and which mistake is found by which claim."""

from collections import Counter
from functools import cache

import pytest

from blockjob_fsm import check
from blockjob_fsm.check.modern_group import GroupModel, State
from blockjob_fsm.check.modern_mutants import MISTAKES, Mistake
from blockjob_fsm.check.modern_run import (
    MODERN_LIFECYCLES,
    check_modern,
    edges_of,
    modern_models,
    mutants_of,
    whole_models,
)
from blockjob_fsm.check.modern_scenarios import ModernScenario, modern_scenarios
from blockjob_fsm.check.report import Report, Row, Verdict
from blockjob_fsm.check.run import MAX_STATES, manifest, summary
from blockjob_fsm.check.space import Space, explore, replay
from blockjob_fsm.lifecycles.modern import modern
from blockjob_fsm.properties import Always, LeadsTo, Never, Sometimes
from blockjob_fsm.properties.modern import MODERN_PROPERTIES
from blockjob_fsm.properties.modern_steps import LEGAL

RELEASE = "7.2"
LIFECYCLE = f"modern-{RELEASE}"
SCENARIOS = {one.name: one for one in modern_scenarios()}
QUICK = tuple(name for name in SCENARIOS if name not in ("mirror", "trio", "job"))
#: what was wrong before 6.2, and is found there: each is a mistake that 6.2, or 6.0, mended
BEFORE_6_2 = {"6-kept", "25-sibling", "25-aborts", "26-walk", "43-all-end", "21-softly"}
# A mirror that is softly cancelled with its siblings loses its pause, and stays parked.
BEFORE_6_2 |= {"9-pauses", "17-drains", "44-soft-late", "softly-parked", "16-wanted"}


@cache
def space_of(name: str) -> Space[State]:
    """What a scenario reaches under the release's own rows."""
    return explore(SCENARIOS[name].model(modern(RELEASE)))


@cache
def whole(lifecycle: str) -> Report:
    """The check of a release, once for all tests."""
    return check.run(lifecycle)


@cache
def rows_of(lifecycle: str, model: str) -> tuple[Row, ...]:
    """A model of a release, judged."""
    return check_modern(lifecycle, None, model, MAX_STATES)


def violated(lifecycle: str) -> set[str]:
    """What the manifest says of a release."""
    stored = [model["violated"] for model in manifest()[lifecycle].values()]
    return {str(name) for names in stored if isinstance(names, list) for name in names}


@pytest.mark.parametrize("model", QUICK)
def test_every_claim_holds_of_a_small_model(model: str) -> None:
    wrong = [row.property for row in rows_of(LIFECYCLE, model) if row.verdict is not Verdict.HOLDS]
    assert wrong == []


@pytest.mark.parametrize("model", QUICK)
def test_states_and_depth_of_a_small_model_are_pinned(model: str) -> None:
    assert summary(rows_of(LIFECYCLE, model))[model] == manifest()[LIFECYCLE][model]


@pytest.mark.slow
@pytest.mark.parametrize("lifecycle", [LIFECYCLE, "modern-10.1", "modern-6.0"])
def test_a_whole_release_comes_out_as_the_manifest_says(lifecycle: str) -> None:
    assert whole(lifecycle).remarks == ()


@pytest.mark.slow
def test_every_modern_claim_speaks_about_something() -> None:
    found = Counter[str]()
    for row in whole(LIFECYCLE).rows:
        found[row.property] += row.instances
    assert [name for name, count in found.items() if count == 0] == []


@pytest.mark.parametrize("lifecycle", MODERN_LIFECYCLES)
def test_the_manifest_has_every_model_of_a_release(lifecycle: str) -> None:
    assert manifest()[lifecycle].keys() == {*modern_models(), *whole_models()}


@pytest.mark.parametrize("lifecycle", ["modern-6.2", "modern-7.2", "modern-8.2", "modern-10.1"])
def test_nothing_is_violated_since_6_2(lifecycle: str) -> None:
    assert violated(lifecycle) == set()


def test_before_6_2_what_6_2_mended_is_found() -> None:
    assert violated("modern-6.0") == BEFORE_6_2


def test_before_6_0_what_6_0_mended_is_found_too() -> None:
    assert violated("modern-3.0") == BEFORE_6_2 | {"1.3-takes-complete"}


def test_the_lone_jobs_and_the_groups_together_take_every_legal_edge_and_no_other() -> None:
    taken = set[tuple[object, object]]()
    for name in ("plain", "mirror", "pair-auto-newest"):
        taken |= edges_of(space_of(name))
    assert taken == {(one, other) for one, others in LEGAL.items() for other in others}


def test_no_two_modern_claims_have_one_name() -> None:
    names = Counter((claim.name, claim.only) for claim in MODERN_PROPERTIES)
    assert [name for name, count in names.items() if count > 1] == []


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=lambda one: one.name)
def test_every_claim_of_a_model_has_its_witness_there(scenario: ModernScenario) -> None:
    witnesses = {claim.name for claim in scenario.claims if isinstance(claim, Sometimes)}
    named = {claim.witness for claim in scenario.claims if not isinstance(claim, Sometimes)}
    assert named - witnesses == set()


def test_every_modern_claim_is_made_of_some_model() -> None:
    made = {claim for one in modern_scenarios() for claim in one.claims}
    assert set(MODERN_PROPERTIES) - made == set()


def test_a_model_gives_the_same_moves_at_each_call() -> None:
    model = SCENARIOS["pair-auto-newest"].model(modern(RELEASE))
    (start,) = model.initial()
    assert list(model.moves(start)) == list(model.moves(start))


def test_while_a_step_is_due_nothing_else_happens() -> None:
    model, (start,) = _pair()
    labels = ("start()", "pause_point()", "return(-5)", "completion()")
    *_, (_, state) = replay(model, start, labels)
    assert [move.label for move in model.moves(state)] == ["j0.sibling_cancel()"]


def test_a_group_begins_when_all_its_members_are_created() -> None:
    _, (start,) = _pair()
    assert [member.phase.value for member in start.members] == ["created", "created"]


def test_a_timer_that_is_not_set_does_not_ring() -> None:
    model, (start,) = _pair()
    assert "timer()" not in [move.label for move in model.moves(start)]


def _pair() -> tuple[GroupModel, tuple[State, ...]]:
    model = SCENARIOS["pair-auto-newest"].model(modern(RELEASE))
    return model, tuple(model.initial())


@pytest.mark.slow
@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_a_mistake_is_found_by_the_claim_it_breaks_with_a_shortest_trace(mistake: Mistake) -> None:
    report = check.run(LIFECYCLE, mistake.name)
    broken = {row.property: row for row in report.rows if row.verdict is Verdict.VIOLATED}
    assert (report.exit_status, mistake.breaks in broken) == (1, True)
    trace = broken[mistake.breaks].trace
    assert trace is not None
    assert len(trace.moves) > 0


def test_at_least_25_mistakes_of_qemu_are_among_the_mutants() -> None:
    assert len([mistake for mistake in MISTAKES if mistake.year]) >= 25


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_a_mistake_names_a_claim(mistake: Mistake) -> None:
    claims = [claim for claim in MODERN_PROPERTIES if claim.name == mistake.breaks]
    assert claims
    assert not isinstance(claims[0], Sometimes)


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_a_mistake_changes_the_rows_or_the_walk(mistake: Mistake) -> None:
    rows = modern(RELEASE)
    mutant = mistake.of(rows)
    same = (mutant.rules, mutant.refusals) == (rows.rules, rows.refusals)
    assert same is not (mutant.walk is Mistake("", "", "").walk)


def test_old_releases_have_no_mutants() -> None:
    assert mutants_of("modern-6.0") == {}


def test_there_is_a_claim_about_what_must_follow() -> None:
    polarities = {type(claim) for claim in MODERN_PROPERTIES}
    assert {Always, LeadsTo, Sometimes} <= polarities
    assert Never not in polarities


def test_everything_is_checked_under_its_own_names() -> None:
    report = check.run("all", max_states=3, processes=1)
    assert {row.model.split()[0] for row in report.rows} == {"classic", "modern-7.2", "modern-10.1"}
