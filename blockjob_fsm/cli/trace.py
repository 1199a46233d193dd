"""`blockjob trace check`: recorded sessions, judged one by one, and told."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from blockjob_fsm.cli.problems import Problem, Status, because, say, shown
from blockjob_fsm.cli.streams import STREAM
from blockjob_fsm.lifecycles.classic_words import QEMU_1_3
from blockjob_fsm.lifecycles.modern_words import RELEASES
from blockjob_fsm.trace import Finding, Unreadable, Verdict, check

_ACCEPTED, _REJECTED, _UNREADABLE = "accepted", "rejected", "unreadable"


def check_files(files: list[str], profile: str | None, *, as_json: bool) -> Status:
    """Judge each file and print; what cannot be read is told on standard error."""
    if profile == QEMU_1_3:
        why = "it sends no JOB_STATUS_CHANGE and has no query-jobs, so nothing is recorded of it"
        raise Problem(f"--profile {profile}: {why}: one of {', '.join(RELEASES)}")
    if profile is not None and profile not in RELEASES:
        raise Problem(f"--profile {profile}: no such release: one of {', '.join(RELEASES)}")
    counts = Counter[str]()
    entries = []
    for name in files:
        verdict = _judged(name, profile)
        counts[_word(verdict)] += 1
        if as_json:
            entries.append({"file": name} | (verdict.to_json() if verdict else _unread()))
        elif verdict is not None:
            print("\n".join(told(name, verdict)))
    totals = {word: counts[word] for word in (_ACCEPTED, _REJECTED, _UNREADABLE)}
    if as_json:
        print(json.dumps({"files": entries} | totals, indent=2))
    else:
        print(", ".join(f"{count} {word}" for word, count in totals.items()))
    if totals[_UNREADABLE]:
        return Status.UNREADABLE
    return Status.FAILED if totals[_REJECTED] else Status.FINE


def told(name: str, verdict: Verdict) -> Iterator[str]:
    """A verdict in lines."""
    if verdict.finding is None:
        yield f"{shown(name)}: {_ACCEPTED}: {verdict.lines} lines, by the rows of {verdict.profile}"
        return
    yield from _finding(shown(name), verdict.finding, verdict.profile)


def _finding(name: str, finding: Finding, profile: str) -> Iterator[str]:
    yield f"{name}:{finding.line}: {_REJECTED}: {finding.what}: {finding.seen}"
    yield f"    legal up to line {finding.line - 1}, by the rows of {profile}"
    yield from (f"    {text}" for text in finding.because)
    yield from (f"    legal here: {text}" for text in finding.legal or ("nothing",))


def _judged(name: str, profile: str | None) -> Verdict | None:
    """The verdict on a file; None, and a line about it, if it is no recording."""
    try:
        if name == STREAM:
            return check(sys.stdin or (), profile)
        with Path(name).open(encoding="utf-8") as recording:
            return check(recording, profile)
    except OSError as error:
        say(f"{shown(name)}: {because(error)}: name a recording that can be read")
    except UnicodeDecodeError:
        say(f"{shown(name)}: not text in UTF-8: name a recording, in JSON lines")
    except Unreadable as error:
        say(f"{shown(name)}: {error}")
    return None


def _word(verdict: Verdict | None) -> str:
    if verdict is None:
        return _UNREADABLE
    return _ACCEPTED if verdict.accepted else _REJECTED


def _unread() -> dict[str, object]:
    return {"verdict": _UNREADABLE}
