"""The page of the manual that shows the verb matrix; `python -m models.pages` writes it.

Its cells are our jobs' answers. Tests compare the page with what this makes, and the cells with the
real QEMU.
"""

from __future__ import annotations

from pathlib import Path

from blockjob_fsm.conformance.conditions import conditions, forms
from blockjob_fsm.conformance.matrix import Cell, cells_of
from blockjob_fsm.conformance.ours import Ours
from blockjob_fsm.conformance.verb_table import legend, refused_arguments, tables
from blockjob_fsm.diagram.markdown import table

PAGE = Path(__file__).resolve().parent.parent / "docs" / "verb-matrix.md"

_OPENING = """# The verb matrix

Generated from the answers of our jobs; `python -m models.pages` writes this page.

What becomes of every command that acts on a job, in every condition in which a client of QEMU 7.2
can meet one: {cells} cells, {forms} commands in {conditions} conditions. With
`blockjob conform --qemu --matrix` the installed `qemu-storage-daemon` answers each of them too: the
reply, the events and both queries are compared, and so is every step from there to the job's end.

A cell says `ok` and the statuses that the job goes through because of the command, or the letter of
a refusal. Kinds of job that do otherwise than most are named. Not here: created and aborting, which
no client meets, since they end within the command that begins them.
"""


def page() -> str:
    """The whole page."""
    cells = _cells()
    seen = conditions()
    opening = _OPENING.format(cells=len(cells), forms=len(forms()), conditions=len(seen))
    parts = [table(one, level=2) for one in (legend(), *tables(cells), refused_arguments(cells))]
    return "\n\n".join([opening.rstrip(), *parts]) + "\n"


def _cells() -> list[Cell]:
    return [cell for one in conditions() for cell in cells_of(one, forms(), Ours)]
