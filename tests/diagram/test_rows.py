"""Every row is in the pictures: take one away, and they change."""

from dataclasses import replace
from functools import cache

import pytest

from blockjob_fsm.declaration import Lifecycle, Row, Rule
from blockjob_fsm.diagram import render
from blockjob_fsm.diagram.verbs import verb
from blockjob_fsm.error_action import ERROR_ACTIONS, ErrorAction, OnError
from blockjob_fsm.lifecycles.classic import CLASSIC, CLASSIC_1_3
from blockjob_fsm.lifecycles.classic_words import ClassicControl

Classic = Lifecycle[ClassicControl]
PROFILES = (CLASSIC, CLASSIC_1_3)


def without(lifecycle: Classic, row: Row) -> Classic:
    """The lifecycle less one row, unchecked: a load would refuse it."""
    return replace(
        lifecycle,
        rules=tuple(rule for rule in lifecycle.rules if rule is not row),
        refusals=tuple(refusal for refusal in lifecycle.refusals if refusal is not row),
    )


@cache
def tables_page(lifecycle: Classic) -> str:
    """The picture and the tables of all rows."""
    return render(lifecycle, "lifecycle", "markdown")


RULES = [pytest.param(p, rule, id=f"{p.profile} {rule}") for p in PROFILES for rule in p.rules]
REFUSALS = [pytest.param(p, row, id=f"{p.profile} {row}") for p in PROFILES for row in p.refusals]


@pytest.mark.parametrize(("lifecycle", "rule"), RULES)
def test_deleting_a_rule_changes_the_picture_of_the_lifecycle(
    lifecycle: Classic, rule: Rule
) -> None:
    assert render(without(lifecycle, rule)) != render(lifecycle)


@pytest.mark.parametrize(("lifecycle", "row"), [*RULES, *REFUSALS])
def test_deleting_a_row_changes_the_picture_of_each_of_its_events(
    lifecycle: Classic, row: Row
) -> None:
    less = without(lifecycle, row)
    unchanged = [kind.name for kind in row.events if verb(less, kind) == verb(lifecycle, kind)]
    assert unchanged == []


@pytest.mark.parametrize(("lifecycle", "row"), [*RULES, *REFUSALS])
def test_deleting_a_row_changes_the_tables(lifecycle: Classic, row: Row) -> None:
    assert tables_page(without(lifecycle, row)) != tables_page(lifecycle)


@pytest.mark.parametrize(("lifecycle", "row"), [*RULES, *REFUSALS])
def test_each_reason_is_in_the_page(lifecycle: Classic, row: Row) -> None:
    assert row.why.replace("_", "\\_") in tables_page(lifecycle)


@pytest.mark.parametrize("policy", OnError)
def test_a_changed_error_action_changes_the_picture(
    policy: OnError, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = render(CLASSIC, "error-actions")
    other = ErrorAction.STOP if policy is not OnError.STOP else ErrorAction.IGNORE
    monkeypatch.setitem(ERROR_ACTIONS, policy, (other, other))
    assert render(CLASSIC, "error-actions") != before


def test_the_order_of_rules_does_not_matter() -> None:
    turned = replace(CLASSIC, rules=CLASSIC.rules[::-1])
    assert render(turned, format="markdown") == render(CLASSIC, format="markdown")


def test_the_order_of_refusals_matters() -> None:
    turned = replace(CLASSIC, refusals=CLASSIC.refusals[::-1])
    assert render(turned, "create") != render(CLASSIC, "create")
