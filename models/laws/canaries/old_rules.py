"""The canaries of the events that differ in QEMU 1.3."""

from __future__ import annotations

from blockjob_fsm.lifecycles.classic_words import ClassicControl, Phase
from models.laws import old_rules
from models.laws.claims import consistent


def complete(before: ClassicControl) -> None:
    """Wrong: only a mirror in step gets as far as opening files."""
    assert consistent(before)
    old_rules.complete(before)
    free = not before.paused and not before.cancelled
    assert before.phase is not Phase.ASLEEP or not free or before.synced or not before.completable


def backing_opened(before: ClassicControl) -> None:
    """Wrong: a mirror stays in step while files are opened."""
    assert consistent(before)
    old_rules.backing_opened(before)
    assert before.phase is not Phase.ASLEEP or before.synced


def decide(before: ClassicControl) -> None:
    """Wrong: no cancelled mirror decides."""
    assert consistent(before)
    old_rules.decide(before)
    assert not (before.phase is Phase.RUNNING and before.cancelled and before.synced)


def completed(before: ClassicControl, result: int) -> None:
    """Wrong: a cancelled job never swaps. That is the hazard itself."""
    assert consistent(before)
    old_rules.completed(before, result)
    ends = before.phase is Phase.LEAVING and result == 0
    assert not (ends and before.cancelled and before.should_complete)


def claim(before: ClassicControl) -> None:
    """Wrong: nobody asks for the device of a parked job."""
    assert consistent(before)
    old_rules.claim(before)
    assert before.phase is not Phase.PARKED
