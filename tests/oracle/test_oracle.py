"""Our jobs and QEMU's leave the same behind; and the judge who says so can say otherwise."""

import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from blockjob_fsm import Executor
from blockjob_fsm.storage import Qcow2File
from tests.oracle.chains import MIB, Case, Layer, Write
from tests.oracle.explained import EXPLAINED, Explained
from tests.oracle.judge import Difference, Judge, disk_of
from tests.oracle.ours import Ran, run_ours
from tests.oracle.search import search
from tests.oracle.tasks import Task

#: Cases drawn for each kind of job, in blocks: the seeds. A copy is six jobs on each chain.
DRAWN = {"stream": 25, "commit": 25, "mirror": 8, "backup": 8}


@pytest.mark.slow
@pytest.mark.parametrize("number", range(2))
@pytest.mark.parametrize("kind", DRAWN)
def test_our_job_and_qemus_leave_the_same_behind(kind: str, number: int, judge: Judge) -> None:
    search(judge, DRAWN[kind], number, (kind,))
    assert judge.counts.jobs[kind] >= DRAWN[kind]


# ---- differences that are explained


def image(name: str, length: int, *, version: int = 3, data: int = 0) -> Layer:
    """An image with data at its start."""
    cluster_bytes = 65536 if name.endswith(".qcow2") else 0
    writes = (Write("write", 0, data, "pattern1"),) if data else ()
    return Layer(name, length, cluster_bytes, version, writes=writes)


LONG = image("top.qcow2", 2 * MIB)
TWO = (LONG, replace(LONG, name="1.qcow2"))
SHOWN = {
    "QEMU cannot grow": (
        Task("commit", top=1, base=2),
        (
            LONG,
            replace(LONG, name="1.qcow2"),
            image("2.qcow2", MIB, version=2),
            image("3.raw", 2 * MIB),
        ),
    ),
    "after QEMU's commit": (
        Task("commit", top=1),
        (LONG, image("1.qcow2", MIB), image("2.raw", 2 * MIB, data=2 * MIB)),
    ),
    "after QEMU's stream": (
        Task("stream", base=2),
        (LONG, image("1.qcow2", MIB), image("2.raw", 2 * MIB, data=2 * MIB)),
    ),
}


@pytest.mark.parametrize("row", EXPLAINED, ids=lambda row: row.where.__name__)
def test_an_explained_difference_is_there(row: Explained, judge: Judge) -> None:
    task, layers = next(case for start, case in SHOWN.items() if row.reason.startswith(start))
    case = Case(layers)
    before = judge.build(case)
    judge.task(task, case, before)
    assert judge.counts.explained == {row.reason: 1}
    theirs = disk_of(judge.folder / "theirs", "top.qcow2", judge.folder / "disk")
    assert bool(row.error) or theirs != before


# ---- the judge

THREE = Case((LONG, image("1.qcow2", 2 * MIB, data=MIB), image("2.raw", 2 * MIB)))


def change_a_byte(folder: Path) -> None:
    """Other contents."""
    with Qcow2File.open(folder / "top.qcow2") as top:
        top.write(MIB // 2, b"!")


def take_a_cluster(folder: Path) -> None:
    """A leak: one more cluster is counted, and nothing refers to it."""
    with (folder / "top.qcow2").open("r+b") as file:
        used = -(-file.seek(0, os.SEEK_END) // 65536)
        file.truncate((used + 1) * 65536)
        # The reference counts lie in the third cluster.
        file.seek(2 * 65536 + 2 * used)
        file.write(b"\0\1")


def forget_the_format(folder: Path) -> None:
    """The header names no format of the backing file."""
    with Qcow2File.open(folder / "top.qcow2") as top:
        top.change_backing(None, "2.raw")


def touch_the_base(folder: Path) -> None:
    """An image is written that the job has no business with."""
    with (folder / "2.raw").open("ab") as file:
        file.write(b"!")


@pytest.mark.parametrize(
    ("sabotage", "noticed"),
    [
        (change_a_byte, "contents beside the original"),
        (take_a_cluster, "qemu-img check"),
        (forget_the_format, "qemu-img info"),
        (touch_the_base, "an image that is left alone"),
    ],
)
def test_the_judge_notices(sabotage: Callable[[Path], None], noticed: str, judge: Judge) -> None:
    def run_badly(task: Task, case: Case, folder: Path, executor: Executor) -> Ran:
        ran = run_ours(task, case, folder, executor)
        sabotage(folder)
        return ran

    bad = replace(judge, run_ours=run_badly)
    with pytest.raises(Difference, match=noticed):
        bad.task(Task("stream", base=2), THREE, bad.build(THREE))


def test_a_failure_tells_how_to_rebuild_its_chain(judge: Judge, tmp_path: Path) -> None:
    def run_not(*_: object) -> Ran:
        raise Difference("not run")

    with pytest.raises(Difference) as caught:
        replace(judge, run_ours=run_not).case(THREE, ("stream",))
    script = caught.value.__notes__[-1]
    subprocess.run(["sh", "-ec", script], check=True, capture_output=True, cwd=tmp_path)
    for layer in THREE.layers:
        assert (tmp_path / layer.name).read_bytes() == (
            judge.folder / "origin" / layer.name
        ).read_bytes()
