"""What tests of live jobs share: drives, a bench without threads, and notes of what was heard.

No claim is made here.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from blockjob_fsm.block_job import BlockJob
from blockjob_fsm.clock import ManualClock
from blockjob_fsm.error_action import DevicePolicy, OnError
from blockjob_fsm.events import QmpEvent
from blockjob_fsm.executor import Executor, ThreadHost
from blockjob_fsm.job_type import BlockJobType
from blockjob_fsm.jobs import Options
from blockjob_fsm.lifecycles.classic_words import Phase
from blockjob_fsm.storage import BlockDevice, Drive, MemoryDevice, read_chain

MIB = 1 << 20
UNIT = 512 << 10
SLICE_NS = 100_000_000
#: A drive whose io-status is published for any failure, so that every policy is admitted.
STOPS = DevicePolicy(on_read_error=OnError.STOP, on_write_error=OnError.STOP)


def _nothing(job: object) -> None:
    """A hook that has nothing to do."""


#: A job whose work is the test's own.
BY_HAND = BlockJobType("by-hand", set_speed=_nothing, complete=_nothing)
PLAIN = BlockJobType("plain")


@dataclass
class Notes:
    """What a job's listener and callback heard; `log` is both, in order."""

    log: list[str] = field(default_factory=list)
    events: list[QmpEvent] = field(default_factory=list)
    results: list[int] = field(default_factory=list)
    taken: list[bool] = field(default_factory=list)

    def on_event(self, event: QmpEvent) -> None:
        self.events.append(event)
        self.log.append(event.name)

    def callback(self, opaque: object, ret: int) -> None:
        self.results.append(ret)
        self.log.append(f"callback {ret}")
        if isinstance(opaque, Drive):
            self.taken.append(opaque.in_use and opaque.job is not None)

    def options(self, opaque: object = None, speed: int = 0) -> Options:
        """What makes a job tell these notes."""
        return Options(on_event=self.on_event, callback=self.callback, opaque=opaque, speed=speed)

    @property
    def names(self) -> list[str]:
        """The events' names, in order."""
        return [event.name for event in self.events]


@dataclass
class Bench:
    """An executor without threads on a clock that stands still."""

    clock: ManualClock = field(default_factory=ManualClock)
    executor: Executor = field(init=False)

    def __post_init__(self) -> None:
        self.executor = Executor(workers=0, host=ThreadHost(self.clock))

    def settle(self) -> None:
        """Run everything that is due now."""
        self.executor.run_pending()

    def wake(self) -> None:
        """Move the clock just past the next timer and run what is due then.

        At the very end of a slice the limiter still counts the old one, and its delay is 0.
        """
        wake_at_ns = self.executor.next_wake_ns()
        assert wake_at_ns is not None, "nothing sleeps"
        self.clock.advance(max(0, wake_at_ns - self.clock.now_ns()) + 1)
        self.settle()

    def finish(self, job: BlockJob, wakes: int = 1000) -> int:
        """Let a job sleep as often as it likes until it is over; the callback's result."""
        self.settle()
        for _ in range(wakes):
            if job.phase is Phase.FREED:
                return job.control.ret
            self.wake()
        raise AssertionError(f"still {job.phase} after {wakes} sleeps")

    def by_hand(self, drive: Drive, notes: Notes | None = None) -> BlockJob:
        """A started job whose steps the test takes."""
        options = (notes or Notes()).options(drive)
        job = BlockJob.create(BY_HAND, drive, executor=self.executor, **options)
        job.start()
        return job


def pattern(length: int, salt: int = 1) -> bytes:
    """Bytes without a short period, and no zero among them."""
    block = bytes((index * 7 + index // 251 + salt) % 255 + 1 for index in range(4099))
    return (block * (length // len(block) + 1))[:length]


def filled(length: int, salt: int = 1, *, backing: BlockDevice | None = None) -> MemoryDevice:
    """A device that stores every byte."""
    device = MemoryDevice(length, name=f"image {salt}", backing=backing)
    device.write(0, pattern(length, salt))
    return device


def chain_of(length: int, layers: int = 2) -> list[MemoryDevice]:
    """A chain, deepest first: every layer above holds the odd MiBs its number divides."""
    made = [filled(length)]
    for number in range(1, layers):
        layer = MemoryDevice(length, name=f"image {number + 1}", backing=made[-1])
        for offset in range(number * MIB, length, (number + 1) * MIB):
            size = min(MIB, length - offset)
            layer.write(offset, pattern(size, number + 10))
        made.append(layer)
    return made


def contents(device: BlockDevice) -> bytes:
    """What a guest reads, from the first byte to the last."""
    return bytes(read_chain(device, 0, device.length()))


def in_thread(target: Callable[[], object], name: str = "test") -> threading.Thread:
    """A started thread; the test joins it."""
    thread = threading.Thread(target=target, name=name, daemon=True)
    thread.start()
    return thread


#: Threads of executors that ran before the present test: what it did not start, it need not end.
threads_before: set[threading.Thread] = set()


def live_threads() -> list[str]:
    """The threads of executors that the present test has started and that still run, by name."""
    return [
        thread.name
        for thread in threading.enumerate()
        if thread.name.startswith("blockjob") and thread not in threads_before
    ]
