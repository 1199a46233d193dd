"""Random sessions: a world with faults, and verbs, waits and transactions on up to three jobs.

A session is drawn from a seed and nothing else, so it can be played to any subject. What is not
drawn, since QEMU does not promise its outcome: faults under a commit of the active layer, which
reads ahead; a fault that is ignored for ever; a mirror's reported fault under a limit, which waits
for the limit. And what is not understood yet: a limit set on a backup that a fault has stopped,
which in QEMU keeps the resumed job from asking for the bad bytes again.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from blockjob_fsm.conformance.canonical import Ignored
from blockjob_fsm.conformance.replay import Difference, Step
from blockjob_fsm.conformance.subject import Arguments, Subject

SECTOR_BYTES = 512
RUN_SECTORS = 128
VERBS = (
    ("job-pause", "id"),
    ("block-job-pause", "device"),
    ("job-resume", "id"),
    ("block-job-resume", "device"),
    ("block-job-resume", "device"),
    ("job-complete", "id"),
    ("block-job-complete", "device"),
    ("job-finalize", "id"),
    ("block-job-finalize", "id"),
    ("job-dismiss", "id"),
    ("block-job-dismiss", "id"),
    ("block-job-cancel", "device"),
    ("job-cancel", "id"),
    ("block-job-set-speed", "device"),
)
#: what the job on the chain may be: after a stream a commit of the active layer has long extents
CHAIN_KINDS = (("block-stream", "block-commit"), ("active", "block-commit"))
SMALL = {"x-perf": {"max-chunk": 65536, "max-workers": 1, "use-copy-range": False}}


@dataclass(frozen=True, slots=True)
class Session:
    """Commands that build a world, and commands that are compared."""

    seed: int
    setup: tuple[tuple[str, Arguments], ...]
    script: tuple[tuple[str, Arguments], ...]

    def __str__(self) -> str:
        """The session as QMP commands, one to a line."""
        return "\n".join(
            json.dumps({"execute": command, "arguments": arguments})
            for command, arguments in (*self.setup, *self.script)
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """A session that was played to two subjects; `covered` is what each of the plays met."""

    session: Session
    difference: Difference | None
    covered: tuple[set[tuple[Any, ...]], ...]


def draw(seed: int) -> Session:
    """The session of a seed: 10 to 30 steps."""
    chance = random.Random(seed)
    slots = chance.sample(("j0", "j1", "j2"), chance.randrange(1, 4))
    kinds = chance.choice(CHAIN_KINDS)
    setup = tuple(_setup(chance, slots))
    steps = [_start(chance, slot, kinds) for slot in slots]
    limits = (0, -1) if "inject-error" in json.dumps(setup) else (0, 0, 1, 2, -1)
    steps += [
        _step(chance, slots, limits, kinds) for _ in range(chance.randrange(10, 31) - len(steps))
    ]
    return Session(seed, setup, tuple(steps))


def _setup(chance: random.Random, slots: list[str]) -> Iterator[tuple[str, Arguments]]:
    for slot in slots:
        if slot == "j2":
            for name, below in (("base", None), ("mid", "base"), ("top", "mid")):
                node = {"driver": "qcow2", "node-name": name, "file": _file(f"{name}.qcow2", name)}
                yield "blockdev-add", node | ({"backing": below} if below else {})
            continue
        for name in _pair(slot):
            faults = _faults(chance, name) if chance.random() < 0.3 else {}
            file = _file(f"{name}.raw", name) | faults
            yield "blockdev-add", {"driver": "raw", "node-name": name, "file": file}


def _file(image: str, node: str) -> Arguments:
    below = {"driver": "file", "filename": f"@DIR@/{image}", "node-name": f"{node}-file"}
    return {"driver": "blkdebug", "image": below, "node-name": f"{node}-dbg"}


def _faults(chance: random.Random, node: str) -> Arguments:
    return {
        "inject-error": [
            {
                "event": "none",
                "errno": chance.choice((5, 28)),
                "iotype": "read" if node.startswith("src") else "write",
                "sector": chance.randrange(1, 5) * RUN_SECTORS,
                "once": chance.random() < 0.5,
                "immediately": False,
            }
        ]
    }


def _pair(slot: str) -> tuple[str, str]:
    number = "" if slot == "j0" else "2"
    return f"src{number}", f"dst{number}"


def _start(chance: random.Random, slot: str, kinds: tuple[str, ...]) -> tuple[str, Arguments]:
    options: Arguments = {"job-id": slot}
    if chance.random() < 0.7:
        options["speed"] = chance.choice((0, 1, 1, 2))
    for name in ("auto-finalize", "auto-dismiss"):
        if chance.random() < 0.5:
            options[name] = chance.random() < 0.4
    if slot == "j2":
        kind = chance.choice(kinds)
        if kind == "block-stream":
            return kind, {"device": "top", **options}
        middle = {"top-node": "mid"} if kind == "block-commit" else {}
        return "block-commit", {"device": "top", "base-node": "base", **middle, **options}
    source, target = _pair(slot)
    common = {"device": source, "target": target, "sync": "full", **options}
    if chance.random() < 0.5:
        return "blockdev-backup", {**common, **_policies(chance), **SMALL}
    # Under a limit QEMU's mirror sleeps before it looks at an error that it reports.
    policy = {"on-source-error": "stop", "on-target-error": "stop"}
    return "blockdev-mirror", {**common, **policy, "granularity": 65536, "buf-size": 65536}


def _policies(chance: random.Random) -> Arguments:
    return {
        name: chance.choice(("report", "stop", "enospc", "auto"))
        for name in ("on-source-error", "on-target-error")
        if chance.random() < 0.5
    }


def _step(
    chance: random.Random, slots: list[str], limits: tuple[int, ...], kinds: tuple[str, ...]
) -> tuple[str, Arguments]:
    kind = chance.random()
    slot = chance.choice(slots)
    if kind < 0.1:
        return _start(chance, slot, kinds)
    if kind < 0.15:
        return "transaction", {"actions": []}
    pairs = [name for name in slots if name != "j2"]
    if kind < 0.2 and len(pairs) == 2:
        actions = [
            {"type": "blockdev-backup", "data": _backup(chance, name)} for name in sorted(pairs)
        ]
        mode = chance.choice(("grouped", "individual"))
        return "transaction", {"actions": actions, "properties": {"completion-mode": mode}}
    return _verb(chance, slot, limits)


def _backup(chance: random.Random, slot: str) -> Arguments:
    while True:
        command, arguments = _start(chance, slot, ())
        if command == "blockdev-backup":
            return arguments


def _verb(chance: random.Random, slot: str, limits: tuple[int, ...]) -> tuple[str, Arguments]:
    command, name = chance.choice(VERBS)
    arguments: Arguments = {name: slot}
    if command == "block-job-set-speed":
        arguments["speed"] = chance.choice(limits)
    if command == "block-job-cancel" and chance.random() < 0.3:
        arguments["force"] = chance.random() < 0.7
    return command, arguments


def play(session: Session, subject: Subject) -> Iterator[Step]:
    """Play a session; the steps as they were."""
    for command, arguments in session.setup:
        reply = subject.execute(command, arguments)
        assert "error" not in reply, reply
    for command, arguments in session.script:
        reply = subject.execute(command, arguments)
        subject.settle()
        jobs, block_jobs = subject.query()
        yield Step(command, arguments, reply.get("error"), subject.take_events(), jobs, block_jobs)


def first_difference(one: list[Step], other: list[Step]) -> Difference | None:
    """The first step in which two plays of a session differ."""
    mine, yours = Ignored(), Ignored()
    for number, (first, second) in enumerate(zip(one, other, strict=True)):
        expected, found = first.canonical(mine), second.canonical(yours)
        if expected != found:
            command = f"{first.command} {json.dumps(first.arguments)}"
            return Difference(number, command, expected, found)
    return None


def compare(session: Session, one: Callable[[], Subject], other: Callable[[], Subject]) -> Outcome:
    """Play a session to two subjects, made for it and closed again."""
    plays = []
    for build in (one, other):
        subject = build()
        try:
            plays.append(list(play(session, subject)))
        finally:
            subject.close()
    return Outcome(session, first_difference(*plays), tuple(map(set, map(edges, plays))))


def shrunk(outcome: Outcome, again: Callable[[Session], Outcome]) -> Outcome:
    """The session with every step left out that the difference does not need."""
    number = len(outcome.session.script) - 1
    while number >= 0:
        tried = again(without(outcome.session, number))
        if tried.difference is not None:
            outcome = tried
        number = min(number, len(outcome.session.script)) - 1
    return outcome


def without(session: Session, number: int) -> Session:
    """The session without one of its steps."""
    script = (*session.script[:number], *session.script[number + 1 :])
    return replace(session, script=script)


def edges(steps: list[Step]) -> Iterator[tuple[Any, ...]]:
    """What a play has covered: changes of status, and verbs by the status they met."""
    status: dict[str, str] = {}
    for step in steps:
        job = step.arguments.get("id", step.arguments.get("device"))
        if job in status or step.command.partition("-")[0] in ("job", "block"):
            met = status.get(str(job), "gone")
            yield "verb", step.command, met, step.error is None
        for name, data in step.events:
            if name == "JOB_STATUS_CHANGE":
                yield "edge", status.get(data["id"], "undefined"), data["status"]
                status[data["id"]] = data["status"]
        status = {name: at for name, at in status.items() if at != "null"}
