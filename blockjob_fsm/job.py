"""One job as a value, and `advance`, which takes it one input further.

The value is control state, body and limiter, and nothing of the job is kept beside it.

`advance` is pure. Which row applies is decided by the `fire` it is handed: a checker hands in
`step`, a live job the machine. An input runs the job until it is suspended again, as entering a
coroutine does; what must happen outside comes back as effects, in the order they must happen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from blockjob_fsm.bodies.requests import (
    IO_REQUESTS,
    Act,
    AnnounceReady,
    Body,
    Charge,
    Decide,
    Delay,
    Do,
    ErrorHandled,
    Finish,
    HandleError,
    IoOutcome,
    IoRequest,
    Noted,
    Outcome,
    Progress,
    Request,
    Sleep,
    Woken,
)
from blockjob_fsm.declaration import Event, Output, Refused, Stepped
from blockjob_fsm.error_action import ErrorAction, IoStatus, choose_action, io_status_of
from blockjob_fsm.errors import IllegalStep
from blockjob_fsm.events import (
    BlockJobCancelled,
    BlockJobCompleted,
    BlockJobError,
    BlockJobReady,
    QmpEvent,
)
from blockjob_fsm.lifecycles import classic_words as words
from blockjob_fsm.lifecycles.classic_words import ClassicControl, Phase
from blockjob_fsm.throttle import SECTOR_BYTES, Limiter

Fire = Callable[[ClassicControl, Event], Stepped[ClassicControl] | Refused[ClassicControl]]


# ---- effects


@dataclass(frozen=True, slots=True)
class Emit:
    """Send an event to every listener."""

    event: QmpEvent


@dataclass(frozen=True, slots=True)
class Submit:
    """Carry out an I/O request and come back with IO_DONE and its outcome."""

    request: IoRequest


@dataclass(frozen=True, slots=True)
class Perform:
    """Do what neither waits nor fails."""

    acts: tuple[Act, ...]


@dataclass(frozen=True, slots=True)
class ArmTimer:
    """Come back with TIMER at this time of the job's clock."""

    wake_at_ns: int


@dataclass(frozen=True, slots=True)
class StopTarget:
    """Store a failure (errno positive) in the target's io-status, unless it holds one already."""

    errno: int


@dataclass(frozen=True, slots=True)
class CallBack:
    """Call the completion function with this result, then come back with RETURNED."""

    ret: int


@dataclass(frozen=True, slots=True)
class Signal:
    """An output that is its own effect: device claims, timers, wake-ups, the pivot."""

    output: Output


Effect = Emit | Submit | Perform | ArmTimer | StopTarget | CallBack | Signal


# ---- the value


@dataclass(frozen=True, slots=True)
class BlockJobInfo:
    """One entry of query-block-jobs: bytes, and bytes per second with 0 for no limit."""

    type: str
    device: str
    len: int
    offset: int
    busy: bool
    paused: bool
    speed: int
    io_status: IoStatus

    def to_qmp(self) -> dict[str, str | int | bool]:
        """The eight mandatory members, as on the wire."""
        return {
            "type": self.type,
            "device": self.device,
            "len": self.len,
            "offset": self.offset,
            "busy": self.busy,
            "paused": self.paused,
            "speed": self.speed,
            "io-status": self.io_status.value,
        }


@dataclass(frozen=True, slots=True)
class Job:
    """A job. `body` None: somebody else's code does the work and reports the steps by hand."""

    type: str
    device: str
    control: ClassicControl
    body: Body | None = None
    limiter: Limiter = field(default_factory=Limiter)

    @property
    def progress(self) -> Progress:
        """Published offset and length, in bytes."""
        return Progress() if self.body is None else self.body.progress

    def query(self) -> BlockJobInfo:
        """What query-block-jobs says of the job; no side effects."""
        control, progress = self.control, self.progress
        return BlockJobInfo(
            type=self.type,
            device=self.device,
            len=progress.length,
            offset=progress.offset,
            busy=control.busy,
            paused=control.paused,
            speed=control.speed,
            io_status=control.io_status,
        )


@dataclass(frozen=True, slots=True)
class Input:
    """An event with what comes along: the time, an I/O's outcome, the request behind it."""

    event: Event
    now_ns: int = 0
    outcome: IoOutcome | None = None
    request: Request | None = None


@dataclass(frozen=True, slots=True)
class Advanced:
    """The job after an input, suspended or over, and the effects in order."""

    job: Job
    effects: tuple[Effect, ...]


def advance(job: Job, given: Input, fire: Fire) -> Advanced | Refused[ClassicControl]:
    """Take a job one input further, or return the refusal with the job unchanged.

    Raises IllegalStep when the job's own code asks for a step that no row allows.
    """
    run = _Run(job, given.now_ns, fire)
    result = fire(job.control, given.event)
    if isinstance(result, Refused):
        return result
    run.take(result, given.event, given.request)
    if run.body is not None:
        if given.outcome is not None:
            run.answer(given.outcome)
        if words.WAKE in result.outputs:
            run.enter(run.body)
    return Advanced(run.value(), tuple(run.effects))


