"""The canaries of the user's verbs."""

from __future__ import annotations

from blockjob_fsm.error_action import IoStatus
from blockjob_fsm.lifecycles.classic_words import ClassicControl, Phase
from models.laws import verbs
from models.laws.claims import consistent


def set_speed(before: ClassicControl, new_speed: int) -> None:
    """Wrong: no job that sleeps is ever given the speed 4096."""
    assert consistent(before)
    verbs.set_speed(before, new_speed)
    assert not (before.phase is Phase.ASLEEP and before.settable and new_speed == 4096)


def pause(before: ClassicControl) -> None:
    """Wrong: no job is ever paused while it waits for its I/O."""
    assert consistent(before)
    verbs.pause(before)
    assert before.phase is not Phase.WAITING or before.paused


def resume(before: ClassicControl) -> None:
    """Wrong: nobody parks with a full disk."""
    assert consistent(before)
    verbs.resume(before)
    assert not (before.phase is Phase.PARKED and before.io_status is IoStatus.NOSPACE)


def cancel(before: ClassicControl) -> None:
    """Wrong: a job is cancelled only once."""
    assert consistent(before)
    verbs.cancel(before)
    assert not (before.phase is Phase.WAITING and before.cancelled)


def user_cancel(before: ClassicControl) -> None:
    """Wrong: a sleeping job is always paused."""
    assert consistent(before)
    verbs.user_cancel(before)
    assert before.phase is not Phase.ASLEEP or before.paused


def complete(before: ClassicControl) -> None:
    """Wrong: no job is asked twice."""
    assert consistent(before)
    verbs.complete(before)
    assert not (before.phase is Phase.ASLEEP and before.synced and before.should_complete)


def iostatus_reset(before: ClassicControl) -> None:
    """Wrong: every error is acknowledged by a job that runs."""
    assert consistent(before)
    verbs.iostatus_reset(before)
    assert before.io_status is IoStatus.OK or before.phase is Phase.RUNNING
