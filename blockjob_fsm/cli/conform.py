"""`blockjob conform`: random sessions played to our jobs and to the real QEMU, and compared."""

from __future__ import annotations

import json
import shutil
import time
from typing import Any

from blockjob_fsm.cli.problems import Problem, Status, say
from blockjob_fsm.conformance.beside import beside_qemu
from blockjob_fsm.conformance.walks import Outcome, draw, shrunk

DAEMON = "qemu-storage-daemon"
TOLD_EVERY_S = 10.0


def need_daemon() -> None:
    """Refuse where there is no QEMU to compare with."""
    if shutil.which(DAEMON) is None:
        raise Problem(f"{DAEMON} is not installed: install qemu-system-common")


def conform(*, sequences: int, seed: int, as_json: bool) -> Status:
    """Play sessions from a seed on; the first difference is shrunk, told, and ends the run."""
    need_daemon()
    covered: tuple[set[tuple[Any, ...]], ...] = (set(), set())
    next_line_at = time.monotonic() + TOLD_EVERY_S
    for number in range(seed, seed + sequences):
        outcome = beside_qemu(draw(number))
        for met, found in zip(covered, outcome.covered, strict=True):
            met.update(found)
        if outcome.difference is not None:
            _tell(shrunk(outcome, beside_qemu), as_json=as_json)
            return Status.FAILED
        if time.monotonic() >= next_line_at:
            next_line_at = time.monotonic() + TOLD_EVERY_S
            say(f"{number - seed + 1} of {sequences} sessions alike")
    _summary(sequences, covered, as_json=as_json)
    return Status.FINE


def _tell(outcome: Outcome, *, as_json: bool) -> None:
    session = str(outcome.session)
    if as_json:
        told = {"seed": outcome.session.seed, "session": session.splitlines()}
        print(json.dumps(told | {"difference": str(outcome.difference)}, indent=2))
    else:
        print(
            f"the session of seed {outcome.session.seed}, shrunk:\n{session}\n{outcome.difference}"
        )


def _summary(sequences: int, covered: tuple[set[tuple[Any, ...]], ...], *, as_json: bool) -> None:
    counts = {
        side: {kind: sum(met[0] == kind for met in found) for kind in ("edge", "verb")}
        for side, found in zip(("qemu", "ours"), covered, strict=True)
    }
    if as_json:
        print(json.dumps({"sessions": sequences, "alike": True, "covered": counts}))
        return
    print(f"{sequences} sessions: ours and QEMU alike in every step")
    for side, count in counts.items():
        print(f"{side}: {count['edge']} changes of status, {count['verb']} verbs in their status")
