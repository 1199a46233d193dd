"""Live modern jobs on memory disks, and what was heard of them. No claim is made here."""

import threading
from collections import Counter
from dataclasses import dataclass, field

from blockjob_fsm.block_job import BlockJob
from blockjob_fsm.bodies.backup import Backup
from blockjob_fsm.bodies.mirror import ModernMirror
from blockjob_fsm.bodies.requests import Body
from blockjob_fsm.bodies.stream import Stream
from blockjob_fsm.error_action import OnError
from blockjob_fsm.events import QmpEvent
from blockjob_fsm.executor import Executor
from blockjob_fsm.job_type import BlockJobType
from blockjob_fsm.lifecycles.modern import modern
from blockjob_fsm.lifecycles.modern_words import Status
from blockjob_fsm.live_group import LiveGroup
from blockjob_fsm.modern_block_job import ModernBlockJob
from blockjob_fsm.operations.backup import BackupOperations
from blockjob_fsm.operations.base import Operations
from blockjob_fsm.operations.lanes import Lanes
from blockjob_fsm.operations.mirror import MirrorOperations
from blockjob_fsm.operations.stream import StreamOperations
from blockjob_fsm.storage import BlockDevice, Drive, MemoryDevice
from tests.modern.world import LETTERS

BY_HAND = BlockJobType("by-hand", complete=lambda _: None)
CHUNK = 64 << 10
CHUNKS = 8
CONTENT = b"".join(bytes([number + 1]) * CHUNK for number in range(CHUNKS))


@dataclass
class Bench:
    """An executor, jobs on it, and the words of their events in order."""

    executor: Executor
    profile: str = "7.2"
    heard: list[str] = field(default_factory=list)
    verdicts: Counter[str] = field(default_factory=Counter)
    targets: dict[str, MemoryDevice] = field(default_factory=dict)
    jobs: list[ModernBlockJob] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def group(self) -> LiveGroup:
        return LiveGroup(self.executor, modern(self.profile))

    def told(self) -> str:
        """What was heard since last asked."""
        with self._lock:
            words, self.heard = " ".join(self.heard), []
        return words

    def mirror(self, name: str = "j0", *, manual: bool = False, speed: int = 0) -> ModernBlockJob:
        drive, target = Drive(name, disk(name)), self._target(name)
        side = Drive("", target)
        operations = MirrorOperations(drive, side, CHUNK, Lanes(self.executor))
        return self._job(
            "mirror", drive, ModernMirror(chunk=CHUNK), operations, None, manual, speed
        )

    def backup(
        self,
        name: str = "j0",
        group: LiveGroup | None = None,
        *,
        manual: bool = False,
        speed: int = 0,
        source: BlockDevice | None = None,
        on_error: OnError = OnError.REPORT,
    ) -> ModernBlockJob:
        drive, target = Drive(name, source or disk(name)), self._target(name)
        operations = BackupOperations(drive, Drive("", target), CHUNK)
        body = Backup(chunk=CHUNK, on_source_error=on_error)
        return self._job("backup", drive, body, operations, group, manual, speed)

    def stream(self, name: str = "j0", *, manual: bool = False) -> ModernBlockJob:
        top = MemoryDevice(len(CONTENT), name=name, backing=disk("base"))
        drive = Drive(name, top)
        body, operations = Stream(unit=CHUNK), StreamOperations(drive)
        return self._job("stream", drive, body, operations, None, manual, 0)

    def by_hand(self, name: str = "j0", *, manual: bool = False, speed: int = 0) -> ModernBlockJob:
        """A job whose steps are the caller's, and that can be completed."""
        return self._job(BY_HAND, Drive(name), None, Operations(), None, manual, speed)

    def _target(self, name: str) -> MemoryDevice:
        self.targets[name] = MemoryDevice(len(CONTENT), name=f"{name}-target")
        return self.targets[name]

    def _job(
        self,
        kind: BlockJobType | str,
        drive: Drive,
        body: Body | None,
        operations: Operations,
        group: LiveGroup | None,
        manual: bool,
        speed: int,
    ) -> ModernBlockJob:
        group = group or self.group()
        job = BlockJob.create(
            kind,
            drive,
            executor=self.executor,
            body=body,
            operations=operations,
            lifecycle=group.lifecycle,
            group=group,
            speed=speed,
            auto_finalize=not manual,
            auto_dismiss=not manual,
            on_event=self._hear,
        )
        self.jobs.append(job)
        return job

    def end(self) -> None:
        """Let no job outlive the bench."""
        for job in self.jobs:
            job.cancel_sync()

    def _hear(self, event: QmpEvent) -> None:
        data = event.data()
        word = event.name.removeprefix("BLOCK_JOB_")
        if event.name == "JOB_STATUS_CHANGE":
            word = LETTERS[str(data["status"])]
        job = str(data.get("id", data.get("device")))
        mark = job.removeprefix("j0").removeprefix("j")
        with self._lock:
            if event.name in ("BLOCK_JOB_COMPLETED", "BLOCK_JOB_CANCELLED"):
                self.verdicts[job] += 1
            self.heard.append(word + mark + ("(error)" if "error" in data else ""))


def disk(name: str) -> MemoryDevice:
    """A disk that is full of data."""
    device = MemoryDevice(len(CONTENT), name=name)
    device.write(0, CONTENT)
    return device


def started(job: ModernBlockJob, status: Status | None = None) -> ModernBlockJob:
    """The job, entered, and in this status if one is given."""
    job.start()
    assert status is None or job.wait(status, timeout_s=20), job.status
    return job
