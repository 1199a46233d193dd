"""The backup's body: what it asks for in which order, and every life of it on small devices."""

import errno
from dataclasses import replace

import pytest

from blockjob_fsm.bodies.backup import IDLE_NS, Backup, Stage
from blockjob_fsm.bodies.requests import (
    Act,
    Charge,
    CopyDirty,
    Decide,
    Delay,
    DirtyCount,
    Do,
    ErrorHandled,
    Failed,
    Finish,
    Flush,
    GetLength,
    HandleError,
    InitialBitmap,
    Length,
    Mirrored,
    Noted,
    Outcome,
    Request,
    Sleep,
    Sync,
    Woken,
)
from blockjob_fsm.check import job_claims
from blockjob_fsm.check.backup_world import BACKUP, GETS_DONE, GUEST_GOES_ON, PointInTime, Wrong, at_rest
from blockjob_fsm.check.jobs import JobModel
from blockjob_fsm.check.judge import judge
from blockjob_fsm.check.liveness import Fairness
from blockjob_fsm.check.report import Row, Verdict
from blockjob_fsm.check.scenarios import FAIR, SPEED_VERBS, VERBS
from blockjob_fsm.check.space import explore
from blockjob_fsm.declaration import Event, Lifecycle
from blockjob_fsm.error_action import ErrorAction, OnError
from blockjob_fsm.lifecycles.classic import CLASSIC, CLASSIC_1_3
from blockjob_fsm.lifecycles.classic_words import ClassicControl
from blockjob_fsm.properties import Property

KIB64 = 65536
FREE, LIMITED = ClassicControl(), ClassicControl(speed=1)


def told(
    body: Backup, *outcomes: Outcome, control: ClassicControl = FREE
) -> tuple[Backup, list[Request]]:
    """The body after the outcomes, and what it asked for on the way and asks for now."""
    asked = [body.next_request(control)]
    for outcome in outcomes:
        body = body.on_outcome(outcome, control)
        asked.append(body.next_request(control))
    return body, asked


def copying(body: Backup, chunks: int = 3) -> Backup:
    """A backup of so many chunks that has just asked for its first copy."""
    started = (Length(chunks * KIB64), DirtyCount(chunks), Woken(False))
    return told(body, *started)[0]


def test_a_backup_copies_flushes_decides_and_cleans_up_in_this_order() -> None:
    answers = (Length(3 * KIB64), DirtyCount(3), Woken(False), Mirrored(0, 3, 0), DirtyCount(0))
    _, asked = told(Backup(), *answers, Noted(), Noted())
    clean_up = Do((Act.STOP_DIRTY_TRACKING, Act.TARGET_STATUS_OFF))
    assert asked == [
        *(GetLength(), InitialBitmap(Sync.FULL), Sleep(0), CopyDirty(0, 1024)),
        *(Flush(), Decide(), clean_up, Finish(0)),
    ]


def test_progress_counts_the_chunks_that_guests_saved_too() -> None:
    body = told(copying(Backup(), 5), Mirrored(0, 1, 2))[0]
    assert (body.progress.offset, body.progress.length) == (3 * KIB64, 5 * KIB64)


def test_progress_of_a_short_device_is_never_negative() -> None:
    body = told(Backup(), Length(777), DirtyCount(1))[0]
    assert body.progress.offset == 0


def test_without_a_limit_a_backup_sleeps_for_nothing_between_two_requests() -> None:
    _, asked = told(copying(Backup()), Mirrored(0, 2, 1), Woken(False))
    assert asked[1:] == [Sleep(0), CopyDirty(2, 1024)]


def test_under_a_limit_a_backup_takes_a_chunk_at_a_time_and_pays_for_it() -> None:
    _, asked = told(copying(Backup()), Mirrored(0, 1, 2), Delay(7), control=LIMITED)
    assert asked == [CopyDirty(0, 1), Charge(KIB64), Sleep(7)]


@pytest.mark.parametrize(("left", "chunks"), [(4, 1), (2, 3), (5, 1)])
def test_the_limiter_hears_of_all_chunks_that_were_saved_and_of_a_failed_one(
    left: int, chunks: int
) -> None:
    _, asked = told(copying(Backup(), 5), Mirrored(0, 1, left), control=LIMITED)
    assert asked[-1] == Charge(chunks * KIB64)


@pytest.mark.parametrize(
    ("is_read", "handled"),
    [
        (True, HandleError(OnError.STOP, is_read=True, errno=errno.EIO)),
        (False, HandleError(OnError.IGNORE, is_read=False, errno=errno.EIO, on_target=True)),
    ],
)
def test_each_side_has_its_policy_and_its_direction(is_read: bool, handled: HandleError) -> None:
    body = Backup(on_source_error=OnError.STOP, on_target_error=OnError.IGNORE)
    _, asked = told(copying(body), Mirrored(0, 1, 2, errno.EIO, is_read))
    assert asked[-1] == handled


