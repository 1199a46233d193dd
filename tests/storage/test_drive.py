"""The named device: who uses it, what it publishes, what closing does."""

import errno
from collections.abc import Callable
from pathlib import Path

import pytest

from blockjob_fsm.error_action import DevicePolicy, IoStatus, OnError
from blockjob_fsm.errors import DeviceInUse
from blockjob_fsm.storage import Drive, Fault, FaultyDevice, MemoryDevice, RawFile

SILENT = DevicePolicy(io_status_enabled=False)


class RecordingJob:
    """A job that writes down what its drive asks of it."""

    def __init__(self, on_cancel: Callable[[], object] = lambda: None) -> None:
        self.calls: list[str] = []
        self._on_cancel = on_cancel

    def iostatus_reset(self) -> None:
        self.calls.append("iostatus_reset")

    def cancel_sync(self) -> int:
        self.calls.append("cancel_sync")
        self._on_cancel()
        return 0


def test_a_device_is_claimed_by_one_at_a_time() -> None:
    drive = Drive("virtio0")
    drive.claim()
    with pytest.raises(DeviceInUse) as caught:
        drive.claim()
    assert caught.value.desc == "Device 'virtio0' is in use"


def test_a_device_claimed_for_a_job_has_it_until_released() -> None:
    drive = Drive("virtio0")
    job = RecordingJob()
    drive.claim(job)
    assert (drive.job, drive.in_use) == (job, True)
    drive.release()
    assert (drive.job, drive.in_use) == (None, False)


def test_a_refused_claim_leaves_the_first_job_in_place() -> None:
    drive = Drive("virtio0")
    first = RecordingJob()
    drive.claim(first)
    with pytest.raises(DeviceInUse):
        drive.claim(RecordingJob())
    assert drive.job is first


def test_releasing_what_nobody_has_is_our_own_mistake() -> None:
    with pytest.raises(AssertionError, match="already"):
        Drive("virtio0").release()


def test_a_released_device_can_be_claimed_again() -> None:
    drive = Drive("virtio0")
    drive.claim()
    drive.release()
    drive.claim()
    assert drive.in_use


@pytest.mark.parametrize("value", [False, True])
def test_setting_in_use_to_what_it_is_is_our_own_mistake(value: bool) -> None:
    drive = Drive("virtio0")
    if value:
        drive.in_use = True
    with pytest.raises(AssertionError, match="already"):
        drive.in_use = value


@pytest.mark.parametrize(
    ("errors", "published"),
    [
        ([], IoStatus.OK),
        ([errno.EIO], IoStatus.FAILED),
        ([errno.ENOSPC], IoStatus.NOSPACE),
        ([errno.ENOSPC, errno.EIO], IoStatus.NOSPACE),
        ([errno.EIO, errno.ENOSPC], IoStatus.FAILED),
    ],
)
def test_the_first_error_stays_published(errors: list[int], published: IoStatus) -> None:
    drive = Drive("virtio0")
    for error in errors:
        drive.iostatus_set_error(error)
    assert drive.io_status is published


def test_a_drive_without_io_status_may_not_be_given_one() -> None:
    with pytest.raises(AssertionError, match="publishes no io-status"):
        Drive("virtio0", policy=SILENT).iostatus_set_error(errno.EIO)


def test_a_reset_is_forwarded_to_the_job() -> None:
    drive = Drive("virtio0")
    job = RecordingJob()
    drive.claim(job)
    drive.iostatus_set_error(errno.EIO)
    drive.iostatus_reset()
    assert (drive.io_status, job.calls) == (IoStatus.OK, ["iostatus_reset"])


def test_a_reset_does_nothing_on_a_drive_without_io_status() -> None:
    drive = Drive("virtio0", policy=SILENT)
    job = RecordingJob()
    drive.claim(job)
    drive.iostatus_reset()
    assert job.calls == []


@pytest.mark.parametrize(
    ("policy", "shown"),
    [
        (DevicePolicy(), True),
        (SILENT, False),
        (DevicePolicy(on_write_error=OnError.REPORT), False),
        (DevicePolicy(on_write_error=OnError.REPORT, on_read_error=OnError.STOP), True),
    ],
)
def test_a_query_shows_io_status_only_where_it_is_published(
    policy: DevicePolicy, shown: bool
) -> None:
    assert ("io-status" in Drive("virtio0", policy=policy).query()) is shown


def test_a_query_counts_dirty_bytes_only_while_they_are_tracked() -> None:
    drive = Drive("virtio0", MemoryDevice(1 << 22, name="a.img"))
    assert "dirty" not in drive.query()
    drive.start_dirty_tracking()
    drive.guest_write((1 << 20) - 1, b"xy")
    assert drive.query() == {
        "device": "virtio0",
        "inserted": {"file": "a.img", "ro": False},
        "io-status": "ok",
        "dirty": {"count": 2 << 20},
    }
    drive.stop_dirty_tracking()
    assert "dirty" not in drive.query()


def test_copy_on_read_is_given_back_as_often_as_it_was_taken() -> None:
    drive = Drive("virtio0")
    drive.add_copy_on_read(1)
    drive.add_copy_on_read(-1)
    with pytest.raises(AssertionError, match="given back twice"):
        drive.add_copy_on_read(-1)


def test_closing_cancels_the_job_while_the_medium_is_still_there() -> None:
    drive = Drive("virtio0", MemoryDevice(8))
    seen: list[bool] = []
    drive.claim(RecordingJob(on_cancel=lambda: seen.append(drive.medium is not None)))
    drive.close()
    assert seen == [True]
    assert drive.medium is None


def test_closing_twice_is_harmless() -> None:
    drive = Drive("virtio0", MemoryDevice(8))
    drive.close()
    drive.close()
    assert drive.medium is None


def test_closing_flushes_the_top_layer() -> None:
    top = FaultyDevice(MemoryDevice(8), Fault("flush"))
    Drive("virtio0", top).close()
    assert top.struck() == (1,)


def test_closing_closes_every_layer(tmp_path: Path) -> None:
    base = RawFile.create(tmp_path / "base.raw", 8)
    Drive("virtio0", MemoryDevice(8, backing=base)).close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        base.read(0, 8)


def test_a_failed_flush_is_told_and_the_file_is_closed_all_the_same(tmp_path: Path) -> None:
    file = RawFile.create(tmp_path / "a.raw", 8)
    drive = Drive("virtio0", FaultyDevice(file, Fault("flush", errno.EIO)))
    with pytest.raises(OSError, match="Input/output error"):
        drive.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        file.read(0, 8)
