"""Running CrossHair on a module of laws, and reading what it says, law by law.

CrossHair ends with status 0 on "Not confirmed" too, so only its lines count.
"""

import inspect
import re
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from types import ModuleType

from tests.tidy.sources import ROOT

# Twenty times what the slowest law takes; one that needs longer is not confirmed, and so fails.
SECONDS_PER_LAW = 60
SAID = re.compile(r"^(?P<path>[^:]+):(?P<line>\d+): (?P<said>.*)$")
CONFIRMED = "info: Confirmed over all paths."
REFUTED = "error: AssertionError"


def laws_of(module: ModuleType) -> dict[str, range]:
    """Name -> lines of each law a module states: its own public functions that return nothing."""
    return {
        name: lines_of(function)
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__
        and not name.startswith("_")
        and function.__annotations__["return"] == "None"
    }


def lines_of(function: Callable[..., object]) -> range:
    """The lines of the module on which a function stands."""
    text, first = inspect.getsourcelines(function)
    return range(first, first + len(text))


def verdicts(*names: str) -> list[dict[str, str]]:
    """What CrossHair says about each law of each module, one process for each."""
    with ThreadPoolExecutor(len(names)) as pool:
        return list(pool.map(verdicts_of_one, names))


def verdicts_of_one(name: str) -> dict[str, str]:
    """What CrossHair says about each law of the module; about a law left out, nothing."""
    laws = laws_of(import_module(name))
    command = [sys.executable, "-m", "crosshair", "check", "--analysis_kind=asserts"]
    limit = f"--per_condition_timeout={SECONDS_PER_LAW}"
    run = subprocess.run(
        [*command, limit, "--report_all", name],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    found: dict[str, str] = {}
    for line in run.stdout.splitlines():
        match = SAID.match(line)
        assert match is not None, f"CrossHair said something else: {line}{run.stderr}"
        law = next(law for law, lines in laws.items() if int(match["line"]) in lines)
        assert law not in found, f"CrossHair said two things: {line}"
        found[law] = match["said"]
    return found
