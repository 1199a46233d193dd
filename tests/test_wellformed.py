"""A table with a fault is not loaded, and the message names the rows."""

import pytest

from blockjob_fsm.declaration import Refusal, Rule
from blockjob_fsm.errors import CannotComplete
from blockjob_fsm.guards import ALWAYS
from blockjob_fsm.lifecycles.classic import CLASSIC, CLASSIC_1_3
from blockjob_fsm.lifecycles.classic_words import COMPLETABLE, PAUSED, READY, TEST, Phase
from blockjob_fsm.wellformed import MalformedLifecycle, load, rows_of
from tests.laws.faults import FAULTS, Classic, Spoil, second_park, with_refusal, with_rule


@pytest.mark.parametrize("lifecycle", [CLASSIC, CLASSIC_1_3], ids=lambda value: value.profile)
def test_both_profiles_are_well_formed(lifecycle: Classic) -> None:
    load(lifecycle)


@pytest.mark.parametrize("lifecycle", [CLASSIC, CLASSIC_1_3], ids=lambda value: value.profile)
@pytest.mark.parametrize(("spoil", "fault"), FAULTS, ids=[fault[:30] for _, fault in FAULTS])
def test_a_fault_is_refused_by_name(lifecycle: Classic, spoil: Spoil, fault: str) -> None:
    with pytest.raises(MalformedLifecycle) as refused:
        load(spoil(lifecycle))
    assert fault in str(refused.value)


def test_every_fault_is_told_at_once() -> None:
    spoilt = second_park(with_rule(Rule((TEST,), (Phase.PARKED,), None, " "))(CLASSIC))
    with pytest.raises(MalformedLifecycle) as refused:
        load(spoilt)
    assert len(str(refused.value).splitlines()) == 2


def test_each_line_names_the_lifecycle_and_its_profile() -> None:
    with pytest.raises(MalformedLifecycle, match=r"^classic 1\.3: two rules"):
        load(second_park(CLASSIC_1_3))


def test_a_rule_behind_a_refusal_is_no_overlap() -> None:
    other = Rule((READY,), (Phase.RUNNING,), None, "x", when=~COMPLETABLE | PAUSED)
    with pytest.raises(MalformedLifecycle, match="two rules can fire at once"):
        load(with_rule(other)(CLASSIC))
    both = PAUSED & COMPLETABLE
    first = with_refusal(Refusal((READY,), (Phase.RUNNING,), CannotComplete, "x", when=both))
    load(first(with_rule(other)(CLASSIC)))


def test_rows_are_the_refusals_and_the_rules() -> None:
    assert rows_of(CLASSIC) == (*CLASSIC.refusals, *CLASSIC.rules)


def test_every_row_says_why_in_words_of_its_own() -> None:
    reasons = [row.why for row in rows_of(CLASSIC) if row.when == ALWAYS]
    assert all(len(why.split()) >= 3 for why in reasons)
