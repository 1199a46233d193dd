"""The conditions in which a client can meet a job, as data: how each comes about, what is asked.

A condition is a world (`setup`) and commands that lead to it (`lead`); then one command is asked of
the job `j0`, and `end` takes the job to where it goes from there. Nothing is played here.

Not here, since no client meets them: created and aborting, which end within the command that begins
them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from blockjob_fsm.command_forms import COMMAND_FORMS
from blockjob_fsm.conformance.subject import Arguments
from blockjob_fsm.lifecycles.modern_drivers import ACTIVE_COMMIT, BACKUP, COMMIT, MIRROR, STREAM

Command = tuple[str, Arguments]
JOB = "j0"
#: no command of QMP, but what a guest does: its arguments are those of `Subject.guest_write`
GUEST_WRITE = "guest-write"
_DRIVERS = {
    "mirror": MIRROR,
    "backup": BACKUP,
    "stream": STREAM,
    "commit": COMMIT,
    "active": ACTIVE_COMMIT,
}
_KINDS = tuple(_DRIVERS)
_COMPLETABLE = tuple(kind for kind, driver in _DRIVERS.items() if driver.completable)
#: one request at a time
_SMALL = {"x-perf": {"max-chunk": 65536, "max-workers": 1, "use-copy-range": False}}
_MIRRORED = {"granularity": 65536, "buf-size": 65536}
_FAULTY_SECTOR = 384
_NEVER_DISMISSED: Arguments = {"auto-dismiss": False}
_MANUAL: Arguments = {"auto-finalize": False, "auto-dismiss": False}
_HELD: Arguments = {"speed": 1}
_IN_STEP_AT_ONCE: Arguments = {"sync": "none", "auto-dismiss": False}


@dataclass(frozen=True, slots=True)
class Condition:
    """What a client sees of a job of one kind when it asks; `what` is the same for all kinds."""

    what: str
    kind: str
    setup: tuple[Command, ...]
    lead: tuple[Command, ...]
    group: str = ""

    @property
    def name(self) -> str:
        """The condition and the kind of job."""
        return f"{self.what}, {self.kind}" if self.kind else self.what


@dataclass(frozen=True, slots=True)
class Asked:
    """A command with arguments, both as on the wire; `text` is JSON."""

    command: str
    text: str

    @property
    def arguments(self) -> Arguments:
        arguments: Arguments = json.loads(self.text)
        return arguments

    @property
    def name(self) -> str:
        """The command, and what it is given beside the job."""
        usual = {"device" if self.command in _BY_DEVICE else "id": JOB}
        given = dict(self.arguments)
        if usual.items() <= given.items():
            given = {key: value for key, value in given.items() if key not in usual}
        elif not given:
            return f"{self.command} {{}}"
        return " ".join((self.command, *(f"{k}={json.dumps(v)}" for k, v in given.items())))


_BY_DEVICE = tuple(form.name for form in COMMAND_FORMS if form.member == "device")


def forms() -> tuple[Asked, ...]:
    """Every command that acts on a job, with each kind of argument."""
    return (*well_formed(), *malformed())


def well_formed() -> tuple[Asked, ...]:
    """Commands whose arguments fit."""
    return tuple(Asked(command, json.dumps(given)) for command, given in _well_formed())


def malformed() -> tuple[Asked, ...]:
    """Commands that are refused before any job is looked up."""
    return tuple(Asked(command, json.dumps(given)) for command, given in _malformed())


def _well_formed() -> Iterator[Command]:
    for verb in ("cancel", "pause", "resume", "complete", "finalize", "dismiss"):
        yield f"job-{verb}", {"id": JOB}
    yield "block-job-cancel", {"device": JOB}
    for force in (False, True):
        yield "block-job-cancel", {"device": JOB, "force": force}
    for verb in ("pause", "resume", "complete"):
        yield f"block-job-{verb}", {"device": JOB}
    for verb in ("finalize", "dismiss"):
        yield f"block-job-{verb}", {"id": JOB}
    for speed in (0, 1, 2, 100 << 20, (1 << 63) - 1, -1):
        yield "block-job-set-speed", {"device": JOB, "speed": speed}
    yield "block-job-change", {"id": JOB, "type": "mirror", "copy-mode": "write-blocking"}


def _malformed() -> Iterator[Command]:
    yield "job-pause", {}
    yield "job-pause", {"id": 7}
    yield "job-cancel", {"id": JOB, "force": True}
    yield "block-job-pause", {"id": JOB}
    yield "block-job-finalize", {"device": JOB}
    yield "block-job-cancel", {"device": JOB, "force": "yes"}
    yield "block-job-set-speed", {"device": JOB}
    yield "block-job-set-speed", {"device": JOB, "speed": "fast"}
    yield "block-job-set-speed", {"device": JOB, "speed": True}


#: takes a job from wherever it is to where it goes when it may
END: tuple[Command, ...] = (
    ("job-resume", {"id": JOB}),
    ("block-job-set-speed", {"device": JOB, "speed": 0}),
    ("job-complete", {"id": JOB}),
    ("job-finalize", {"id": JOB}),
    ("job-dismiss", {"id": JOB}),
)


def ending(condition: Condition) -> tuple[Command, ...]:
    """The commands that end a condition's jobs, other members' first."""
    commands = [command for command, _ in condition.setup]
    let_go: tuple[Command, ...] = ()
    if "object-add" in commands:
        unlimited = {"path": "/objects/tg", "property": "limits", "value": {"bps-write": 0}}
        let_go = (("qom-set", unlimited), ("transaction", {"actions": []}))
    others: tuple[Command, ...] = ()
    if any(command == "transaction" for command, _ in condition.lead):
        others = (
            ("block-job-set-speed", {"device": "j1", "speed": 0}),
            ("job-dismiss", {"id": "j1"}),
        )
    return (*let_go, *others, *END)


def conditions() -> tuple[Condition, ...]:
    """All of them, in the order of a job's life."""
    return tuple(
        replace(condition, group=group)
        for group, members in (
            ("At work", _at_work()),
            ("While a request is under way", _in_flight()),
            ("Stopped by an error", _stopped()),
            ("In step", _in_step()),
            ("Out of step again", _out_of_step()),
            ("In a transaction", _grouped()),
            ("Pending", _pending()),
            ("Concluded", _concluded()),
            ("No job", _absent()),
        )
        for condition in members
    )


