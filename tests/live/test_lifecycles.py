"""The same jobs under every lifecycle: QEMU 1.3's, and that of each release since 2.12."""

import errno as errno_codes
import threading

import pytest

from blockjob_fsm import (
    CLASSIC,
    CLASSIC_1_3,
    MODERN,
    BlockJob,
    DevicePolicy,
    Drive,
    Executor,
    IoStatus,
    Lifecycle,
    MemoryDevice,
    OnError,
    QmpEvent,
    backup,
    commit,
    mirror,
    stream,
)
from blockjob_fsm.bodies.backup import CopierBackup
from blockjob_fsm.errors import InvalidParameter
from blockjob_fsm.lifecycles.classic_words import ClassicControl
from blockjob_fsm.lifecycles.modern import modern
from blockjob_fsm.lifecycles.modern_words import Status
from blockjob_fsm.lifecycles.profiles import PROFILES, AnyLifecycle, lifecycle_of
from blockjob_fsm.live_group import LiveGroup
from blockjob_fsm.modern_block_job import ModernBlockJob
from blockjob_fsm.storage.faults import Fault, FaultyDevice
from tests.live.world import MIB, chain_of, contents, filled

#: the nine profiles, and what the classic one is by default
LIFECYCLES = (CLASSIC, *map(lifecycle_of, PROFILES))
EVERY = pytest.mark.parametrize("lifecycle", LIFECYCLES, ids=lambda one: one.profile)
SIZE = 4 * MIB


@EVERY
def test_a_stream_pulls_every_byte_up(lifecycle: AnyLifecycle) -> None:
    layers = chain_of(SIZE, 3)
    drive, expected = Drive("d", layers[-1]), contents(layers[-1])
    with Executor() as executor:
        job = stream(drive, executor=executor, lifecycle=lifecycle)
        assert job.wait(timeout_s=20)
    assert (layers[-1].backing, contents(layers[-1])) == (None, expected)


@EVERY
def test_a_commit_writes_every_byte_down(lifecycle: AnyLifecycle) -> None:
    layers = chain_of(SIZE, 3)
    drive, expected = Drive("d", layers[-1]), contents(layers[1])
    with Executor() as executor:
        job = commit(drive, executor=executor, top=layers[1], lifecycle=lifecycle)
        assert job.wait(timeout_s=20)
    assert (layers[-1].backing, contents(layers[0])) == (layers[0], expected)


@EVERY
def test_a_completed_mirror_has_every_byte(lifecycle: AnyLifecycle) -> None:
    drive, target = Drive("d", filled(SIZE)), MemoryDevice(SIZE)
    expected, in_step = contents(filled(SIZE)), threading.Event()

    def heard(event: QmpEvent) -> None:
        if event.name == "BLOCK_JOB_READY":
            in_step.set()

    with Executor() as executor:
        job = mirror(drive, target, executor=executor, lifecycle=lifecycle, on_event=heard)
        assert in_step.wait(20)
        job.complete()
        assert job.wait(timeout_s=20)
    assert drive.medium is target
    assert contents(target) == expected


@EVERY
def test_a_backup_saves_every_byte(lifecycle: AnyLifecycle) -> None:
    drive, target = Drive("d", filled(SIZE)), MemoryDevice(SIZE)
    with Executor() as executor:
        job = backup(drive, target, executor=executor, lifecycle=lifecycle)
        assert job.wait(timeout_s=20)
    assert contents(target) == contents(filled(SIZE))


@EVERY
def test_the_callback_gets_the_result_while_the_device_is_in_use(lifecycle: AnyLifecycle) -> None:
    drive, heard = Drive("d", chain_of(SIZE)[-1]), list[object]()

    def ended(opaque: object, ret: int) -> None:
        heard.extend((opaque, ret))

    with Executor() as executor:
        job = stream(
            drive, executor=executor, lifecycle=lifecycle, callback=ended, opaque="mine", speed=0
        )
        assert job.wait(timeout_s=20)
    assert heard == ["mine", 0]
    assert (job.opaque, job.cb, drive.in_use) == ("mine", ended, False)


@EVERY
def test_cancelling_and_waiting_frees_the_device(lifecycle: AnyLifecycle) -> None:
    drive, target = Drive("d", filled(SIZE)), MemoryDevice(SIZE)
    with Executor() as executor:
        job = mirror(drive, target, executor=executor, lifecycle=lifecycle)
        assert job.cancel_sync() in (0, -errno_codes.ECANCELED)
    assert (drive.in_use, drive.job) == (False, None)


@EVERY
def test_a_job_is_made_by_its_kinds_name_too(lifecycle: AnyLifecycle) -> None:
    drive = Drive("d", filled(SIZE))
    with Executor() as executor:
        job = BlockJob.create("stream", drive, 1 << 20, executor=executor, lifecycle=lifecycle)
        assert (job.job_type.name, job.speed, job.device) == ("stream", 1 << 20, drive)
        job.start()
        job.completed(0)


def test_the_lifecycle_decides_what_kind_of_job_it_is() -> None:
    with Executor() as executor:
        old: BlockJob = BlockJob.create("stream", Drive("d"), executor=executor)
        new: ModernBlockJob = BlockJob.create(
            "stream", Drive("d"), executor=executor, lifecycle=MODERN, job_id="j0"
        )
        assert (type(old), type(new), new.id) == (BlockJob, ModernBlockJob, "j0")
        for job in (old, new):
            job.start()
            job.completed(0)


