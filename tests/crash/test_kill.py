"""A job whose process is killed at any moment loses nothing, and can be started again.

`BLOCKJOB_KILLS` says how often each job is killed; `python -m tests.crash N` does it N times and
counts what was left.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.forge import Forge
from tests.crash.survivors import Bench
from tests.crash.works import WORKS
from tests.storage.qcow2.qemu import Qemu

KILLS = int(os.environ.get("BLOCKJOB_KILLS", "4"))


@pytest.fixture(scope="module")
def bench(
    qemu_img: Path, qemu_io: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("kills")
    with Forge() as forge:
        yield Bench(folder, Qemu(qemu_img, qemu_io, folder), forge)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(KILLS))
@pytest.mark.parametrize("work", WORKS)
def test_a_killed_job_loses_nothing_and_can_be_started_again(
    bench: Bench, work: str, seed: int
) -> None:
    bench.kill(WORKS[work], seed)
