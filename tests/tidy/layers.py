"""Who may import whom: the layer table as data, and the rules that read it.

The table is the manual's layer list. A new module of the library starts with a row here.
"""

import ast
import graphlib
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tests.tidy.sources import PACKAGE, Source


@dataclass(frozen=True)
class Place:
    """Where a module stands: it imports lower levels, and its own level within its group."""

    level: int
    group: str


PLACES = {
    "errno_text": Place(0, "words"),
    "errors": Place(0, "words"),
    "events": Place(0, "words"),
    "guards": Place(1, "rules"),
    "declaration": Place(1, "rules"),
    "wellformed": Place(1, "rules"),
    "lifecycles": Place(1, "rules"),
    "error_action": Place(1, "rules"),
    "throttle": Place(1, "rules"),
    "command_forms": Place(1, "rules"),
    "properties": Place(2, "job"),
    "bodies": Place(2, "job"),
    "job": Place(2, "job"),
    "modern_job": Place(2, "job"),
    "job_group": Place(2, "job"),
    # Readers of the rows: each is a group of its own, so none leans on another.
    "machine": Place(3, "machine"),
    "check": Place(3, "check"),
    "diagram": Place(3, "diagram"),
    "trace": Place(3, "trace"),
    "storage": Place(3, "world"),
    "clock": Place(3, "world"),
    "block_job": Place(4, "live"),
    "executor": Place(4, "live"),
    "operations": Place(4, "live"),
    "carrier": Place(4, "live"),
    "job_type": Place(4, "live"),
    "live_job": Place(4, "live"),
    "live_group": Place(4, "live"),
    "modern_block_job": Place(4, "live"),
    "jobs": Place(4, "live"),
    # The package's own `__init__` shows levels 0 to 4; what needs more has its own door.
    "": Place(4, "live"),
    "conformance": Place(5, "outside"),
    "qmp": Place(5, "outside"),
    "qmp.server": Place(6, "server"),
    "cli": Place(7, "command"),
    "__main__": Place(8, "start"),
}

PURE_LEVELS = (0, 1, 2)
IMPURE = {
    "_thread",
    "asyncio",
    "concurrent",
    "multiprocessing",
    "os",
    "random",
    "socket",
    "subprocess",
    "threading",
    "time",
}

# Each dependency is fenced into the units that may know it, whatever the level.
FENCES = {
    "transitions": {"machine"},
    "z3": {"check"},
    "hypothesis": {"conformance"},
    "typer": {"cli"},
    "rich": {"cli"},
    "socket": {"conformance", "qmp.server"},
}


@dataclass(frozen=True)
class Import:
    """One imported dotted name; `from a import b` is recorded as `a.b`."""

    line: int
    name: str

    def within(self, modules: Iterable[str]) -> str | None:
        """The library module this reaches: the name itself, or the module that holds it."""
        holder = self.name.rpartition(".")[0]
        known = set(modules)
        return next((name for name in (self.name, holder) if name in known), None)


def unit_of(module: str) -> str | None:
    """Row of the table for a dotted module name, longest match first; None for a stranger."""
    inner = module.removeprefix(PACKAGE).removeprefix(".")
    if not inner:
        return ""
    parts = inner.split(".")
    names = (".".join(parts[:size]) for size in range(len(parts), 0, -1))
    return next((name for name in names if name in PLACES), None)


def place_of(source: Source) -> Place | None:
    """Place of a file of the library; None for models, tests and strangers."""
    unit = unit_of(source.module) if source.in_package else None
    return None if unit is None else PLACES[unit]


def is_pure(source: Source) -> bool:
    """True for the levels that hold no clock, file or thread."""
    place = place_of(source)
    return place is not None and place.level in PURE_LEVELS


def imports(source: Source) -> Iterator[Import]:
    """Every import of a file, wherever it stands: under TYPE_CHECKING or in a function too."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            yield from (Import(node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = import_start(source, node)
            yield from (Import(node.lineno, f"{start}.{alias.name}") for alias in node.names)


def import_start(source: Source, node: ast.ImportFrom) -> str:
    """The dotted name after `from`, made absolute."""
    if not node.level:
        return node.module or ""
    steps_up = node.level - source.is_package
    parts = source.module.split(".")
    base = parts[: len(parts) - steps_up]
    return ".".join([*base, node.module] if node.module else base)


def known_place(source: Source) -> Iterator[str]:
    """A module of the library that has no row in the table."""
    if source.in_package and place_of(source) is None:
        yield f"{source.path}:1: {source.module} has no place in the layer table"


def imports_go_down(source: Source) -> Iterator[str]:
    """An import of a higher level, or of a neighbour outside the module's own group."""
    here = place_of(source)
    if here is None:
        return
    for entry in imports(source):
        if entry.name.split(".")[0] != PACKAGE:
            continue
        unit = unit_of(entry.name)
        # `from blockjob_fsm import name` reaches the door unless the name is a module's.
        there = PLACES["" if unit is None else unit]
        if there.level > here.level or (there.level == here.level and there.group != here.group):
            yield f"{source.path}:{entry.line}: {source.module} may not import {entry.name}"


def only_the_standard_library(source: Source) -> Iterator[str]:
    """In the pure levels: a dependency, or a module that knows time, files or threads."""
    if not is_pure(source):
        return
    for entry in imports(source):
        root = entry.name.split(".")[0]
        if root in IMPURE or (root != PACKAGE and root not in sys.stdlib_module_names):
            yield f"{source.path}:{entry.line}: a pure module may not import {root}"


def dependencies_are_fenced(source: Source) -> Iterator[str]:
    """A dependency imported outside the units that may know it."""
    unit = unit_of(source.module)
    for entry in imports(source) if source.in_package else ():
        root = entry.name.split(".")[0]
        if unit not in FENCES.get(root, {unit}):
            allowed = ", ".join(sorted(FENCES[root]))
            yield f"{source.path}:{entry.line}: only {allowed} may import {root}"


def import_cycle(sources: Iterable[Source]) -> list[str]:
    """The modules of one import cycle in order, the first one repeated last; empty if none."""
    library = {source.module: source for source in sources if source.in_package}
    graph = {
        name: {entry.within(library) for entry in imports(source)} - {None, name}
        for name, source in library.items()
    }
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as cycle:
        return [str(name) for name in cycle.args[1]]
    return []
