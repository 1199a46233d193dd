"""The canaries of what a job does itself."""

from __future__ import annotations

from blockjob_fsm.lifecycles.classic_words import ClassicControl, Phase
from models.laws import body
from models.laws.claims import consistent


def submit(before: ClassicControl) -> None:
    """Wrong: no cancelled mirror asks for I/O."""
    assert consistent(before)
    body.submit(before)
    assert not (before.phase is Phase.RUNNING and before.cancelled and before.synced)


def sleep(before: ClassicControl) -> None:
    """Wrong: nobody sleeps with a limit of one byte."""
    assert consistent(before)
    body.sleep(before)
    assert not (before.phase is Phase.RUNNING and before.paused and before.speed == 1)


def test(before: ClassicControl) -> None:
    """Wrong: whoever was cancelled leaves."""
    assert consistent(before)
    body.test(before)
    assert not (before.phase is Phase.WOKEN and before.cancelled and before.synced)


def error(before: ClassicControl, action: int, status: int, on_target: bool) -> None:
    """Wrong: a full target never stops a job that was asked to complete."""
    assert consistent(before)
    assert 0 <= action < 3
    assert 0 <= status < 3
    body.error(before, action, status, on_target)
    stopped = before.phase is Phase.RUNNING and action == 2 and status == 2
    assert not (stopped and on_target and before.should_complete)


def ready(before: ClassicControl) -> None:
    """Wrong: no cancelled job gets into step."""
    assert consistent(before)
    body.ready(before)
    assert not (before.phase is Phase.RUNNING and before.completable and before.cancelled)


def decide(before: ClassicControl) -> None:
    """Wrong: no cancelled job decides."""
    assert consistent(before)
    body.decide(before)
    assert not (before.phase is Phase.RUNNING and before.cancelled)


def completed(before: ClassicControl, result: int) -> None:
    """Wrong: no cancelled job fails."""
    assert consistent(before)
    body.completed(before, result)
    assert not (before.phase is Phase.LEAVING and result == -5)
