"""Corrupted copies of recordings, each with the line and the reason for which it must be rejected.

Why a copy is illegal is said here without the rows: by the order of statuses, by what the command
asked for, by the job's on-error policy. Where such a change may be legal again (one ignored error
more or less, a failure without an event of its own), no copy is made.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

Line = dict[str, Any]
Lines = list[Line]

JOB_EVENTS = (
    "JOB_STATUS_CHANGE",
    "BLOCK_JOB_READY",
    "BLOCK_JOB_PENDING",
    "BLOCK_JOB_COMPLETED",
    "BLOCK_JOB_CANCELLED",
)


@dataclass(frozen=True)
class Corruption:
    """A corrupted copy, and how it must be rejected.

    `line` is where, from 1; `what` the part of it that is wrong. One of the texts of `because` must
    be found in what tells why.
    """

    name: str
    lines: Lines
    line: int
    what: str
    because: tuple[str, ...]


# What may be said of an event that does not come now.
NO_ROW = "no row leads from "
NOT_NOW = "not now: "
IN_ORDER = "a step sends all its events in order"
UNEXPECTED = (NO_ROW, NOT_NOW, IN_ORDER)
AS_SHOWN = ("no state that the lines before allow is shown so",)
QUERIED = (*AS_SHOWN, "query-jobs names all jobs", "query-jobs tells the status")
ENDING = (f"{NOT_NOW}conclude in", f"{NO_ROW}pending to BLOCK_JOB_CANCELLED")
TOO_EARLY = ("before its reply a command does all that it does",)
BY_FORM = "the command's form decides"
GONE = ("refused: JobNotFound", "finds block jobs only")

VERBS = ("pause", "resume", "cancel", "complete", "finalize", "dismiss", "set-speed")

# The statuses that only this verb leads to while no drained section is about.
CAUSES = {
    "pause": ("paused", "standby"),
    "resume": ("running", "ready"),
    "finalize": ("concluded", "aborting"),
    "dismiss": ("null",),
}

# Which check has failed, by a refusal's text.
CHECKS = {
    "is currently paused": "refused: JobPaused",
    "cannot accept command verb": "refused: CannotAcceptVerb",
    "is already paused": "refused: JobAlreadyPaused",
    "was not paused": "refused: JobNotPaused",
    "non-negative": "refused: NegativeSpeed",
}


def corruptions(lines: Lines) -> Iterator[Corruption]:
    """Every corrupted copy of a recording."""
    for index, line in enumerate(lines):
        if line["t"] == "event" and line["name"] in JOB_EVENTS and line.get("rep", 1) == 1:
            yield from _dropped(lines, index)
            yield from _duplicated(lines, index)
            yield from _moved(lines, index)
        if line["t"] == "event":
            yield from _flipped_end(lines, index)
            yield from _flipped_action(lines, index)
        if line["t"] == "cmd":
            yield from _flipped_reply(lines, index)
            yield from _moved_out_of_command(lines, index)
        if line["t"] == "snap" and line["quiet"] and line["block_jobs"]:
            yield from _flipped_query(lines, index)


def job_of(line: Line) -> str:
    """The job that an event is about."""
    data = line.get("data", {})
    return str(data.get("id", data.get("device")))


def _next_of(lines: Lines, index: int) -> int | None:
    """The next event of the same job, or quiet snapshot, whichever comes first."""
    for later in range(index + 1, len(lines)):
        line = lines[later]
        if line["t"] == "event" and job_of(line) == job_of(lines[index]):
            return later
        if line["t"] == "until" and line["job"] == job_of(lines[index]):
            return later
        if line["t"] == "snap" and line["quiet"]:
            return later
    return None


def _dropped(lines: Lines, index: int) -> Iterator[Corruption]:
    """Statuses cannot be skipped, nor can the one event that goes with a status."""
    later = _next_of(lines, index)
    if later is None or lines[later].get("name") == "BLOCK_JOB_ERROR":
        return
    # What lies between may show it before: a reply, and the events of the job's transaction.
    if not any(line["t"] in ("cmd", "event") for line in lines[index + 1 : later]):
        changed = lines[:index] + lines[index + 1 :]
        if lines[later]["t"] == "event":
            yield Corruption("dropped", changed, later, "event", UNEXPECTED)
        else:
            yield Corruption("dropped", changed, later, "query", QUERIED)


def _duplicated(lines: Lines, index: int) -> Iterator[Corruption]:
    """No status follows itself, and none of these events is sent twice."""
    changed = [*lines[: index + 1], lines[index], *lines[index + 1 :]]
    status = lines[index]["data"].get("status")
    row = NO_ROW if status is None else f"{NO_ROW}{status} to status {status}"
    yield Corruption("duplicated", changed, index + 2, "event", (row, IN_ORDER))


def _moved(lines: Lines, index: int) -> Iterator[Corruption]:
    """An event that is the job's next one comes before it."""
    after = index + 1
    if after >= len(lines) or lines[after]["t"] != "event":
        return
    if lines[after]["name"] not in JOB_EVENTS or job_of(lines[after]) != job_of(lines[index]):
        return
    changed = [*lines[:index], lines[after], lines[index], *lines[after + 1 :]]
    yield Corruption("moved", changed, index + 1, "event", UNEXPECTED)


