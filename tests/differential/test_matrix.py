"""The verb matrix: our jobs and the real QEMU side by side, and the page that shows it."""

from dataclasses import replace

import pytest

from blockjob_fsm.conformance.conditions import JOB, Condition, conditions, forms, malformed
from blockjob_fsm.conformance.matrix import Cell, cells_of, differing
from blockjob_fsm.conformance.ours import Ours
from blockjob_fsm.conformance.theirs import Theirs
from blockjob_fsm.conformance.verb_table import LETTERS, answer, refused_arguments, tables
from models import matrix_pages

CONDITIONS = {condition.name: condition for condition in conditions()}


def cells(name: str, profile: str = "7.2") -> tuple[Cell, ...]:
    return cells_of(CONDITIONS[name], forms(), lambda: Ours(profile))


@pytest.mark.slow
@pytest.mark.usefixtures("qemu_storage_daemon")
@pytest.mark.parametrize("condition", CONDITIONS.values(), ids=lambda one: one.name)
def test_every_cell_is_qemus(condition: Condition) -> None:
    here = cells_of(condition, forms(), Ours)
    assert list(map(str, differing(here, Theirs))) == []


@pytest.mark.parametrize("condition", CONDITIONS.values(), ids=lambda one: one.name)
def test_a_condition_is_what_its_name_says(condition: Condition) -> None:
    """A refusal shows it; in both subjects, since the cells are equal."""
    [cell] = cells_of(condition, malformed()[:1], Ours)
    statuses = [entry["status"] for entry in cell.steps[0]["jobs"] if entry["id"] == JOB]
    said = condition.what.replace(",", "").split()[0]
    assert statuses == ([] if said in ("gone", "never") else [said])


@pytest.mark.slow
def test_the_page_is_what_our_jobs_answer() -> None:
    assert matrix_pages.PAGE.read_text(encoding="utf-8") == matrix_pages.page()


def test_other_rules_are_seen_in_the_cells_that_they_change() -> None:
    """Before 6.0 a job in standby could not be asked to complete."""
    found = differing(cells("standby, mirror"), lambda: Ours("3.0"))
    assert {one.cell.asked.command for one in found} == {"job-complete", "block-job-complete"}


def test_a_subject_that_ends_otherwise_differs_though_its_reply_is_the_same() -> None:
    """Of the last step, with which the job ends, some events are missing."""
    [cell] = [one for one in cells("running, mirror") if one.asked.name == "job-pause"]
    *others, last = cell.steps
    wrong = replace(cell, steps=(*others, last | {"events": {"j0": ["JOB_STATUS_CHANGE"]}}))
    assert len(differing([wrong], Ours)) == 1
    assert differing([cell], Ours) == ()


def test_a_cell_that_differs_is_marked_in_its_table() -> None:
    mine = cells("standby, mirror")
    found = differing(mine, lambda: Ours("3.0"))
    [table] = tables(mine, found)
    marked = [row[0] for row in table.rows if any("DIFFERS" in str(cell) for cell in row)]
    assert len(marked) == 2


def test_kinds_that_do_otherwise_are_named() -> None:
    both = (*cells("running, backup"), *cells("running, stream"), *cells("running, mirror"))
    [table] = tables(both)
    told = {str(row[0]): row[1] for row in table.rows}
    [unlimited] = [told[name] for name in told if "speed=0" in name]
    assert unlimited == "ok waiting pending concluded null; mirror: ok ready"


@pytest.mark.parametrize("name", ["running, mirror", "concluded, stream", "never there"])
def test_every_refusal_has_a_letter(name: str) -> None:
    well = [one for one in cells(name) if one.asked not in malformed() and one.error]
    assert {answer(one) for one in well} <= set(LETTERS)


def test_arguments_are_looked_at_before_the_job() -> None:
    there, gone = cells("running, backup"), cells("never there")
    assert refused_arguments(there) == refused_arguments(gone)
