"""What the load-time checks find by sampling is what z3 proves over every state and value."""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from blockjob_fsm.check.induction_rows import prove_rows
from blockjob_fsm.check.report import Verdict
from blockjob_fsm.declaration import Lifecycle, Row, Rule
from blockjob_fsm.guards import ALWAYS
from blockjob_fsm.lifecycles.classic import CLASSIC, CLASSIC_1_3
from blockjob_fsm.lifecycles.classic_words import ClassicControl
from blockjob_fsm.wellformed import MalformedLifecycle, load, rows_of
from tests.laws.faults import FAULTS, Classic, Spoil

QUESTIONS = {
    "two rules can fire at once": "rows-disjoint",
    "dead row": "rows-alive",
    "is neither answered nor refused": "verbs-answered",
}
PROVABLE = [row for row in FAULTS if any(fault in row[1] for fault in ("rules", "fire", "answer"))]


def sampled(lifecycle: Classic) -> set[str]:
    """The questions that the load-time checks answer with a fault."""
    try:
        load(lifecycle)
    except MalformedLifecycle as refused:
        return {name for words, name in QUESTIONS.items() if words in str(refused)}
    return set()


def proved(lifecycle: Classic) -> set[str]:
    """The questions that z3 answers with an example."""
    rows = prove_rows(lifecycle)
    assert Verdict.UNDECIDED not in {row.verdict for row in rows}
    return {row.property for row in rows if row.verdict is Verdict.VIOLATED}


def with_rows(rows: Iterable[Row]) -> Classic:
    """The safe profile with other rows, not checked."""
    rules, refusals = [], []
    for row in rows:
        rules.append(row) if isinstance(row, Rule) else refusals.append(row)
    return replace(CLASSIC, rules=tuple(rules), refusals=tuple(refusals))


def deleted(gone: Row) -> Classic:
    return with_rows(row for row in rows_of(CLASSIC) if row is not gone)


def negated(turned: Row) -> Classic:
    guard = ~turned.when
    return with_rows(replace(r, when=guard) if r is turned else r for r in rows_of(CLASSIC))


@pytest.mark.parametrize("lifecycle", [CLASSIC, CLASSIC_1_3], ids=lambda value: str(value.profile))
def test_the_table_is_well_formed_over_every_state(lifecycle: Lifecycle[ClassicControl]) -> None:
    assert [row.verdict for row in prove_rows(lifecycle)] == [Verdict.HOLDS] * 3


@pytest.mark.parametrize("lifecycle", [CLASSIC, CLASSIC_1_3], ids=lambda value: str(value.profile))
def test_each_question_was_asked(lifecycle: Lifecycle[ClassicControl]) -> None:
    pairs, rows, verbs = (row.instances for row in prove_rows(lifecycle))
    assert pairs >= 10
    assert rows == len(rows_of(lifecycle))
    assert verbs == 7


@pytest.mark.parametrize("spoil", [row[0] for row in PROVABLE], ids=[row[1] for row in PROVABLE])
def test_a_planted_fault_is_proved_too(spoil: Spoil) -> None:
    assert proved(spoil(CLASSIC)) == sampled(spoil(CLASSIC)) != set()


@pytest.mark.parametrize("row", rows_of(CLASSIC), ids=str)
def test_without_a_row_sampling_and_proof_agree(row: Row) -> None:
    assert proved(deleted(row)) == sampled(deleted(row))


@pytest.mark.parametrize("row", [r for r in rows_of(CLASSIC) if r.when != ALWAYS], ids=str)
def test_with_a_guard_negated_sampling_and_proof_agree(row: Row) -> None:
    assert proved(negated(row)) == sampled(negated(row))


def test_an_overlap_is_shown_by_a_state_and_an_event() -> None:
    row = prove_rows(FAULTS[1][0](CLASSIC))[0]
    assert row.trace is not None
    assert row.trace.start.startswith("running")
    assert row.trace.moves[0][1] == "set_speed(1000000000)"
    assert "[set_speed in running when new_speed == 1000000000 -> same]" in row.trace.wrong
