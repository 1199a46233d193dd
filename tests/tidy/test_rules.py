"""Each rule of form catches a planted breach, and leaves the innocent neighbour alone."""

from collections.abc import Callable, Iterator

import pytest

from tests.tidy import rules
from tests.tidy.sources import Source

Rule = Callable[[Source], Iterator[str]]

CORE = "blockjob_fsm/job.py"
LIVE = "blockjob_fsm/block_job.py"
TEST = "tests/test_job.py"

LATE = "def f():\n    if x:\n        import os\n"
LONG = "def f():\n" + "    x = 1\n" * 40
METHOD = "class C:\n    def f(self):\n" + "        x = 1\n" * 40
DOCUMENTED = 'def f():\n    """One.\n' + "\n" * 30 + '    """\n' + "    x = 1\n" * 39

PLANTED = [
    (rules.short_functions, CORE, LONG, "f has 41 lines"),
    (rules.short_functions, CORE, METHOD, "f has 41 lines"),
    (rules.short_file, CORE, "x = 1\n" * 401, "401 lines"),
    (rules.narrow_lines, CORE, "x" * 101, "101 characters"),
    (rules.opening_docstring, TEST, "x = 1\n", "without a docstring"),
    (rules.no_late_imports, CORE, LATE, ":3: import inside f"),
    (rules.no_late_imports, TEST, "def f():\n    from a import b\n", "import inside f"),
    (rules.fully_annotated, TEST, "def f(a) -> None: ...\n", "f(a) untyped"),
    (rules.fully_annotated, TEST, "def f(*a: int, **b) -> None: ...\n", "f(b) untyped"),
    (rules.fully_annotated, TEST, "async def f(): ...\n", "does not name its result"),
    (rules.no_type_ignores, CORE, "x = 1  # type: ignore[misc]\n", "pure module"),
    (rules.no_marks_in_code, TEST, "x = 1  # TODO later\n", "TODO left over"),
    (rules.no_marks_in_code, CORE, 'def f():\n    """FIXME."""\n', ":2: FIXME left over"),
    (rules.no_marks_in_prose, "README.md", "a\nXXX b\n", ":2: XXX left over"),
    (rules.no_trailing_blanks, TEST, "x = 1 \ny = 2\n", ":1: blank"),
    (rules.no_trailing_blanks, TEST, "x = 1", "one newline"),
    (rules.no_trailing_blanks, TEST, "x = 1\n\n", "one newline"),
    (rules.no_prints, CORE, "print(1)\n", "print()"),
    (rules.no_prints, LIVE, "breakpoint()\n", "breakpoint()"),
    (rules.threads_start_in_the_executor, LIVE, "t = threading.Thread(target=f)\n", "Thread()"),
    (rules.threads_start_in_the_executor, LIVE, "p = ThreadPoolExecutor(2)\n", "ThreadPool"),
    (rules.no_sleeping_tests, TEST, "import time\ntime.sleep(1)\n", ":2: time.sleep()"),
    (rules.no_sleeping_tests, TEST, "from time import sleep\n", ":1: time.sleep"),
    (rules.no_mocks, TEST, "from unittest import mock\n", "unittest.mock"),
    (rules.no_mocks, TEST, "from unittest.mock import Mock\n", "mock.Mock"),
]

INNOCENT = [
    (rules.short_functions, CORE, LONG.removesuffix("    x = 1\n")),
    (rules.short_functions, CORE, DOCUMENTED),
    (rules.short_file, CORE, "x = 1\n" * 400),
    (rules.narrow_lines, CORE, "x" * 100),
    (rules.opening_docstring, TEST, '"""What it owns."""\n'),
    (rules.no_late_imports, CORE, "import os\n"),
    (rules.fully_annotated, TEST, "class C:\n    def f(self, a: int) -> None: ...\n"),
    (rules.no_type_ignores, LIVE, "x = 1  # type: ignore[misc]\n"),
    (rules.no_marks_in_code, TEST, 'MARK = "TODO"\n'),
    (rules.no_marks_in_prose, "README.md", "a hackneyed phrase\n"),
    (rules.no_trailing_blanks, TEST, ""),
    (rules.no_prints, "blockjob_fsm/cli.py", "print(1)\n"),
    (rules.no_prints, TEST, "print(1)\n"),
    (rules.threads_start_in_the_executor, "blockjob_fsm/executor.py", "threading.Thread()\n"),
    (rules.no_sleeping_tests, TEST, "job.sleep(1)\n"),
    (rules.no_sleeping_tests, "blockjob_fsm/clock.py", "time.sleep(1)\n"),
    (rules.no_mocks, TEST, "import mockery\n"),
]


@pytest.mark.parametrize(("rule", "path", "text", "breach"), PLANTED)
def test_a_planted_breach_is_caught(rule: Rule, path: str, text: str, breach: str) -> None:
    assert [line for line in rule(Source(path, text)) if breach in line]


@pytest.mark.parametrize(("rule", "path", "text"), INNOCENT)
def test_an_innocent_neighbour_is_left_alone(rule: Rule, path: str, text: str) -> None:
    assert list(rule(Source(path, text))) == []


def test_every_rule_is_tried_on_both_sides() -> None:
    assert {row[0] for row in PLANTED} == {row[0] for row in INNOCENT}
