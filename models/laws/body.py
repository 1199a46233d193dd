"""The laws of what a job does itself: ask for I/O, sleep, look, fail, announce, decide and end."""

from __future__ import annotations

from blockjob_fsm.error_action import ErrorAction, IoStatus
from blockjob_fsm.lifecycles.classic_words import (
    CALL_BACK,
    COMPLETED,
    DECIDE,
    EMIT_CANCELLED,
    EMIT_COMPLETED,
    EMIT_ERROR,
    EMIT_READY,
    ERROR,
    PIVOT,
    READY,
    STOP_TARGET,
    SUBMIT,
    SUBMIT_IO,
    TEST,
    UNDRAIN,
    ClassicControl,
    Phase,
)
from models.laws.claims import consistent, sleeps_by_the_rule, taken, unknown

ACTIONS = tuple(ErrorAction)
STATUSES = tuple(IoStatus)


def submit(before: ClassicControl) -> None:
    """I/O is asked for by a running job alone: not after waking, not on the way out."""
    assert consistent(before)
    if before.phase is not Phase.RUNNING:
        unknown(before, SUBMIT())
        return
    out = taken(before, SUBMIT(), "phase")
    assert out.state.phase is Phase.WAITING
    assert out.outputs == (SUBMIT_IO,)


def sleep(before: ClassicControl) -> None:
    """A cancelled job does not wait, a paused one parks, any other sleeps on a timer."""
    assert consistent(before)
    sleeps_by_the_rule(before)


def test(before: ClassicControl) -> None:
    """After a wake-up a cancelled job leaves, unless it is in step and copies until clean."""
    assert consistent(before)
    if before.phase is not Phase.WOKEN:
        unknown(before, TEST())
        return
    after = taken(before, TEST(), "phase").state
    leaves = before.cancelled and not before.synced
    assert after.phase is (Phase.LEAVING if leaves else Phase.RUNNING)


def error(before: ClassicControl, action: int, status: int, on_target: bool) -> None:
    """One event for each error; only a stop pauses, and the first error stays published."""
    assert consistent(before)
    assert 0 <= action < 3
    assert 0 <= status < 3
    if before.phase is not Phase.RUNNING:
        unknown(before, ERROR(ErrorAction.STOP, IoStatus.FAILED, on_target))
        return
    chosen, published = ACTIONS[action], STATUSES[status]
    out = taken(before, ERROR(chosen, published, on_target), "paused io_status synced")
    stops = chosen is ErrorAction.STOP
    assert out.outputs == ((EMIT_ERROR, STOP_TARGET) if stops and on_target else (EMIT_ERROR,))
    assert not out.state.synced
    assert out.state.paused == (before.paused or stops)
    is_first = stops and before.io_status is IoStatus.OK
    assert out.state.io_status is (published if is_first else before.io_status)


def ready(before: ClassicControl) -> None:
    """In step is announced on the way from out of step, by a type that can complete."""
    assert consistent(before)
    if before.phase is not Phase.RUNNING or before.synced or not before.completable:
        unknown(before, READY())
        return
    out = taken(before, READY(), "synced")
    assert out.state.synced
    assert out.outputs == (EMIT_READY,)


def decide(before: ClassicControl) -> None:
    """Past the point of no return a job is not cancelled, and says so by completing."""
    assert consistent(before)
    if before.phase is not Phase.RUNNING:
        unknown(before, DECIDE())
        return
    out = taken(before, DECIDE(), "decided cancelled")
    assert out.state.decided
    assert not out.state.cancelled
    assert out.outputs == ()


def completed(before: ClassicControl, result: int) -> None:
    """One last event, by the flag; a swap only on request, without error and not cancelled."""
    assert consistent(before)
    if before.phase is not Phase.RUNNING and before.phase is not Phase.LEAVING:
        unknown(before, COMPLETED(result))
        return
    out = taken(before, COMPLETED(result), "phase ret")
    assert out.state.phase is Phase.ENDING
    assert out.state.ret == result
    told = EMIT_CANCELLED if before.cancelled else EMIT_COMPLETED
    swaps = before.should_complete and result == 0 and not before.cancelled
    said = (UNDRAIN, told, CALL_BACK)
    assert out.outputs == ((PIVOT, *said) if swaps else said)
