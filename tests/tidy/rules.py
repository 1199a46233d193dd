"""The rules of form: sizes, leftovers and what a test may not do.

Each rule takes one source and yields a line per breach, `path:line: what is wrong`.
Who may import whom is in `layers`; a rule about several files is in `tests/test_tidy.py`.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from functools import cache

from tests.tidy.layers import imports, is_pure, unit_of
from tests.tidy.sources import Source

FUNCTION_LINES = 40
FILE_LINES = 400
LINE_CHARACTERS = 100

MARKS = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
IGNORES = re.compile(r"#\s*type:\s*ignore")

Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def functions(tree: ast.AST) -> tuple[Function, ...]:
    """Every function and method below a node, nested ones too."""
    return tuple(
        node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )


def function_lines(function: Function) -> int:
    """Lines from `def` to the last one, without the docstring and the decorators."""
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function, clean=False) is not None:
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines


@cache
def comments(source: Source) -> tuple[tuple[int, str], ...]:
    """Line number and text of every comment."""
    tokens = tokenize.generate_tokens(io.StringIO(source.text).readline)
    return tuple((t.start[0], t.string) for t in tokens if t.type == tokenize.COMMENT)


def docstrings(source: Source) -> Iterator[tuple[int, str]]:
    """Line number and text of every docstring."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Module | ast.ClassDef | Function):
            text = ast.get_docstring(node, clean=False)
            if text is not None:
                yield node.body[0].lineno, text


def calls(source: Source) -> Iterator[tuple[int, str]]:
    """Line number and dotted name of every call whose callee is a plain name."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call):
            yield node.lineno, ast.unparse(node.func)


def short_functions(source: Source) -> Iterator[str]:
    """A function past the limit."""
    for function in functions(source.tree):
        lines = function_lines(function)
        if lines > FUNCTION_LINES:
            yield f"{source.path}:{function.lineno}: {function.name} has {lines} lines"


def short_file(source: Source) -> Iterator[str]:
    """A file past the limit."""
    lines = source.text.count("\n")
    if lines > FILE_LINES:
        yield f"{source.path}:{lines}: the file has {lines} lines"


def narrow_lines(source: Source) -> Iterator[str]:
    """A line past the limit."""
    for number, line in enumerate(source.lines, 1):
        if len(line) > LINE_CHARACTERS:
            yield f"{source.path}:{number}: {len(line)} characters"


def opening_docstring(source: Source) -> Iterator[str]:
    """A file that does not say what it owns."""
    if ast.get_docstring(source.tree) is None:
        yield f"{source.path}:1: the file opens without a docstring"


def no_late_imports(source: Source) -> Iterator[str]:
    """An import inside a function, which hides an edge between modules."""
    for function in functions(source.tree):
        for node in ast.walk(function):
            if isinstance(node, ast.Import | ast.ImportFrom):
                yield f"{source.path}:{node.lineno}: import inside {function.name}"


def fully_annotated(source: Source) -> Iterator[str]:
    """A parameter or a result without a type."""
    for function in functions(source.tree):
        spec = function.args
        named = [*spec.posonlyargs, *spec.args, *spec.kwonlyargs]
        loose = [item for item in (spec.vararg, spec.kwarg) if item is not None]
        for argument in [*named, *loose]:
            if argument.annotation is None and argument.arg not in {"self", "cls"}:
                yield f"{source.path}:{argument.lineno}: {function.name}({argument.arg}) untyped"
        if function.returns is None:
            yield f"{source.path}:{function.lineno}: {function.name} does not name its result"


def no_type_ignores(source: Source) -> Iterator[str]:
    """A silenced type checker in the pure levels."""
    for number, text in comments(source) if is_pure(source) else ():
        if IGNORES.search(text):
            yield f"{source.path}:{number}: type: ignore in a pure module"


def no_marks_in_code(source: Source) -> Iterator[str]:
    """A mark of unfinished work in a comment or a docstring."""
    for number, text in [*comments(source), *docstrings(source)]:
        for mark in MARKS.findall(text):
            yield f"{source.path}:{number}: {mark} left over"


def no_marks_in_prose(source: Source) -> Iterator[str]:
    """A mark of unfinished work in a page or a script."""
    for number, line in enumerate(source.lines, 1):
        for mark in MARKS.findall(line):
            yield f"{source.path}:{number}: {mark} left over"


def no_trailing_blanks(source: Source) -> Iterator[str]:
    """A blank at the end of a line, or a file that does not end in exactly one newline."""
    for number, line in enumerate(source.lines, 1):
        if line != line.rstrip():
            yield f"{source.path}:{number}: blank at the end of the line"
    if source.text and (not source.text.endswith("\n") or source.text.endswith("\n\n")):
        yield f"{source.path}:{len(source.lines)}: the file must end in one newline"


def no_prints(source: Source) -> Iterator[str]:
    """Output or a debugger in the library, where only the command line may print."""
    if not source.in_package or unit_of(source.module) in {"cli", "__main__"}:
        return
    for number, name in calls(source):
        if name in {"print", "breakpoint", "pprint", "pprint.pprint"}:
            yield f"{source.path}:{number}: {name}() in the library"


def threads_start_in_the_executor(source: Source) -> Iterator[str]:
    """A thread made outside the file that owns threads."""
    if not source.in_package or unit_of(source.module) == "executor":
        return
    for number, name in calls(source):
        if name.rpartition(".")[2] in {"Thread", "Timer", "ThreadPoolExecutor"}:
            yield f"{source.path}:{number}: {name}() outside the executor"


def no_sleeping_tests(source: Source) -> Iterator[str]:
    """A test that waits for time to pass: slow on a good day, flaky on a bad one."""
    if not source.in_tests:
        return
    for entry in imports(source):
        if entry.name in {"time.sleep", "asyncio.sleep"}:
            yield f"{source.path}:{entry.line}: {entry.name} in a test"
    for number, name in calls(source):
        if name in {"time.sleep", "asyncio.sleep"}:
            yield f"{source.path}:{number}: {name}() in a test"


def no_mocks(source: Source) -> Iterator[str]:
    """A mock, which tests our picture of the code; fakes are shipped and tested instead."""
    for entry in imports(source) if source.in_tests else ():
        if "mock" in entry.name.split("."):
            yield f"{source.path}:{entry.line}: {entry.name} in a test"
