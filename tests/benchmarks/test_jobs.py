"""The measurement of all jobs is sound: both sides do each case, and do it right."""

from pathlib import Path

import pytest

from tests.benchmarks import jobs
from tests.benchmarks.job_cases import CASES, JOBS, PROCESSES, Case, Stage, Taken
from tests.benchmarks.job_images import make_images

MIB = 1 << 20


@pytest.mark.slow
@pytest.mark.usefixtures("qemu_img", "qemu_storage_daemon")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_both_sides_do_each_job_and_are_timed(tmp_path: Path, case: Case) -> None:
    images = make_images(tmp_path / "images", 8 * MIB)
    (row,) = jobs.measure(images, [case], JOBS, 1)
    assert row.ratio.low > 0
    assert row.peak_kib > 0


@pytest.mark.slow
@pytest.mark.usefixtures("qemu_img")
def test_whole_commands_are_timed_too(tmp_path: Path) -> None:
    images = make_images(tmp_path / "images", 8 * MIB)
    (row,) = jobs.measure(images, [Case("commit")], PROCESSES, 1)
    assert row.cpu_ratio.low > 0


def lazy(stage: Stage) -> Taken:
    """A side that does nothing."""
    assert stage.case.is_copy
    return Taken(1.0)


@pytest.mark.usefixtures("qemu_img")
def test_a_side_that_does_nothing_is_caught(tmp_path: Path) -> None:
    images = make_images(tmp_path / "images", 8 * MIB)
    with pytest.raises(AssertionError, match="backup qcow2 to raw: lazy left it wrong"):
        jobs.does_it_right(Case("backup", "qcow2", "raw"), images, lazy)


@pytest.mark.parametrize(
    ("case", "goal"), [(Case("mirror", "raw", "raw"), 2.0), (Case("stream"), 1.0)]
)
def test_each_case_has_its_goal(case: Case, goal: float) -> None:
    ours, theirs = Taken(1.0, 1.0, 100), Taken(goal, 1.0)
    assert [reached for reached, _ in jobs.verdicts([jobs.Row(case, [(ours, theirs)])])] == [
        True,
        True,
    ]
    slow = Taken(1.01, 1.0, 101 << 10)
    assert [reached for reached, _ in jobs.verdicts([jobs.Row(case, [(slow, theirs)])])] == [
        False,
        False,
    ]
