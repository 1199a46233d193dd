"""`advance`: one input, the job after it, and the effects in the order they must happen."""

import errno
from dataclasses import replace
from functools import partial
from itertools import pairwise

import pytest

from blockjob_fsm.bodies.linear import UNIT_BYTES
from blockjob_fsm.bodies.mirror import Mirror
from blockjob_fsm.bodies.requests import (
    AnnounceReady,
    GetLength,
    HandleError,
    Length,
    Request,
    Sleep,
)
from blockjob_fsm.bodies.stream import Stream
from blockjob_fsm.declaration import Event, Refused, step
from blockjob_fsm.error_action import ErrorAction, IoStatus, OnError
from blockjob_fsm.errors import DeviceInUse, IllegalStep, JobPaused
from blockjob_fsm.events import BlockJobCompleted, BlockJobError
from blockjob_fsm.job import (
    Advanced,
    ArmTimer,
    BlockJobInfo,
    CallBack,
    Emit,
    Input,
    Job,
    StopTarget,
    Submit,
    advance,
)
from blockjob_fsm.lifecycles import classic_words as words
from blockjob_fsm.lifecycles.classic import CLASSIC
from blockjob_fsm.lifecycles.classic_words import ClassicControl, Phase
from blockjob_fsm.throttle import SLICE_NS, Limiter
from tests.bodies.run import Disk, Script, in_order

FIRE = partial(step, CLASSIC)
MIB = 1 << 20
NEW = Job("stream", "d", ClassicControl(), Stream())
RUNNING = replace(NEW, control=ClassicControl(phase=Phase.RUNNING, in_use=True, busy=True))
BY_HAND = replace(RUNNING, body=None)


def advanced(job: Job, event: Event, **given: object) -> Advanced:
    """The result of an input that is accepted."""
    result = advance(job, replace(Input(event), **given), FIRE)  # type: ignore[arg-type]
    assert isinstance(result, Advanced)
    return result


# ---- inputs


def test_a_refused_input_leaves_the_job_as_it_was() -> None:
    paused = replace(RUNNING, control=replace(RUNNING.control, paused=True))
    refused = advance(paused, Input(words.USER_CANCEL()), FIRE)
    assert isinstance(refused, Refused)
    assert isinstance(refused.error("d"), JobPaused)
    assert refused.state is paused.control


@pytest.mark.parametrize("speed", [0, -1])
def test_a_busy_device_is_refused_before_a_bad_speed(speed: int) -> None:
    busy = replace(NEW, control=ClassicControl(in_use=True))
    refused = advance(busy, Input(words.CREATE(speed)), FIRE)
    assert isinstance(refused, Refused)
    assert refused.error("d").to_qmp() == DeviceInUse("d").to_qmp()


def test_the_jobs_own_mistake_is_no_refusal() -> None:
    class Wrong(Stream):
        """Announces READY although no stream is ever in step."""

        def begin(self) -> Request:
            return AnnounceReady()

    created = replace(NEW, control=ClassicControl(phase=Phase.CREATED), body=Wrong())
    with pytest.raises(IllegalStep, match=r"ready\(\) has no row in phase running"):
        advance(created, Input(words.START()), FIRE)


def test_starting_runs_the_body_to_its_first_request() -> None:
    created = advanced(NEW, words.CREATE(0)).job
    result = advanced(created, words.START())
    assert result.effects == (Submit(GetLength()),)
    assert result.job.control.phase is Phase.WAITING


def test_an_answer_is_given_to_the_body_before_it_runs_on() -> None:
    waiting = advanced(advanced(NEW, words.CREATE(0)).job, words.START()).job
    result = advanced(waiting, words.IO_DONE(), outcome=Length(UNIT_BYTES), now_ns=7)
    assert result.job.progress.length == UNIT_BYTES
    assert result.effects[-1] == ArmTimer(7)


def test_the_value_before_is_not_changed() -> None:
    before = (NEW, hash(NEW.control))
    advanced(NEW, words.CREATE(5))
    assert (NEW, hash(NEW.control)) == before


# ---- the order of effects


def test_an_error_is_sent_before_it_is_published() -> None:
    request = HandleError(OnError.STOP, is_read=False, errno=errno.ENOSPC, on_target=True)
    event = words.ERROR(ErrorAction.STOP, IoStatus.NOSPACE, True)
    result = advanced(BY_HAND, event, request=request)
    assert result.effects == (Emit(BlockJobError("d", False, "stop")), StopTarget(errno.ENOSPC))


@pytest.mark.parametrize(
    ("settles", "order"),
    [
        (False, ["undrain", "BLOCK_JOB_COMPLETED", "CallBack"]),
        (True, ["pivot", "undrain", "BLOCK_JOB_COMPLETED", "CallBack"]),
    ],
)
def test_the_guest_is_let_in_before_anybody_is_told_of_the_end(
    settles: bool, order: list[str]
) -> None:
    control = replace(BY_HAND.control, completable=True, synced=True, should_complete=settles)
    result = advanced(replace(BY_HAND, control=control), words.COMPLETED(0))
    assert in_order(result.effects) == order