#: the functions and fields of 2012, and what every live job has besides
HEADER = (
    "start",
    "set_speed",
    "cancel",
    "is_cancelled",
    "query",
    "pause",
    "resume",
    "is_paused",
    "cancel_sync",
    "complete",
    "iostatus_reset",
    "sleep",
    "completed",
    "ready",
    "error_action",
    "job_type",
    "device",
    "co",
    "cancelled",
    "paused",
    "busy",
    "iostatus",
    "offset",
    "len",
    "speed",
    "cb",
    "opaque",
    "control",
    "wait",
    "user_cancel",
)


@pytest.mark.parametrize("name", HEADER)
def test_both_sorts_of_job_have_what_the_header_offers(name: str) -> None:
    assert hasattr(BlockJob, name)
    assert hasattr(ModernBlockJob, name)


STOP = OnError.STOP


def test_a_drive_without_an_io_status_admits_no_stop_in_2012_and_any_policy_since() -> None:
    drive = Drive("d", chain_of(SIZE)[-1], policy=DevicePolicy(OnError.REPORT, OnError.REPORT))
    with Executor() as executor:
        with pytest.raises(InvalidParameter, match="on-error"):
            stream(drive, executor=executor, on_error=STOP)
        with pytest.raises(InvalidParameter, match="on-source-error"):
            mirror(drive, MemoryDevice(SIZE), executor=executor, on_source_error=STOP)
        target = MemoryDevice(SIZE)
        jobs = mirror(drive, target, executor=executor, on_source_error=STOP, lifecycle=MODERN)
        jobs.cancel_sync()
        job = stream(drive, executor=executor, on_error=STOP, lifecycle=MODERN)
        assert job.wait(timeout_s=20)


def test_a_modern_commit_stops_where_its_policy_says_so() -> None:
    full = FaultyDevice(filled(SIZE), Fault("write", errno_codes.ENOSPC, once=True))
    middle = filled(SIZE, 2, backing=full)
    top = MemoryDevice(SIZE, backing=middle)
    with Executor() as executor:
        job = commit(
            Drive("d", top), executor=executor, top=middle, on_error=STOP, lifecycle=MODERN
        )
        assert job.wait(Status.PAUSED, timeout_s=20)
        assert job.iostatus is IoStatus.NOSPACE
        job.resume()
        assert job.wait(timeout_s=20)
        assert job.control.ret == 0


def test_a_modern_backup_has_a_copier_beside_it() -> None:
    with Executor(workers=0) as executor:
        job = backup(
            Drive("d", filled(SIZE)), MemoryDevice(SIZE), executor=executor, lifecycle=MODERN
        )
        assert isinstance(job.co, CopierBackup)
        job.cancel_sync()


def test_the_jobs_of_a_group_are_started_by_whoever_made_all_of_them() -> None:
    with Executor() as executor:
        group = LiveGroup(executor)
        drive, target = Drive("d", filled(SIZE)), MemoryDevice(SIZE)
        job = backup(drive, target, executor=executor, lifecycle=MODERN, group=group)
        assert job.status is Status.CREATED
        job.cancel_sync()


OPTIONS: list[dict[str, object]] = [
    {"job_id": "j0"},
    {"group": None},
    {"auto_finalize": False},
    {"auto_dismiss": False},
]


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: next(iter(option)))
@pytest.mark.parametrize("lifecycle", [CLASSIC, CLASSIC_1_3], ids=lambda one: one.profile)
def test_a_classic_job_has_none_of_a_modern_ones_options(
    lifecycle: Lifecycle[ClassicControl], option: dict[str, object]
) -> None:
    drive, (name,) = Drive("d", chain_of(SIZE)[-1]), option
    create: object = stream
    assert callable(create)
    with pytest.raises(TypeError, match=f"a job of the classic lifecycle has no {name}"):
        create(drive, executor=Executor(workers=0), lifecycle=lifecycle, **option)
    assert not drive.in_use


def test_a_classic_commit_has_no_policy_of_its_users() -> None:
    layers = chain_of(SIZE, 3)
    create: object = commit
    assert callable(create)
    with pytest.raises(TypeError, match="has no on_error"):
        create(
            Drive("d", layers[-1]),
            executor=Executor(workers=0),
            top=layers[1],
            on_error=OnError.STOP,
        )


def test_a_group_has_jobs_of_one_lifecycle() -> None:
    executor, drive = Executor(workers=0), Drive("d")
    group = LiveGroup(executor, modern("7.2"))
    with pytest.raises(ValueError, match=r"those of 7\.2, not 10\.1"):
        BlockJob.create("stream", drive, executor=executor, lifecycle=MODERN, group=group)
    assert not drive.in_use


def test_a_group_has_jobs_of_one_executor() -> None:
    drive, group = Drive("d"), LiveGroup(Executor(workers=0))
    with pytest.raises(ValueError, match="another executor"):
        BlockJob.create(
            "stream", drive, executor=Executor(workers=0), lifecycle=MODERN, group=group
        )
    assert not drive.in_use
