"""How the generated pages spell claims and tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from blockjob_fsm.guards import ALWAYS, Guard
from blockjob_fsm.properties import (
    Accepts,
    Always,
    AlwaysStep,
    Answered,
    LeadsTo,
    Never,
    Property,
    Refuses,
    Sometimes,
)


def formal(claim: Property) -> str:
    """What a claim means, in guards."""
    match claim:
        case Always():
            told = str(claim.holds)
        case Never() | Sometimes(events=()):
            told = str(claim.reached)
        case AlwaysStep():
            told = _step(claim)
        case Answered() | Accepts() | Refuses():
            told = f"{_names(claim.events)}{_where('where', claim.when)}: {_answer(claim)}"
        case Sometimes():
            told = f"{_names(claim.events)}{_where('where', claim.reached)}"
        case LeadsTo():
            told = f"{claim.start} leads to {claim.goal}"
    return f"`{told}`"


def _answer(claim: Answered | Accepts | Refuses) -> str:
    if isinstance(claim, Refuses):
        return claim.error.__name__
    return "taken" if isinstance(claim, Accepts) else "answered"


def _step(claim: AlwaysStep) -> str:
    told = f"{_names(claim.events)}{_where('where', claim.before)}:"
    told += "" if claim.after == ALWAYS else f" {claim.after}"
    told += f" does {_names(claim.does)}" if claim.does else ""
    return told + (f" never {_names(claim.never)}" if claim.never else "")


def _names(named: Iterable[object]) -> str:
    names = [str(one) for one in named]
    most = 6
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return ", ".join(names) or "any step"


def _where(word: str, guard: Guard) -> str:
    return "" if guard == ALWAYS else f" {word} {guard}"


def table(headings: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """A Markdown table, line by line."""
    yield _line(headings)
    yield _line(("---",) * len(headings))
    yield from map(_line, rows)


def _line(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
