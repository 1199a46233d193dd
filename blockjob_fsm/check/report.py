"""What a check says: verdicts, traces, rows and the report they make.

Deciding anything does not belong here. A report is text or JSON; printing it is the caller's.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum


class Verdict(Enum):
    """The three answers. UNDECIDED is not success."""

    HOLDS = "HOLDS"
    VIOLATED = "VIOLATED"
    UNDECIDED = "UNDECIDED"


@dataclass(frozen=True, slots=True)
class Trace:
    """A shortest way to what went wrong, event by event.

    A move is (who, what, state after it); `labels` replay it on the model it came from.
    """

    start: str
    moves: tuple[tuple[str, str, str], ...]
    wrong: str

    @property
    def labels(self) -> tuple[str, ...]:
        """The moves alone, in order."""
        return tuple(label for _, label, _ in self.moves)

    def lines(self) -> tuple[str, ...]:
        """One line per move: who did what, and the state after it; then what is wrong there."""
        done = [f"{who}: {label}" for who, label, _ in self.moves]
        width = max(map(len, done), default=0)
        told = (
            f"{number}. {what:<{width}} -> {state}"
            for number, (what, (_, _, state)) in enumerate(zip(done, self.moves, strict=True), 1)
        )
        return (f"start: {self.start}", *told, f"wrong: {self.wrong}")


@dataclass(frozen=True, slots=True)
class Row:
    """One property checked on one model. `instances`: states or steps the claim spoke about."""

    model: str
    property: str
    claim: str
    verdict: Verdict
    states: int
    depth: int
    seconds: float
    instances: int = 0
    trace: Trace | None = None

    def to_json(self) -> dict[str, object]:
        """Plain values, the trace as its labels and its lines."""
        plain: dict[str, object] = {
            "model": self.model,
            "property": self.property,
            "claim": self.claim,
            "verdict": self.verdict.value,
            "states": self.states,
            "depth": self.depth,
            "seconds": round(self.seconds, 3),
            "instances": self.instances,
        }
        if self.trace is not None:
            plain["trace"] = list(self.trace.labels)
            plain["told"] = list(self.trace.lines())
        return plain


@dataclass(frozen=True, slots=True)
class Report:
    """The rows of one run; `lifecycle` and `mutant` say what was checked.

    `remarks` are what did not come out as expected, and make a report UNDECIDED; `notes` are not.
    """

    lifecycle: str
    rows: tuple[Row, ...]
    seconds: float
    mutant: str | None = None
    remarks: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """VIOLATED if anything is, else HOLDS if everything does; no rows at all is UNDECIDED."""
        found = {row.verdict for row in self.rows}
        if Verdict.VIOLATED in found:
            return Verdict.VIOLATED
        return Verdict.HOLDS if found == {Verdict.HOLDS} and not self.remarks else Verdict.UNDECIDED

    @property
    def exit_status(self) -> int:
        """0 all HOLDS, 1 something VIOLATED, 3 something UNDECIDED."""
        return {Verdict.HOLDS: 0, Verdict.VIOLATED: 1, Verdict.UNDECIDED: 3}[self.verdict]

    def counts(self) -> dict[Verdict, int]:
        """How many rows there are of each verdict."""
        return {verdict: sum(r.verdict is verdict for r in self.rows) for verdict in Verdict}

    def render(self) -> tuple[str, ...]:
        """The table, one line per property; below it the trace of each that does not hold."""
        lines = [*_table(self.rows), *self.remarks, *self.notes]
        for row in self.rows:
            if row.trace is not None and row.verdict is not Verdict.HOLDS:
                said = "not so" if row.verdict is Verdict.VIOLATED else "not proved"
                lines += ["", f"{row.model} {row.property}: {said}: {row.claim}"]
                lines += [f"  {line}" for line in row.trace.lines()]
        counts = ", ".join(f"{n} {verdict.value}" for verdict, n in self.counts().items() if n)
        subject = self.lifecycle + (f" with {self.mutant}" if self.mutant else "")
        return (*lines, "", f"{subject}: {counts or 'nothing checked'} in {self.seconds:.1f} s")

    def to_json(self) -> str:
        """The report as one JSON object."""
        plain = {
            "lifecycle": self.lifecycle,
            "mutant": self.mutant,
            "verdict": self.verdict.value,
            "seconds": round(self.seconds, 3),
            "remarks": list(self.remarks),
            "notes": list(self.notes),
            "rows": [row.to_json() for row in self.rows],
        }
        return json.dumps(plain, indent=2)


_HEADINGS = ("model", "property", "verdict", "states", "depth", "seconds")


def _table(rows: tuple[Row, ...]) -> list[str]:
    cells = [_HEADINGS, *map(_cells, rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(_HEADINGS))]
    return [
        "  ".join(
            cell.ljust(width) if column < 3 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]


def _cells(row: Row) -> tuple[str, ...]:
    figures = (str(row.states), str(row.depth), f"{row.seconds:.2f}")
    return (row.model, row.property, row.verdict.value, *figures)
