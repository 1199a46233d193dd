"""The canaries of what the world does to a job."""

from __future__ import annotations

from blockjob_fsm.lifecycles.classic_words import ClassicControl, Phase
from models.laws import world
from models.laws.claims import consistent


def create(before: ClassicControl, new_speed: int) -> None:
    """Wrong: no job is created with the speed 8192."""
    assert consistent(before)
    world.create(before, new_speed)
    assert not (before.phase is Phase.ABSENT and not before.in_use and new_speed == 8192)


def start(before: ClassicControl) -> None:
    """Wrong: no job with a limit is started."""
    assert consistent(before)
    world.start(before)
    assert not (before.phase is Phase.CREATED and before.speed == 8192)


def io_done(before: ClassicControl) -> None:
    """Wrong: no I/O ends in a job that was paused and cancelled."""
    assert consistent(before)
    world.io_done(before)
    assert not (before.phase is Phase.WAITING and before.paused and before.cancelled)


def timer(before: ClassicControl) -> None:
    """Wrong: a pause stops the timer."""
    assert consistent(before)
    world.timer(before)
    assert not (before.phase is Phase.ASLEEP and before.paused)


def returned(before: ClassicControl) -> None:
    """Wrong: every job succeeds."""
    assert consistent(before)
    world.returned(before)
    assert before.phase is not Phase.ENDING or before.ret == 0


def claim(before: ClassicControl) -> None:
    """Wrong: nobody asks for the device of a parked job."""
    assert consistent(before)
    world.claim(before)
    assert before.phase is not Phase.PARKED


def unclaim(before: ClassicControl) -> None:
    """Wrong: a device without a job is free."""
    assert consistent(before)
    world.unclaim(before)
    assert before.phase is not Phase.ABSENT or not before.in_use


def backing_opened(before: ClassicControl) -> None:
    """Wrong: no sleeping mirror is in step."""
    assert consistent(before)
    world.backing_opened(before)
    assert not (before.phase is Phase.ASLEEP and before.synced)
