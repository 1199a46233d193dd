"""Pictures and tables as Markdown, in the dialect of GitHub: tables, and fences for Mermaid."""

from __future__ import annotations

from collections.abc import Iterable

from blockjob_fsm.diagram.graph import Graph
from blockjob_fsm.diagram.mermaid import mermaid
from blockjob_fsm.diagram.tables import Cell, Code, Table


def section(title: str, *parts: str, level: int = 2) -> str:
    """A heading, and its parts with an empty line between them."""
    return "\n\n".join([f"{'#' * level} {title}", *(part.strip("\n") for part in parts if part)])


def fenced(graph: Graph) -> str:
    """A graph as a fenced block that GitHub draws."""
    return f"```mermaid\n{mermaid(graph)}```"


def table(value: Table, level: int = 3) -> str:
    """A table below its title."""
    return section(value.title, value.text, rows(value), level=level)


def rows(value: Table) -> str:
    """The table alone."""
    head = _line(value.head)
    rule = "|" + "---|" * len(value.head)
    return "\n".join([head, rule, *(_line(map(cell_text, row)) for row in value.rows)])


def cell_text(cell: Cell) -> str:
    """A cell's text, escaped: a bar would end the cell, and markup would vanish."""
    if isinstance(cell, Code):
        # No backquote is in any row, so one pair quotes them all.
        return f"`{cell.text.replace('|', chr(92) + '|')}`" if cell.text else ""
    escaped = cell.replace("\\", "\\\\").replace("&", "&amp;").replace("<", "&lt;")
    return "".join(f"\\{mark}" if mark in "|_*`[]" else mark for mark in escaped)


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
