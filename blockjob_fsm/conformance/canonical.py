"""What is compared of two sessions. What QEMU does not promise is taken out: see `left_out`.

    byte counts     only whether nothing, a part or all is done
    busy            gone
    repetitions     of an ignored error only the first after each change of status counts
    interleaving    of the events of different jobs, and of events with the reply of their command

Everything else must be equal.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Entry = dict[str, Any]


def progress(done: int, total: int) -> str:
    """How much is done, in a word."""
    if total == 0:
        return "empty"
    return "full" if done == total else "part" if done else "none"


def job_entry(entry: Entry) -> Entry:
    """An entry of query-jobs."""
    kept = {key: entry[key] for key in ("id", "type", "status", "error") if key in entry}
    return kept | {"progress": progress(entry["current-progress"], entry["total-progress"])}


def block_job_entry(entry: Entry) -> Entry:
    """An entry of query-block-jobs."""
    kept = {key: value for key, value in entry.items() if key not in ("busy", "len", "offset")}
    return kept | {"progress": progress(entry["offset"], entry["len"])}


class Ignored:
    """Which ignored errors were told of since each job's last change of status."""

    def __init__(self) -> None:
        self._told: set[tuple[str, str]] = set()

    def by_job(self, events: Iterable[tuple[str, Entry]]) -> dict[str, list[str]]:
        """Each job's events in their order, as words, without errors that were told before."""
        words: dict[str, list[str]] = {}
        for name, data in events:
            job, word = str(data.get("id", data.get("device"))), _word(name, data)
            if name == "JOB_STATUS_CHANGE":
                self._told = {known for known in self._told if known[0] != job}
            if data.get("action") == "ignore":
                if (job, word) in self._told:
                    continue
                self._told.add((job, word))
            words.setdefault(job, []).append(word)
        return words


def _word(name: str, data: Entry) -> str:
    data = dict(data)
    if "len" in data:
        data["progress"] = progress(data.pop("offset"), data.pop("len"))
    shown = [f"{key}={data[key]}" for key in sorted(data) if key not in ("id", "device")]
    return " ".join((name, *shown))