def _absent() -> Iterator[Condition]:
    yield Condition("gone", "mirror", tuple(_world("mirror")), (_start("mirror"), _ask("complete")))
    yield Condition("never there", "", (), ())


def _at_work() -> Iterator[Condition]:
    for kind in _KINDS:
        yield _of("running", kind, _HELD)
    for kind in _KINDS:
        yield _of("paused", kind, _HELD, _ask("pause"))


def _in_flight() -> Iterator[Condition]:
    """The job cannot do what it is asked until its request has ended."""
    for what, asked in (
        ("running, in a request", ()),
        ("running, asked to pause", (_ask("pause"),)),
        ("running, asked to pause and resumed", (_ask("pause"), _ask("resume"))),
        ("running, cancelled", (_ask("cancel"),)),
        ("running, cancelled and asked to pause", (_ask("cancel"), _ask("pause"))),
    ):
        for kind in ("mirror", "backup"):
            yield Condition(
                what, kind, tuple(_throttled()), (_start(kind, _NEVER_DISMISSED), *asked)
            )


def _stopped() -> Iterator[Condition]:
    for code, name in ((5, "EIO"), (28, "ENOSPC")):
        for kind in _KINDS:
            setup, start = tuple(_world(kind, code)), _start(kind, _policy(kind, "stop"))
            yield Condition(f"paused by {name}", kind, setup, (start,))


def _in_step() -> Iterator[Condition]:
    for kind in _COMPLETABLE:
        yield _of("ready", kind, {})
    for kind in _COMPLETABLE:
        yield _of("standby", kind, {}, _ask("pause"))
    for kind in _COMPLETABLE:
        yield _of("standby, asked to complete", kind, {}, _ask("pause"), _ask("complete"))


