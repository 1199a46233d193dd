"""The backup's body: what it asks for in which order, and every life of it on small devices."""

import errno
from dataclasses import replace

import pytest

from blockjob_fsm.bodies.backup import Backup, CopierBackup
from blockjob_fsm.bodies.copying import IDLE_NS, Stage
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
    JobView,
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
from blockjob_fsm.check.backup_world import BACKUP, GETS_DONE, PointInTime
from blockjob_fsm.check.jobs import JobModel
from blockjob_fsm.check.judge import judge
from blockjob_fsm.check.report import Row, Verdict
from blockjob_fsm.check.scenarios import FAIR, SPEED_VERBS, VERBS
from blockjob_fsm.check.space import explore
from blockjob_fsm.declaration import Event, Lifecycle
from blockjob_fsm.error_action import ErrorAction, OnError
from blockjob_fsm.lifecycles import classic_words as words
from blockjob_fsm.lifecycles.classic import CLASSIC, CLASSIC_1_3
from blockjob_fsm.lifecycles.classic_words import ClassicControl
from blockjob_fsm.properties import Property

KIB64 = 65536
FREE, LIMITED = ClassicControl(), ClassicControl(speed=1)


def told(body: Backup, *outcomes: Outcome, control: JobView = FREE) -> tuple[Backup, list[Request]]:
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
    assert asked == [CopyDirty(0, 1), Charge(KIB64, moved=True), Sleep(7)]


@pytest.mark.parametrize(("left", "chunks"), [(4, 1), (2, 3), (5, 1)])
def test_the_limiter_hears_of_all_chunks_that_were_saved_and_of_a_failed_one(
    left: int, chunks: int
) -> None:
    _, asked = told(copying(Backup(), 5), Mirrored(0, 1, left), control=LIMITED)
    assert asked[-1] == Charge(chunks * KIB64, moved=True)


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


def test_a_copier_keeps_the_delay_for_what_failed_before_anybody_sees_the_failure() -> None:
    failed = Mirrored(first=0, copied=0, dirty=2, errno=errno.EIO, is_read=True)
    to_copy = (Length(2 * KIB64), DirtyCount(2), Woken(False))
    _, asked = told(CopierBackup(), *to_copy, failed, Delay(9), Woken(False), control=LIMITED)
    assert asked[-3:-1] == [Charge(KIB64, moved=True), Sleep(9)]
    assert isinstance(asked[-1], HandleError)


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
    model = JobModel(lifecycle, body, devices, speeds=speeds, verbs=verbs)
    return judge("backup", explore(model), claims, FAIR)


def of(verdict: Verdict, rows: tuple[Row, ...]) -> list[str]:
    """The names of the claims with this verdict."""
    return [row.property for row in rows if row.verdict is verdict]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "target"),
    [*((policy, OnError.REPORT) for policy in OnError), *((OnError.IGNORE, p) for p in OnError)],
)
def test_whatever_fails_a_backup_is_true_or_says_that_it_is_not(
    source: OnError, target: OnError
) -> None:
    body = replace(CHUNK, on_source_error=source, on_target_error=target)
    stops = job_claims.STOPS if {source, target} & {OnError.STOP, OnError.ENOSPC} else ()
    rows = explored(body, PointInTime(guests=1), (*ENDS, *stops))
    assert of(Verdict.HOLDS, rows) == [row.property for row in rows], rows


@pytest.mark.slow
@pytest.mark.parametrize(
    "devices",
    [
        pytest.param(PointInTime(guests=2), id="two guests"),
        pytest.param(PointInTime(guests=2, to_copy=0b01), id="two guests, one unit left out"),
        pytest.param(PointInTime(units=1, to_copy=1, guests=3), id="three guests, one unit"),
    ],
)
def test_guests_that_write_at_the_same_time_keep_the_backup_true(devices: PointInTime) -> None:
    rows = explored(CHUNK, devices, ENDS)
    assert of(Verdict.HOLDS, rows) == [row.property for row in rows], rows


@pytest.mark.slow
def test_a_backup_is_as_true_under_the_rules_of_1_3() -> None:
    rows = explored(CHUNK, PointInTime(guests=1), ENDS, lifecycle=CLASSIC_1_3)
    assert of(Verdict.HOLDS, rows) == [row.property for row in rows], rows


@pytest.mark.slow
def test_a_change_of_speed_at_any_time_keeps_the_backup_true() -> None:
    verbs = (*SPEED_VERBS, words.CANCEL())
    claims = [claim for claim in ENDS if claim.name not in ("parked", "23-pause")]
    rows = explored(CHUNK, PointInTime(guests=1), tuple(claims), speeds=(0, 1), verbs=verbs)
    assert of(Verdict.HOLDS, rows) == [row.property for row in rows], rows


@pytest.mark.slow
@pytest.mark.parametrize("chunk", [CHUNK, replace(CHUNK, batch=1)], ids=["batch", "single"])
def test_a_backup_gets_done_however_busy_the_guests_are(chunk: Backup) -> None:
    devices = PointInTime(guests=2, saves_fail=False)
    rows = explored(chunk, devices, (*ENDS, *GETS_DONE))
    assert of(Verdict.HOLDS, rows) == [row.property for row in rows], rows


@pytest.mark.slow
def test_sync_none_saves_what_guests_change_and_never_ends_by_itself() -> None:
    rows = explored(replace(CHUNK, sync=Sync.NONE), PointInTime(guests=2), ENDS)
    assert [row.property for row in rows if row.verdict is not Verdict.HOLDS] == ["ends-well"], rows


@pytest.mark.slow
def test_blanking_what_a_resting_backup_does_not_read_changes_no_verdict() -> None:
    devices = PointInTime(units=1, to_copy=1, guests=1)
    blanked = explored(CHUNK, devices, ENDS)
    exact = JobModel(CLASSIC, CHUNK, devices, verbs=VERBS, at_rest=lambda job: job)
    rows = judge("backup", explore(exact), ENDS, FAIR)
    assert [row.verdict for row in rows] == [row.verdict for row in blanked]
    assert rows[0].states >= blanked[0].states
