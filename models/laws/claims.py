"""What the laws of the 2012 lifecycle are made of: consistent states, and what every step keeps.

Stated over plain values. The guards of the rows may not enter here, or a law would repeat the row.
"""

from __future__ import annotations

from dataclasses import fields

from blockjob_fsm.declaration import Event, Lifecycle, Refused, Stepped, step
from blockjob_fsm.error_action import IoStatus
from blockjob_fsm.errors import QmpError
from blockjob_fsm.lifecycles.classic import CLASSIC
from blockjob_fsm.lifecycles.classic_words import (
    ARM_TIMER,
    CALL_BACK,
    CANCEL_TIMER,
    RELEASE_DEVICE,
    SLEEP,
    TIMER,
    WAKE,
    ClassicControl,
    Phase,
)

Classic = Lifecycle[ClassicControl]

FIELDS = tuple(field.name for field in fields(ClassicControl))
ABSENT_OR_FREED = (Phase.ABSENT, Phase.FREED)
#: on its own feet: it runs, or waits for nothing but its I/O
ACTIVE = (Phase.CREATED, Phase.RUNNING, Phase.WAITING, Phase.WOKEN, Phase.LEAVING)
SUSPENDED = (Phase.CREATED, Phase.WAITING, Phase.ASLEEP, Phase.PARKED)


def consistent(state: ClassicControl) -> bool:
    """What is true of every state a job can be in; each step must keep it.

    `a <= b` is "a implies b", and `&` evaluates both sides: one branch, where `and` and `or` would
    have CrossHair walk each combination of flags.
    """
    phase = state.phase
    idle = phase is Phase.ASLEEP or phase is Phase.PARKED
    must_pause = phase is Phase.PARKED or state.io_status is not IoStatus.OK
    return (
        (state.speed >= 0)
        & (state.busy == (phase in ACTIVE or phase is Phase.ENDING))
        & ((phase not in ABSENT_OR_FREED) <= state.in_use)
        & (state.cancelled <= (not idle))
        & ((phase is Phase.LEAVING) <= state.cancelled)
        & (state.synced <= (phase is not Phase.LEAVING))
        & (must_pause <= state.paused)
        & (state.decided + state.cancelled < 2)
        & (state.synced <= state.completable)
        & (state.should_complete <= state.completable)
    )


def taken(
    before: ClassicControl, event: Event, changed: str, lifecycle: Classic = CLASSIC
) -> Stepped[ClassicControl]:
    """Take a step that must be possible and may change only the named fields."""
    out = step(lifecycle, before, event)
    assert isinstance(out, Stepped)
    after, names = out.state, changed.split()
    for name in FIELDS:
        old, new = getattr(before, name), getattr(after, name)
        assert name in names or new == old
    assert consistent(after)
    _does_what_the_phases_say(before.phase, after.phase, event, out)
    return out


def _does_what_the_phases_say(
    old: Phase, new: Phase, event: Event, out: Stepped[ClassicControl]
) -> None:
    assert (WAKE in out.outputs) == (old in SUSPENDED and new in (Phase.RUNNING, Phase.WOKEN))
    assert (ARM_TIMER in out.outputs) == (old is not Phase.ASLEEP and new is Phase.ASLEEP)
    slept = old is Phase.ASLEEP and new is not Phase.ASLEEP
    assert (CANCEL_TIMER in out.outputs) == (slept and event.kind is not TIMER)
    assert out.outputs.count(CALL_BACK) == (old is not Phase.ENDING and new is Phase.ENDING)
    assert out.outputs.count(RELEASE_DEVICE) == (old is not Phase.FREED and new is Phase.FREED)


def runs_unpaused(before: ClassicControl, after: ClassicControl) -> None:
    """What resume, cancel and complete have in common: no pause, no error, nobody sits still."""
    idle = before.phase is Phase.ASLEEP or before.phase is Phase.PARKED
    assert after.phase is (Phase.WOKEN if idle else before.phase)
    assert after.busy
    assert not after.paused
    assert after.io_status is IoStatus.OK


def refused(
    before: ClassicControl, event: Event, error: type[QmpError], lifecycle: Classic = CLASSIC
) -> None:
    """Ask for a step that must be refused with this error, and change nothing."""
    out = step(lifecycle, before, event)
    assert isinstance(out, Refused)
    assert out.refusal is not None
    assert out.refusal.error is error
    assert out.state is before


def unknown(before: ClassicControl, event: Event, lifecycle: Classic = CLASSIC) -> None:
    """Ask for a step that only a bug of ours could take: no row knows it."""
    out = step(lifecycle, before, event)
    assert isinstance(out, Refused)
    assert out.refusal is None
    assert out.state is before


def sleeps_by_the_rule(before: ClassicControl, lifecycle: Classic = CLASSIC) -> None:
    """The law of sleep, for a planted bug too: a cancelled job must not wait."""
    if before.phase is not Phase.RUNNING:
        unknown(before, SLEEP(), lifecycle)
        return
    after = taken(before, SLEEP(), "phase busy", lifecycle).state
    if before.cancelled:
        assert after.phase is Phase.WOKEN
    else:
        assert after.phase is (Phase.PARKED if before.paused else Phase.ASLEEP)
