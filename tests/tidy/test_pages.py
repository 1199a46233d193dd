"""The readers of pages catch an export, a command or a link that is missing or false."""

from dataclasses import dataclass

import pytest

from tests.tidy import pages

PAGE = """# Reference
| `Elsewhere` | not an export: outside the marks |
<!-- exports:begin -->
| name | what it is |
|---|---|
| `BlockJob` | the live job |
| `step(lifecycle, state, event)` | one step |
<!-- exports:end -->
"""


@dataclass
class Documented:
    """A class that says what it is."""

    field: int


@dataclass
class Bare:
    field: int


def test_names_are_read_between_the_marks_only() -> None:
    assert pages.reference_rows(PAGE) == {"BlockJob": "the live job", "step": "one step"}


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="no exports:begin"):
        pages.reference_rows("# Reference\n")


@pytest.mark.parametrize(
    ("exports", "breach"),
    [
        (["BlockJob", "step", "Rule"], "Rule is exported but not in the reference"),
        (["BlockJob"], "step is in the reference but not exported"),
    ],
)
def test_a_difference_of_exports_is_named(exports: list[str], breach: str) -> None:
    assert list(pages.export_breaches(exports, PAGE)) == [breach]


def test_equal_exports_pass() -> None:
    assert list(pages.export_breaches(["step", "BlockJob"], PAGE)) == []


def test_a_row_without_description_is_caught() -> None:
    page = PAGE.replace("the live job", "")
    breaches = list(pages.export_breaches(["step", "BlockJob"], page))
    assert breaches == ["BlockJob has no description"]


@pytest.mark.parametrize(
    ("exports", "breach"),
    [(["a", "b", "a"], "a is listed twice"), (list(map(str, range(31))), "31 exports, at most 30")],
)
def test_a_bad_list_of_exports_is_caught(exports: list[str], breach: str) -> None:
    assert list(pages.list_breaches(exports)) == [breach]


@pytest.mark.parametrize(
    ("name", "breaches"),
    [
        ("Documented", []),
        ("Bare", ["Bare has no docstring"]),
        ("Gone", ["Gone is in __all__ but does not exist"]),
        ("PAGE", []),
    ],
)
def test_an_export_without_documentation_is_caught(name: str, breaches: list[str]) -> None:
    assert list(pages.undocumented(globals(), [name])) == breaches


def test_only_sh_blocks_are_commands() -> None:
    page = "```sh\none && two\n```\ntext\n```python\nthree\n```\n```sh\nfour\n```\n"
    assert pages.shell_commands(page) == ["one && two", "four"]


def test_links_to_pages_are_found_and_others_are_not() -> None:
    page = "[a](checking.md) [b](guides/mirror.md) [c](https://example.org/d.md) [e](#f)"
    assert pages.linked_pages(page) == {"checking.md", "guides/mirror.md"}
