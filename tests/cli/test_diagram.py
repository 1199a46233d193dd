"""`blockjob diagram`: the text that the diagram package renders, where it is asked to go."""

from pathlib import Path

import pytest

from blockjob_fsm.cli.lifecycles import LifecycleName, chosen
from blockjob_fsm.diagram import FORMATS, PICTURES, render, render_changes
from blockjob_fsm.lifecycles.classic import CLASSIC, CLASSIC_1_3
from blockjob_fsm.lifecycles.modern import modern
from tests.cli.conftest import Blockjob, contents

TEXTS = [name for name in FORMATS if name != "svg"]


@pytest.mark.parametrize("picture", PICTURES)
@pytest.mark.parametrize("format_name", TEXTS)
def test_a_picture_goes_to_standard_output(
    blockjob: Blockjob, picture: str, format_name: str
) -> None:
    result = blockjob("diagram", "--picture", picture, "--format", format_name)
    assert (result.status, result.out) == (0, render(CLASSIC, picture, format_name))


@pytest.mark.parametrize("profile", ["safe", "1.3"])
def test_a_profile_draws_its_own_rules(blockjob: Blockjob, profile: str) -> None:
    lifecycle = chosen(LifecycleName.CLASSIC, profile)
    assert blockjob("diagram", "--profile", profile).out == render(lifecycle)


def test_a_release_is_drawn_with_the_rules_it_has(blockjob: Blockjob) -> None:
    result = blockjob("diagram", "--lifecycle", "modern", "--profile", "5.2")
    assert result.out == render(modern("3.0"))


def test_what_differs_between_two_releases_is_drawn(blockjob: Blockjob) -> None:
    options = ("--lifecycle", "modern", "--profile", "5.2", "--diff", "6.0")
    expected = render_changes(modern("3.0"), modern("6.0"), "markdown", ("5.2", "6.0"))
    assert blockjob("diagram", *options, "--format", "markdown").out == expected


def test_the_modern_profile_1_3_is_the_classic_lifecycle(blockjob: Blockjob) -> None:
    result = blockjob("diagram", "--lifecycle", "modern", "--profile", "1.3")
    assert result.out == render(CLASSIC_1_3)


def test_from_1_3_to_a_release_the_named_differences_are_drawn(blockjob: Blockjob) -> None:
    options = ("--lifecycle", "modern", "--profile", "1.3", "--diff", "2.12")
    expected = render_changes(CLASSIC_1_3, modern("2.12"), "markdown")
    assert blockjob("diagram", *options, "--format", "markdown").out == expected


@pytest.mark.parametrize(
    "options",
    [
        ("--lifecycle", "modern", "--profile", "1.2"),
        ("--lifecycle", "modern", "--profile", "new"),
        ("--lifecycle", "modern", "--picture", "product"),
        ("--lifecycle", "all"),
        ("--diff", "6.0"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_one_line(
    blockjob: Blockjob, options: tuple[str, ...]
) -> None:
    result = blockjob("diagram", *options)
    assert (result.status, result.out, result.err.count("\n")) == (2, "", 1)


def test_the_profiles_differ() -> None:
    assert render(CLASSIC) != render(CLASSIC_1_3)


def test_a_picture_goes_to_a_file(workplace: Path, blockjob: Blockjob) -> None:
    result = blockjob("diagram", "-o", "picture.mmd")
    assert (result.status, result.out, result.err) == (0, "", "")
    assert (workplace / "picture.mmd").read_text("utf-8") == render(CLASSIC)


def test_a_dash_is_standard_output(blockjob: Blockjob) -> None:
    assert blockjob("diagram", "-o", "-").out == render(CLASSIC)


def test_an_event_has_a_picture(blockjob: Blockjob) -> None:
    assert blockjob("diagram", "--picture", "cancel").out == render(CLASSIC, "cancel")


@pytest.mark.usefixtures("dot")
def test_svg_is_drawn_by_graphviz(blockjob: Blockjob) -> None:
    assert "<svg" in blockjob("diagram", "--format", "svg").out


def test_svg_without_graphviz_names_the_remedy(
    blockjob: Blockjob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    result = blockjob("diagram", "--format", "svg", "-o", "picture.svg")
    assert (result.status, result.err.count("\n"), "raphviz" in result.err) == (2, 1, True)


@pytest.mark.parametrize(
    "typed",
    [
        "--picture imaginary",
        "--format gif",
        "--lifecycle imaginary",
        "--profile 0.1",
        "-o gone/picture",
        "-o .",
        "--picture imaginary -o a.img",
    ],
)
def test_a_mistake_is_one_line_and_changes_nothing(
    workplace: Path, blockjob: Blockjob, typed: str
) -> None:
    before = contents(workplace)
    result = blockjob("diagram", *typed.split())
    assert (result.status, result.out, result.err.count("\n")) == (2, "", 1)
    assert contents(workplace) == before
