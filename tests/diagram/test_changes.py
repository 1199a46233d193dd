"""What changed between two releases: rows, refusals and outputs, as a picture and as tables."""

from itertools import pairwise

import pytest

from blockjob_fsm.diagram import FORMATS, render_changes
from blockjob_fsm.diagram.changes import changes, changes_tables, picture
from blockjob_fsm.lifecycles.modern import modern
from blockjob_fsm.lifecycles.modern_words import EMIT_STATUS, RELEASES
from blockjob_fsm.lifecycles.profiles import PROFILES, lifecycle_of, profile_of

BEFORE, AFTER = modern("3.0"), modern("6.0")
TEXTS = [name for name in FORMATS if name != "svg"]


def test_what_6_0_changed_is_complete() -> None:
    found = changes(BEFORE, AFTER)
    events = {str(kind) for row in (*found.gone, *found.new) for kind in row.events}
    assert (events, found.changed) == ({"complete"}, ())


def test_an_output_of_one_release_is_told_once() -> None:
    found = changes(modern("2.12"), modern("3.0"))
    assert (found.gone, found.new, found.changed) == ((), (), ())
    assert found.outputs_new == (EMIT_STATUS,)


def test_a_row_whose_guard_changed_is_told_with_both_guards() -> None:
    (table, *_) = changes_tables(AFTER, modern("6.2"), ("6.0", "6.2"))
    assert (table.title, table.head[3:5]) == ("Rows that changed", ("6.0", "6.2"))
    assert {row[2] for row in table.rows} == {"guard"}


def test_a_release_does_not_differ_from_itself() -> None:
    assert changes_tables(AFTER, AFTER, ("a", "b")) == ()


def test_that_nothing_differs_is_drawn() -> None:
    assert [node.label for node in picture(AFTER, AFTER, "same").nodes] == ["no row differs"]


def test_backwards_what_was_new_is_gone() -> None:
    found, back = changes(BEFORE, AFTER), changes(AFTER, BEFORE)
    assert (back.gone, back.new) == (found.new, found.gone)


@pytest.mark.parametrize(("older", "newer"), list(pairwise(RELEASES)))
@pytest.mark.parametrize("format_name", TEXTS)
def test_every_step_between_releases_can_be_drawn(older: str, newer: str, format_name: str) -> None:
    assert newer in render_changes(modern(older), modern(newer), format_name)


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(ValueError, match="choose from mermaid"):
        render_changes(BEFORE, AFTER, "paint")


@pytest.mark.parametrize(
    ("release", "profile"),
    [
        ("1.3", "1.3"),
        ("2.11", "1.3"),
        ("2.12", "2.12"),
        ("2.13", "2.12"),
        ("5.2", "3.0"),
        ("6.2.0", "6.2"),
        ("11.0", "10.1"),
    ],
)
def test_a_release_has_the_newest_profile_that_is_not_after_it(release: str, profile: str) -> None:
    assert profile_of(release) == profile


@pytest.mark.parametrize("release", ["1.2", "new", ""])
def test_what_is_no_release_with_jobs_has_no_profile(release: str) -> None:
    with pytest.raises(ValueError, match=r"before 1\.3|invalid literal"):
        profile_of(release)


@pytest.mark.parametrize("profile", PROFILES)
def test_each_of_the_nine_profiles_has_its_own_lifecycle(profile: str) -> None:
    assert (lifecycle_of(profile).profile, len(PROFILES)) == (profile, 9)
