"""The house rules, applied to every file of the checkout.

The rules themselves, and the proof that each one can fail, are in `tests/tidy/`.
"""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache

import pytest

import blockjob_fsm
from tests.tidy import layers, pages, rules
from tests.tidy.sources import PACKAGE, ROOT, Source, prose_sources, python_sources

Rule = Callable[[Source], Iterator[str]]

PYTHON_RULES: tuple[Rule, ...] = (
    layers.known_place,
    layers.imports_go_down,
    layers.only_the_standard_library,
    layers.dependencies_are_fenced,
    rules.short_functions,
    rules.short_file,
    rules.narrow_lines,
    rules.opening_docstring,
    rules.no_late_imports,
    rules.fully_annotated,
    rules.no_type_ignores,
    rules.no_marks_in_code,
    rules.no_trailing_blanks,
    rules.no_prints,
    rules.threads_start_in_the_executor,
    rules.no_sleeping_tests,
    rules.no_mocks,
)
PROSE_RULES: tuple[Rule, ...] = (rules.no_marks_in_prose, rules.no_trailing_blanks)

FUNCTION_LINES_MEDIAN = 8
# Of processor time, so that a busy machine does not count.
IMPORT_SECONDS = 0.2
IMPORT_PROBE = f"""
import json, sys, time
before = set(sys.modules)
start = time.process_time()
import {PACKAGE}
seconds = time.process_time() - start
loaded = sorted(name for name in set(sys.modules) - before if name)
print(json.dumps({{"seconds": seconds, "modules": loaded}}))
"""

REFERENCE = ROOT / "docs" / "reference.md"


def rule_name(rule: Rule) -> str:
    """The rule's own name, for the test's id."""
    return rule.__name__


@cache
def import_costs() -> tuple[dict[str, float], frozenset[str]]:
    """Processor seconds of five imports in fresh interpreters, and the modules they loaded."""
    # As users import it: compiled once, whatever this run was told.
    surroundings = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    command = [sys.executable, "-c", IMPORT_PROBE]
    runs = [
        json.loads(subprocess.check_output(command, cwd=ROOT, env=surroundings)) for _ in range(5)
    ]
    seconds = [run["seconds"] for run in runs]
    return {"best": min(seconds), "worst": max(seconds)}, frozenset(runs[0]["modules"])


@pytest.mark.parametrize("rule", PYTHON_RULES, ids=rule_name)
def test_every_python_file_keeps(rule: Rule) -> None:
    breaches = [breach for source in python_sources() for breach in rule(source)]
    assert not breaches, "\n".join(breaches)


@pytest.mark.parametrize("rule", PROSE_RULES, ids=rule_name)
def test_every_page_and_script_keeps(rule: Rule) -> None:
    breaches = [breach for source in prose_sources() for breach in rule(source)]
    assert not breaches, "\n".join(breaches)


def test_the_library_imports_without_a_cycle() -> None:
    assert layers.import_cycle(python_sources()) == []


def test_functions_of_the_library_are_short_in_the_median() -> None:
    lengths = [
        rules.function_lines(function)
        for source in python_sources()
        if source.in_package
        for function in rules.functions(source.tree)
    ]
    assert statistics.median(lengths) <= FUNCTION_LINES_MEDIAN


@pytest.mark.parametrize("heavy", ["socket", "_socket", "hypothesis", "z3", "crosshair", "typer"])
def test_importing_the_library_does_not_load(heavy: str) -> None:
    assert heavy not in import_costs()[1]


def test_importing_the_library_takes_a_fifth_of_a_second_at_most() -> None:
    assert import_costs()[0]["best"] < IMPORT_SECONDS


@pytest.fixture
def exports() -> list[str]:
    """The names the package says it exports; a package that says nothing is an error."""
    listed: list[str] = vars(blockjob_fsm)["__all__"]
    return listed


def test_exports_are_few_and_listed_once(exports: list[str]) -> None:
    assert list(pages.list_breaches(exports)) == []


def test_every_export_has_a_docstring(exports: list[str]) -> None:
    assert list(pages.undocumented(vars(blockjob_fsm), exports)) == []


def test_the_reference_page_lists_exactly_the_exports(exports: list[str]) -> None:
    if not REFERENCE.exists():
        pytest.skip("docs/reference.md is not written yet; once it is, this compares")
    page = REFERENCE.read_text(encoding="utf-8")
    assert list(pages.export_breaches(exports, page)) == []


def test_the_readme_has_two_commands_the_demo_and_the_tests() -> None:
    demo, tests = pages.shell_commands((ROOT / "README.md").read_text(encoding="utf-8"))
    assert demo.endswith("blockjob demo")
    assert "-m pytest" in tests


def test_each_readme_command_is_one_line() -> None:
    commands = pages.shell_commands((ROOT / "README.md").read_text(encoding="utf-8"))
    assert [command for command in commands if "\n" in command] == []


def test_the_index_links_every_page_and_no_other() -> None:
    folder = ROOT / "docs"
    existing = {page.relative_to(folder).as_posix() for page in folder.rglob("*.md")}
    linked = pages.linked_pages((folder / "index.md").read_text(encoding="utf-8"))
    assert linked == existing - {"index.md"}
