"""The generated pages of the manual, and the picture in the README.

Only their order and the sentences between are written here; pictures and tables are drawn from
the rows. A page is a value, so that a test can compare it with the file.
"""

from __future__ import annotations

import re

from blockjob_fsm.declaration import Actor, EventKind, Lifecycle
from blockjob_fsm.diagram import tables
from blockjob_fsm.diagram.gallery import Picture, of_event, picture_of
from blockjob_fsm.diagram.markdown import fenced, rows, section, table
from blockjob_fsm.diagram.tables import Table
from blockjob_fsm.diagram.words import in_event_order
from blockjob_fsm.guards import Control

COMMAND = "python -m blockjob_fsm.diagram docs README.md"
_GENERATED = f"<!-- Generated from the rows by `{COMMAND}`; change the rows, not this page. -->"
_BEGIN, _END = "<!-- lifecycle:begin -->", "<!-- lifecycle:end -->"
_SECTION = re.compile(f"{_BEGIN}\n.*?{_END}", re.DOTALL)
_ACTORS = {
    Actor.USER: ("What the user asks", "The verbs of whoever watches the job."),
    Actor.JOB: (
        "What the job does",
        "Steps that the job's own body takes; a body asks, and the rows decide.",
    ),
    Actor.WORLD: ("What happens to the job", "Disks, timers, and whoever starts the job."),
}


def pages(ours: Lifecycle[Control], theirs: Lifecycle[Control]) -> dict[str, str]:
    """File name -> page, for our profile of a lifecycle, compared with another profile."""
    return {
        "lifecycle.md": lifecycle_page(ours, theirs),
        "verbs.md": verbs_page(ours),
        "error-actions.md": error_page(ours),
    }


def lifecycle_page(ours: Lifecycle[Control], theirs: Lifecycle[Control]) -> str:
    """Every rule and refusal, phases against events and flags, and how the profiles differ."""
    full = picture_of(ours, "lifecycle")
    product = picture_of(ours, "product")
    return page(
        "The lifecycle",
        f"The `{ours.profile}` profile of the {ours.name} lifecycle: all that a block job can do, "
        "and why. A row is the only place where a fact stands, and the job that runs takes its "
        "steps from these rows.",
        section("The phases", fenced(picture_of(ours, "overview").graph)),
        section(
            "Every rule",
            "A label reads `event [guard] / what changes; what the world must do`. Rules that "
            "keep the phase stand inside its box, or in a note if several phases share them.",
            drawn(full),
        ),
        section(
            "Phases and flags",
            *(part for value in product.tables for part in (value.text, rows(value))),
            "`blockjob diagram --picture product --format svg` draws the steps between them.",
        ),
        section("Where the profiles differ", *map(table, differences(ours, theirs))),
    )


def verbs_page(ours: Lifecycle[Control]) -> str:
    """Every event by whom it comes from, with its picture, rules and refusals."""
    return page(
        "The events one by one",
        "What is tested in which order, and what comes of it. Boxes on the left are the phases "
        "in which the job may be; numbered tests are made in that order, and the first that holds "
        "answers.",
        *(
            section(title, text, *(event_section(ours, kind) for kind in _events_of(ours, who)))
            for who, (title, text) in _ACTORS.items()
        ),
    )


def _events_of(lifecycle: Lifecycle[Control], who: Actor) -> list[EventKind]:
    return [kind for kind in lifecycle.events if kind.actor is who]


def error_page(ours: Lifecycle[Control]) -> str:
    """What a failed request does, for jobs and for devices."""
    return page(
        "Error actions",
        "What a failed read or write does, by the policy chosen and the errno.",
        drawn(picture_of(ours, "error-actions")),
    )


def differences(ours: Lifecycle[Control], theirs: Lifecycle[Control]) -> tuple[Table, ...]:
    """The rows that one of two profiles has and the other lacks; no table where there are none."""
    found = []
    for here, there in ((ours, theirs), (theirs, ours)):
        rules = [rule for rule in here.rules if rule not in there.rules]
        refusals = [refusal for refusal in here.refusals if refusal not in there.refusals]
        only = f"only in {here.profile}"
        if rules:
            found.append(tables.rules_table(in_event_order(here, rules), f"Rules {only}"))
        if refusals:
            found.append(tables.refusals_table(refusals, f"Refusals {only}"))
    return tuple(found)


def with_picture(readme: str, lifecycle: Lifecycle[Control]) -> str:
    """The README with the overview between its marks; raises ValueError where it has none."""
    if not _SECTION.search(readme):
        raise ValueError(f"the README has no {_BEGIN} and {_END}")
    drawn = f"{_BEGIN}\n{fenced(picture_of(lifecycle, 'overview').graph)}\n{_END}"
    return _SECTION.sub(lambda _: drawn, readme)


def page(title: str, *parts: str) -> str:
    """A generated page: its title, the note that it is generated, and its parts."""
    return section(title, _GENERATED, *parts, level=1) + "\n"


def event_section(lifecycle: Lifecycle[Control], kind: EventKind, level: int = 3) -> str:
    """One event under its name: its picture, its rules and its refusals."""
    return section(kind.name, drawn(of_event(lifecycle, kind), level + 1), level=level)


def drawn(picture: Picture, level: int = 3) -> str:
    """A picture, and its tables under headings of this level."""
    return "\n\n".join([fenced(picture.graph), *(table(value, level) for value in picture.tables)])