@pytest.mark.parametrize("action", [ErrorAction.STOP, ErrorAction.IGNORE])
def test_a_chunk_that_failed_is_tried_again_after_all_others(action: ErrorAction) -> None:
    failed = Mirrored(0, 1, 2, errno.EIO)
    _, asked = told(copying(Backup()), failed, ErrorHandled(action), Woken(False))
    assert asked[-2:] == [Sleep(0), CopyDirty(2, 1024)]


def test_a_reported_error_is_the_result() -> None:
    failed = (Mirrored(0, 1, 2, errno.EIO), ErrorHandled(ErrorAction.REPORT), Noted())
    assert told(copying(Backup()), *failed)[1][-1] == Finish(-errno.EIO)


def test_a_flush_that_fails_is_a_failed_write_to_the_target() -> None:
    body = Backup(on_target_error=OnError.ENOSPC)
    _, asked = told(copying(body), Mirrored(0, 3, 0), Failed(errno.ENOSPC))
    assert asked[-1] == HandleError(OnError.ENOSPC, False, errno.ENOSPC, on_target=True)


def test_a_flush_is_tried_again_after_a_stop() -> None:
    again = (ErrorHandled(ErrorAction.STOP), Woken(False), Mirrored(3, 0, 0))
    _, asked = told(copying(Backup()), Mirrored(0, 3, 0), Failed(errno.EIO), *again)
    assert asked[-1] == Flush()


@pytest.mark.parametrize("before", [(), (Length(KIB64),)])
def test_a_source_that_cannot_be_measured_ends_the_backup(before: tuple[Outcome, ...]) -> None:
    body, _ = told(Backup(), *before, Failed(errno.EIO), Noted())
    assert (body.stage, body.ret) == (Stage.FINISH, -errno.EIO)


@pytest.mark.parametrize("left", [3, 0])
def test_sync_none_looks_ten_times_a_second_and_copies_nothing(left: int) -> None:
    _, asked = told(copying(Backup(sync=Sync.NONE)), Mirrored(0, 0, left), Woken(False))
    assert asked == [CopyDirty(0, 0), Sleep(IDLE_NS), CopyDirty(0, 0)]


def test_a_cancelled_backup_cleans_up_and_ends() -> None:
    _, asked = told(copying(Backup()), Mirrored(0, 1, 2), Woken(True), Noted())
    assert asked[-2:] == [Do((Act.STOP_DIRTY_TRACKING, Act.TARGET_STATUS_OFF)), Finish(0)]


# ---- every life of a backup on small devices

CHUNK = Backup(chunk=1, batch=2)
FAIR_TO_GUESTS = Fairness(FAIR.kinds.union(GUEST_GOES_ON))
ENDS = (*job_claims.EVERY_JOB, *BACKUP, *job_claims.ENDS_WHEN_CANCELLED, *job_claims.PAUSES)


def explored(
    body: Backup,
    devices: PointInTime,
    claims: tuple[Property, ...],
    *,
    speeds: tuple[int, ...] = (0,),
    verbs: tuple[Event, ...] = VERBS,
    lifecycle: Lifecycle[ClassicControl] = CLASSIC,
) -> tuple[Row, ...]:
    """Explore a backup on devices, and judge the claims."""
    model = JobModel(lifecycle, body, devices, speeds=speeds, verbs=verbs, at_rest=at_rest)
    return judge("backup", explore(model), claims, FAIR_TO_GUESTS)


def of(verdict: Verdict, rows: tuple[Row, ...]) -> list[str]:
    """The names of the claims with this verdict."""
    return [row.property for row in rows if row.verdict is verdict]


@pytest.mark.slow
@pytest.mark.parametrize("lifecycle", [CLASSIC, CLASSIC_1_3], ids=["safe", "1.3"])
@pytest.mark.parametrize("on_source", OnError)
@pytest.mark.parametrize("on_target", OnError)
def test_whatever_fails_the_backup_is_true_or_says_that_it_is_not(
    on_source: OnError, on_target: OnError, lifecycle: Lifecycle[ClassicControl]
) -> None:
    body = replace(CHUNK, on_source_error=on_source, on_target_error=on_target)
    rows = explored(body, PointInTime(), ENDS, lifecycle=lifecycle)
    assert of(Verdict.HOLDS, rows) == [claim.name for claim in ENDS], rows
