"""The verb matrix as tables: which cells there are, and a letter for each answer.

Cells of several kinds of job share a place where the answers are the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from blockjob_fsm import errors
from blockjob_fsm.conformance.conditions import Asked, malformed, well_formed
from blockjob_fsm.conformance.matrix import Cell, Differing
from blockjob_fsm.diagram import tables as drawn
from blockjob_fsm.diagram.tables import Code, Table

#: what a letter stands for: an error of ours, whose text may name anything
LETTERS: dict[str, type[errors.QmpError]] = {
    "V": errors.CannotAcceptVerb,
    "P": errors.JobAlreadyPaused,
    "R": errors.JobNotPaused,
    "C": errors.JobPaused,
    "A": errors.CannotBeCompleted,
    "S": errors.NegativeSpeed,
    "N": errors.JobNotFound,
    "B": errors.BlockJobNotFound,
    "K": errors.CommandNotFound,
}

#: what a refusal names if not the job
_SUBJECTS = {"S": "speed", "K": "block-job-change"}


def letter(error: dict[str, str]) -> str:
    """The letter of a refusal; its text where there is none."""
    for mark, kind in LETTERS.items():
        pattern = re.sub(r"\\\{\w*\\\}", ".*", re.escape(kind.text))
        if error["class"] == kind.qmp_class and re.fullmatch(pattern, error["desc"]):
            return mark
    return error["desc"]


def answer(cell: Cell) -> str:
    """A letter, or the statuses that followed."""
    if cell.error is not None:
        return letter(cell.error)
    return " ".join(("ok", *cell.statuses))


def legend() -> Table:
    """Letter, class and text of each refusal."""
    lines = []
    for mark, kind in LETTERS.items():
        asked = kind(_SUBJECTS.get(mark, "j0"), state="STATUS", verb="VERB")
        lines.append((mark, asked.qmp_class, Code(asked.desc)))
    return Table("Refusals", ("", "class", "text"), tuple(lines))


def tables(cells: Iterable[Cell], differing: Iterable[Differing] = ()) -> Iterator[Table]:
    """A table for each group of conditions: every well-formed command."""
    found, differ = list(cells), {(one.cell.condition.name, one.cell.asked) for one in differing}
    for group in dict.fromkeys(cell.condition.group for cell in found):
        mine = [cell for cell in found if cell.condition.group == group]
        names = tuple(dict.fromkeys(cell.condition.what for cell in mine))
        lines: list[tuple[drawn.Cell, ...]] = []
        for asked in well_formed():
            told = [_shared(mine, name, asked, differ) for name in names]
            lines.append((Code(asked.name), *told))
        yield Table(group, ("command", *names), tuple(lines))


def _shared(cells: Sequence[Cell], what: str, asked: Asked, differ: set[tuple[str, Asked]]) -> str:
    """The answers of all kinds of job; those that do as most of them do are not named."""
    kinds: dict[str, list[str]] = {}
    for cell in cells:
        if (cell.condition.what, cell.asked) == (what, asked):
            mark = " DIFFERS" if (cell.condition.name, asked) in differ else ""
            kinds.setdefault(answer(cell) + mark, []).append(cell.condition.kind)
    [most, *others] = sorted(kinds, key=lambda told: -len(kinds[told]))
    return "; ".join((most, *(f"{', '.join(kinds[told])}: {told}" for told in others)))


def refused_arguments(cells: Iterable[Cell]) -> Table:
    """Malformed commands with their answer, which is the same in every condition."""
    asked = set(malformed())
    texts: dict[str, set[str]] = {}
    for cell in cells:
        if cell.asked in asked:
            told = "accepted" if cell.error is None else cell.error["desc"]
            texts.setdefault(cell.asked.name, set()).add(told)
    lines = tuple((Code(name), Code(" or ".join(sorted(told)))) for name, told in texts.items())
    return Table("Arguments that do not fit", ("command", "text"), lines)
