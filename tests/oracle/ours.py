"""The jobs as this library runs them, through its public functions."""

import threading
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from blockjob_fsm import BlockJob, Drive, Executor, QmpEvent, Sync, backup, commit, mirror, stream
from blockjob_fsm.storage import chain
from blockjob_fsm.storage.chains import open_chain
from tests.oracle.chains import Case, text
from tests.oracle.tasks import Task, guest_of, new_name, target_of

PATIENCE_S = 60.0


@dataclass
class Ran:
    """How our job went: its events, and what its callback was given."""

    events: list[QmpEvent] = field(default_factory=list)
    results: list[int] = field(default_factory=list)
    in_step_or_over: threading.Event = field(default_factory=threading.Event)

    def hear(self, event: QmpEvent) -> None:
        """The job's listener."""
        self.events.append(event)
        self.in_step_or_over.set()

    def end(self, _: object, ret: int) -> None:
        """The job's callback."""
        self.results.append(ret)

    def figures(self) -> tuple[str, list[int], bool]:
        """The last event's name, the callback's results, and whether the offset is the length."""
        data = self.events[-1].data()
        return self.events[-1].name, self.results, data["offset"] == data["len"]


def run_ours(task: Task, case: Case, folder: Path, executor: Executor) -> Ran:
    """Run a job on the chain in a folder, and close everything."""
    ran = Ran()
    top = open_chain(folder / case.top.name, case.top.format_name, read_only=False)
    drive = Drive("drive0", top)
    try:
        if task.sync:
            job = start_copy(task, case, folder, drive, executor, ran)
            beside_the_guest(task, case, drive, job, ran)
        else:
            job = start_change(task, case, drive, executor, ran)
        assert job.wait(PATIENCE_S), f"{task} hangs"
    finally:
        drive.close()
    return ran


def start_change(task: Task, case: Case, drive: Drive, executor: Executor, ran: Ran) -> BlockJob:
    """A stream or a commit."""
    layers = list(chain(drive.medium))
    start = stream if task.kind == "stream" else partial(commit, top=layers[task.top])
    return start(
        drive,
        executor=executor,
        base=None if task.base is None else layers[task.base],
        base_name=new_name(task, case),
        on_event=ran.hear,
        callback=ran.end,
    )


def start_copy(
    task: Task, case: Case, folder: Path, drive: Drive, executor: Executor, ran: Ran
) -> BlockJob:
    """A mirror or a backup."""
    layer, _ = target_of(task, case)
    target = open_chain(folder / layer.name, layer.format_name, read_only=False)
    start = backup if task.kind == "backup" else partial(mirror, chunk_bytes=case.chunk_bytes)
    try:
        return start(
            drive,
            target,
            executor=executor,
            sync=Sync(task.sync),
            on_event=ran.hear,
            callback=ran.end,
        )
    except BaseException:
        for each in list(chain(target)):
            each.close()
        raise


def beside_the_guest(task: Task, case: Case, drive: Drive, job: BlockJob, ran: Ran) -> None:
    """What the guest writes, then the request that ends a job which does not end by itself."""
    if task.kind == "mirror":
        assert ran.in_step_or_over.wait(PATIENCE_S), f"{task} hangs"
    for one in guest_of(task, case):
        assert drive.guest_write(one.offset, text(one.pattern, one.length))
    if task.kind == "mirror":
        job.complete()
    elif task.sync == "none":
        job.cancel()
