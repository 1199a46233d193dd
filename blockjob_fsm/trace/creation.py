"""What commands make jobs, and what jobs: their fixed flags and error policies, from the arguments.

Refusals that have nothing to do with a job's lifecycle (busy nodes, malformed names) are known here
by their texts; a text that is not listed is not taken for granted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from blockjob_fsm.error_action import OnError
from blockjob_fsm.lifecycles.modern_drivers import (
    ACTIVE_COMMIT,
    BACKUP,
    COMMIT,
    CREATE,
    MIRROR,
    STREAM,
    Driver,
)
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


#: command, or action of a transaction -> the job's kind; a commit may turn out to be an active one
DRIVER_OF = {
    "blockdev-mirror": MIRROR,
    "drive-mirror": MIRROR,
    "blockdev-backup": BACKUP,
    "drive-backup": BACKUP,
    "block-stream": STREAM,
    "block-commit": COMMIT,
    "blockdev-create": CREATE,
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

#: refusals of a node that another job is on: its name, and the job's type
BUSY = "Node '{}' is busy: block device is in use by block job: {}"
NOT_A_ROOT = "Need a root block node"

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
    NOT_A_ROOT,
    BUSY.format("...", "..."),
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
    return command == "transaction" or command in DRIVER_OF


def wishes(command: str, arguments: Arguments) -> Iterator[tuple[Wish, ...]]:
    """The jobs that a command asks for, by transaction, in the order they are made."""
    if command in DRIVER_OF:
        yield (_wish(command, arguments),)
        return
    made = [
        _wish(action["type"], action["data"])
        for action in _actions(arguments)
        if action["type"] in DRIVER_OF
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
    return Wish(name, _kind(DRIVER_OF[command], arguments))


def _kind(driver: Driver, arguments: Arguments) -> JobKind:
    if driver is COMMIT and not {"top", "top-node"} & set(arguments):
        driver = ACTIVE_COMMIT
    control = driver.control(
        auto_finalize=arguments.get("auto-finalize", True) is not False,
        auto_dismiss=arguments.get("auto-dismiss", True) is not False,
    )
    policies = tuple((word, _policy(arguments.get(name))) for word, name in driver.policies)
    if not driver.block_job:
        return JobKind(driver.type, control, policies)
    speed = arguments.get("speed", 0)
    speed = speed if isinstance(speed, int) else 0
    write_blocking = arguments.get("copy-mode") == "write-blocking"
    control = replace(control, write_blocking=write_blocking, speed=max(speed, 0))
    return JobKind(driver.type, control, policies, speed)


def _policy(given: object) -> OnError:
    if given == "auto":
        return OnError.ENOSPC
    return next((policy for policy in OnError if policy.value == given), OnError.REPORT)


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}
