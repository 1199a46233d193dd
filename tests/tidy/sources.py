"""The files of the checkout as values, so that every rule is a function over text.

The only module of this package that reads the disk. No rule is written here.
"""

import ast
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "blockjob_fsm"

PYTHON_TREES = (PACKAGE, "models", "tests")
PROSE = ("*.md", "docs/**/*.md", "*.toml", "Makefile", ".ci/run", ".gitignore")


@dataclass(frozen=True)
class Source:
    """One file: its path from the root of the checkout, with slashes, and its text."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree; a file that does not parse raises SyntaxError naming the path."""
        return ast.parse(self.text, filename=self.path)

    @cached_property
    def lines(self) -> list[str]:
        """The lines without their ends, so that line n is `lines[n - 1]`."""
        return self.text.split("\n")

    @cached_property
    def module(self) -> str:
        """Dotted name the file is imported by; a package's `__init__` has the package's name."""
        parts = Path(self.path).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    @property
    def is_package(self) -> bool:
        """True for an `__init__`, from which relative imports count one step less."""
        return self.path.endswith("__init__.py")

    @property
    def in_package(self) -> bool:
        """True for the library itself, false for models and tests."""
        return self.path.startswith(f"{PACKAGE}/")

    @property
    def in_tests(self) -> bool:
        """True below `tests/`."""
        return self.path.startswith("tests/")


def read(path: Path) -> Source:
    """One file of the checkout as a value."""
    return Source(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8"))


@cache
def python_sources() -> tuple[Source, ...]:
    """Every Python file that exists in the package, the models and the tests, sorted.

    Read and parsed once for all rules.
    """
    found = (file for tree in PYTHON_TREES for file in (ROOT / tree).rglob("*.py"))
    return tuple(read(file) for file in sorted(found))


@cache
def prose_sources() -> tuple[Source, ...]:
    """Pages, settings and scripts, sorted."""
    return tuple(read(file) for pattern in PROSE for file in sorted(ROOT.glob(pattern)))
