"""Kinds of live job, and the functions that whoever makes a job hands in, in every lifecycle.

What a kind may be asked is the lifecycle's business; here is what is called when it is asked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from blockjob_fsm.events import QmpEvent
from blockjob_fsm.lifecycles import modern_drivers as drivers
from blockjob_fsm.lifecycles.modern_drivers import Driver

Callback: TypeAlias = Callable[[Any, int], object]
Listener: TypeAlias = Callable[[QmpEvent], object]
Hook: TypeAlias = Callable[[Any], object]


@dataclass(frozen=True, slots=True)
class BlockJobType:
    """A kind of job. A hook that is None makes the operation one the kind does not support.

    `set_speed` runs after a new speed is in force (at creation only if it is not 0),
    `iostatus_reset` after a reset, `complete` when a user's request to complete is admissible; each
    gets the job, with no lock held. Of modern jobs all have a speed, whether they have a hook for
    it or not, and an io-status that is reset without one.
    """

    name: str
    set_speed: Hook | None = None
    iostatus_reset: Hook | None = None
    complete: Hook | None = None

    def without_hooks(self) -> BlockJobType:
        """The kind by its name alone."""
        return BlockJobType(self.name)


def _limit(job: object) -> None:
    """The limiter is part of the job's value and is set already."""


def _target_is_open(job: object) -> None:
    """The target's chain is opened with the target."""


def _type_of(driver: Driver) -> BlockJobType:
    complete = _target_is_open if driver.completable else None
    return BlockJobType(driver.type, set_speed=_limit, complete=complete)


STREAM = _type_of(drivers.STREAM)
COMMIT = _type_of(drivers.COMMIT)
ACTIVE_COMMIT = _type_of(drivers.ACTIVE_COMMIT)
MIRROR = _type_of(drivers.MIRROR)
BACKUP = _type_of(drivers.BACKUP)
_KNOWN = {kind.name: kind for kind in (STREAM, COMMIT, MIRROR, BACKUP)}


def job_type_of(kind: BlockJobType | str) -> BlockJobType:
    """The kind of a name; "commit" is below the active layer, and an unknown name has no hooks."""
    return _KNOWN.get(kind, BlockJobType(kind)) if isinstance(kind, str) else kind
