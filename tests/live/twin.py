"""The same job twice: live on the machine, and as a pure value fired through `step`.

Each has an executor without threads, a clock of its own and devices of its own that fail alike, so
that after each request both must be found in the same state. No claim is made here.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from blockjob_fsm.block_job import BlockJob
from blockjob_fsm.bodies.commit import Commit
from blockjob_fsm.bodies.mirror import Mirror
from blockjob_fsm.bodies.requests import Body, IoOutcome, IoRequest
from blockjob_fsm.bodies.stream import Stream
from blockjob_fsm.declaration import Event, Lifecycle, Output, Refused, step
from blockjob_fsm.error_action import OnError
from blockjob_fsm.errors import QmpError
from blockjob_fsm.events import QmpEvent
from blockjob_fsm.executor import Executor, Timer
from blockjob_fsm.job import (
    Advanced,
    ArmTimer,
    CallBack,
    Effect,
    Emit,
    Input,
    Job,
    Perform,
    Signal,
    StopTarget,
    Submit,
    advance,
)
from blockjob_fsm.job_type import COMMIT, MIRROR, STREAM, BlockJobType
from blockjob_fsm.lifecycles import classic_words as words
from blockjob_fsm.lifecycles.classic import CLASSIC, CLASSIC_1_3
from blockjob_fsm.lifecycles.classic_words import ClassicControl
from blockjob_fsm.operations.base import Operations
from blockjob_fsm.operations.commit import CommitOperations
from blockjob_fsm.operations.lanes import Lanes
from blockjob_fsm.operations.mirror import MirrorOperations
from blockjob_fsm.operations.stream import StreamOperations
from blockjob_fsm.storage import Drive, Fault, FaultyDevice, MemoryDevice, chain
from tests.live.world import STOPS, Bench, pattern

CHUNK = 4096
LENGTH = 5 * CHUNK + 123
PROFILES = {lifecycle.profile: lifecycle for lifecycle in (CLASSIC, CLASSIC_1_3)}
TYPES = {"stream": STREAM, "commit": COMMIT, "mirror": MIRROR}


@dataclass(frozen=True)
class Plan:
    """What job to make, and how its devices fail."""

    kind: str
    profile: str = "safe"
    on_error: OnError = OnError.REPORT
    on_target_error: OnError = OnError.REPORT
    speed: int = 0
    batched: bool = True
    faults: tuple[Fault, ...] = ()
    target_faults: tuple[Fault, ...] = ()

    @property
    def lifecycle(self) -> Lifecycle[ClassicControl]:
        return PROFILES[self.profile]

    def body(self) -> Body:
        batch = 64 if self.batched else 1
        if self.kind == "mirror":
            return Mirror(
                on_source_error=self.on_error,
                on_target_error=self.on_target_error,
                chunk=CHUNK,
                batch=batch,
            )
        if self.kind == "commit":
            return Commit(unit=CHUNK, batch=CHUNK * batch)
        return Stream(on_error=self.on_error, unit=CHUNK, batch=CHUNK * batch)

    def type(self) -> BlockJobType:
        return TYPES[self.kind]


class Devices:
    """A chain of three, a target, and the operations of one job on them."""

    def __init__(self, plan: Plan) -> None:
        deepest = MemoryDevice(LENGTH, name="deepest", granularity=512)
        deepest.write(0, pattern(LENGTH))
        base = FaultyDevice(deepest, *plan.faults)
        middle = MemoryDevice(LENGTH - 100, name="middle", backing=base, granularity=512)
        middle.write(CHUNK, pattern(2 * CHUNK, 2))
        top = MemoryDevice(LENGTH, name="top", backing=middle, granularity=512)
        top.write(3 * CHUNK + 512, pattern(1024, 3))
        copy = MemoryDevice(LENGTH, name="copy", granularity=512)
        self.images = [deepest, middle, top, copy]
        self.drive = Drive("d", top, policy=STOPS)
        self.side = Drive("", FaultyDevice(copy, *plan.target_faults), policy=STOPS)
        self.operations = self.operations_of(plan.kind, middle, base)

    def operations_of(self, kind: str, middle: MemoryDevice, base: FaultyDevice) -> Operations:
        if kind == "mirror":
            return MirrorOperations(self.drive, self.side, CHUNK, Lanes(Executor(workers=0)))
        if kind == "commit":
            assert self.drive.medium is not None
            return CommitOperations(self.drive, self.drive.medium, middle, base, "deepest")
        return StreamOperations(self.drive)

    def picture(self) -> tuple[object, ...]:
        """All that a guest or a user could see of the devices."""
        medium = self.drive.medium
        assert medium is not None
        dirty = None if self.drive.dirty is None else self.drive.dirty.count
        layers = [layer.name for layer in chain(medium)]
        stored = [bytes(image.read(0, image.length())) for image in self.images]
        return (layers, stored, self.drive.io_status, self.side.io_status, dirty, self.drive.in_use)


@dataclass
class Live:
    """The job as it is shipped."""

    plan: Plan
    bench: Bench = field(default_factory=Bench)
    events: list[QmpEvent] = field(default_factory=list)
    results: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.devices = Devices(self.plan)
        self.job = BlockJob.create(
            self.plan.type(),
            self.devices.drive,
            self.plan.speed,
            lambda _, ret: self.results.append(ret),
            executor=self.bench.executor,
            body=self.plan.body(),
            operations=self.devices.operations,
            on_event=self.events.append,
            lifecycle=self.plan.lifecycle,
        )
        self.job.start()

    def value(self) -> Job:
        return self.job._value


class Pure:
    """The same with `step`, no lock, and each effect done where it stands."""

    def __init__(self, plan: Plan) -> None:
        self.lifecycle = plan.lifecycle
        self.devices = Devices(plan)
        self.bench = Bench()
        self.events: list[QmpEvent] = []
        self.results: list[int] = []
        self.timer = 0
        self.alarm: Timer | None = None
        kind = plan.type()
        control = ClassicControl(
            settable=kind.set_speed is not None, completable=kind.complete is not None
        )
        self.job = Job(kind.name, "d", control, plan.body())
        self.give(words.CREATE(plan.speed))
        self.give(words.START())

    def value(self) -> Job:
        return self.job

    def give(self, event: Event, outcome: IoOutcome | None = None) -> None:
        """Take one input; raises the declared error."""
        given = Input(event, self.bench.clock.now_ns(), outcome)
        result = advance(self.job, given, lambda state, e: step(self.lifecycle, state, e))
        if isinstance(result, Refused):
            raise result.error("d")
        assert isinstance(result, Advanced)
        self.job = result.job
        for effect in result.effects:
            self.do(effect)

    def complete(self) -> None:
        """As a user's complete: under 1.3 the request is judged again once the files are open."""
        checked = step(self.lifecycle, self.job.control, words.COMPLETE())
        self.give(words.COMPLETE())
        if not isinstance(checked, Refused) and words.OPEN_BACKING in checked.outputs:
            self.give(words.BACKING_OPENED())

    def do(self, effect: Effect) -> None:
        operations, executor = self.devices.operations, self.bench.executor
        match effect:
            case Emit(event):
                self.events.append(event)
            case Submit(request):
                executor.submit(lambda: self.carry_out(request))
            case ArmTimer(wake_at_ns):
                self.timer += 1
                token = self.timer
                self.alarm = executor.call_at(wake_at_ns, lambda: self.ring(token))
            case Perform(acts):
                for act in acts:
                    operations.perform(act)
            case StopTarget(error):
                operations.stop_target(error)
            case CallBack(ret):
                self.results.append(ret)
                self.give(words.RETURNED())
            case Signal(output):
                self.signal(output)

    def signal(self, output: Output) -> None:
        operations, drive = self.devices.operations, self.devices.drive
        match output:
            case words.CLAIM_DEVICE:
                drive.claim(self)
                operations.begin()
            case words.RELEASE_DEVICE:
                operations.close()
                drive.release()
            case words.CANCEL_TIMER:
                self.timer += 1
                if self.alarm is not None:
                    self.bench.executor.forget(self.alarm)
            case words.RESET_TARGET:
                operations.reset_target()
            case words.PIVOT:
                operations.pivot()
            case words.UNDRAIN:
                operations.undrain()

    def carry_out(self, request: IoRequest) -> None:
        control = self.job.control
        asked = control.paused or control.cancelled or control.speed > 0
        self.give(words.IO_DONE(), self.devices.operations.carry_out(request, lambda: asked))

    def ring(self, token: int) -> None:
        if token == self.timer:
            self.give(words.TIMER())

    # What the drive calls.

    def iostatus_reset(self) -> None:
        self.give(words.IOSTATUS_RESET())

    def cancel_sync(self) -> None:
        raise AssertionError("no test closes this drive")


def answer(call: Callable[[], object]) -> tuple[str, str] | None:
    """What a request is answered with: nothing, or the error's class and text."""
    try:
        call()
    except (QmpError, OSError) as error:
        return type(error).__name__, str(error)
    return None