def _out_of_step() -> Iterator[Condition]:
    """A guest has written, and the copy of it is held."""
    soft: Command = ("block-job-cancel", {"device": JOB})
    for what, asked in (
        ("ready, out of step", ()),
        ("ready, asked to complete", (_ask("complete"),)),
        ("ready, cancelled softly", (soft,)),
        ("ready, asked to complete, then cancelled softly", (_ask("complete"), soft)),
        ("ready, cancelled", (_ask("cancel"),)),
        ("ready, asked to pause", (_ask("pause"),)),
        ("ready, cancelled softly, asked to pause", (soft, _ask("pause"))),
    ):
        setup, start = (*_throttled(), *_exported()), _start("mirror", _IN_STEP_AT_ONCE)
        yield Condition(what, "mirror", setup, (start, _guest_write(65536, 524288), *asked))
    for errno, name in ((5, "EIO"), (28, "ENOSPC")):
        bad = _faults("none", errno, "write", sector=_FAULTY_SECTOR)
        nodes = _raw("src", _file("src.raw", "src")), _raw("dst", _file("dst.raw", "dst", bad))
        start = _start("mirror", {"on-target-error": "stop", **_IN_STEP_AT_ONCE})
        lead = start, _guest_write(_FAULTY_SECTOR * 512, 65536)
        for what, asked in (("", ()), (", asked to complete", (_ask("complete"),))):
            setup = (*nodes, *_exported())
            yield Condition(f"standby by {name}{what}", "mirror", setup, (*lead, *asked))


def _guest_write(offset: int, length: int) -> Command:
    return GUEST_WRITE, {"node": "src", "offset": offset, "length": length}


def _grouped() -> Iterator[Condition]:
    for what, options in (
        ("waiting", {}),
        ("waiting, not finalizing itself", {"auto-finalize": False}),
        ("waiting, not dismissing itself", _NEVER_DISMISSED),
    ):
        held = _backup("j1", "2", _HELD)
        yield Condition(what, "backup", tuple(_pairs()), (_group(_backup(JOB, "", options), held),))
    for what, mine, other in (
        ("pending, for itself", _MANUAL, {}),
        ("pending, for another", _NEVER_DISMISSED, {"auto-finalize": False}),
    ):
        members = _backup(JOB, "", mine), _backup("j1", "2", other)
        yield Condition(what, "backup", tuple(_pairs()), (_group(*members),))


def _pending() -> Iterator[Condition]:
    for what, options in (
        ("pending", {"auto-finalize": False}),
        ("pending, not dismissing itself", _MANUAL),
    ):
        for kind in _KINDS:
            asked = (_ask("complete"),) if kind in _COMPLETABLE else ()
            yield _of(what, kind, options, *asked)
    for kind in _COMPLETABLE:
        yield _of("pending, cancelled softly", kind, _MANUAL, ("block-job-cancel", {"device": JOB}))


def _concluded() -> Iterator[Condition]:
    for kind in _KINDS:
        asked = (_ask("complete"),) if kind in _COMPLETABLE else ()
        yield _of("concluded", kind, _NEVER_DISMISSED, *asked)
    for kind in _KINDS:
        setup, start = tuple(_world(kind, 5)), _start(kind, _NEVER_DISMISSED)
        yield Condition("concluded, failed", kind, setup, (start,))
    for kind in _KINDS:
        yield _of("concluded, cancelled", kind, _NEVER_DISMISSED | _HELD, _ask("cancel"))
    for kind in ("mirror", "backup"):
        let_go = ending(Condition("", "", tuple(_throttled()), ()))[:2]
        lead = (_start(kind, _NEVER_DISMISSED), _ask("cancel"), _ask("pause"), *let_go)
        yield Condition("concluded, with a pause that came late", kind, tuple(_throttled()), lead)


def _of(what: str, kind: str, options: Arguments, *asked: Command) -> Condition:
    return Condition(what, kind, tuple(_world(kind)), (_start(kind, options), *asked))


def _ask(verb: str) -> Command:
    return f"job-{verb}", {"id": JOB}


