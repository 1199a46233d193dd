"""The jobs that are killed: how each starts on a chain in a folder, and the guest beside it.

This runs in the process that is killed, and again in one that is not. No claim is made here.
"""

import os
import queue
import random
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from blockjob_fsm import jobs
from blockjob_fsm.block_job import BlockJob
from blockjob_fsm.cli import main
from blockjob_fsm.events import BlockJobReady, QmpEvent
from blockjob_fsm.executor import Executor
from blockjob_fsm.storage import BlockDevice, Drive, RawFile
from blockjob_fsm.storage.chains import find_layer, open_chain
from blockjob_fsm.storage.qcow2 import Qcow2File
from tests.storage.qcow2.change import Change

#: Writes of a guest beside a job that is to be killed.
GUEST_WRITES = 40
PATIENCE_S = 60.0


@dataclass(frozen=True)
class Work:
    """A kind of job; `top` and `base` name images of the chain, `target` a file beside them."""

    name: str
    kind: str
    top: str | None = None
    base: str | None = None
    target: str | None = None
    #: Run by the command, and not through the library.
    command: bool = False

    def images_left(self) -> tuple[str, ...]:
        """The chain below the top once the job has completed, from the top down."""
        if self.target:
            return "middle", "base", "deepest"
        if self.base:
            return self.base, "deepest"
        return () if self.kind == "stream" else ("deepest",)

    def may_change(self) -> tuple[str, ...]:
        """The images whose files the job writes."""
        return ("top", self.base or "deepest") if self.kind == "commit" else ("top",)


WORKS = {
    work.name: work
    for work in (
        Work("stream", "stream"),
        Work("stream-to-base", "stream", base="base"),
        Work("commit", "commit", top="middle"),
        Work("commit-to-base", "commit", top="middle", base="base"),
        Work("mirror-to-raw", "mirror", target="target.raw"),
        Work("mirror-to-qcow2", "mirror", target="target.qcow2"),
        Work("backup-to-raw", "backup", target="target.raw"),
        Work("backup-to-qcow2", "backup", target="target.qcow2"),
        Work("blockjob stream", "stream", base="base", command=True),
        Work("blockjob commit", "commit", top="middle", command=True),
        Work("blockjob mirror", "mirror", target="target.raw", command=True),
        Work("blockjob backup", "backup", target="target.qcow2", command=True),
    )
}


@dataclass(frozen=True)
class Order:
    """One run of a job: `guest` seeds what is written meanwhile, None for nobody."""

    work: str
    folder: str
    guest: int | None = None
    speed: int = 0
    #: Copy to the target that is there, instead of making a new one.
    existing: bool = False

    @property
    def path(self) -> Path:
        """The folder."""
        return Path(self.folder)


def guest_writes(seed: int, length: int) -> Iterator[Change]:
    """What the guest writes, in order."""
    rng = random.Random(seed)
    for _ in range(GUEST_WRITES):
        size = rng.choice([1, 700, 4096, 9000, 40_000])
        offset = rng.choice([rng.randrange(length - size), length - size])
        yield Change(offset, size, rng.randrange(1, 256))


def carry_out(order: Order) -> int:
    """Run a job to its end; returns its result or exit status, 0 if it had been done already."""
    work = WORKS[order.work]
    if work.command:
        return main(argv(work, order.path, order.speed))
    return call(work, order)


def argv(work: Work, folder: Path, speed: int) -> list[str]:
    """The command line of a job."""
    words = [work.kind, "--progress", "never", "--speed", str(speed)]
    for option, name in (("--top", work.top), ("--base", work.base)):
        if name is not None:
            path = next(path for path in folder.glob(f"{name}.*"))
            words += [option, str(path)]
    words.append(str(folder / "top.qcow2"))
    if work.target is not None:
        target = folder / work.target
        words += [str(target), "--target-format", target.suffix[1:]]
    return words


def call(work: Work, order: Order) -> int:
    """The same through the library, with the guest."""
    happened: queue.SimpleQueue[QmpEvent | int] = queue.SimpleQueue()
    top = open_chain(order.path / "top.qcow2", read_only=False)
    drive = Drive("d", top)
    with Executor(workers=3) as executor:
        guest = threading.Thread(target=_write, args=(drive, order))
        guest.start()
        job = _start(work, order, drive, executor, happened)
        while job is not None:
            what = happened.get(timeout=PATIENCE_S)
            if isinstance(what, BlockJobReady):
                # What it writes from then on would be in the target only.
                guest.join()
                job.complete()
            if isinstance(what, int):
                break
        guest.join()
    drive.close()
    return 0 if job is None else job.control.ret


def _write(drive: Drive, order: Order) -> None:
    if order.guest is None:
        return
    assert drive.medium is not None
    log = os.open(order.path / "guest.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for change in guest_writes(order.guest, drive.medium.length()):
        assert drive.guest_write(change.offset, bytes([change.fill or 0]) * change.length)
        os.write(log, b".")
    os.close(log)


def _start(
    work: Work,
    order: Order,
    drive: Drive,
    executor: Executor,
    happened: "queue.SimpleQueue[QmpEvent | int]",
) -> BlockJob | None:
    options = jobs.Options(
        speed=order.speed, on_event=happened.put, callback=lambda _, ret: happened.put(ret)
    )
    assert drive.medium is not None
    top, base = (_layer(drive.medium, name) for name in (work.top, work.base))
    if work.kind == "stream":
        name = base.name if base is not None else None
        name = Path(name).name if name else None
        return jobs.stream(drive, executor=executor, base=base, base_name=name, **options)
    if work.kind == "commit":
        if top is None:
            return None
        below = Path(base.name if base else _deepest(top).name).name
        return jobs.commit(drive, executor=executor, top=top, base=base, base_name=below, **options)
    begin = jobs.mirror if work.kind == "mirror" else jobs.backup
    return begin(drive, _target(work, order, drive.medium), executor=executor, **options)


def _layer(top: BlockDevice, name: str | None) -> BlockDevice | None:
    if name is None:
        return None
    found = [find_layer(top, f"{name}{suffix}") for suffix in (".raw", ".qcow2")]
    return next((layer for layer in found if layer is not None), None)


def _deepest(layer: BlockDevice) -> BlockDevice:
    while layer.backing is not None:
        layer = layer.backing
    return layer


def _target(work: Work, order: Order, source: BlockDevice) -> BlockDevice:
    assert work.target is not None
    path = order.path / work.target
    kind: type[RawFile | Qcow2File] = RawFile if path.suffix == ".raw" else Qcow2File
    if order.existing:
        return kind.open(path)
    if kind is Qcow2File:
        return Qcow2File.create(path, source.length(), cluster_size=4096)
    return RawFile.create(path, source.length())
