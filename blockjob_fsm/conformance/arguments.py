"""The arguments of QMP commands, with the refusals that the parser of QEMU has for them."""

from __future__ import annotations

from blockjob_fsm.bodies.requests import Sync
from blockjob_fsm.conformance.nodes import Unsupported
from blockjob_fsm.conformance.subject import Arguments
from blockjob_fsm.error_action import OnError
from blockjob_fsm.errors import QmpError


class Refusal(QmpError):
    """A refusal whose text is not the lifecycle's: the subject is the whole of it."""


def string(given: Arguments, name: str) -> str:
    """A member that must be a string; it is taken out of `given`."""
    value = _taken(given, name)
    if not isinstance(value, str):
        raise Refusal(f"Invalid parameter type for '{name}', expected: string")
    return value


def integer(given: Arguments, name: str) -> int:
    """A member that must be an integer; it is taken out of `given`."""
    value = _taken(given, name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise Refusal(f"Invalid parameter type for '{name}', expected: integer")
    return value


def _taken(given: Arguments, name: str) -> object:
    if name not in given:
        raise Refusal(f"Parameter '{name}' is missing")
    return given.pop(name)


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
