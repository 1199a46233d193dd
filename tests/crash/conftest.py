"""What the tests with real threads and small disks share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from blockjob_fsm.executor import Executor
from tests.crash.full_disks import Crowded, Site, small_disk
from tests.storage.qcow2.qemu import Qemu


@pytest.fixture
def pool() -> Iterator[Executor]:
    """Real threads on the real clock."""
    with Executor(workers=4) as executor:
        yield executor


@pytest.fixture
def qemu(qemu_img: Path, qemu_io: Path, tmp_path: Path) -> Qemu:
    """Who makes the images, and reads them afterwards."""
    return Qemu(qemu_img, qemu_io, tmp_path)


@pytest.fixture
def site(
    request: pytest.FixtureRequest, tmp_path: Path, qemu: Qemu, pool: Executor
) -> Iterator[Site]:
    """Images on a large and on a small disk, for the job that the test's row names."""
    crowded: Crowded = request.param
    large = tmp_path / "large"
    large.mkdir()
    with small_disk(tmp_path / "small") as small:
        yield Site(crowded, large, small, qemu, pool)
