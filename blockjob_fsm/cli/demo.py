"""`blockjob demo`: a stream that runs out of space, goes on, and a mirror, on real files.

The chain is three qcow2 images. Whether the copies are right is decided by comparing every byte
with what the guest saw before. How it is told is in `story`.
"""

from __future__ import annotations

import random
import tempfile
import threading
from errno import ENOSPC
from functools import partial
from pathlib import Path

from blockjob_fsm import jobs
from blockjob_fsm.block_job import BlockJob
from blockjob_fsm.cli.following import Ended, Happened, Inbox, Interrupted, listening
from blockjob_fsm.cli.problems import Problem, Status
from blockjob_fsm.cli.story import Story
from blockjob_fsm.error_action import ErrorAction, OnError
from blockjob_fsm.events import (
    BlockJobCancelled,
    BlockJobCompleted,
    BlockJobError,
    BlockJobReady,
    QmpEvent,
)
from blockjob_fsm.executor import Executor, Task
from blockjob_fsm.lifecycles.classic_words import Phase
from blockjob_fsm.storage.chains import open_chain
from blockjob_fsm.storage.device import BlockDevice, chain, read_chain
from blockjob_fsm.storage.drive import Drive
from blockjob_fsm.storage.faults import Fault, FaultyDevice
from blockjob_fsm.storage.qcow2 import Qcow2File
from blockjob_fsm.storage.raw import RawFile

MIB = 1 << 20
LENGTH = 8 * MIB
#: The images from the lowest up, each with what it stores: (offset, length).
LAYERS = {
    "base.qcow2": ((0, 3 * MIB), (5 * MIB, MIB)),
    "middle.qcow2": ((2 * MIB, MIB // 2), (6 * MIB, MIB)),
    "top.qcow2": ((2 * MIB + 65536, 65536),),
}
FAULT_SECTOR = 5 * MIB // 512
PATIENCE_S = 60.0


class Watch(Executor):
    """An executor that looks at a drive's job before and after each task it runs for it."""

    def __init__(self, drive: Drive) -> None:
        super().__init__(workers=1)
        self._drive = drive
        self._watching = threading.Lock()
        self.phases: list[Phase] = []

    def submit(self, task: Task, **how: bool) -> None:
        super().submit(partial(self._watched, task), **how)

    def look(self) -> None:
        """Note the phase the job is in, if it is another than the last; any thread."""
        with self._watching:
            job = self._drive.job
            if isinstance(job, BlockJob) and self.phases[-1:] != [job.phase]:
                self.phases.append(job.phase)

    def _watched(self, task: Task) -> None:
        self.look()
        task()
        self.look()


class Run:
    """One job of the demo, followed by the main thread: answers a stop, completes what is ready."""

    def __init__(self, drive: Drive, story: Story, inbox: Inbox) -> None:
        self._story = story
        self._inbox = inbox
        self.watch = Watch(drive)

    def event(self, event: QmpEvent) -> None:
        """The job's listener, on any thread."""
        self.watch.look()
        self._inbox.event(event)

    def follow(self, job: BlockJob) -> int:
        """Until the job is over; its result."""
        while (message := self._inbox.next(PATIENCE_S)) is not None:
            match message:
                case Ended(ret):
                    job.wait()
                    self.watch.close()
                    self._story.phases([*self.watch.phases, job.phase])
                    return ret
                case Interrupted():
                    job.cancel_sync()
                    self.watch.close()
                    raise KeyboardInterrupt
                case Happened() as happened:
                    self._story.event(happened)
                    self._answer(job, happened.event)
        raise Problem(f"the {job.job_type.name} job does not end", Status.FAILED)

    def _answer(self, job: BlockJob, event: QmpEvent) -> None:
        match event:
            case BlockJobCompleted() | BlockJobCancelled():
                pass  # the callback follows
            case BlockJobError(action=ErrorAction.STOP.value):
                self._story.told("query-block-jobs", [job.query().to_qmp()])
                self._story.say("space is made; the user resumes the job")
                job.resume()
            case BlockJobReady():
                self._story.say("source and target are in step; the user completes the job")
                job.complete()


def demo(story: Story) -> Status:
    """Run the show; FAILED unless every byte is right at the end."""
    with tempfile.TemporaryDirectory(prefix="blockjob-demo-") as folder, listening() as inbox:
        top = _chain(Path(folder))
        drive = Drive("drive0", top)
        before = bytes(read_chain(top, 0, LENGTH))
        story.scene(
            f"{' <- '.join(LAYERS)}, {LENGTH // MIB} MiB with holes",
            "stream all of it into top.qcow2 with on-error=stop;",
            f"ENOSPC once, when sector {FAULT_SECTOR} is written",
            "(a stream calls every failure a read, as QEMU does)",
        )
        streamed = _stream(drive, top, story, inbox)
        streamed = streamed and bytes(read_chain(top, 0, LENGTH)) == before
        story.verdict("top.qcow2 alone", LENGTH, identical=streamed)
        story.scene(f"mirror it to copy.raw, {LENGTH // MIB} MiB")
        copy = Path(folder) / "copy.raw"
        mirrored = _mirror(drive, copy, story, inbox)
        drive.close()
        mirrored = mirrored and copy.read_bytes() == before
        story.verdict("copy.raw", LENGTH, identical=mirrored)
        story.end(identical=streamed and mirrored)
    return Status.FINE if streamed and mirrored else Status.FAILED


def _chain(folder: Path) -> BlockDevice:
    """Make the images, and open the highest to be written."""
    chance = random.Random(2012)
    below: str | None = None
    for name, stored in LAYERS.items():
        backing_format = below and "qcow2"
        path = folder / name
        Qcow2File.create(path, LENGTH, backing=below, backing_format=backing_format).close()
        top = open_chain(path, "qcow2", read_only=False)
        for offset, length in stored:
            top.write(offset, chance.randbytes(length))
        for layer in list(chain(top)):
            layer.close()
        below = name
    return open_chain(path, "qcow2", read_only=False)


def _stream(drive: Drive, top: BlockDevice, story: Story, inbox: Inbox) -> bool:
    fault = Fault("write", ENOSPC, offset=FAULT_SECTOR * 512, once=True)
    drive.swap_medium(FaultyDevice(top, fault))
    run = Run(drive, story, inbox)
    ret = run.follow(
        jobs.stream(
            drive,
            executor=run.watch,
            on_error=OnError.STOP,
            on_event=run.event,
            callback=inbox.ended,
        )
    )
    drive.swap_medium(top)
    assert isinstance(top, Qcow2File), "the chain is qcow2"
    return ret == 0 and top.backing_name is None


def _mirror(drive: Drive, copy: Path, story: Story, inbox: Inbox) -> bool:
    run = Run(drive, story, inbox)
    target = RawFile.create(copy, LENGTH)
    ret = run.follow(
        jobs.mirror(drive, target, executor=run.watch, on_event=run.event, callback=inbox.ended)
    )
    return ret == 0 and drive.medium is target
