"""`blockjob check`: what is told of a report, and what the shell is told."""

import json
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from blockjob_fsm.check import Report, Verdict, mutants
from blockjob_fsm.check.run import check_control
from blockjob_fsm.cli.check import told
from blockjob_fsm.cli.lifecycles import LifecycleName, report_name
from blockjob_fsm.lifecycles.classic import CLASSIC
from tests.cli.conftest import Blockjob

BROKEN = "cancel-keeps-pause"


@cache
def sound() -> Report:
    """A report of the control machine alone."""
    return Report("classic", check_control(CLASSIC), 0.5)


@cache
def broken() -> Report:
    """A report of a mutant."""
    mutant = mutants("classic")[BROKEN]
    return Report("classic", check_control(mutant.of(CLASSIC)), 0.5, BROKEN)


def test_a_property_has_one_line() -> None:
    report = sound()
    names = [line.split()[0] for line in told(report) if " HOLDS " in line and ":" not in line]
    assert names == list(dict.fromkeys(row.property for row in report.rows))


def test_the_worst_verdict_of_a_property_is_told() -> None:
    report = sound()
    first = report.rows[0]
    other = replace(first, model="another", verdict=Verdict.UNDECIDED)
    lines = list(told(replace(report, rows=(first, other))))
    assert lines[1].split()[:3] == [first.property, "UNDECIDED", "2"]


def test_a_violation_is_told_with_its_trace() -> None:
    assert "  3. user: cancel()   -> created, busy, paused, cancelled" in list(told(broken()))


def test_of_several_traces_the_shortest_is_told() -> None:
    report = broken()
    one = next(row for row in report.rows if row.trace is not None)
    assert one.trace is not None
    longer = replace(one.trace, moves=(*one.trace.moves, ("nobody", "waits", "still")))
    rows = (replace(one, model="long", trace=longer), one)
    assert not [line for line in told(replace(report, rows=rows)) if "nobody" in line]


def test_the_last_line_counts_the_verdicts() -> None:
    last = list(told(broken()))[-1]
    assert (f"classic with {BROKEN}: " in last, " VIOLATED in " in last) == (True, True)


def test_an_unknown_mutant_is_refused_in_one_line(blockjob: Blockjob) -> None:
    result = blockjob("check", "--mutant", "imaginary")
    said = "blockjob: --mutant imaginary: there is no such mutant: see --list-mutants\n"
    assert (result.status, result.out, result.err) == (2, "", said)


def test_mutants_are_listed_with_what_they_break(blockjob: Blockjob) -> None:
    listed = json.loads(blockjob("check", "--list-mutants", "--format", "json").out)
    assert listed == {name: mutant.what for name, mutant in mutants("classic").items()}


def test_mutants_of_the_other_profile_are_its_own(blockjob: Blockjob) -> None:
    lines = blockjob("check", "--list-mutants", "--profile", "1.3").out.splitlines()
    assert [line for line in lines if line[0] != " "] == list(mutants("classic-1.3"))


def test_of_modern_jobs_the_oldest_profile_is_the_classic_1_3() -> None:
    assert report_name(LifecycleName.MODERN, "1.3") == "classic-1.3"


@pytest.mark.slow
def test_the_lifecycle_as_shipped_holds(blockjob: Blockjob) -> None:
    result = blockjob("check", "--format", "json")
    report: dict[str, Any] = json.loads(result.out)
    assert (result.status, report["verdict"], report["lifecycle"]) == (0, "HOLDS", "classic")