def _start(kind: str, options: Arguments | None = None) -> Command:
    options = {"job-id": JOB, **(options or {})}
    pair = {"device": "src", "target": "dst", "sync": "full"}
    match kind:
        case "mirror":
            return "blockdev-mirror", {**pair, **_MIRRORED, **options}
        case "backup":
            return "blockdev-backup", {**pair, **_SMALL, **options}
        case "stream":
            return "block-stream", {"device": "top", **options}
        case "commit":
            middle = {"top-node": "mid", "backing-file": "base.qcow2"}
            return "block-commit", {"device": "top", "base-node": "base", **middle, **options}
    return "block-commit", {"device": "top", "base-node": "base", **options}


def _policy(kind: str, policy: str) -> Arguments:
    """The policy of reads, under the name that the kind's command has for it."""
    return {dict(_DRIVERS[kind].policies)["read"]: policy}


def _backup(job: str, pair: str, options: Arguments) -> Arguments:
    nodes = {"device": f"src{pair}", "target": f"dst{pair}", "sync": "full"}
    return {"type": "blockdev-backup", "data": {"job-id": job, **nodes, **_SMALL, **options}}


def _group(*actions: Arguments) -> Command:
    mode = {"completion-mode": "grouped"}
    return "transaction", {"actions": list(actions), "properties": mode}


# Worlds.


def _world(kind: str, errno: int = 0) -> Iterator[Command]:
    if kind in ("mirror", "backup"):
        yield _raw("src", _file("src.raw", "src", _bad_sector(errno)))
        yield _raw("dst", _file("dst.raw", "dst"))
        return
    faulty = {"stream": "base", "commit": "mid", "active": "top"}[kind]
    below: Arguments = {}
    for name in ("base", "mid", "top"):
        faults = _bad_fourth_read(errno) if name == faulty else {}
        file = _file(f"{name}.qcow2", name, faults)
        yield "blockdev-add", {"driver": "qcow2", "node-name": name, "file": file, **below}
        below = {"backing": name}


def _pairs() -> Iterator[Command]:
    for pair in ("", "2"):
        for name in (f"src{pair}", f"dst{pair}"):
            yield _raw(name, _file(f"{name}.raw", name))


def _throttled() -> Iterator[Command]:
    """A target that lets one write pass, and holds the next."""
    limits = {"qom-type": "throttle-group", "id": "tg", "limits": {"bps-write": 1}}
    yield "object-add", limits
    yield _raw("src", _file("src.raw", "src"))
    slow = {"driver": "throttle", "throttle-group": "tg", "node-name": "dst-thr"}
    yield _raw("dst", slow | {"file": _file("dst.raw", "dst")})


def _exported() -> Iterator[Command]:
    """The source, for a guest that writes."""
    yield "nbd-server-start", {"addr": {"type": "unix", "data": {"path": "@DIR@/nbd"}}}
    export = {"type": "nbd", "id": "guest", "node-name": "src", "writable": True}
    yield "block-export-add", export


def _raw(name: str, file: Arguments) -> Command:
    return "blockdev-add", {"driver": "raw", "node-name": name, "file": file}


def _file(image: str, node: str, faults: Arguments | None = None) -> Arguments:
    below = {"driver": "file", "filename": f"@DIR@/{image}", "node-name": f"{node}-file"}
    return {"driver": "blkdebug", "image": below, "node-name": f"{node}-dbg", **(faults or {})}


def _bad_sector(errno: int) -> Arguments:
    return _faults("none", errno, "read", sector=_FAULTY_SECTOR) if errno else {}


def _bad_fourth_read(errno: int) -> Arguments:
    if not errno:
        return {}
    counted = [{"event": "read_aio", "state": at, "new_state": at + 1} for at in (1, 2, 3)]
    return {"set-state": counted, **_faults("read_aio", errno, "read", state=4)}


def _faults(event: str, errno: int, iotype: str, **where: Any) -> Arguments:
    how = {"errno": errno, "iotype": iotype, "once": False, "immediately": False}
    return {"inject-error": [{"event": event, **how, **where}]}
