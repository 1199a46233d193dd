"""The Python blocks of the manual run, each page's blocks one after the other."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGES = sorted(
    page
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    if BLOCK.search(page.read_text())
)


def test_some_page_shows_python() -> None:
    assert PAGES


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_block_of_a_page_runs(page: Path) -> None:
    text = page.read_text()
    names: dict[str, object] = {}
    for block in BLOCK.finditer(text):
        # Blank lines keep the line numbers of a failure those of the page.
        blank = "\n" * text.count("\n", 0, block.start(1))
        exec(compile(blank + block[1], str(page), "exec"), names)
