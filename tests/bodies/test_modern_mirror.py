"""What a mirror does otherwise since 2.12: its progress, its errors under a limit, its way out."""

import errno
from dataclasses import replace

import pytest

from blockjob_fsm.bodies.copying import Stage
from blockjob_fsm.bodies.mirror import ModernMirror
from blockjob_fsm.bodies.requests import (
    Act,
    Charge,
    CopyDirty,
    Delay,
    DirtyCount,
    Do,
    ErrorHandled,
    Length,
    Mirrored,
    Noted,
    Outcome,
    Progress,
    Request,
    Sleep,
    Woken,
)
from blockjob_fsm.error_action import ErrorAction
from blockjob_fsm.lifecycles.modern_words import ModernControl, Status

CHUNK = 65536
RUNNING = ModernControl(phase=Status.RUNNING)
LIMITED = replace(RUNNING, speed=1)
READY = ModernControl(phase=Status.READY)
FAILED = Mirrored(0, 0, 3, errno.EIO)
LEAVES = Do((Act.STOP_DIRTY_TRACKING, Act.TARGET_STATUS_OFF))


def after(control: ModernControl, *outcomes: Outcome, body: ModernMirror) -> ModernMirror:
    for outcome in outcomes:
        body = body.on_outcome(outcome, control)
    return body


def copying(dirty: int = 3, length: int = 3 * CHUNK) -> ModernMirror:
    body = ModernMirror(chunk=CHUNK, batch=1)
    return after(RUNNING, Length(length), DirtyCount(dirty), body=body)


def in_step() -> ModernMirror:
    """Ready with nothing copied, and at its next look at the bitmap."""
    body = after(RUNNING, Mirrored(0, 0, 0), DirtyCount(0), body=copying(0))
    assert body.stage is Stage.READY
    return after(READY, Noted(), Woken(False), body=body)


def asked(body: ModernMirror, control: ModernControl) -> Request:
    return body.next_request(control)


def test_a_mirror_with_nothing_to_copy_has_no_length() -> None:
    assert in_step().progress == Progress(0, 0)


def test_its_length_grows_by_what_the_guest_has_written_since() -> None:
    body = after(READY, Mirrored(1, 1, 2, moved=1), body=in_step())
    assert body.progress == Progress(CHUNK, 3 * CHUNK)


def test_progress_is_what_was_copied_though_the_guest_writes_as_fast() -> None:
    body = after(RUNNING, Mirrored(0, 1, 3, moved=1), body=copying(3))
    assert body.progress == Progress(CHUNK, 4 * CHUNK)


@pytest.mark.parametrize("last", [1, 512, CHUNK])
def test_at_the_end_all_bytes_are_counted_once(last: int) -> None:
    body = copying(3, 2 * CHUNK + last)
    for number in range(3):
        copied = Mirrored(number, 1, 2 - number, moved=1)
        body = after(RUNNING, copied, Woken(False), body=body)
    assert body.progress == Progress(2 * CHUNK + last, 2 * CHUNK + last)


def test_chunks_that_were_clean_are_no_work() -> None:
    body = after(RUNNING, Mirrored(0, 3, 0, moved=2), body=copying(2))
    assert body.progress == Progress(2 * CHUNK, 2 * CHUNK)


def test_under_a_limit_a_reported_error_ends_the_job_when_the_delay_is_over() -> None:
    body = after(LIMITED, FAILED, ErrorHandled(ErrorAction.REPORT), body=copying())
    assert asked(body, LIMITED) == Charge(CHUNK, moved=True)
    body = after(LIMITED, Delay(7), body=body)
    assert asked(body, LIMITED) == Sleep(7)
    body = after(LIMITED, Woken(False), body=body)
    assert asked(body, LIMITED) == LEAVES
    assert body.ret == -errno.EIO


def test_without_a_limit_it_ends_the_job_at_once() -> None:
    body = after(RUNNING, FAILED, ErrorHandled(ErrorAction.REPORT), body=copying())
    assert asked(body, RUNNING) == LEAVES


ENDING = {
    "completing": replace(READY, should_complete=True),
    "cancelled softly": replace(READY, cancelled=True),
}


@pytest.mark.parametrize("left", [0, 2])
@pytest.mark.parametrize("control", ENDING.values(), ids=ENDING)
def test_a_mirror_that_is_to_end_looks_after_each_round_whether_it_may_go_on(
    control: ModernControl, left: int
) -> None:
    body = after(control, Mirrored(0, 1, left, moved=1), body=in_step())
    assert asked(body, control) == Sleep(0)
    assert isinstance(asked(after(control, Woken(False), body=body), control), CopyDirty)


def test_one_that_is_cancelled_with_force_leaves_what_is_dirty() -> None:
    control = replace(READY, cancelled=True, force_cancelled=True)
    body = after(control, Mirrored(0, 1, 2, moved=1), Woken(True), body=in_step())
    assert asked(body, control) == LEAVES
