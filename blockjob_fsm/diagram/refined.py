"""The way from QEMU 1.3 to the modern lifecycle: the map, the steps and the named differences.

Rows of the two lifecycles have no words in common, so they are not compared: what is shown instead
is what `lifecycles.refinement` says.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum

from blockjob_fsm.declaration import EventKind
from blockjob_fsm.diagram.graph import Edge, Graph, Kind, Node
from blockjob_fsm.diagram.tables import Cell, Code, Table
from blockjob_fsm.diagram.words import listed
from blockjob_fsm.guards import ALWAYS, word
from blockjob_fsm.lifecycles.classic_words import Phase
from blockjob_fsm.lifecycles.differences import CHAPTERS, Difference
from blockjob_fsm.lifecycles.modern_words import ENDED, Place, Status
from blockjob_fsm.lifecycles.refinement import PHASES, PHASES_BY_STATUS, WORDS, in_force, variables

_STILL, _USUAL = "nothing", "as in 1.3"


def picture(title: str, release: str = "") -> Graph:
    """Which phases the statuses stand for, and a note with the differences of a release, if any."""
    arrows = tuple(statuses_and_phases())
    used = {phase for _, phase, _ in arrows}
    nodes = [Node(_status(one), f"modern {word(one)}") for one in Status]
    nodes += [Node(_phase(one), f"1.3 {word(one)}") for one in Phase if one in used]
    if release:
        lines = tuple(f"{one.name}: {one.why}" for one in in_force(release))
        nodes.append(Node("note_1", f"what {release} does otherwise", lines, Kind.NOTE))
    edges = tuple(Edge(_status(one), _phase(phase), lines) for one, phase, lines in arrows)
    return Graph(title, tuple(nodes), edges, across=True)


def refined_tables(release: str) -> tuple[Table, ...]:
    """The map, and the differences that a release has."""
    known = set(in_force(release))
    chapters = [
        differences_table(title, mine)
        for title, some in CHAPTERS.items()
        if (mine := [one for one in some if one in known])
    ]
    return (statuses_table(), variables_table(release), *chapters)


def statuses_and_phases() -> Iterator[tuple[Status, Phase, tuple[str, ...]]]:
    """Each status with a phase it stands for, and where the coroutine is if that decides."""
    for status in Status:
        if status in PHASES_BY_STATUS:
            yield status, PHASES_BY_STATUS[status], ()
            continue
        for phase in Phase:
            places = [one for one in _places(status) if PHASES[one] is phase]
            if places:
                yield status, phase, (listed(places),)


def _places(status: Status) -> tuple[Place, ...]:
    """Where the coroutine of a job with this status may be."""
    if status in ENDED:
        unstarted = (Place.UNSTARTED,) if status is Status.ABORTING else ()
        return (*unstarted, Place.COMPLETED)
    if status in (Status.PAUSED, Status.STANDBY):
        return (Place.PARKED,)
    nowhere = (Place.UNSTARTED, Place.PARKED, Place.COMPLETED)
    return tuple(place for place in Place if place not in nowhere)


def statuses_table() -> Table:
    """Statuses, where the coroutine may be in them, and their phases."""
    cells = tuple(
        (word(status), "; ".join(places), word(phase))
        for status, phase, places in statuses_and_phases()
    )
    return Table("Statuses", ("status", "the coroutine is", "phase in 1.3"), cells)


def variables_table(release: str) -> Table:
    """Every variable of 1.3 but the phase, as a term over a release's."""
    cells = tuple((Code(str(one.variable)), Code(str(one.term))) for one in variables(release))
    return Table("Variables", ("of 1.3", f"is in {release}"), cells)


def steps_table() -> Table:
    """What each modern event may be in 1.3."""
    cells = tuple((Code(str(kind)), _alternatives(some)) for kind, some in WORDS.items())
    return Table("Steps", ("event", "in 1.3"), cells)


def _alternatives(words: tuple[tuple[EventKind, ...], ...]) -> str:
    if not words:
        return "no event: wherever it is taken, that is a difference"
    return ", or else ".join(" and then ".join(map(str, one)) or _STILL for one in words)


def differences_table(title: str, some: Iterable[Difference]) -> Table:
    """Differences as rows: where they are, what they are like, since when, and why."""
    head = ("difference", "at", "in", "when", "as if", "since", "why")
    return Table(title, head, tuple(map(_cells, some)))


def _cells(one: Difference) -> tuple[Cell, ...]:
    when = "" if one.when == ALWAYS else str(one.when)
    until = f", until {one.until}" if one.until else ""
    everywhere = len(one.statuses) == len(Status)
    return (
        Code(one.name),
        Code(listed(one.events)),
        "any" if everywhere else listed(one.statuses),
        Code(when),
        _as_if(one),
        f"{one.since}{until}",
        one.why,
    )


def _as_if(one: Difference) -> Cell:
    if one.refused:
        return f"refused: {', '.join(error.__name__ for error in one.refused)}"
    usual = [_USUAL] if any(WORDS.get(kind) for kind in one.events) else []
    like = usual if one.like is None else map(str, one.like)
    parts = [*map(str, one.first), *like, *map(str, one.sets)]
    silent = ", but no event is sent" if one.mute else ""
    return Code("; ".join(parts) + silent) if parts else _STILL


def _status(status: Enum) -> str:
    return f"modern_{word(status)}"


def _phase(phase: Enum) -> str:
    return f"classic_{word(phase)}"