@dataclass(slots=True)
class _Run:
    """One entry of the job: local to `advance`, and gone when it returns."""

    job: Job
    now_ns: int
    fire: Fire
    control: ClassicControl = field(init=False)
    body: Body | None = field(init=False)
    limiter: Limiter = field(init=False)
    effects: list[Effect] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.control, self.body = self.job.control, self.job.body
        self.limiter = self.job.limiter

    def value(self) -> Job:
        return replace(self.job, control=self.control, body=self.body, limiter=self.limiter)

    def enter(self, body: Body) -> None:
        """Run the body until the job is suspended or over."""
        while self.control.phase in _ENTERED:
            assert self.body is not None, "a job that has a body keeps it"
            if self.control.phase is Phase.WOKEN:
                self.answer(self.test_cancelled())
            else:
                self.serve(self.body.next_request(self.control))

    def serve(self, request: Request) -> None:
        """Answer one request of the body, or suspend the job on it."""
        if isinstance(request, IO_REQUESTS):
            self.own(words.SUBMIT(), request)
            return
        match request:
            case Sleep():
                self.own(words.SLEEP(), request)
            case Charge(length, _):
                self.answer(self.charge(length))
            case HandleError(on_error, _, errno, on_target):
                action = choose_action(on_error, errno)
                self.own(words.ERROR(action, io_status_of(errno), on_target), request)
                self.answer(ErrorHandled(action))
            case AnnounceReady():
                self.own(words.READY(), request)
                self.answer(Noted())
            case Decide():
                self.own(words.DECIDE(), request)
                self.answer(Noted())
            case Do(acts):
                self.effects.extend([Perform(acts)] if acts else [])
                self.answer(Noted())
            case Finish(ret):
                self.own(words.COMPLETED(ret), request)

    def test_cancelled(self) -> Woken:
        """The test that follows every sleep, before anything else is done."""
        self.own(words.TEST())
        return Woken(self.control.leaving)

    def charge(self, length: int) -> Delay:
        self.limiter, ns = self.limiter.charge(-(-length // SECTOR_BYTES), self.now_ns)
        return Delay(ns)

    def answer(self, outcome: Outcome) -> None:
        assert self.body is not None, "only a body asks"
        self.body = self.body.on_outcome(outcome, self.control)

    def own(self, event: Event, request: Request | None = None) -> None:
        """Take a step of the job itself; one that is refused is our bug."""
        result = self.fire(self.control, event)
        if isinstance(result, Refused):
            raise IllegalStep(result.reason)
        self.take(result, event, request)

    def take(self, step: Stepped[ClassicControl], event: Event, request: Request | None) -> None:
        self.control = step.state
        for output in step.outputs:
            self.effects.extend(self.effect(output, event, request))

    def effect(self, output: Output, event: Event, request: Request | None) -> list[Effect]:
        """What one output of a row means outside; a body's WAKE is nothing more."""
        match output:
            case words.SET_LIMIT:
                self.limiter = self.limiter.at_speed(self.control.speed)
                return [Signal(output)]
            case words.WAKE if self.body is not None:
                return []
            case words.SUBMIT_IO:
                return [Submit(request)] if isinstance(request, IO_REQUESTS) else []
            case words.ARM_TIMER:
                assert isinstance(request, Sleep), "a timer is armed by a sleep"
                return [ArmTimer(self.now_ns + request.ns)]
            case words.STOP_TARGET:
                assert isinstance(request, HandleError), "an error is handled on request"
                return [StopTarget(request.errno)]
            case words.CALL_BACK:
                return [CallBack(self.control.ret)]
            case words.EMIT_ERROR | words.EMIT_READY | words.EMIT_COMPLETED | words.EMIT_CANCELLED:
                return [Emit(self.qmp_event(output, event, request))]
        return [Signal(output)]

    def qmp_event(self, output: Output, event: Event, request: Request | None) -> QmpEvent:
        """The event an output sends, with the job's present figures."""
        if output == words.EMIT_ERROR:
            assert isinstance(request, HandleError), "an error is handled on request"
            return BlockJobError(self.job.device, request.is_read, _action(event).value)
        progress = Progress() if self.body is None else self.body.progress
        figures = (self.job.type, self.job.device, progress.length, progress.offset)
        if output == words.EMIT_READY:
            return BlockJobReady(*figures, self.control.speed)
        ended = BlockJobCancelled if output == words.EMIT_CANCELLED else BlockJobCompleted
        return ended(*figures, self.control.speed, self.control.ret)


_ENTERED = (Phase.RUNNING, Phase.WOKEN, Phase.LEAVING)


def _action(event: Event) -> ErrorAction:
    action = event.values[words.ACTION.position]
    assert isinstance(action, ErrorAction), "an error carries its action"
    return action
