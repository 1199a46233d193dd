"""A recorded session of the real QEMU, played again to a subject, and compared step by step.

A step is a command with its answer, the events of each job until the next command, and what the
queries say when all is quiet. The script of a session is its commands; what the recording says of
waiting is not needed by a subject that settles.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from blockjob_fsm.conformance.canonical import Ignored, block_job_entry, job_entry
from blockjob_fsm.conformance.nodes import Unsupported
from blockjob_fsm.conformance.subject import Subject

Record = dict[str, Any]


@dataclass(slots=True)
class Step:
    """One command and what followed it; `jobs` None: nobody looked when it was quiet.

    `number` is the command's in a recording, which its events refer to.
    """

    command: str
    arguments: Record
    error: Record | None = None
    events: list[tuple[str, Record]] = field(default_factory=list)
    jobs: list[Record] | None = None
    block_jobs: list[Record] | None = None
    number: int = -1

    def canonical(self, ignored: Ignored) -> Record:
        """What of it is compared; `ignored` remembers errors from step to step."""
        return {
            "error": self.error,
            "events": ignored.by_job(self.events),
            "jobs": self.jobs and [job_entry(entry) for entry in self.jobs],
            "block jobs": self.block_jobs and [block_job_entry(e) for e in self.block_jobs],
        }


@dataclass(frozen=True, slots=True)
class Difference:
    """Where a subject did otherwise: the step's number and command, what was expected and done."""

    number: int
    command: str
    expected: Record
    found: Record

    def __str__(self) -> str:
        lines = [f"step {self.number}, {self.command}:"]
        for key, value in self.expected.items():
            if value != self.found[key]:
                lines += [f"  {key} of QEMU: {value}", f"  {key} of ours: {self.found[key]}"]
        return "\n".join(lines)


@dataclass(slots=True)
class Recording:
    """A recorded session: how its world was built, and its steps."""

    name: str
    meta: Record
    setup: list[Record]
    steps: list[Step]


def read(path: Path) -> Recording:
    """Read a recording: JSON lines."""
    records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    meta, setup = records[0], [record for record in records if record["t"] == "setup"]
    return Recording(path.stem, meta, setup, list(_steps(records)))


def _steps(records: Iterable[Record]) -> Iterator[Step]:
    step: Step | None = None
    early: list[tuple[str, Record]] = []
    for record in records:
        match record["t"]:
            case "event":
                # Events that came before the reply are the command's whose reply comes next.
                waits = "in" in record and (step is None or record["in"] != step.number)
                (early if waits or step is None else step.events).append(
                    (record["name"], record["data"])
                )
            case "cmd":
                if step is not None:
                    yield step
                step = Step(record["exec"], record.get("args") or {}, record.get("err"), early)
                step.number, early = record["n"], []
            case "snap" if step is not None and record.get("quiet"):
                step.jobs, step.block_jobs = record["jobs"], record["block_jobs"]
    if step is not None:
        yield step


def differences(recording: Recording, subject: Subject) -> Iterator[Difference]:
    """Play a recording; yields where the subject did otherwise. Raises Unsupported."""
    if recording.meta["flavour"] != "qsd":
        raise Unsupported("a session of the system emulator")
    for record in recording.setup:
        subject.execute(record["exec"], record["args"])
    theirs, ours = Ignored(), Ignored()
    for number, step in enumerate(recording.steps):
        reply = subject.execute(step.command, step.arguments)
        subject.settle()
        jobs, block_jobs = subject.query()
        found = Step(step.command, step.arguments, reply.get("error"), subject.take_events())
        found.jobs = None if step.jobs is None else jobs
        found.block_jobs = None if step.block_jobs is None else block_jobs
        expected, done = step.canonical(theirs), found.canonical(ours)
        if expected != done:
            yield Difference(number, f"{step.command} {json.dumps(step.arguments)}", expected, done)
