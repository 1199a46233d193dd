"""The pages in the repository are what the rows generate today."""

from pathlib import Path

import pytest

from blockjob_fsm.declaration import Row
from blockjob_fsm.diagram.__main__ import main
from blockjob_fsm.diagram.modern_pages import modern_pages
from blockjob_fsm.diagram.pages import COMMAND, differences, pages, with_picture
from blockjob_fsm.lifecycles.classic import CLASSIC, CLASSIC_1_3
from blockjob_fsm.lifecycles.modern import modern
from blockjob_fsm.lifecycles.modern_words import RELEASES
from tests.tidy.sources import ROOT

NAMES = ("lifecycle.md", "verbs.md", "error-actions.md")
MODERN_NAMES = ("modern-lifecycle.md", "modern-verbs.md", "refinement.md")
REMEDY = f"out of date: run {COMMAND}"
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def generated() -> dict[str, str]:
    """The pages by file name."""
    return pages(CLASSIC, CLASSIC_1_3) | modern_pages(tuple(map(modern, RELEASES)))


@pytest.mark.parametrize("name", [*NAMES, *MODERN_NAMES])
def test_the_page_is_up_to_date(generated: dict[str, str], name: str) -> None:
    page = (ROOT / "docs" / name).read_text(encoding="utf-8")
    assert page == generated[name], REMEDY


def test_the_picture_of_the_readme_is_up_to_date() -> None:
    assert with_picture(README, CLASSIC) == README, REMEDY


def test_a_changed_picture_in_the_readme_is_noticed() -> None:
    changed = README.replace("created --> running", "created --> waiting", 1)
    assert with_picture(changed, CLASSIC) != changed


def test_nothing_else_of_the_readme_changes() -> None:
    page = "before\n<!-- lifecycle:begin -->\nold\n<!-- lifecycle:end -->\nafter\n"
    drawn = with_picture(page, CLASSIC)
    assert (drawn.startswith("before\n"), drawn.endswith("\nafter\n"), "old" in drawn) == (
        True,
        True,
        False,
    )


def test_a_readme_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="has no <!-- lifecycle:begin -->"):
        with_picture("# Title\n", CLASSIC)


def test_one_command_writes_everything(tmp_path: Path, generated: dict[str, str]) -> None:
    (tmp_path / "README.md").write_text(README, encoding="utf-8")
    status = main([str(tmp_path), str(tmp_path / "README.md")])
    written = {page.name: page.read_text("utf-8") for page in tmp_path.iterdir()}
    assert (status, written) == (0, generated | {"README.md": README})


@pytest.mark.parametrize("arguments", [[], ["docs"], ["gone", "README.md"]])
def test_wrong_usage_names_the_right_one(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert (main(arguments), capsys.readouterr().err) == (2, f"usage: {COMMAND}\n")


def test_a_profile_does_not_differ_from_itself() -> None:
    assert differences(CLASSIC, CLASSIC) == ()


@pytest.mark.parametrize("profile", [CLASSIC, CLASSIC_1_3], ids=lambda p: p.profile)
def test_the_differences_are_the_rows_of_one_profile_only(profile: object) -> None:
    here, there = (CLASSIC, CLASSIC_1_3) if profile is CLASSIC else (CLASSIC_1_3, CLASSIC)
    rows: tuple[Row, ...] = (*here.rules, *here.refusals)
    own = [row for row in rows if row.only]
    drawn = [table for table in differences(here, there) if table.title.endswith(here.profile)]
    assert sum(len(table.rows) for table in drawn) == len(own)