def test_the_device_is_released_only_after_the_callback() -> None:
    ending = advanced(BY_HAND, words.COMPLETED(-5))
    assert (ending.effects[-1], ending.job.control.in_use) == (CallBack(-5), True)
    freed = advanced(ending.job, words.RETURNED())
    assert (in_order(freed.effects), freed.job.control.in_use) == (["release_device"], False)


def test_creation_claims_the_device_before_it_sets_the_limit() -> None:
    result = advanced(NEW, words.CREATE(MIB))
    assert in_order(result.effects) == ["claim_device", "set_limit"]
    assert result.job.limiter == Limiter(quota_sectors=204)


@pytest.mark.parametrize("phase", [Phase.ASLEEP, Phase.PARKED])
def test_a_woken_job_has_its_timer_deleted_before_it_runs(phase: Phase) -> None:
    control = replace(BY_HAND.control, phase=phase, busy=False)
    result = advanced(replace(BY_HAND, control=control), words.RESUME())
    timer = ["cancel_timer"] if phase is Phase.ASLEEP else []
    assert in_order(result.effects) == ["reset_target", *timer, "wake"]


def test_a_job_with_a_body_needs_nobody_to_wake_it() -> None:
    script = Script(Stream(), Disk(UNIT_BYTES))
    script.step()
    script.give(words.RESUME())
    assert "wake" not in script.signals


# ---- what is sent


def test_an_end_has_the_figures_of_that_moment() -> None:
    job = replace(BY_HAND, body=Stream(length=10, offset=4), control=BY_HAND.control)
    job = replace(job, control=replace(job.control, speed=9))
    sent = advanced(job, words.COMPLETED(-errno.EIO)).effects[-2]
    assert sent == Emit(BlockJobCompleted("stream", "d", 10, 4, 9, -errno.EIO))


def test_an_end_without_an_error_has_no_error_member() -> None:
    sent = advanced(BY_HAND, words.COMPLETED(0)).effects[-2]
    assert isinstance(sent, Emit)
    assert "error" not in sent.event.data()


def test_a_query_has_no_side_effects_and_eight_members() -> None:
    job = replace(RUNNING, body=Stream(length=10, offset=4))
    info = job.query()
    assert info == BlockJobInfo("stream", "d", 10, 4, True, False, 0, IoStatus.OK)
    assert len(info.to_qmp()) == 8


# ---- sleeping


@pytest.mark.parametrize("ns", [0, 1, SLICE_NS])
def test_a_sleep_is_counted_from_the_time_of_its_input(ns: int) -> None:
    result = advanced(BY_HAND, words.SLEEP(), request=Sleep(ns), now_ns=1000)
    assert result.effects == (ArmTimer(1000 + ns),)


@pytest.mark.parametrize(("flag", "phase"), [("paused", Phase.PARKED), ("cancelled", Phase.WOKEN)])
def test_a_sleep_that_is_none_arms_no_timer(flag: str, phase: Phase) -> None:
    control = replace(BY_HAND.control, **{flag: True})  # type: ignore[arg-type]
    result = advanced(replace(BY_HAND, control=control), words.SLEEP(), request=Sleep(5))
    assert (result.effects, result.job.control.phase) == ((), phase)


# ---- pacing


@pytest.mark.parametrize(
    ("mib_per_s", "units"), [(1, 1), (5, 1), (8, 1), (16, 3), (64, 12), (512, 102)]
)
def test_a_stream_moves_whole_units_in_each_slice(mib_per_s: int, units: int) -> None:
    """QEMU 1.3 moves max(1, floor(quota / 1024 sectors)) units of 512 KiB per 100 ms."""
    script = Script(Stream(), Disk(40 * units * UNIT_BYTES), speed=mib_per_s * MIB)
    offsets = [0]
    for _ in range(5):
        script.run_until(lambda s: s.slept[-1:] > [0] and s.control.phase is Phase.ASLEEP)
        offsets.append(script.offset)
        script.step()
    steps = [after - before for before, after in pairwise(offsets)]
    assert steps == [units * UNIT_BYTES] * 5


@pytest.mark.parametrize(("mib_per_s", "chunks"), [(1, 2), (20, 3), (40, 5), (100, 11)])
def test_a_mirror_moves_one_chunk_more(mib_per_s: int, chunks: int) -> None:
    """QEMU 1.3 moves max(1, floor(quota / 2048 sectors)) + 1 chunks of 1 MiB per 100 ms."""
    disk = Disk(100 * MIB, chunk=MIB)
    script = Script(Mirror(), disk, speed=mib_per_s * MIB, completable=True)
    offsets = [0]
    for _ in range(5):
        script.run_until(lambda s: s.slept[-1:] > [0] and s.control.phase is Phase.ASLEEP)
        offsets.append(script.offset)
        script.step()
    assert {after - before for before, after in pairwise(offsets)} == {chunks * MIB}
