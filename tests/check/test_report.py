"""What a report says, and the exit status that goes with it."""

import json

import pytest

from blockjob_fsm.check.report import Report, Row, Trace, Verdict

TRACE = Trace("absent", (("user", "pause()", "paused"), ("job", "sleep()", "parked")), "wrong here")


def row(verdict: Verdict, trace: Trace | None = None) -> Row:
    """A row of that verdict."""
    return Row("model", "property", "it is so", verdict, 12, 3, 0.5, 4, trace)


def report(*verdicts: Verdict, remarks: tuple[str, ...] = ()) -> Report:
    """A report of rows with these verdicts."""
    return Report("classic", tuple(map(row, verdicts)), 1.0, remarks=remarks)


@pytest.mark.parametrize(
    ("verdicts", "status"),
    [
        ((Verdict.HOLDS, Verdict.HOLDS), 0),
        ((Verdict.HOLDS, Verdict.VIOLATED), 1),
        ((Verdict.UNDECIDED, Verdict.VIOLATED), 1),
        ((Verdict.HOLDS, Verdict.UNDECIDED), 3),
        ((), 3),
    ],
)
def test_the_worst_verdict_decides_the_exit_status(
    verdicts: tuple[Verdict, ...], status: int
) -> None:
    assert report(*verdicts).exit_status == status


def test_figures_that_are_not_the_expected_ones_make_a_report_undecided() -> None:
    assert report(Verdict.HOLDS, remarks=("model: other figures",)).exit_status == 3


def test_a_note_changes_no_verdict() -> None:
    noted = Report("classic", (row(Verdict.HOLDS),), 1.0, notes=("left out",))
    assert noted.exit_status == 0


def test_the_table_has_a_line_for_each_property() -> None:
    lines = report(Verdict.HOLDS).render()
    assert lines[:2] == (
        "model  property  verdict  states  depth  seconds",
        "model  property  HOLDS        12      3     0.50",
    )


def test_a_violation_is_followed_by_its_trace() -> None:
    lines = Report("classic", (row(Verdict.VIOLATED, TRACE),), 1.0).render()
    assert lines[2:] == (
        "",
        "model property: not so: it is so",
        "  start: absent",
        "  1. user: pause() -> paused",
        "  2. job: sleep()  -> parked",
        "  wrong: wrong here",
        "",
        "classic: 1 VIOLATED in 1.0 s",
    )


def test_the_last_line_names_the_mutant() -> None:
    lines = Report("classic", (row(Verdict.HOLDS),), 1.0, mutant="no-sleep").render()
    assert lines[-1] == "classic with no-sleep: 1 HOLDS in 1.0 s"


def test_json_has_what_the_table_has_and_the_trace() -> None:
    plain = json.loads(Report("classic", (row(Verdict.VIOLATED, TRACE),), 1.0).to_json())
    (only,) = plain["rows"]
    assert (plain["verdict"], only["states"], only["trace"]) == (
        "VIOLATED",
        12,
        ["pause()", "sleep()"],
    )
