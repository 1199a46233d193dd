"""`blockjob check`: a lifecycle, or a mutant of it, explored and judged, told as a table.

A property is judged on many models; the table has one line for each property, unless every row is
asked for.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator

from blockjob_fsm import check as checks
from blockjob_fsm.check import Report, Row, Verdict
from blockjob_fsm.cli.problems import Problem

_HEADINGS = ("property", "verdict", "models", "states", "depth", "seconds")
_WORST_FIRST = (Verdict.VIOLATED, Verdict.UNDECIDED, Verdict.HOLDS)


def check(lifecycle: str, mutant: str | None, *, every_row: bool, as_json: bool) -> int:
    """Check and print; the exit status is the report's."""
    if mutant is not None:
        _refuse_unknown(lifecycle, mutant)
    report = checks.run(lifecycle, mutant)
    if as_json:
        print(report.to_json())
    else:
        print("\n".join(report.render() if every_row else told(report)))
    return report.exit_status


def list_mutants(lifecycle: str, *, as_json: bool) -> int:
    """Print the mutants' names, each with what it breaks."""
    mutants = checks.mutants(lifecycle).values()
    if as_json:
        print(json.dumps({mutant.name: mutant.what for mutant in mutants}, indent=2))
    else:
        print("\n".join(f"{mutant.name}\n    {mutant.what}" for mutant in mutants))
    return 0


def told(report: Report) -> Iterator[str]:
    """The report with one line for each property, and the shortest trace of each violation."""
    rows = defaultdict(list)
    for row in report.rows:
        rows[row.property].append(row)
    yield from _aligned([_HEADINGS, *(_cells(name, mine) for name, mine in rows.items())])
    yield from (*report.remarks, *report.notes)
    for name, mine in rows.items():
        violated = [row for row in mine if row.verdict is Verdict.VIOLATED and row.trace]
        if violated:
            yield from _violation(name, min(violated, key=_moves))
    yield ""
    yield report.render()[-1]


def _cells(name: str, rows: list[Row]) -> tuple[str, ...]:
    found = {row.verdict for row in rows}
    worst = next(verdict for verdict in _WORST_FIRST if verdict in found)
    return (
        name,
        worst.value,
        str(len({row.model for row in rows})),
        str(sum(row.states for row in rows)),
        str(max(row.depth for row in rows)),
        f"{sum(row.seconds for row in rows):.2f}",
    )


def _violation(name: str, row: Row) -> Iterator[str]:
    yield ""
    yield f"{name} on {row.model}: not so: {row.claim}"
    yield from (f"  {line}" for line in (row.trace.lines() if row.trace else ()))


def _moves(row: Row) -> int:
    return len(row.trace.moves) if row.trace else 0


def _aligned(cells: list[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        words = [cell.ljust(width) for cell, width in zip(row[:2], widths[:2], strict=True)]
        figures = [cell.rjust(width) for cell, width in zip(row[2:], widths[2:], strict=True)]
        yield "  ".join([*words, *figures])


def _refuse_unknown(lifecycle: str, mutant: str) -> None:
    if mutant not in checks.mutants(lifecycle):
        raise Problem(f"--mutant {mutant}: there is no such mutant: see --list-mutants")
