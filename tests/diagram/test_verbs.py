"""The picture of one event: every phase, the tests in their order, the outcomes."""

import pytest

from blockjob_fsm.declaration import Actor, EventKind
from blockjob_fsm.diagram.graph import Graph, Kind
from blockjob_fsm.diagram.verbs import verb
from blockjob_fsm.lifecycles.classic import CLASSIC
from blockjob_fsm.lifecycles.classic_words import CANCEL, COMPLETE, CREATE, SLEEP, USER_CANCEL
from tests.diagram.lamp import LAMP, LOCK, PRESS

VERBS = [kind for kind in CLASSIC.events if kind.actor is Actor.USER]


def arrows(graph: Graph) -> list[tuple[str, tuple[str, ...], str]]:
    """Each arrow as the phases, the tests and the outcome's label."""
    label = {node.name: node.label for node in graph.nodes}
    return [(label[edge.source], edge.lines, label[edge.target]) for edge in graph.edges]


@pytest.mark.parametrize("kind", VERBS, ids=str)
def test_every_phase_is_in_exactly_one_box_of_a_users_verb(kind: EventKind) -> None:
    boxes = [node.label for node in verb(CLASSIC, kind).nodes if node.kind is Kind.PHASE]
    drawn = [phase for box in boxes for phase in box.split(", ")]
    assert sorted(drawn) == sorted(phase.value for phase in CLASSIC.phases)


def test_a_step_that_does_not_exist_is_not_drawn() -> None:
    boxes = [node.label for node in verb(CLASSIC, SLEEP).nodes if node.kind is Kind.PHASE]
    assert boxes == ["running"]


def test_a_refusal_is_tested_before_the_rule() -> None:
    assert ("asleep", ("paused",), "refused: JobPaused") in arrows(verb(CLASSIC, USER_CANCEL))


def test_what_is_left_is_else() -> None:
    assert ("asleep", ("else",), "to woken") in arrows(verb(CLASSIC, USER_CANCEL))


def test_without_any_test_an_outcome_is_always_so() -> None:
    assert ("asleep", ("always",), "to woken") in arrows(verb(CLASSIC, CANCEL))


def test_several_tests_are_numbered_in_their_order() -> None:
    labels = [lines for source, lines, _ in arrows(verb(CLASSIC, CREATE)) if source == "absent"]
    assert labels == [
        ("1. in_use",),
        ("2. new_speed != 0 and not settable",),
        ("3. new_speed < 0",),
        ("else",),
    ]


def test_nothing_is_looked_at_after_a_refusal_without_a_guard() -> None:
    found = [arrow for arrow in arrows(verb(CLASSIC, COMPLETE)) if "leaving" in arrow[0]]
    assert [outcome for _, _, outcome in found] == ["refused: CannotComplete"]


def test_phases_that_differ_in_a_guard_are_apart() -> None:
    assert arrows(verb(LAMP, PRESS)) == [
        ("off", ("always",), "to on"),
        ("on", ("locked",), "to end"),
        ("on", ("not locked",), "to off"),
        ("end", ("always",), "refused: NotSupported"),
    ]


def test_a_refusal_shows_the_text_of_the_wire() -> None:
    refusals = [node for node in verb(LAMP, LOCK).nodes if node.kind is Kind.REFUSAL]
    assert {node.lines for node in refusals} == {("Not supported",)}
