"""One case after the other: both run each job, and what they leave is compared.

Only what cannot be equal is taken out before a comparison, each with its reason; a difference that
is known has a row in `EXPLAINED`. What is drawn does not belong here.
"""

import filecmp
import json
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from blockjob_fsm import Executor
from tests.oracle.chains import Case, Layer, make_patterns, recipe, run
from tests.oracle.explained import Explained, explanation
from tests.oracle.ours import Ran, run_ours
from tests.oracle.tasks import (
    KINDS,
    Task,
    expected,
    guest_of,
    may_change,
    only_read,
    result_name,
    target_commands,
    tasks_of,
    written,
)
from tests.oracle.theirs import Theirs

#: Fields of `qemu-img info` that cannot be equal, and why.
LEFT_OUT = {
    "actual-size": "what the file system has allocated; where clusters lie is each writer's choice"
}
#: Why a chain admits no job of a kind.
NOT_ADMITTED = {
    "stream": "stream: the only image is raw, which has no backing file to do without",
    "commit": "commit: it takes three images, as the active one stays out of it",
}
SUBCLUSTERS_STAY = "commit: base or overlay has subclusters, which are only read here"


class Difference(AssertionError):
    """Ours and QEMU's results differ, or ours is wrong by itself."""


@dataclass
class Counts:
    """What was done: different chains, and how often what else."""

    chains: set[tuple[Layer, ...]] = field(default_factory=set)
    jobs: Counter[str] = field(default_factory=Counter)
    comparisons: Counter[str] = field(default_factory=Counter)
    explained: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)


Run = Callable[[Task, Case, Path, Executor], Ran]


