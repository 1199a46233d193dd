"""What commands make jobs, and what jobs: their fixed flags and error policies, from the arguments.

Refusals that have nothing to do with a job's lifecycle (busy nodes, malformed names) are known here
by their texts; a text that is not listed is not taken for granted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from blockjob_fsm.error_action import OnError
from blockjob_fsm.lifecycles.modern_words import ModernControl

Arguments = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class JobKind:
    """What a job is from its creation on. `speed` is the one it was created with.

    `policies` are the on-error policies of what its errors call "read" and "write".
    """

    type: str
    control: ModernControl
    policies: tuple[tuple[str, OnError], ...]
    speed: int = 0


@dataclass(frozen=True, slots=True)
class Wish:
    """A job that a command asks for; an empty id is one that nothing could be named after."""

    id: str
    kind: JobKind


#: command, or action of a transaction -> the job's type
TYPE_OF = {
    "blockdev-mirror": "mirror",
    "drive-mirror": "mirror",
    "blockdev-backup": "backup",
    "drive-backup": "backup",
    "block-stream": "stream",
    "block-commit": "commit",
    "blockdev-create": "create",
}

#: commands that may have devices drained, of jobs that they are not about too; HMP for qemu-io
DRAINING = {
    "blockdev-backup",
    "drive-backup",
    "transaction",
    "stop",
    "quit",
    "human-monitor-command",
}

#: refusals of creation that are no matter of the lifecycle; `...` stands for anything
OUTSIDE = (
    "Invalid job ID '...'",
    "Cannot find device='...' nor node-name='...'",
    "Device '...' not found",
    "Can't mirror node into itself",
    "Source and target cannot be the same",
    "Source and target image have different sizes",
    "Parameter 'granularity' expects a value in range [512B, 64MB]",
    "Parameter 'granularity' expects a power of 2",
    "Invalid parameter '...'",
    "Invalid parameter type for '...', expected: integer",
    "Invalid parameter type for '...', expected: boolean",
    "Invalid parameter type for '...', expected: string",
    "Parameter '...' is missing",
    "Parameter '...' is unexpected",
    "Parameter '...' does not accept value '...'",
    "Sync mode '...' not supported",
    "Failed to find node with node-name='...'",
    "Cannot replace '...' by a node mirrored from '...', because ...",
    "Need a root block node",
    "Node '...' is busy: block device is in use by block job: ...",
    "must provide a valid bitmap name for '...' sync mode",
    "Cannot specify bitmap sync mode without a bitmap",
    "Bitmap '...' could not be found",
    "max-workers must be between 1 and 2147483647",
    "max-chunk must be zero (which means no limit) or positive",
    "Required max-chunk (...) is less than backup cluster size (...)",
    "Can't find '...' in the backing chain",
    "'...' and '...' cannot be specified at the same time",
    "'...' is not in this backing file chain",
    "Node '...' is not a backing image of '...'",
    "cannot commit an image into itself",
    "Could not open '...': ...",
    "Transaction aborted using Abort action",
)
_OUTSIDE = re.compile("|".join(re.escape(text).replace(r"\.\.\.", ".*") for text in OUTSIDE))


def is_outside(desc: str) -> bool:
    """Whether a refusal's text is one that no lifecycle has a say in."""
    return _OUTSIDE.fullmatch(desc) is not None


def makes_jobs(command: str) -> bool:
    """Whether a command makes jobs if it succeeds."""
    return command == "transaction" or command in TYPE_OF


def wishes(command: str, arguments: Arguments) -> Iterator[tuple[Wish, ...]]:
    """The jobs that a command asks for, by transaction, in the order they are made."""
    if command in TYPE_OF:
        yield (_wish(command, arguments),)
        return
    made = [
        _wish(action["type"], action["data"])
        for action in _actions(arguments)
        if action["type"] in TYPE_OF
    ]
    if _mapping(arguments.get("properties")).get("completion-mode") == "grouped":
        yield tuple(made)
    else:
        yield from ((wish,) for wish in made)


def _actions(arguments: Arguments) -> list[Any]:
    actions = arguments.get("actions")
    found = [a for a in actions if isinstance(a, dict)] if isinstance(actions, list) else []
    return [a for a in found if isinstance(a.get("type"), str) and isinstance(a.get("data"), dict)]


def _wish(command: str, arguments: Arguments) -> Wish:
    # What nobody named is called like its device.
    name = str(arguments.get("job-id", arguments.get("device", "")))
    return Wish(name, _kind(TYPE_OF[command], arguments))


def _kind(job_type: str, arguments: Arguments) -> JobKind:
    if job_type == "create":
        return JobKind(job_type, ModernControl(block_job=False, auto_dismiss=False), ())
    speed = arguments.get("speed", 0)
    speed = speed if isinstance(speed, int) else 0
    is_active = job_type == "commit" and not ({"top", "top-node"} & set(arguments))
    control = ModernControl(
        completable=job_type == "mirror" or is_active,
        changeable=job_type == "mirror",
        write_blocking=arguments.get("copy-mode") == "write-blocking",
        auto_finalize=arguments.get("auto-finalize", True) is not False,
        auto_dismiss=arguments.get("auto-dismiss", True) is not False,
        speed=max(speed, 0),
    )
    return JobKind(job_type, control, tuple(_policies(job_type, arguments)), speed)


def _policies(job_type: str, arguments: Arguments) -> Iterator[tuple[str, OnError]]:
    if job_type == "stream":
        # It calls a failed write into the image a read too.
        yield "read", _policy(arguments.get("on-error"))
        return
    names = ("on-source-error", "on-target-error")
    names = ("on-error", "on-error") if job_type == "commit" else names
    for operation, name in zip(("read", "write"), names, strict=True):
        yield operation, _policy(arguments.get(name))


def _policy(given: object) -> OnError:
    if given == "auto":
        return OnError.ENOSPC
    return next((policy for policy in OnError if policy.value == given), OnError.REPORT)


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}
