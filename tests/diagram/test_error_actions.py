"""The error-action picture and tables, compared with the rules of 2012."""

import pytest

from blockjob_fsm.diagram.error_actions import error_tables, picture
from blockjob_fsm.diagram.graph import Edge
from blockjob_fsm.diagram.tables import Cell, Code, Table
from blockjob_fsm.lifecycles.classic import CLASSIC
from tests.diagram.lamp import LAMP


@pytest.fixture(scope="module")
def tables() -> dict[str, Table]:
    """The tables by title."""
    return {table.title: table for table in error_tables(CLASSIC)}


def plain(row: tuple[Cell, ...]) -> tuple[str, ...]:
    """A row's texts."""
    return tuple(cell.text if isinstance(cell, Code) else cell for cell in row)


def test_each_policy_leads_to_its_actions() -> None:
    arrows = [e for e in picture(CLASSIC).edges if e.source.startswith("on_")]
    both = ("ENOSPC", "any other errno")
    assert arrows == [
        Edge("on_report", "do_report", both),
        Edge("on_ignore", "do_ignore", both),
        Edge("on_enospc", "do_report", both[1:]),
        Edge("on_enospc", "do_stop", both[:1]),
        Edge("on_stop", "do_stop", both),
    ]


def test_a_stop_of_the_target_stops_the_target_too() -> None:
    graph = picture(CLASSIC)
    lines = {node.name: node.lines for node in graph.nodes}
    stops = [lines[edge.target] for edge in graph.edges if edge.source == "do_stop"]
    assert ["stop_target" in outcome for outcome in stops] == [False, True]


@pytest.mark.parametrize("policy", ["enospc", "stop"])
def test_a_policy_that_can_stop_needs_a_published_io_status(policy: str) -> None:
    node = next(node for node in picture(CLASSIC).nodes if node.name == f"on_{policy}")
    assert node.lines == ("needs a device whose io-status is published",)


def test_the_first_error_stays(tables: dict[str, Table]) -> None:
    assert [plain(row) for row in tables["The io-status after a stop"].rows] == [
        ("ok", "nospace", "failed"),
        ("failed", "failed", "failed"),
        ("nospace", "nospace", "nospace"),
    ]


def test_four_pairs_of_device_policies_admit_no_stop(tables: dict[str, Table]) -> None:
    admission = tables["Admission: which policies a job may have on which device"]
    refusing = [plain(row)[:2] for row in admission.rows if row[3] != "none"]
    assert refusing == [
        ("report", "report"),
        ("report", "ignore"),
        ("ignore", "report"),
        ("ignore", "ignore"),
    ]


def test_no_device_accepts_enospc_for_reads(tables: dict[str, Table]) -> None:
    rows = [plain(row) for row in tables["The action for a guest's failed request"].rows]
    assert [row for row in rows if "not accepted" in row] == [
        ("read", "enospc", "not accepted", "not accepted")
    ]


def test_a_device_stops_for_enospc_alone_under_that_policy(tables: dict[str, Table]) -> None:
    rows = [plain(row) for row in tables["The action for a guest's failed request"].rows]
    assert ("write", "enospc", "stop", "report") in rows


def test_resume_cancel_complete_and_reset_reset_the_io_status(tables: dict[str, Table]) -> None:
    events = {plain(row)[0] for row in tables["What resets a job's io-status"].rows}
    assert events == {"resume", "cancel, user_cancel", "complete", "iostatus_reset"}


def test_a_lifecycle_without_errors_has_policies_and_actions_only() -> None:
    assert {edge.source[:3] for edge in picture(LAMP).edges} == {"on_"}
