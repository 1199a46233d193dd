"""A row lived through by a live job of ours on its images."""

from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

from blockjob_fsm.block_job import BlockJob
from blockjob_fsm.error_action import OnError
from blockjob_fsm.events import QmpEvent
from blockjob_fsm.jobs import Options, backup, commit, mirror, stream
from blockjob_fsm.lifecycles.classic_words import Phase
from blockjob_fsm.storage import BlockDevice, Drive, chain
from blockjob_fsm.storage.blkdebug import BlkdebugDevice
from blockjob_fsm.storage.blkdebug_config import SECTOR_BYTES, InjectError
from blockjob_fsm.storage.chains import open_chain
from models.fault_matrix import (
    ALONE,
    ERROR,
    FAULT_AT,
    KEPT,
    NO_POLICY,
    READY,
    SOURCE,
    TARGET,
    Lasts,
    Row,
)
from tests.faults.disks import IN_CHAIN, Disks, Seen, told
from tests.live.world import STOPS, Bench

#: So often an ignored error is seen before somebody cancels.
ENOUGH = 3
#: Steps between two looks at the job.
STEPS = 50


def rule_of(row: Row) -> InjectError:
    """The fault of a row as a rule of blkdebug."""
    return InjectError(
        "none",
        row.errno,
        FAULT_AT // SECTOR_BYTES,
        once=row.lasts is Lasts.ONCE,
        iotype="read" if row.side.is_read else "write",
    )


@dataclass
class Ours:
    """One job on the images of a row, from its start to its end."""

    disks: Disks
    bench: Bench = field(default_factory=Bench)
    events: list[QmpEvent] = field(default_factory=list)
    stops: list[tuple[str, str, int]] = field(default_factory=list)

    def live(self) -> Seen:
        """Start the job, stand by until it is over, and look at what it has left."""
        self.disks.create()
        with ExitStack() as open_images:
            top = self._open(open_images)
            drive = Drive("d", top, policy=STOPS)
            job = self._start(drive, open_images)
            target = job._operations.target
            while job.phase is not Phase.FREED:
                self.bench.executor.run_pending(STEPS)
                self._attend(job, target)
            status = target.io_status.value if target else "ok"
            after = job.iostatus.value, status, drive.io_status.value
            behind = self._behind(drive, top)
            drive.close()
        return Seen(
            told(_words(event) for event in self.events),
            str(self.events[-1].data().get("error", "")),
            self.disks.good(),
            behind,
            self.disks.layers(),
            job.offset,
            tuple(self.stops),
            after,
        )

    def _attend(self, job: BlockJob, target: Drive | None) -> None:
        """Resume the first stop, complete what is ready, cancel what stops or fails again."""
        if job.phase is Phase.PARKED:
            status = target.io_status.value if target else "ok"
            self.stops.append((job.iostatus.value, status, job.offset))
            job.resume() if len(self.stops) == 1 else job.cancel()
        elif self.events and self.events[-1].name == f"BLOCK_JOB_{READY}":
            job.complete()
        elif len(self.events) >= ENOUGH and job.phase is not Phase.FREED:
            job.cancel()

    def _open(self, images: ExitStack) -> BlockDevice:
        """The guest's chain, with the fault in front of the layer that has it."""
        name = self.disks.names[0]
        top: BlockDevice | None = open_chain(
            self.disks.path(name), self.disks.format_of(name), read_only=False
        )
        above: BlockDevice | None = None
        for layer in list(chain(top)):
            images.enter_context(closing(layer))
            if Path(layer.name).stem == self.disks.row.side.name:
                failing = BlkdebugDevice(layer, [rule_of(self.disks.row)])
                if above is None:
                    top = failing
                else:
                    above.backing = failing
            above = layer
        assert top is not None
        return top

    def _start(self, drive: Drive, images: ExitStack) -> BlockJob:
        row, executor = self.disks.row, self.bench.executor
        options = Options(on_event=self.events.append)
        layers = list(chain(drive.medium))
        if row.policy == NO_POLICY:
            return commit(drive, top=layers[1], base=layers[2], executor=executor, **options)
        policy = OnError(row.policy)
        if row.kind.name == "stream":
            return stream(drive, on_error=policy, executor=executor, **options)
        target: BlockDevice = open_chain(
            self.disks.path("target"), self.disks.format_of("target"), read_only=False
        )
        images.enter_context(closing(target))
        if not row.side.is_read:
            target = BlkdebugDevice(target, [rule_of(row)])
        start: Callable[..., BlockJob] = mirror if row.kind.name == "mirror" else backup
        on_error = {f"on_{row.side.name}_error": policy}
        return start(drive, target, executor=executor, **on_error, **options)

    def _behind(self, drive: Drive, top: BlockDevice) -> str:
        """What the device stands on in the end."""
        if self.disks.row.kind.name in IN_CHAIN:
            return KEPT if len(list(chain(drive.medium))) > 1 else ALONE
        return SOURCE if drive.medium is top else TARGET


def _words(event: QmpEvent) -> str:
    name = event.name.removeprefix("BLOCK_JOB_")
    data = event.data()
    return f"{name} {data['operation']} {data['action']}" if name == ERROR else name
