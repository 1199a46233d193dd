"""The way from QEMU 1.3 to modern jobs, drawn: the map, and the differences of a release."""

import pytest

from blockjob_fsm.check.modern_scenarios import modern_scenarios
from blockjob_fsm.check.space import explore
from blockjob_fsm.diagram import FORMATS, render_changes
from blockjob_fsm.diagram.refined import picture, refined_tables, statuses_and_phases
from blockjob_fsm.diagram.tables import Code
from blockjob_fsm.guards import word
from blockjob_fsm.lifecycles.classic import CLASSIC_1_3
from blockjob_fsm.lifecycles.classic_words import Phase
from blockjob_fsm.lifecycles.differences import DIFFERENCES
from blockjob_fsm.lifecycles.modern import modern
from blockjob_fsm.lifecycles.modern_words import RELEASES, ModernControl
from blockjob_fsm.lifecycles.refinement import images, in_force

TEXTS = [name for name in FORMATS if name != "svg"]
FIELDS = tuple(ModernControl.__dataclass_fields__)


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("format_name", TEXTS)
def test_the_way_to_every_release_can_be_drawn(release: str, format_name: str) -> None:
    drawn = render_changes(CLASSIC_1_3, modern(release), format_name)
    assert "second-pause" in drawn.replace("&#45;", "-")


@pytest.mark.parametrize("release", RELEASES)
def test_exactly_the_differences_of_a_release_are_told(release: str) -> None:
    names = {Code(one.name) for one in DIFFERENCES}
    told = {row[0] for table in refined_tables(release) for row in table.rows}
    assert told & names == {Code(one.name) for one in in_force(release)}


def test_backwards_the_same_differences_are_drawn() -> None:
    there = render_changes(CLASSIC_1_3, modern("6.0"), "markdown", ("a", "b"))
    assert (
        render_changes(modern("6.0"), CLASSIC_1_3, "markdown", ("a", "b")).splitlines()[5:]
        == (there.splitlines()[5:])
    )


def test_the_map_alone_has_no_note() -> None:
    assert [node for node in picture("map").nodes if node.name == "note_1"] == []


def test_the_statuses_stand_for_the_phases_that_jobs_really_have() -> None:
    seen = set()
    for one in modern_scenarios():
        if one.name in ("mirror", "pair-auto-newest"):
            for state in explore(one.model(modern("7.2"))).states:
                seen |= {pair for member in state.members for pair in _pairs(member)}
    drawn = {(word(status), word(phase)) for status, phase, _ in statuses_and_phases()}
    assert drawn == seen


def _pairs(member: ModernControl) -> set[tuple[str, str]]:
    control = ModernControl(*(getattr(member, name) for name in FIELDS))
    found = images(control, "7.2")
    return {
        (word(control.phase), word(one.phase)) for one in found if one.phase is not Phase.LEAVING
    }
