"""The pictures by name, and the formats they are drawn in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from blockjob_fsm.declaration import EventKind, Lifecycle
from blockjob_fsm.diagram import changes, error_actions, markdown, refined, tables
from blockjob_fsm.diagram.dot import dot, svg
from blockjob_fsm.diagram.graph import Graph
from blockjob_fsm.diagram.mermaid import mermaid
from blockjob_fsm.diagram.phases import in_full, overview
from blockjob_fsm.diagram.plantuml import plantuml
from blockjob_fsm.diagram.product import combinations, phase_and_flags
from blockjob_fsm.diagram.tables import Table
from blockjob_fsm.diagram.verbs import verb
from blockjob_fsm.diagram.words import in_event_order
from blockjob_fsm.guards import Control
from blockjob_fsm.lifecycles.modern import is_modern


@dataclass(frozen=True, slots=True)
class Picture:
    """A graph and the tables that say the same in full."""

    graph: Graph
    tables: tuple[Table, ...]


def picture_of(lifecycle: Lifecycle[Control], name: str) -> Picture:
    """A picture by its name in `pictures`; raises ValueError, listing them, for another."""
    if name in _BUILDERS:
        return _BUILDERS[name](lifecycle)
    for kind in lifecycle.events:
        if kind.name == name:
            return of_event(lifecycle, kind)
    raise ValueError(f"no picture {name!r}; choose from {', '.join(pictures(lifecycle))}")


def pictures(lifecycle: Lifecycle[Control]) -> tuple[str, ...]:
    """The names of all pictures: those of PICTURES, then one for each event of the lifecycle."""
    return (*PICTURES, *(kind.name for kind in lifecycle.events))


def of_event(lifecycle: Lifecycle[Control], kind: EventKind) -> Picture:
    """One event: its picture, its rules and its refusals."""
    rules = tuple(rule for rule in lifecycle.rules if kind in rule.events)
    refusals = tuple(refusal for refusal in lifecycle.refusals if kind in refusal.events)
    return Picture(
        verb(lifecycle, kind),
        (
            *([tables.rules_table(rules)] if rules else []),
            *([tables.refusals_table(refusals)] if refusals else []),
        ),
    )


def render(lifecycle: Lifecycle[Control], picture: str, format_name: str) -> str:
    """A picture in a format; raises ValueError, listing the choices, for an unknown name."""
    if format_name not in _FORMATS:
        raise ValueError(f"no format {format_name!r}; choose from {', '.join(FORMATS)}")
    return _FORMATS[format_name](picture_of(lifecycle, picture))


def render_changes(
    older: Lifecycle[Control],
    newer: Lifecycle[Control],
    format_name: str,
    names: tuple[str, str] | None = None,
) -> str:
    """What changed from one release to another; raises ValueError for an unknown format."""
    if format_name not in _FORMATS:
        raise ValueError(f"no format {format_name!r}; choose from {', '.join(FORMATS)}")
    return _FORMATS[format_name](picture_of_changes(older, newer, names))


def picture_of_changes(
    older: Lifecycle[Control], newer: Lifecycle[Control], names: tuple[str, str] | None = None
) -> Picture:
    """What changed from one release to another; `names` are what they are called, if not so."""
    called = names or (older.profile, newer.profile)
    title = f"{newer.name}: from {called[0]} to {called[1]}"
    if is_modern(older) is not is_modern(newer):
        release = newer.profile if is_modern(newer) else older.profile
        return Picture(refined.picture(title, release), refined.refined_tables(release))
    return Picture(
        changes.picture(older, newer, title), changes.changes_tables(older, newer, called)
    )


def _overview(lifecycle: Lifecycle[Control]) -> Picture:
    return Picture(overview(lifecycle), (tables.matrix(lifecycle),))


def _lifecycle(lifecycle: Lifecycle[Control]) -> Picture:
    return Picture(
        in_full(lifecycle),
        (
            tables.rules_table(in_event_order(lifecycle, lifecycle.rules)),
            tables.refusals_table(lifecycle.refusals),
            tables.outputs_table(lifecycle),
            tables.matrix(lifecycle),
        ),
    )


def _product(lifecycle: Lifecycle[Control]) -> Picture:
    return Picture(phase_and_flags(lifecycle), (combinations(lifecycle),))


def _error_actions(lifecycle: Lifecycle[Control]) -> Picture:
    return Picture(error_actions.picture(lifecycle), error_actions.error_tables(lifecycle))


def _markdown(picture: Picture) -> str:
    parts = (markdown.fenced(picture.graph), *map(markdown.table, picture.tables))
    return markdown.section(picture.graph.title, *parts) + "\n"


_BUILDERS: dict[str, Callable[[Lifecycle[Control]], Picture]] = {
    "lifecycle": _lifecycle,
    "overview": _overview,
    "product": _product,
    "error-actions": _error_actions,
}
_FORMATS: dict[str, Callable[[Picture], str]] = {
    "mermaid": lambda picture: mermaid(picture.graph),
    "dot": lambda picture: dot(picture.graph),
    "svg": lambda picture: svg(picture.graph),
    "plantuml": lambda picture: plantuml(picture.graph),
    "markdown": _markdown,
}

#: the pictures every lifecycle has; each of its events adds one of its own name
PICTURES = tuple(_BUILDERS)
FORMATS = tuple(_FORMATS)
