"""The arguments of QMP commands, with the refusals that the parser of QEMU has for them."""

from __future__ import annotations

from blockjob_fsm.bodies.requests import Sync
from blockjob_fsm.conformance.nodes import Unsupported
from blockjob_fsm.conformance.subject import Arguments
from blockjob_fsm.error_action import OnError
from blockjob_fsm.errors import QmpError


class Refusal(QmpError):
    """A refusal whose text is not the lifecycle's: the subject is the whole of it."""


def sync(arguments: Arguments) -> Sync:
    """The sync mode; raises Unsupported for one that only newer jobs have."""
    try:
        return Sync(arguments["sync"])
    except ValueError:
        raise Unsupported(f"sync {arguments['sync']}") from None


def policy(arguments: Arguments, name: str) -> OnError:
    """An on-error policy, report by default."""
    given = arguments.get(name, "report")
    # For jobs, auto is enospc.
    return OnError("enospc" if given == "auto" else given)
