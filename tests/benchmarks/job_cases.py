"""Who runs which job on which images: ours in a process, QEMU's in its daemon, the tools.

A case names the job and the formats. Each way to run it gets images of its own that are equal at
the start, and returns what it took; making them is not timed. Figures are made elsewhere.
"""

import json
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks.daemon import chain_node, image_node, job_in_daemon
from tests.benchmarks.job_images import Images, copy_of, new_target, settle
from tests.benchmarks.peers import run

#: Copies that are written to go here, one folder for all who come after each other.
WORK = "work"


class Taken(NamedTuple):
    """Seconds of a run, seconds of processor time, and of our jobs the process's memory in KiB."""

    seconds: float
    cpu: float = 0.0
    peak_kib: int = 0


@dataclass(frozen=True)
class Case:
    """A job by its kind, "mirror", "backup", "stream" or "commit", and the formats of a copy."""

    kind: str
    source: str = "qcow2"
    target: str = "qcow2"

    @property
    def name(self) -> str:
        """As it is printed, and asked for."""
        is_copy = self.kind in {"mirror", "backup"}
        return f"{self.kind} {self.source} to {self.target}" if is_copy else self.kind

    @property
    def is_copy(self) -> bool:
        """Whether it fills a target, and leaves its source alone."""
        return self.kind in {"mirror", "backup"}


CASES = (
    *(
        Case(kind, source, target)
        for kind in ("mirror", "backup")
        for source in ("raw", "qcow2")
        for target in ("raw", "qcow2")
    ),
    Case("stream"),
    Case("commit"),
)


@dataclass(frozen=True)
class Stage:
    """What one run works on: the images it starts from, and those it may change."""

    case: Case
    images: Images
    work: Images

    @property
    def source(self) -> Path:
        """What a copy is made of, or the top of the chain that a job changes."""
        if self.case.is_copy:
            return self.images.raw if self.case.source == "raw" else self.images.layers[2]
        return self.work.layers[2]

    @property
    def target(self) -> Path:
        """What a copy is made to; for a commit the layer that is merged down."""
        if self.case.is_copy:
            return self.work.folder / f"target.{self.case.target}"
        return self.work.layers[1]

    @property
    def original(self) -> Path:
        """What the result has to read as."""
        return self.source if self.case.is_copy else self.images.layers[2]

    @property
    def result(self) -> Path:
        """Where that is found."""
        return self.target if self.case.is_copy else self.work.layers[2]


def prepared(case: Case, images: Images) -> Stage:
    """Images as they were before any run, on the disk.

    A raw disk is copied over an older one of the same size, all data, so that the file system has
    nothing to allocate; every other target is new.
    """
    folder = images.folder / WORK
    folder.mkdir(exist_ok=True)
    stage = Stage(case, images, Images(folder, images.size))
    if not case.is_copy:
        copy_of(images, folder)
        settle(*stage.work.layers)
    elif case.source == case.target == "raw":
        if not stage.target.exists():
            shutil.copyfile(images.raw, stage.target)
            settle(stage.target)
    else:
        new_target(stage.target, case.target, images.size)
    return stage


def discard(images: Images) -> None:
    """Give up what runs have written."""
    shutil.rmtree(images.folder / WORK, ignore_errors=True)


def ours(stage: Stage) -> Taken:
    """Our job, from the call that starts it to its end, in a pool whose threads run already."""
    case = stage.case
    given = [str(stage.source), case.source, str(stage.target), case.target]
    command = [sys.executable, "-m", "tests.benchmarks.job_runner", case.kind, *given]
    answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    report = json.loads(answer)
    assert report["rets"] == [0], report
    return Taken(report["seconds"], report["cpu"], report["peak_kib"])


def qemus(stage: Stage) -> Taken:
    """QEMU's job, from its command to BLOCK_JOB_COMPLETED, with its images open already."""
    case = stage.case
    if not case.is_copy:
        top, middle, base = (f"n{number}" for number in range(3))
        nodes = [chain_node(stage.work.layers[::-1], read_only=False)]
        names = {} if case.kind == "stream" else {"top_node": middle, "base_node": base}
        return Taken(*job_in_daemon(nodes, f"block-{case.kind}", device=top, **names))
    if case.source == "raw":
        source = image_node(stage.source, "raw", "n0", read_only=True)
    else:
        source = chain_node(stage.images.layers[::-1], read_only=True)
    target = image_node(stage.target, case.target, "target", read_only=False)
    command = f"blockdev-{case.kind}"
    return Taken(
        *job_in_daemon([source, target], command, device="n0", target="target", sync="full")
    )


def our_command(stage: Stage) -> Taken:
    """Our command as a whole process, interpreter and imports included; it flushes."""
    case = stage.case
    command = [sys.executable, "-m", "blockjob_fsm.cli", case.kind, "--progress", "never"]
    command += ["--format", case.source, str(stage.source)]
    if case.is_copy:
        command += ["--existing", "--target-format", case.target, str(stage.target)]
    elif case.kind == "commit":
        command += ["--top", str(stage.target)]
    return timed(command)


def qemu_command(stage: Stage) -> Taken:
    """`qemu-img` as a whole process; it flushes. A stream has no counterpart but a flat copy."""
    case = stage.case
    if case.kind == "commit":
        command = ["qemu-img", "commit", "-q", "-d", "-t", "writeback", str(stage.target)]
        return timed(command)
    target = stage.work.folder / "flat.qcow2" if case.kind == "stream" else stage.target
    command = ["qemu-img", "convert", "-t", "writeback", "-f", case.source, "-O", case.target]
    command += ["-n"] if target.exists() else []
    return timed([*command, str(stage.source), str(target)])


def timed(command: list[str]) -> Taken:
    """A process from its start to its end."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = run(command)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return Taken(seconds, cpu)


Runner = Callable[[Stage], Taken]
JOBS: tuple[Runner, Runner] = (ours, qemus)
PROCESSES: tuple[Runner, Runner] = (our_command, qemu_command)
