"""A disk that is full costs a job its end or its time, and nobody a byte."""

import errno
from pathlib import Path

import pytest

from blockjob_fsm.block_job import BlockJob
from blockjob_fsm.error_action import IoStatus, OnError
from blockjob_fsm.executor import Executor
from blockjob_fsm.lifecycles.classic_words import Phase
from tests.crash.full_disks import CROWDED, LENGTH, MIB, FileLimit, Site
from tests.storage.qcow2.change import difference
from tests.storage.qcow2.qemu import CLEAN, LEAKING, Qemu
from tests.storage.threads import until

FINE = {CLEAN, LEAKING}
#: A commit knows no stop: as in 1.3, what cannot be written ends it.
STOPPING = [crowded for crowded in CROWDED if crowded.kind != "commit"]


def stopped(site: Site, job: BlockJob) -> None:
    """Return once the job stands still."""
    until(lambda: job.phase in {Phase.PARKED, Phase.FREED})
    assert job.phase is Phase.PARKED, site.events


@pytest.mark.slow
@pytest.mark.parametrize("site", CROWDED, indirect=True, ids=str)
def test_a_full_disk_ends_a_job_that_reports_and_changes_nothing(site: Site) -> None:
    files, drive = site.untouched(), site.open()
    job = site.start(drive)
    assert site.finish(job) == -errno.ENOSPC
    assert not drive.in_use
    drive.close()
    assert site.events[-1].data()["error"] == "No space left on device"
    assert (site.untouched() == files, site.verdicts() <= FINE) == (True, True)
    assert not difference(site.shown(), site.before)


@pytest.mark.slow
@pytest.mark.parametrize("site", CROWDED, indirect=True, ids=str)
def test_once_there_is_room_a_failed_job_can_be_started_again(site: Site) -> None:
    drive = site.open()
    site.finish(site.start(drive))
    site.small.grow()
    site.events.clear()
    assert site.finish(site.start(drive)) == 0
    drive.close()
    assert not difference(site.qemu.contents(site.result()), site.before)
    assert site.verdicts() <= FINE


@pytest.mark.slow
@pytest.mark.parametrize("on_error", [OnError.STOP, OnError.ENOSPC])
@pytest.mark.parametrize("site", STOPPING, indirect=True, ids=str)
def test_a_job_that_stopped_for_lack_of_space_goes_on_when_there_is_some(
    site: Site, on_error: OnError
) -> None:
    files, drive = site.untouched(), site.open()
    job = site.start(drive, on_error)
    stopped(site, job)
    assert (job.iostatus, site.names[-1]) == (IoStatus.NOSPACE, "BLOCK_JOB_ERROR")
    site.small.grow()
    job.resume()
    assert site.finish(job) == 0
    drive.close()
    assert not difference(site.qemu.contents(site.result()), site.before)
    assert (site.untouched() == files, site.verdicts() <= FINE) == (True, True)


@pytest.mark.slow
@pytest.mark.parametrize("site", STOPPING, indirect=True, ids=str)
def test_a_job_resumed_on_a_disk_that_is_still_full_stops_again(site: Site) -> None:
    drive = site.open()
    job = site.start(drive, OnError.STOP)
    stopped(site, job)
    errors = len(site.events)
    job.resume()
    until(lambda: len(site.events) > errors)
    stopped(site, job)
    assert job.cancel_sync() == -errno.ECANCELED
    drive.close()
    assert not difference(site.shown(), site.before)
    assert site.verdicts() <= FINE


@pytest.mark.slow
@pytest.mark.parametrize("site", STOPPING, indirect=True, ids=str)
def test_a_guest_that_writes_while_a_job_has_no_space_loses_nothing(site: Site) -> None:
    drive = site.open()
    job = site.start(drive, OnError.STOP)
    stopped(site, job)
    model = bytearray(site.before)
    # Over the end of what the job has done, and where the disk holds nothing yet.
    for offset in (MIB - 100, LENGTH - 150_000):
        drive.guest_write(offset, b"g" * 150_000)
        model[offset : offset + 150_000] = b"g" * 150_000
    site.small.grow()
    assert drive.cont()
    job.resume()
    assert site.finish(job) == 0
    drive.close()
    kept = site.before if site.crowded.kind == "backup" else model
    assert not difference(site.qemu.contents(site.result()), kept)
    shown = site.qemu.contents(site.result()) if site.crowded.kind == "mirror" else site.shown()
    assert not difference(shown, model)


# ---- files that may not grow: the same without root, and no lack of space


#: Where the file is not made at its full length.
GROWING = [crowded for crowded in CROWDED if crowded.image != "target.raw"]


@pytest.fixture
def limited(request: pytest.FixtureRequest, tmp_path: Path, qemu: Qemu, pool: Executor) -> Site:
    """Images in two folders; the limit is not in force yet."""
    for name in ("large", "small"):
        (tmp_path / name).mkdir()
    return Site(request.param, tmp_path / "large", FileLimit(tmp_path / "small"), qemu, pool)


@pytest.mark.slow
@pytest.mark.parametrize("on_error", [OnError.REPORT, OnError.ENOSPC])
@pytest.mark.parametrize("limited", GROWING, indirect=True, ids=str)
def test_a_file_that_may_not_grow_ends_a_job_though_it_waits_for_space(
    limited: Site, on_error: OnError
) -> None:
    files, drive = limited.untouched(), limited.open()
    assert isinstance(limited.small, FileLimit)
    with limited.small:
        assert limited.finish(limited.start(drive, on_error)) == -errno.EFBIG
    drive.close()
    assert limited.events[-1].data()["error"] == "File too large"
    assert (limited.untouched() == files, limited.verdicts() <= FINE) == (True, True)
    assert not difference(limited.shown(), limited.before)


@pytest.mark.slow
@pytest.mark.parametrize(
    "limited", [crowded for crowded in GROWING if crowded in STOPPING], indirect=True, ids=str
)
def test_a_job_stopped_at_a_limit_has_failed_not_run_out_of_space(limited: Site) -> None:
    drive = limited.open()
    assert isinstance(limited.small, FileLimit)
    with limited.small:
        job = limited.start(drive, OnError.STOP)
        stopped(limited, job)
        assert job.iostatus is IoStatus.FAILED
    job.resume()
    assert limited.finish(job) == 0
    drive.close()
    assert not difference(limited.qemu.contents(limited.result()), limited.before)
    assert limited.verdicts() <= FINE
