"""The whole check, as `blockjob check` runs it."""

import json
import os
from functools import cache

import pytest

from blockjob_fsm import check
from blockjob_fsm.check.report import Report, Verdict
from blockjob_fsm.check.run import check_control, differences, manifest, models, summary
from blockjob_fsm.lifecycles.classic import CLASSIC

SECONDS = 20.0
#: one that a property notices, one that only the contract does, one that is malformed, one body
MUTANTS = (
    "sleep-without-test",
    "rule-test-1.stays",
    "rule-sleep-3.guard-3-dropped",
    "mirror-without-drain",
)


@cache
def whole(lifecycle: str) -> Report:
    """The check of a lifecycle, once for all tests."""
    return timed(lifecycle)[0]


@cache
def timed(lifecycle: str) -> tuple[Report, float]:
    """The check of a lifecycle, and the seconds that it kept processors busy."""
    before = os.times()
    report = check.run(lifecycle)
    return report, sum(os.times()[:4]) - sum(before[:4])


@pytest.mark.slow
def test_every_property_holds() -> None:
    report = whole("classic")
    assert [r.property for r in report.rows if r.verdict is not Verdict.HOLDS] == []


@pytest.mark.slow
def test_states_and_depths_are_those_of_the_manifest() -> None:
    assert whole("classic").remarks == ()


@pytest.mark.slow
def test_the_check_exits_with_success() -> None:
    assert whole("classic").exit_status == 0


@pytest.mark.slow
def test_the_check_takes_less_than_twenty_seconds() -> None:
    # Of one processor: somebody else may be using the machine, and a clock would count that too.
    assert timed("classic")[1] < SECONDS


@pytest.mark.slow
def test_1_3_is_violated_exactly_where_the_manifest_says() -> None:
    report = whole("classic-1.3")
    assert (report.exit_status, report.remarks) == (1, ())


def test_only_the_hazards_are_violated_in_1_3() -> None:
    violated = {
        name
        for model in manifest()["classic-1.3"].values()
        for name in model["violated"]  # type: ignore[attr-defined]
    }
    told = {name for name in violated if not name.startswith("H")}
    # H1 swaps without a clean mirror, H2 leaves nobody to answer, H3 drops after an error; and a
    # mirror of 1.3 whose length cannot be read leaves its tracking on.
    assert told == {"20-pivot", "legal", "16-errors", "clean-up"}


def test_nothing_is_violated_by_default() -> None:
    assert [m for m, stored in manifest()["classic"].items() if stored["violated"]] == []


def test_the_manifest_has_every_model() -> None:
    assert set(models()) <= manifest()["classic"].keys()


@pytest.mark.slow
@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_mutant_is_violated_with_a_trace(mutant: str) -> None:
    report = check.run("classic", mutant)
    broken = [row for row in report.rows if row.verdict is Verdict.VIOLATED]
    assert (report.exit_status, broken[0].trace is None) == (1, False)


def test_a_mutant_is_explored_no_further_than_it_takes_to_show_it() -> None:
    report = check.run("classic", "sleep-without-test")
    known = manifest()["classic"]["control"]["states"]
    assert (report.notes, max(row.states for row in report.rows) == known) == (
        ("explored no further: control is violated",),
        False,
    )


@cache
def bounded() -> Report:
    """The check with a bound that every model hits."""
    return check.run("classic", max_states=3, processes=1)


def test_a_bound_that_is_hit_is_undecided() -> None:
    assert (bounded().verdict, bounded().exit_status) == (Verdict.UNDECIDED, 3)


def test_a_bound_that_is_hit_decides_nothing_about_a_job() -> None:
    verdicts = {row.verdict for row in bounded().rows if row.model.startswith("stream")}
    assert Verdict.VIOLATED not in verdicts


@pytest.mark.parametrize(
    ("lifecycle", "mutant", "message"),
    [
        ("none", None, "no lifecycle 'none'; there are: classic, classic-1.3, modern-2.12"),
        ("classic", "none", "no mutant 'none'; there are: sleep-without-test, "),
    ],
)
def test_an_unknown_name_is_refused_with_the_names_there_are(
    lifecycle: str, mutant: str | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        check.run(lifecycle, mutant)


def test_a_figure_that_differs_from_the_manifest_is_told() -> None:
    rows = check_control(CLASSIC, 100)
    (told, *_) = [line for line in differences("classic", rows) if line.startswith("control")]
    assert "manifest says" in told
    assert "'states': 100" in told


def test_the_summary_of_the_control_is_what_the_manifest_keeps() -> None:
    assert summary(check_control(CLASSIC))["control"] == manifest()["classic"]["control"]


def test_the_report_of_a_run_is_json() -> None:
    plain = json.loads(bounded().to_json())
    assert {row["model"] for row in plain["rows"]} == set(models())