@dataclass
class Judge:
    """Runs cases in a folder of its own; `run_ours` is another's in tests of the judge."""

    folder: Path
    executor: Executor
    theirs: Theirs
    run_ours: Run = run_ours
    counts: Counts = field(default_factory=Counts)

    def __post_init__(self) -> None:
        make_patterns(self.folder)

    def case(self, case: Case, kinds: tuple[str, ...] = KINDS) -> None:
        """Run every job of these kinds; raises Difference, with notes how to rebuild the case."""
        tasks = list(tasks_of(case, kinds))
        for kind in set(kinds) - {task.kind for task in tasks}:
            self.counts.skipped[NOT_ADMITTED[kind]] += 1
        if not tasks:
            return
        before = self.build(case)
        self.counts.chains.add(case.layers)
        for task in tasks:
            if only_read(task, case):
                self.counts.skipped[SUBCLUSTERS_STAY] += 1
                continue
            with noting(task, case):
                self.task(task, case, before)
            self.counts.jobs[task.kind] += 1

    def build(self, case: Case) -> bytes:
        """Make the chain that jobs work on copies of; returns the disk that its guest sees."""
        origin = self.folder / "origin"
        shutil.rmtree(origin, ignore_errors=True)
        origin.mkdir()
        for pattern in self.folder.glob("pattern*"):
            origin.joinpath(pattern.name).hardlink_to(pattern)
        for command in case.commands():
            run(origin, command)
        return disk_of(origin, case.top.name, self.folder / "disk")

    def _copies(self, task: Task, case: Case) -> tuple[Path, Path]:
        """Two copies of the chain, each with the job's target beside it."""
        origin = self.folder / "origin"
        for old in origin.glob("target.*"):
            old.unlink()
        for command in target_commands(task, case):
            run(origin, command)
        for name in ("ours", "theirs"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
            run(self.folder, ["cp", "-r", "origin", name])
        return self.folder / "ours", self.folder / "theirs"

    def task(self, task: Task, case: Case, before: bytes) -> None:
        """Run one job on two copies of what was built, and compare; raises Difference."""
        ours, theirs = self._copies(task, case)
        ran = self.run_ours(task, case, ours, self.executor)
        error = self.theirs.run(task, case, theirs)
        known = explanation(task, case)
        self._compare_figures(task, ran)
        self._compare_with_original(task, case, ours, before)
        self._check_files(task, case, ours)
        self._expect("how QEMU's job ends", error, known.error if known else "")
        if known:
            self.counts.explained[known.reason] += 1
        if not error:
            self._compare_with_qemus(task, case, ours, theirs, known)

    def _expect(self, name: str, found: object, wanted: object) -> None:
        self.counts.comparisons[name] += 1
        if found != wanted:
            raise Difference(f"{name}: {found}, not {wanted}")

    def _compare_figures(self, task: Task, ran: Ran) -> None:
        name, results, is_whole = ran.figures()
        if task.kind == "backup" and task.sync == "none":
            # It saves what guests write until it is cancelled, which is a good end.
            self._expect("last event, result", (name, results), ("BLOCK_JOB_CANCELLED", [0]))
            return
        wanted = ("BLOCK_JOB_COMPLETED", [0], True)
        self._expect("last event, result, offset == len", (name, results, is_whole), wanted)

    def _compare_with_qemus(
        self, task: Task, case: Case, ours: Path, theirs: Path, known: Explained | None
    ) -> None:
        result = result_name(task, case)
        self._expect("qemu-img info", info(ours, result), info(theirs, result))
        span = known.where(task, case) if known else None
        if span is None:
            self._compare("contents beside QEMU's", ours / result, theirs / result)
            return
        disks = [disk_of(folder, result, self.folder / "disk") for folder in (ours, theirs)]
        same = [disk[: span[0]] + disk[span[1] :] for disk in disks]
        self._expect("contents beside QEMU's, where they can be equal", same[0] == same[1], True)

    def _compare_with_original(self, task: Task, case: Case, ours: Path, before: bytes) -> None:
        guest = guest_of(task, case)
        after, disk = written(before, guest), self.folder / "disk"
        wanted = expected(task, case, before, after)
        if wanted is not None:
            disk.write_bytes(wanted)
            self._compare("contents beside the original", ours / result_name(task, case), disk)
        if guest:
            disk.write_bytes(after)
            self._compare("source after the guest's writes", ours / case.top.name, disk)

    def _compare(self, name: str, ours: Path, wanted: Path) -> None:
        formats = ["-f", ours.suffix[1:], "-F", wanted.suffix[1:] or "raw"]
        command = ["qemu-img", "compare", *formats, str(ours), str(wanted)]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        said = done.stdout.strip() + done.stderr.strip()
        self._expect(name, (done.returncode, said), (0, "Images are identical."))

    def _check_files(self, task: Task, case: Case, ours: Path) -> None:
        changeable = may_change(task, case)
        for path in sorted(ours.rglob("*.*")):
            name = str(path.relative_to(ours))
            if name not in changeable:
                same = filecmp.cmp(path, self.folder / "origin" / name, shallow=False)
                self._expect("an image that is left alone", (name, same), (name, True))
            elif path.suffix == ".qcow2":
                check = ["qemu-img", "check", "-f", "qcow2", str(path)]
                done = subprocess.run(check, check=False, capture_output=True, text=True)
                self._expect("qemu-img check", (done.returncode, done.stderr), (0, ""))


def info(folder: Path, name: str) -> list[dict[str, Any]]:
    """What `qemu-img info` says of a chain, with paths from the folder."""
    command = ["qemu-img", "info", "--backing-chain", "--output=json", str(folder / name)]
    chain: list[dict[str, Any]] = json.loads(run(folder, command).replace(f"{folder}/", "./"))
    return [{key: value for key, value in each.items() if key not in LEFT_OUT} for each in chain]


def disk_of(folder: Path, name: str, scratch: Path) -> bytes:
    """What `qemu-img convert` makes of an image: the disk that its guest sees."""
    format_name = Path(name).suffix[1:]
    run(folder, ["qemu-img", "convert", "-f", format_name, "-O", "raw", name, str(scratch)])
    return scratch.read_bytes()


@contextmanager
def noting(task: Task, case: Case) -> Iterator[None]:
    """Add to a failure what rebuilds its case."""
    try:
        yield
    except Exception as error:
        commands = [*case.commands(), *target_commands(task, case)]
        error.add_note(f"{task}, guest {[one.command for one in guest_of(task, case)]}, {case}")
        error.add_note(recipe(commands))
        raise
