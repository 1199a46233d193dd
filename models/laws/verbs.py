"""The laws of the user's verbs, one per event."""

from __future__ import annotations

from blockjob_fsm.declaration import Event
from blockjob_fsm.error_action import IoStatus
from blockjob_fsm.errors import (
    CannotComplete,
    DeviceNotActive,
    InvalidParameter,
    JobPaused,
    NotSupported,
)
from blockjob_fsm.lifecycles.classic_words import (
    CANCEL,
    COMPLETE,
    IOSTATUS_RESET,
    PAUSE,
    RESET_TARGET,
    RESUME,
    SET_LIMIT,
    SET_SPEED,
    USER_CANCEL,
    ClassicControl,
    Phase,
)
from models.laws.claims import ABSENT_OR_FREED, consistent, refused, runs_unpaused, taken

WOKEN_BY_A_VERB = "phase busy paused io_status"


def set_speed(before: ClassicControl, new_speed: int) -> None:
    """A speed is taken in every state, or refused and the old one stays."""
    assert consistent(before)
    event = SET_SPEED(new_speed)
    if before.phase in ABSENT_OR_FREED:
        refused(before, event, DeviceNotActive)
    elif not before.settable:
        refused(before, event, NotSupported)
    elif new_speed < 0:
        refused(before, event, InvalidParameter)
    else:
        out = taken(before, event, "speed")
        assert out.state.speed == new_speed
        assert out.outputs == (SET_LIMIT,)


def pause(before: ClassicControl) -> None:
    """A pause is a flag: it moves nobody, and means nothing to a job that has ended."""
    assert consistent(before)
    if before.phase in ABSENT_OR_FREED:
        refused(before, PAUSE(), DeviceNotActive)
        return
    out = taken(before, PAUSE(), "paused")
    assert out.outputs == ()
    assert out.state.paused == (before.paused or before.phase is not Phase.ENDING)


def resume(before: ClassicControl) -> None:
    """A resumed job is not paused, has no error, and does not sit still."""
    assert consistent(before)
    if before.phase in ABSENT_OR_FREED:
        refused(before, RESUME(), DeviceNotActive)
        return
    out = taken(before, RESUME(), WOKEN_BY_A_VERB)
    assert out.state == before or before.phase is not Phase.ENDING
    if before.phase is not Phase.ENDING:
        runs_unpaused(before, out.state)
        assert RESET_TARGET in out.outputs


def cancel(before: ClassicControl) -> None:
    """A cancelled job cannot wait any more; one that has decided is not cancelled."""
    assert consistent(before)
    _cancelled(before, CANCEL())


def user_cancel(before: ClassicControl) -> None:
    """As cancel, but a paused job is not cancelled behind its back."""
    assert consistent(before)
    alive = before.phase not in (*ABSENT_OR_FREED, Phase.ENDING)
    if alive and before.paused:
        refused(before, USER_CANCEL(), JobPaused)
    else:
        _cancelled(before, USER_CANCEL())


def complete(before: ClassicControl) -> None:
    """A job completes on request when it is in step, neither paused nor cancelled."""
    assert consistent(before)
    ready = before.synced and not before.paused and not before.cancelled
    late = before.phase is Phase.ENDING or (before.decided and not before.should_complete)
    if before.phase in ABSENT_OR_FREED:
        refused(before, COMPLETE(), DeviceNotActive)
    elif late or not ready:
        refused(before, COMPLETE(), CannotComplete)
    else:
        out = taken(before, COMPLETE(), "should_complete " + WOKEN_BY_A_VERB)
        assert out.state.should_complete
        runs_unpaused(before, out.state)


def iostatus_reset(before: ClassicControl) -> None:
    """The error is gone; pause, phase and everything else stay."""
    assert consistent(before)
    if before.phase in ABSENT_OR_FREED:
        refused(before, IOSTATUS_RESET(), DeviceNotActive)
        return
    out = taken(before, IOSTATUS_RESET(), "io_status")
    assert out.state.io_status is IoStatus.OK
    assert out.outputs == (RESET_TARGET,)


def _cancelled(before: ClassicControl, event: Event) -> None:
    if before.phase in ABSENT_OR_FREED:
        refused(before, event, DeviceNotActive)
        return
    out = taken(before, event, "cancelled " + WOKEN_BY_A_VERB)
    if before.phase is Phase.ENDING:
        assert out.state == before
        return
    runs_unpaused(before, out.state)
    assert out.state.cancelled == (not before.decided)
    assert RESET_TARGET in out.outputs
