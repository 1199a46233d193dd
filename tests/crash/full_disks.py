"""Jobs whose image finds no room: on a small file system, or past a limit. No claim is made here.

The file system is mounted for one test: as root, or as the root of a user namespace
(`unshare -Urm python -m pytest tests/crash`).
"""

import hashlib
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import pytest

from blockjob_fsm import jobs
from blockjob_fsm.block_job import BlockJob
from blockjob_fsm.error_action import OnError
from blockjob_fsm.events import QmpEvent
from blockjob_fsm.executor import Executor
from blockjob_fsm.lifecycles.classic_words import Phase
from blockjob_fsm.storage import BlockDevice, Drive, RawFile, chain
from blockjob_fsm.storage.chains import open_chain
from blockjob_fsm.storage.qcow2 import Qcow2File
from tests.live.world import STOPS
from tests.storage.qcow2.qemu import Qemu, output_of
from tests.storage.threads import until

MIB = 1 << 20
LENGTH = 6 * MIB


class SmallDisk:
    """A file system with room for 2 MiB."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def grow(self) -> None:
        """Make room."""
        output_of("mount", "-o", "remount,size=64m", self.folder)


@contextmanager
def small_disk(folder: Path) -> Iterator[SmallDisk]:
    """Mounted inside the block; skips the test where that is refused."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small file system cannot be mounted here (needs root)")
    try:
        yield SmallDisk(folder)
    finally:
        # A test that fails leaves images open.
        output_of("umount", "--lazy", folder)


class FileLimit(SmallDisk):
    """A folder whose files, like all of this process and its children, may not grow past 2 MiB."""

    def __enter__(self) -> Self:
        self._before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2 * MIB, self._before[1]))
        return self

    def __exit__(self, *_: object) -> None:
        self.grow()

    def grow(self) -> None:
        """Lift the limit."""
        resource.setrlimit(resource.RLIMIT_FSIZE, self._before)


@dataclass(frozen=True)
class Crowded:
    """A kind of job, and which of its images is on the small disk."""

    kind: str
    image: str

    def __str__(self) -> str:
        return f"{self.kind} with a small disk for {self.image}"


CROWDED = (
    Crowded("mirror", "target.raw"),
    Crowded("mirror", "target.qcow2"),
    Crowded("backup", "target.raw"),
    Crowded("backup", "target.qcow2"),
    Crowded("stream", "top.qcow2"),
    Crowded("commit", "base.raw"),
    Crowded("commit", "base.qcow2"),
)


@dataclass
class Site:
    """base, middle and top; the job's small image holds a little, and would hold 4 MiB more."""

    crowded: Crowded
    large: Path
    small: SmallDisk
    qemu: Qemu
    executor: Executor
    events: list[QmpEvent] = field(default_factory=list)
    before: bytes = b""

    def __post_init__(self) -> None:
        base, middle, top = self._chain()
        if base.suffix == ".raw":
            RawFile.create(base, LENGTH).close()
        else:
            self.qemu.create(base, LENGTH)
        self.qemu.create(middle, LENGTH, backing=base)
        self.qemu.create(top, LENGTH, backing=middle)
        full = middle if self.crowded.kind == "commit" else base
        self.qemu.perform(full, [f"write -q -P {n + 1} {n}M 1M" for n in range(4)])
        self.qemu.perform(base, [f"write -q -P 21 {MIB // 2} 64k"])
        self.qemu.perform(top, [f"write -q -P 22 {3 * MIB + MIB // 2} 100k", "write -q -z 2M 8k"])
        self.before = self.shown()

    def path(self, name: str) -> Path:
        """Where an image is."""
        return (self.small.folder if name == self.crowded.image else self.large) / name

    def _chain(self) -> tuple[Path, Path, Path]:
        base = "base.raw" if self.crowded.image == "base.raw" else "base.qcow2"
        return self.path(base), self.path("middle.qcow2"), self.path("top.qcow2")

    def shown(self) -> bytes:
        """What QEMU reads of the chain."""
        return self.qemu.contents(self.path("top.qcow2"))

    def untouched(self) -> list[str]:
        """Digests of the files that this job never writes."""
        written = {self.path(self.crowded.image)}
        if self.crowded.kind == "commit":
            written.add(self.path("top.qcow2"))
        files = [path for path in self._chain() if path not in written]
        return [hashlib.sha256(path.read_bytes()).hexdigest() for path in files]

    def verdicts(self) -> set[int]:
        """What QEMU makes of all qcow2 images."""
        folders = (self.large, self.small.folder)
        images = [path for folder in folders for path in sorted(folder.glob("*.qcow2"))]
        return {self.qemu.verdict(path) for path in images}

    def open(self) -> Drive:
        """The chain as a drive, whose own failures stop its machine."""
        return Drive("d", open_chain(self.path("top.qcow2"), read_only=False), policy=STOPS)

    def start(self, drive: Drive, on_error: OnError = OnError.REPORT) -> BlockJob:
        """The job, with a new target if it has one."""
        options = jobs.Options(on_event=self.events.append)
        top = drive.medium
        assert top is not None
        match self.crowded.kind:
            case "stream":
                return jobs.stream(drive, executor=self.executor, on_error=on_error, **options)
            case "commit":
                middle = list(chain(top))[1]
                return jobs.commit(drive, executor=self.executor, top=middle, **options)
        begin = jobs.mirror if self.crowded.kind == "mirror" else jobs.backup
        target = self._target()
        return begin(drive, target, executor=self.executor, on_target_error=on_error, **options)

    def argv(self, on_error: str = "report") -> list[str]:
        """The command that does the same job."""
        top, image = str(self.path("top.qcow2")), self.path(self.crowded.image)
        match self.crowded.kind:
            case "stream":
                return ["stream", "--on-error", on_error, top]
            case "commit":
                return ["commit", "--top", str(self.path("middle.qcow2")), top]
        copy = [self.crowded.kind, "--on-target-error", on_error]
        return [*copy, "--target-format", image.suffix[1:], top, str(image)]

    def _target(self) -> BlockDevice:
        path = self.path(self.crowded.image)
        kind: type[RawFile | Qcow2File] = RawFile if path.suffix == ".raw" else Qcow2File
        return kind.create(path, LENGTH)

    def finish(self, job: BlockJob) -> int:
        """Complete a mirror in step, and wait for the end."""
        if self.crowded.kind == "mirror":
            until(lambda: job.phase is Phase.FREED or "BLOCK_JOB_READY" in self.names)
            if job.phase is not Phase.FREED:
                job.complete()
        assert job.wait(30)
        return job.control.ret

    @property
    def names(self) -> list[str]:
        """The events' names."""
        return [event.name for event in self.events]

    def result(self) -> Path:
        """The image that holds everything once the job has completed."""
        return self.path(self.crowded.image if "target" in self.crowded.image else "top.qcow2")
