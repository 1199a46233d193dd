"""Short sessions, written out by hand."""

import json
from typing import Any

from blockjob_fsm.trace import Verdict, check

Line = dict[str, Any]

META: Line = {"t": "meta", "qemu": "7.2.22"}


def cmd(name: str, n: int = 0, error: tuple[str, str] | None = None, **arguments: Any) -> Line:
    """A command with its reply; underlines in its members' names stand for hyphens."""
    args = {key.replace("_", "-"): value for key, value in arguments.items()}
    line: Line = {"t": "cmd", "n": n, "exec": name, "args": args}
    if error is None:
        return line | {"ret": {}}
    return line | {"err": {"class": error[0], "desc": error[1]}}


def status(job: str, *names: str, during: int | None = None) -> list[Line]:
    """A job's changes of status."""
    return [event("JOB_STATUS_CHANGE", during, id=job, status=name) for name in names]


def event(name: str, during: int | None = None, **data: Any) -> Line:
    """An event, asynchronous or during a command."""
    line: Line = {"t": "event", "name": name, "data": data}
    return line if during is None else line | {"in": during}


def figures(name: str, kind: str, **more: Any) -> Line:
    """An event with a job's figures."""
    return event(name, device="j0", type=kind, speed=0, len=1, offset=1, **more)


def stream(n: int = 0, **arguments: Any) -> list[Line]:
    """A stream that has been started, by the command of this number."""
    started = status("j0", "created", "running", during=n)
    return [META, *started, cmd("block-stream", n, job_id="j0", device="top", **arguments)]


def mirror(**arguments: Any) -> list[Line]:
    """A mirror that has been started, and is ready."""
    started = status("j0", "created", "running", during=0)
    made = cmd("blockdev-mirror", 0, job_id="j0", device="a", target="b", **arguments)
    ready = [*status("j0", "ready"), figures("BLOCK_JOB_READY", "mirror")]
    return [META, *started, made, *ready]


def verdict(*lines: Line, profile: str | None = None) -> Verdict:
    """The verdict on a session."""
    return check(map(json.dumps, lines), profile)
