"""`blockjob conform`: random sessions played to our jobs and to the real QEMU, and compared."""

from __future__ import annotations

import json
import shutil
import sys
import time
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from blockjob_fsm.cli.problems import Problem, Status, because, say
from blockjob_fsm.conformance import coverage
from blockjob_fsm.conformance.beside import beside_qemu
from blockjob_fsm.conformance.coverage import Coverage
from blockjob_fsm.conformance.nodes import Unsupported
from blockjob_fsm.conformance.session import Unreadable, read_session, shell_script
from blockjob_fsm.conformance.walks import Outcome
from blockjob_fsm.lifecycles.modern import modern

DAEMON = "qemu-storage-daemon"
#: the release whose rules are compared with
PROFILE = "7.2"
TOLD_EVERY_S = 10.0
SIDES = ("qemu", "ours")


class Telling:
    """Counts what each side has shown, and tells how far the run is."""

    def __init__(self, sequences: int) -> None:
        self._sequences = sequences
        self._done = 0
        self._next_line_at = time.monotonic() + TOLD_EVERY_S
        self._sides = [Coverage(modern(PROFILE)) for _ in SIDES]

    def heard(self, outcome: Outcome) -> None:
        """Take in one session."""
        self._done += 1
        for side, steps in zip(self._sides, outcome.plays, strict=True):
            side.add(steps)
        if time.monotonic() >= self._next_line_at:
            self._next_line_at = time.monotonic() + TOLD_EVERY_S
            say(f"{self._done} of {self._sequences} sessions alike")

    def reports(self) -> dict[str, dict[str, Any]]:
        """What each side has shown."""
        return {name: side.report() for name, side in zip(SIDES, self._sides, strict=True)}


def conform(*, sequences: int, seed: int, output: Path | None, as_json: bool) -> Status:
    """Play sessions of a seed; the first difference is shrunk, told, and ends the run."""
    need_daemon()
    if find_spec("hypothesis") is None:
        raise Problem("hypothesis is not installed: pip install hypothesis")
    telling = Telling(sequences)
    hunt = import_module("blockjob_fsm.conformance.hunt").Hunt(beside_qemu, telling.heard)
    outcome = hunt.run(sequences, seed)
    if outcome is not None:
        remarks = ["not as short as it gets: the time was up"] if hunt.is_bounded else []
        _tell(outcome, remarks, output, as_json=as_json)
        return Status.FAILED
    counts = {"sessions": hunt.played, "steps": hunt.steps, "unsteady": hunt.unsteady}
    told = {"seed": seed, **counts, "alike": True}
    if as_json:
        print(json.dumps(told | {"covered": telling.reports()}, indent=2))
        return Status.FINE
    print(f"{hunt.played} sessions, {hunt.steps} steps: ours and QEMU alike in every one")
    print(f"{hunt.unsteady} of them only when QEMU was asked again")
    for name, report in telling.reports().items():
        print("\n".join([f"{name}:", *coverage.lines(report)]))
    return Status.FINE


def play_script(path: Path, *, as_json: bool) -> Status:
    """Play one session to both, and tell whether they are alike or where they differ."""
    need_daemon()
    try:
        is_input = str(path) == "-"
        session = read_session(sys.stdin.read() if is_input else path.read_text(encoding="utf-8"))
        outcome = beside_qemu(session)
    except OSError as error:
        raise Problem(f"{path}: {because(error)}", Status.UNREADABLE) from None
    except (Unreadable, UnicodeDecodeError, Unsupported, KeyError) as error:
        raise Problem(f"{path}: {error}", Status.UNREADABLE) from None
    difference = outcome.difference
    if as_json:
        found = None if difference is None else str(difference)
        print(json.dumps({"alike": difference is None, "difference": found}, indent=2))
    else:
        print(f"{len(session.script)} steps: alike" if difference is None else difference)
    return Status.FINE if difference is None else Status.FAILED


def need_daemon() -> None:
    """Refuse where there is no QEMU to compare with."""
    if shutil.which(DAEMON) is None:
        raise Problem(f"{DAEMON} is not installed: install qemu-system-common")


def _tell(outcome: Outcome, remarks: list[str], output: Path | None, *, as_json: bool) -> None:
    difference = str(outcome.difference)
    script = shell_script(outcome.session, [*remarks, *difference.splitlines()])
    if output is not None:
        output.write_text(script, encoding="utf-8")
    if as_json:
        print(json.dumps({"alike": False, "difference": difference, "script": script}, indent=2))
    else:
        print(difference)
        print(script if output is None else f"{output}: plays it")
