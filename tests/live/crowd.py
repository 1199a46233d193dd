"""Fifty jobs of all kinds on real files, restarted whenever one is over, for the stress test.

No claim is made here.
"""

import errno
import random
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from blockjob_fsm.block_job import BlockJob
from blockjob_fsm.error_action import IoStatus, OnError
from blockjob_fsm.errors import QmpError
from blockjob_fsm.executor import Executor
from blockjob_fsm.jobs import Options, commit, mirror, stream
from blockjob_fsm.lifecycles.classic_words import ClassicControl, Phase
from blockjob_fsm.storage import BlockDevice, Drive, Fault, FaultyDevice, MemoryDevice, RawFile
from tests.live.world import BY_HAND, MIB, STOPS, in_thread, pattern

LENGTH = 3 * MIB + 1234
KINDS = ("mirror", "stream", "commit", "by_hand", "mirror")


@dataclass
class Fate:
    """What became of one job."""

    kind: str
    results: list[int] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)
    taken: list[bool] = field(default_factory=list)
    job: BlockJob | None = None


class Slot:
    """One drive and the job on it; any thread may ask for the next job once one is over."""

    def __init__(self, number: int, folder: Path, executor: Executor) -> None:
        self.kind = KINDS[number % len(KINDS)]
        self.number = number
        self.folder = folder
        self.executor = executor
        self.random = random.Random(number)
        self.fates: list[Fate] = []
        self.threads: list[threading.Thread] = []
        self.lock = threading.Lock()
        self.drive = Drive(f"drive{number}", policy=STOPS)
        self.file = self.raw("source")

    @property
    def job(self) -> BlockJob | None:
        """The latest job."""
        return self.fates[-1].job if self.fates else None

    def raw(self, name: str) -> RawFile:
        """A new file full of data, but for a hole."""
        image = RawFile.create(self.folder / f"{name}{self.number}.img", LENGTH)
        image.write(0, pattern(MIB, self.number + 1))
        image.write(2 * MIB, pattern(MIB, self.number + 2))
        return image

    def restart(self) -> None:
        """Start another job unless one is there, or another thread is at it."""
        if not self.lock.acquire(blocking=False):
            return
        try:
            if not self.drive.in_use:
                self.start()
        finally:
            self.lock.release()

    def start(self) -> None:
        fate = Fate(self.kind)
        speed = self.random.choice((0, 0, 1 << 20, 1 << 26))
        options = Options(
            speed=speed,
            opaque=fate,
            callback=lambda _, ret: self.end(fate, ret),
            on_event=lambda event: fate.ends.append(event.name),
        )
        starters: dict[str, Callable[[Options], BlockJob]] = {
            "mirror": self.start_mirror,
            "stream": self.start_stream,
            "commit": self.start_commit,
            "by_hand": self.start_by_hand,
        }
        fate.job = starters[self.kind](options)
        self.fates.append(fate)

    def end(self, fate: Fate, ret: int) -> None:
        fate.results.append(ret)
        fate.taken.append(self.drive.in_use and self.drive.job is not None)

    def faulty(self, device: BlockDevice, operation: str) -> FaultyDevice:
        """A device one of whose requests fails, now and then."""
        error = self.random.choice((errno.EIO, errno.ENOSPC))
        number = self.random.randint(1, 12)
        if operation == "read":
            return FaultyDevice(device, Fault("read", error, nth=number))
        return FaultyDevice(device, Fault("write", error, nth=number))

    def policy(self) -> OnError:
        return self.random.choice(tuple(OnError))

    def start_mirror(self, options: Options) -> BlockJob:
        if self.drive.medium is None:
            self.drive.swap_medium(self.file)
        name = f"target{len(self.fates)}-"
        target = self.faulty(self.raw(name), "write")
        # Unlinked while open, so that the folder does not fill up.
        Path(target.inner.name).unlink()
        return mirror(
            self.drive,
            target,
            executor=self.executor,
            on_source_error=self.policy(),
            on_target_error=self.policy(),
            **options,
        )

    def start_stream(self, options: Options) -> BlockJob:
        base = self.faulty(MemoryDevice(LENGTH, backing=self.file), "read")
        base.inner.write(MIB, pattern(MIB))
        self.drive.swap_medium(MemoryDevice(LENGTH, backing=base))
        keep = self.random.choice((None, self.file))
        return stream(
            self.drive, executor=self.executor, base=keep, on_error=self.policy(), **options
        )

    def start_commit(self, options: Options) -> BlockJob:
        top = MemoryDevice(LENGTH, backing=self.faulty(self.file, "write"))
        top.write(MIB, pattern(MIB))
        self.drive.swap_medium(MemoryDevice(LENGTH, backing=top))
        return commit(self.drive, executor=self.executor, top=top, **options)

    def start_by_hand(self, options: Options) -> BlockJob:
        job = BlockJob.create(BY_HAND, self.drive, executor=self.executor, **options)
        job.start()
        seed = self.random.random()
        self.threads.append(in_thread(lambda: work_by_hand(job, random.Random(seed))))
        return job


def work_by_hand(job: BlockJob, chance: random.Random) -> None:
    """The body of a job by hand: sleeps, errors and one result."""
    for _ in range(chance.randint(1, 40)):
        if chance.random() < 0.1:
            policy = chance.choice(tuple(OnError))
            job.error_action(job.device, policy, is_read=True, errno=errno.EIO)
        elif chance.random() < 0.2 and not job.control.synced:
            job.ready()
        if not job.sleep(chance.choice((0, 10**5, 10**6, 3600 * 10**9))):
            break
    job.completed(chance.choice((0, -errno.EIO)))


def verbs(slot: Slot, chance: random.Random) -> None:
    """One random request; what is refused is refused with one of QEMU's errors."""
    job = slot.job
    if job is None or job.phase is Phase.FREED:
        slot.restart()
        return
    offset = chance.randrange(LENGTH - 4096)
    requests: list[Callable[[], object]] = [
        job.pause,
        job.resume,
        job.resume,
        job.complete,
        job.complete,
        job.iostatus_reset,
        job.user_cancel,
        job.cancel,
        slot.drive.iostatus_reset,
        job.query,
        lambda: job.set_speed(chance.choice((-1, 0, 0, 1 << 20, 1 << 30))),
        lambda: job.user_cancel(force=True),
        lambda: guest(slot.drive, offset, chance.random() < 0.5),
        lambda: guest(slot.drive, offset, chance.random() < 0.5),
        lambda: job.cancel_sync() if chance.random() < 0.3 else None,
    ]
    with suppress(QmpError):
        chance.choice(requests)()
    check(job.control)


def guest(drive: Drive, offset: int, writes: bool) -> None:
    """One request of the guest; it may meet an injected fault."""
    if drive.medium is None:
        return
    with suppress(OSError):
        if writes:
            drive.guest_write(offset, pattern(4096))
        else:
            drive.guest_read(offset, 4096)


def check(control: ClassicControl) -> None:
    """What holds of every control state that anybody can see."""
    over = control.phase in (Phase.ABSENT, Phase.FREED)
    suspended = control.phase in (Phase.WAITING, Phase.ASLEEP, Phase.PARKED)
    stopped = control.io_status is not IoStatus.OK
    assert over or not control.cancelled or control.busy, control
    assert not (suspended and stopped) or (control.paused and not control.cancelled), control
    assert control.in_use is not over, control
    assert (control.phase in (Phase.ASLEEP, Phase.PARKED)) is (not control.busy and not over)