def _moved_out_of_command(lines: Lines, index: int) -> Iterator[Corruption]:
    """What a verb brings about comes neither before it is sent, nor after the reply to it."""
    line = lines[index]
    verb, during = _verb(line), [n for n in range(index) if lines[n].get("in") == line["n"]]
    if not during or "err" in line or verb not in CAUSES:
        return
    first, last = lines[during[0]], lines[during[-1]]
    is_caused = first["data"].get("status", "") in ("", *CAUSES[verb])
    if first["name"] in JOB_EVENTS and is_caused:
        before = {name: value for name, value in first.items() if name != "in"}
        yield _with("moved before", lines, during[0], before, "event", UNEXPECTED)
    if verb in ("finalize", "dismiss") and last["data"].get("status") in ("concluded", "null"):
        after = {name: value for name, value in last.items() if name != "in"}
        kept = [*lines[: during[-1]], *lines[during[-1] + 1 : index], line]
        changed = [*kept, after, *lines[index + 1 :]]
        yield Corruption("moved after", changed, index, "reply", TOO_EARLY)


def _flipped_end(lines: Lines, index: int) -> Iterator[Corruption]:
    """A job that was cancelled did not complete, a failure is no success, and the other way."""
    line = lines[index]
    ends = {
        "BLOCK_JOB_COMPLETED": "BLOCK_JOB_CANCELLED",
        "BLOCK_JOB_CANCELLED": "BLOCK_JOB_COMPLETED",
    }
    if line["name"] in ends:
        changed = {**line, "name": ends[line["name"]]}
        yield _with("flipped end", lines, index, changed, "event", ENDING)
    if line["name"] == "BLOCK_JOB_COMPLETED":
        data = dict(line["data"])
        if data.pop("error", None) is None:
            data["error"] = "Input/output error"
        yield _with("flipped result", lines, index, {**line, "data": data}, "event", ENDING)


def _flipped_action(lines: Lines, index: int) -> Iterator[Corruption]:
    """Policies report, ignore and stop have one action each, whatever the error."""
    line = lines[index]
    if line["name"] != "BLOCK_JOB_ERROR":
        return
    other = {"stop": "ignore", "ignore": "report", "report": "ignore"}
    data = {**line["data"], "action": other[line["data"]["action"]]}
    # Policies enospc and auto never ignore; report of an ignored one is not their choice either.
    changed, because = {**line, "data": data}, (f"{NOT_NOW}error in",)
    yield _with("flipped action", lines, index, changed, "event", because)


def _verb(line: Line) -> str | None:
    return next((v for v in VERBS if line["exec"] in (f"job-{v}", f"block-job-{v}")), None)


def _flipped_reply(lines: Lines, index: int) -> Iterator[Corruption]:
    """What was refused was not accepted, and what was accepted was not refused."""
    line = dict(lines[index])
    verb = _verb(line)
    early = [n for n in range(index) if lines[n].get("in") == line["n"]]
    if verb is None or (early and ("err" in line or _may_be_its_own(lines[early[0]]))):
        return
    because: tuple[str, ...] = ("allowed: ",)
    if "cannot be completed" in line.get("err", {}).get("desc", ""):
        # The soft cancel before it may have come too late, when the job's body had failed already.
        return
    if "err" in line:
        text = line.pop("err")["desc"]
        because = _checks(text)
        line["ret"] = {}
    else:
        del line["ret"]
        name = line["args"].get("id", line["args"].get("device"))
        text = f"Job '{name}' in state 'created' cannot accept command verb '{verb}'"
        line["err"] = {"class": "GenericError", "desc": text}
    copied = _with("flipped reply", lines, index, line, "reply", because)
    if early:
        # What the command brought about before its reply has no cause if it was refused.
        copied = replace(copied, line=early[0] + 1, what="event", because=UNEXPECTED)
    yield copied


def _checks(text: str) -> tuple[str, ...]:
    return (next((row for part, row in CHECKS.items() if part in text), BY_FORM), *GONE)


def _may_be_its_own(event: Line) -> bool:
    """Whether a job may have sent the event without being asked: a failure, and its end."""
    is_failing = event["data"].get("status") == "aborting"
    return is_failing or event["name"] not in ("JOB_STATUS_CHANGE", "BLOCK_JOB_PENDING")


def _flipped_query(lines: Lines, index: int) -> Iterator[Corruption]:
    """No quiet job has two answers to one question."""
    flips: dict[str, dict[object, object]] = {
        "paused": {True: False, False: True},
        "ready": {True: False, False: True},
        "auto-finalize": {True: False, False: True},
        "auto-dismiss": {True: False, False: True},
        "io-status": {"ok": "failed", "failed": "ok", "nospace": "ok"},
    }
    for name, values in flips.items():
        line = copy.deepcopy(lines[index])
        entry = line["block_jobs"][0]
        if name == "paused" and entry["busy"]:
            # A busy mirror may be in the drained section that it holds before it ends.
            continue
        entry[name] = values[entry[name]]
        yield _with(f"flipped {name}", lines, index, line, "query", AS_SHOWN)


def _with(
    name: str, lines: Lines, index: int, changed: Line, what: str, because: tuple[str, ...]
) -> Corruption:
    copied = [*lines[:index], changed, *lines[index + 1 :]]
    return Corruption(name, copied, index + 1, what, because)
