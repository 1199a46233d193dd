"""The laws of what the world does to a job: its birth, its wake-ups, the device's other users."""

from __future__ import annotations

from blockjob_fsm.errors import DeviceInUse, InvalidParameter, NotSupported
from blockjob_fsm.lifecycles.classic_words import (
    BACKING_OPENED,
    CLAIM,
    CLAIM_DEVICE,
    CREATE,
    IO_DONE,
    RELEASE_DEVICE,
    RETURNED,
    SET_LIMIT,
    START,
    TIMER,
    UNCLAIM,
    WAKE,
    ClassicControl,
    Phase,
)
from models.laws.claims import consistent, refused, taken, unknown


def create(before: ClassicControl, new_speed: int) -> None:
    """A free device gets one job, busy and at the speed asked for, or nothing at all."""
    assert consistent(before)
    event = CREATE(new_speed)
    if before.phase is Phase.FREED:
        unknown(before, event)
    elif before.in_use:
        refused(before, event, DeviceInUse)
    elif new_speed != 0 and not before.settable:
        refused(before, event, NotSupported)
    elif new_speed < 0:
        refused(before, event, InvalidParameter)
    else:
        out = taken(before, event, "phase in_use busy speed")
        assert out.state.phase is Phase.CREATED
        assert out.state.speed == new_speed
        assert out.outputs == (CLAIM_DEVICE, SET_LIMIT)


def start(before: ClassicControl) -> None:
    """A job is entered for the first time once."""
    assert consistent(before)
    if before.phase is not Phase.CREATED:
        unknown(before, START())
        return
    assert taken(before, START(), "phase").state.phase is Phase.RUNNING


def io_done(before: ClassicControl) -> None:
    """Only a job that waits for its I/O is entered when I/O ends."""
    assert consistent(before)
    if before.phase is not Phase.WAITING:
        unknown(before, IO_DONE())
        return
    assert taken(before, IO_DONE(), "phase").state.phase is Phase.RUNNING


def timer(before: ClassicControl) -> None:
    """A timer wakes a sleeper, paused or not, and nobody else: a parked job has none."""
    assert consistent(before)
    if before.phase is not Phase.ASLEEP:
        unknown(before, TIMER())
        return
    out = taken(before, TIMER(), "phase busy")
    assert out.state.phase is Phase.WOKEN
    assert out.outputs == (WAKE,)


def returned(before: ClassicControl) -> None:
    """The device is free when the callback has returned, and not before."""
    assert consistent(before)
    if before.phase is not Phase.ENDING:
        unknown(before, RETURNED())
        return
    out = taken(before, RETURNED(), "phase busy in_use")
    assert out.state.phase is Phase.FREED
    assert not out.state.in_use
    assert out.outputs == (RELEASE_DEVICE,)


def claim(before: ClassicControl) -> None:
    """Somebody else takes a free device, and no other."""
    assert consistent(before)
    if before.phase is Phase.FREED:
        unknown(before, CLAIM())
    elif before.in_use:
        refused(before, CLAIM(), DeviceInUse)
    else:
        assert taken(before, CLAIM(), "in_use").state.in_use


def unclaim(before: ClassicControl) -> None:
    """Only a device without a job is given back by somebody else."""
    assert consistent(before)
    if before.phase is Phase.ABSENT and before.in_use:
        assert not taken(before, UNCLAIM(), "in_use").state.in_use
    else:
        unknown(before, UNCLAIM())


def backing_opened(before: ClassicControl) -> None:
    """Completion is one step here: nothing can come between the question and the answer."""
    assert consistent(before)
    unknown(before, BACKING_OPENED())
