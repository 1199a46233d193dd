"""The pictures by phase: what is an arrow, what is text, and where guards show."""

from blockjob_fsm.diagram.graph import Edge, Kind, Node
from blockjob_fsm.diagram.phases import in_full, overview
from blockjob_fsm.lifecycles.classic import CLASSIC
from tests.diagram.lamp import LAMP


def test_the_overview_of_a_lamp() -> None:
    assert overview(LAMP).edges == (
        Edge("off", "on", ("press",)),
        Edge("on", "off", ("press [not locked]",)),
        Edge("on", "end", ("press [locked]",)),
    )


def test_a_phase_that_nothing_leaves_is_an_end() -> None:
    assert (overview(LAMP).start, overview(LAMP).ends) == ("off", ("end",))


def test_the_overview_has_one_box_per_phase_and_no_text() -> None:
    assert overview(CLASSIC).nodes == tuple(Node(p.value, p.value) for p in CLASSIC.phases)


def test_a_rule_that_keeps_its_only_phase_stands_inside_its_box() -> None:
    on = next(node for node in in_full(LAMP).nodes if node.name == "on")
    assert on.lines == ("lock / locked := true", "fade / dim := true")


def test_a_full_arrow_tells_guard_and_effects() -> None:
    assert Edge("off", "on", ("press / worn := 1; click",)) in in_full(LAMP).edges


def test_rules_that_keep_several_phases_share_a_note() -> None:
    notes = {n.label: n.lines for n in in_full(CLASSIC).nodes if n.kind is Kind.NOTE}
    assert notes["staying in created, running, waiting, asleep, parked, woken, leaving"] == (
        "pause / paused := true",
    )
