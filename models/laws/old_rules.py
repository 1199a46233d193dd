"""The laws of the events that differ in QEMU 1.3, hazards included."""

from __future__ import annotations

from blockjob_fsm.errors import CannotComplete, DeviceNotActive
from blockjob_fsm.lifecycles.classic import CLASSIC_1_3
from blockjob_fsm.lifecycles.classic_words import (
    BACKING_OPENED,
    CALL_BACK,
    CLAIM,
    COMPLETE,
    COMPLETED,
    DECIDE,
    EMIT_CANCELLED,
    EMIT_COMPLETED,
    OPEN_BACKING,
    PIVOT,
    UNDRAIN,
    ClassicControl,
    Phase,
)
from models.laws.claims import ABSENT_OR_FREED, consistent, refused, taken, unknown


def complete(before: ClassicControl) -> None:
    """1.3 opens files first and asks whether the target is in step only then."""
    assert consistent(before)
    gone = before.phase in (Phase.PARKED, Phase.LEAVING, Phase.ENDING)
    if before.phase in ABSENT_OR_FREED:
        refused(before, COMPLETE(), DeviceNotActive, CLASSIC_1_3)
    elif gone or before.paused or before.cancelled or not before.completable:
        refused(before, COMPLETE(), CannotComplete, CLASSIC_1_3)
    else:
        assert taken(before, COMPLETE(), "", CLASSIC_1_3).outputs == (OPEN_BACKING,)


def backing_opened(before: ClassicControl) -> None:
    """Out of step: the request is refused after all; in step: it is remembered, the job runs."""
    assert consistent(before)
    if before.phase in ABSENT_OR_FREED:
        unknown(before, BACKING_OPENED(), CLASSIC_1_3)
    elif not before.synced:
        refused(before, BACKING_OPENED(), CannotComplete, CLASSIC_1_3)
    elif before.phase is Phase.PARKED or before.phase is Phase.ENDING:
        unknown(before, BACKING_OPENED(), CLASSIC_1_3)
    else:
        changed = "phase busy paused io_status should_complete"
        after = taken(before, BACKING_OPENED(), changed, CLASSIC_1_3).state
        assert after.should_complete
        assert after.busy


def decide(before: ClassicControl) -> None:
    """1.3 forgets the cancel of a mirror in step, and has no point of no return."""
    assert consistent(before)
    if before.phase is not Phase.RUNNING:
        unknown(before, DECIDE(), CLASSIC_1_3)
        return
    after = taken(before, DECIDE(), "cancelled", CLASSIC_1_3).state
    assert after.cancelled == (before.cancelled and not before.synced)


def completed(before: ClassicControl, result: int) -> None:
    """1.3 swaps on the request alone, even while it reports the job cancelled."""
    assert consistent(before)
    if before.phase is not Phase.RUNNING and before.phase is not Phase.LEAVING:
        unknown(before, COMPLETED(result), CLASSIC_1_3)
        return
    out = taken(before, COMPLETED(result), "phase ret", CLASSIC_1_3)
    assert out.state.ret == result
    told = EMIT_CANCELLED if before.cancelled else EMIT_COMPLETED
    swaps = before.should_complete and result == 0
    said = (UNDRAIN, told, CALL_BACK)
    assert out.outputs == ((PIVOT, *said) if swaps else said)


def claim(before: ClassicControl) -> None:
    """1.3 has no answer for a second user of a device: it stops on an assertion."""
    assert consistent(before)
    if before.phase is Phase.ABSENT and not before.in_use:
        assert taken(before, CLAIM(), "in_use", CLASSIC_1_3).state.in_use
    else:
        unknown(before, CLAIM(), CLASSIC_1_3)
