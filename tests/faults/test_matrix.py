"""The matrix by itself: whole, and shown as it is."""

from itertools import product

import pytest

from blockjob_fsm.error_action import OnError, choose_action
from models import fault_pages
from models.fault_matrix import ACTIONS, ERRNOS, KINDS, ROWS, Kind, Lasts, Row


def test_the_page_is_what_the_matrix_generates() -> None:
    assert fault_pages.PAGE.read_text(encoding="utf-8") == fault_pages.page()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_case_of_a_kind_has_one_row(kind: Kind) -> None:
    cases = [(r.side, r.policy, r.errno, r.lasts) for r in ROWS if r.kind is kind]
    assert sorted(map(str, cases)) == sorted(
        map(str, product(kind.sides, kind.policies, ERRNOS, Lasts))
    )


@pytest.mark.parametrize("kind", KINDS[:1] + KINDS[2:], ids=lambda kind: kind.name)
def test_every_policy_that_a_user_has_is_there(kind: Kind) -> None:
    assert set(kind.policies) == {policy.value for policy in OnError} == set(ACTIONS)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_course_of_a_kind_is_taken_by_some_row(kind: Kind) -> None:
    taken = {(row.action, row.lasts) for row in ROWS if row.kind is kind}
    assert taken == kind.courses.keys()


@pytest.mark.parametrize("row", [row for row in ROWS if row.policy in ACTIONS], ids=str)
def test_the_library_chooses_the_action_of_a_row(row: Row) -> None:
    assert choose_action(OnError(row.policy), row.errno).value == row.action
