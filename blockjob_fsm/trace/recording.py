"""Recorded sessions: JSON lines, read and checked for shape; nothing is judged here.

A recording is one QEMU's session in the order in which a client saw it: a `meta` line, then
commands with their replies, events, and snapshots of both queries. The manual tells the format.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

Fields: TypeAlias = dict[str, Any]

KINDS = ("meta", "setup", "cmd", "event", "snap", "until", "skip", "wait", "sleep", "end")

#: what a line of a kind must have, and of which type
NEEDED: dict[str, dict[str, type]] = {
    "meta": {},
    "cmd": {"exec": str, "n": int},
    "event": {"name": str, "data": dict},
    "snap": {"jobs": list, "block_jobs": list},
    "until": {"job": str, "status": str},
}


class Unreadable(ValueError):
    """The text is no recording; the message names the line and what is wrong with it."""


@dataclass(frozen=True, eq=False)
class Line:
    """One line: its number in the file, from 1, what it is, and its fields."""

    number: int
    kind: str
    fields: Fields

    @property
    def command(self) -> int | None:
        """The number of the command this is, or during which it arrived; None if there is none."""
        number = self.fields.get("n" if self.kind == "cmd" else "in")
        return number if isinstance(number, int) else None

    def __str__(self) -> str:
        fields = self.fields
        match self.kind:
            case "cmd":
                reply = f"error {fields['err']}" if "err" in fields else "ok"
                return f"{fields['exec']} {json.dumps(fields.get('args', {}))}: {reply}"
            case "event":
                return f"{fields['name']} {json.dumps(fields['data'])}"
            case "snap":
                return json.dumps(fields["block_jobs"] or fields["jobs"])
            case "until":
                return f"{fields['job']} is {fields['status']}"
            case "end":
                return f"code {fields.get('code')}"
        return self.kind


@dataclass(frozen=True, eq=False)
class Recording:
    """A session. `qemu` is the version that was recorded, empty if the file does not say."""

    lines: tuple[Line, ...]
    qemu: str

    @property
    def last(self) -> int:
        """The number of the last line."""
        return self.lines[-1].number


def read(text: Iterable[str]) -> Recording:
    """The recording in these lines. Raises Unreadable."""
    lines = tuple(_line(number, row) for number, row in enumerate(text, 1) if row.strip())
    if not lines or lines[0].kind != "meta":
        raise Unreadable("line 1: the first line must be a meta line")
    _check_numbers(lines)
    version = lines[0].fields.get("qemu", "")
    if not isinstance(version, str):
        raise Unreadable("line 1: qemu: must be a version, as a string")
    return Recording(lines, version)


def _line(number: int, row: str) -> Line:
    try:
        fields = json.loads(row)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"line {number}: not JSON: {error}") from None
    if not isinstance(fields, dict) or fields.get("t") not in KINDS:
        raise Unreadable(f"line {number}: t: must be one of {', '.join(KINDS)}")
    kind = fields["t"]
    for name, wanted in NEEDED.get(kind, {}).items():
        if not isinstance(fields.get(name), wanted):
            needs = f"needed in a line of kind {kind}, as {wanted.__name__}"
            raise Unreadable(f"line {number}: {name}: {needs}")
    _check_parts(number, fields)
    return Line(number, kind, fields)


def _check_numbers(lines: tuple[Line, ...]) -> None:
    seen: set[int | None] = set()
    for line in lines:
        if line.kind == "cmd":
            if line.command in seen:
                raise Unreadable(f"line {line.number}: n: command {line.command} was before")
            seen.add(line.command)


def _check_parts(number: int, fields: Fields) -> None:
    """What is inside of a reply or a snapshot, as far as the judgement reads it."""
    if not isinstance(fields.get("args", {}), dict):
        raise Unreadable(f"line {number}: args: must be an object")
    if fields["t"] == "cmd" and ("ret" in fields) == ("err" in fields):
        raise Unreadable(f"line {number}: a cmd line needs either ret or err")
    if not isinstance(fields.get("rep", 1), int):
        raise Unreadable(f"line {number}: rep: must be a number")
    error = fields.get("err", {"class": "", "desc": ""})
    if not isinstance(error, dict) or not all(
        isinstance(error.get(name), str) for name in ("class", "desc")
    ):
        raise Unreadable(f"line {number}: err: must have a class and a desc")
    for name, key in (("jobs", "id"), ("block_jobs", "device")):
        for entry in fields.get(name, ()) if fields["t"] == "snap" else ():
            if not isinstance(entry, dict) or not isinstance(entry.get(key), str):
                raise Unreadable(f"line {number}: {name}: an entry needs its {key}")
