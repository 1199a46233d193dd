"""One job of the modern lifecycle as a value, and `advance`, which takes it one input further.

The coroutine of such a job is its body up to the point where all work is done. What the body wants
from there on, such as a change of the header, is the driver's prepare step, or its abort step: it
runs when the transaction says so, and `rest_of` asks the body for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from blockjob_fsm.bodies.requests import (
    IO_REQUESTS,
    AnnounceReady,
    Body,
    Charge,
    Decide,
    Delay,
    Do,
    ErrorHandled,
    Finish,
    HandleError,
    IoRequest,
    Noted,
    Outcome,
    Progress,
    Request,
    Sleep,
    Woken,
)
from blockjob_fsm.declaration import Event, Output, Refused, Stepped
from blockjob_fsm.errno_text import errno_text
from blockjob_fsm.error_action import ErrorAction, choose_action, io_status_of
from blockjob_fsm.errors import IllegalStep
from blockjob_fsm.events import (
    BlockJobCancelled,
    BlockJobCompleted,
    BlockJobError,
    BlockJobPending,
    BlockJobReady,
    JobStatusChange,
    QmpEvent,
)
from blockjob_fsm.job import ArmTimer, Effect, Emit, Input, Perform, Signal, Submit
from blockjob_fsm.lifecycles import modern_words as words
from blockjob_fsm.lifecycles.modern_words import ModernControl, Place, Status
from blockjob_fsm.throttle import SliceLimiter

Fire: TypeAlias = Callable[[ModernControl, Event], Stepped[ModernControl] | Refused[ModernControl]]


@dataclass(frozen=True, slots=True)
class JobInfo:
    """One entry of query-jobs. Progress is in bytes."""

    id: str
    type: str
    status: Status
    current_progress: int
    total_progress: int
    error: str | None

    def to_qmp(self) -> dict[str, str | int]:
        """The entry as on the wire."""
        entry: dict[str, str | int] = {
            "id": self.id,
            "type": self.type,
            "status": self.status.value,
            "current-progress": self.current_progress,
            "total-progress": self.total_progress,
        }
        return entry if self.error is None else entry | {"error": self.error}


@dataclass(frozen=True, slots=True)
class ModernJob:
    """A job. `body` None: a job that has nothing to do by itself.

    `sleeping`: the body waits for the answer to a sleep. `kicked`: it was woken before its time,
    which lets one more unit pass the limiter where `leaks`, as before 8.1.
    """

    type: str
    id: str
    control: ModernControl
    body: Body | None = None
    limiter: SliceLimiter = field(default_factory=SliceLimiter)
    leaks: bool = False
    sleeping: bool = False
    kicked: bool = False

    @property
    def progress(self) -> Progress:
        """Published offset and length, in bytes."""
        return Progress() if self.body is None else self.body.progress

    @property
    def error(self) -> str | None:
        """The result's text, once it is a failure."""
        ret = self.control.ret
        return errno_text(-ret) if ret < 0 else None

    def query(self) -> JobInfo:
        """What query-jobs says of the job."""
        progress = self.progress
        return JobInfo(
            self.id, self.type, self.control.phase, progress.offset, progress.length, self.error
        )

    def query_block_job(self) -> dict[str, str | int | bool]:
        """What query-block-jobs says of the job, as on the wire."""
        control, progress = self.control, self.progress
        entry: dict[str, str | int | bool] = {
            "type": self.type,
            "device": self.id,
            "len": progress.length,
            "offset": progress.offset,
            "busy": control.busy,
            "paused": control.pause_count > 0,
            "speed": control.speed,
            "io-status": control.io_status.value,
            "ready": control.synced,
            "status": control.phase.value,
            "auto-finalize": control.auto_finalize,
            "auto-dismiss": control.auto_dismiss,
        }
        return entry if self.error is None else entry | {"error": self.error}


@dataclass(frozen=True, slots=True)
class Advanced:
    """The job after an input, what the rows told the transaction, and the effects in order."""

    job: ModernJob
    outputs: tuple[Output, ...]
    effects: tuple[Effect, ...]


def advance(job: ModernJob, given: Input, fire: Fire) -> Advanced | Refused[ModernControl]:
    """Take a job one input further, or return the refusal with the job unchanged.

    Raises IllegalStep when the job's own code asks for a step that no row allows.
    """
    result = fire(job.control, given.event)
    if isinstance(result, Refused):
        return result
    run = _Run(job, given.now_ns, fire)
    run.take(result, given.event, given.request)
    if given.outcome is not None:
        run.answer(given.outcome)
    if words.CANCEL_TIMER in result.outputs:
        run.job = replace(run.job, kicked=job.leaks)
    if words.WAKE in result.outputs:
        run.enter()
    return Advanced(run.job, tuple(run.outputs), tuple(run.effects))


def rest_of(job: ModernJob, outcome: Outcome) -> tuple[ModernJob, IoRequest | Do | Finish]:
    """After the body's return: the body's next wish, once `outcome` has answered the last one.

    The first answer is Noted, for the decision to end.
    """
    assert job.body is not None, "a job without a body has nothing left to do"
    body = job.body.on_outcome(outcome, job.control)
    wish = body.next_request(job.control)
    assert isinstance(wish, (*IO_REQUESTS, Do, Finish)), f"{wish} comes too late"
    return replace(job, body=body), wish


def has_rest(job: ModernJob) -> bool:
    """Whether the body has returned with a decision, and not been told what became of it."""
    return job.body is not None and isinstance(job.body.next_request(job.control), Decide)


@dataclass(slots=True)
class _Run:
    """One entry of the job: local to `advance`, and gone when it returns."""

    job: ModernJob
    now_ns: int
    fire: Fire
    outputs: list[Output] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)

    def enter(self) -> None:
        """Run the body until the job is suspended or has returned."""
        while (body := self.job.body) is not None:
            control = self.job.control
            if control.place is Place.WOKEN:
                self.own(words.PAUSE_POINT())
            elif control.place is not Place.RUNNING:
                break
            elif self.job.sleeping:
                self.wake()
            else:
                self.serve(body.next_request(control))

    def wake(self) -> None:
        """Answer a sleep, or go on with it where its limit has not been kept yet."""
        wait_ns = 0 if self.job.leaks else self.job.limiter.wait_ns(self.now_ns)
        if wait_ns and not self.job.control.cancelled:
            self.own(words.SLEEP(True), Sleep(wait_ns))
        else:
            self.job = replace(self.job, sleeping=False)
            self.answer(Woken(self.job.control.leaving))

    def serve(self, request: Request) -> None:
        """Answer one request of the body, or suspend the job on it."""
        if isinstance(request, IO_REQUESTS):
            self.own(words.SUBMIT(), request)
            return
        match request:
            case Sleep():
                self.job = replace(self.job, sleeping=True)
                self.own(words.SLEEP(True), request)
            case Charge(length, moved):
                self.answer(self.charge(length, moved=moved))
            case HandleError(on_error, _, errno, _):
                action = choose_action(on_error, errno)
                self.own(words.ERROR(action, io_status_of(errno)), request)
                self.answer(ErrorHandled(action))
            case AnnounceReady():
                self.own(words.IN_STEP())
                self.answer(Noted())
            case Do(acts):
                self.effects.extend([Perform(acts)] if acts else [])
                self.answer(Noted())
            case Decide():
                self.finish(0)
            case Finish(ret):
                self.finish(ret)

    def finish(self, ret: int) -> None:
        """All work is done: what is left is for the transaction to ask for."""
        if self.job.control.mirrors and ret == 0:
            # Whoever keeps a target in step has kept guests out since its last look.
            self.own(words.HOLD_DRAIN())
        self.own(words.RETURN(ret))

    def charge(self, length: int, *, moved: bool) -> Delay:
        """Charge bytes that are moved already, or are about to be unless they have to wait."""
        limiter, now_ns = self.job.limiter, self.now_ns
        passes = moved or self.job.kicked or not limiter.wait_ns(now_ns)
        charged = limiter.charge(length, now_ns) if passes else limiter
        self.job = replace(self.job, limiter=charged, kicked=False)
        return Delay(charged.wait_ns(now_ns) if moved or not passes else 0)

    def answer(self, outcome: Outcome) -> None:
        assert self.job.body is not None, "only a body asks"
        self.job = replace(self.job, body=self.job.body.on_outcome(outcome, self.job.control))

    def own(self, event: Event, request: Request | None = None) -> None:
        """Take a step of the job itself; one that is refused is our bug."""
        result = self.fire(self.job.control, event)
        if isinstance(result, Refused):
            raise IllegalStep(result.reason)
        self.take(result, event, request)

    def take(
        self, step: Stepped[ModernControl], event: Event, request: Request | None = None
    ) -> None:
        self.job = replace(self.job, control=step.state)
        self.outputs.extend(step.outputs)
        for output in step.outputs:
            self.effects.extend(self.effect(output, event, request))

    def effect(self, output: Output, event: Event, request: Request | None) -> list[Effect]:
        """What one output of a row means outside; a body's WAKE is nothing more."""
        match output:
            case words.SET_LIMIT:
                limiter = self.job.limiter.at_speed(self.job.control.speed)
                self.job = replace(self.job, limiter=limiter)
                return [Signal(output)]
            case words.WAKE if self.job.body is not None:
                return []
            case words.SUBMIT_IO:
                return [Submit(request)] if isinstance(request, IO_REQUESTS) else []
            case words.ARM_TIMER:
                assert isinstance(request, Sleep), "a timer is armed by a sleep"
                return [ArmTimer(self.now_ns + request.ns)]
        happened = self.event_of(output, event, request)
        return [Signal(output)] if happened is None else [Emit(happened)]

    def event_of(self, output: Output, event: Event, request: Request | None) -> QmpEvent | None:
        """The event an output sends, with the job's present figures; None if it sends none."""
        job, progress = self.job, self.job.progress
        figures = (job.type, job.id, progress.length, progress.offset, job.control.speed)
        match output:
            case words.EMIT_STATUS:
                return JobStatusChange(job.id, job.control.phase.value)
            case words.EMIT_PENDING:
                return BlockJobPending(job.type, job.id)
            case words.EMIT_READY:
                return BlockJobReady(*figures)
            case words.EMIT_ERROR:
                assert isinstance(request, HandleError), "an error is handled on request"
                return BlockJobError(job.id, request.is_read, _action(event).value)
            case words.EMIT_COMPLETED:
                return BlockJobCompleted(*figures, job.control.ret)
            case words.EMIT_CANCELLED:
                return BlockJobCancelled(*figures)
        return None


def _action(event: Event) -> ErrorAction:
    action = event.values[words.ACTION.position]
    assert isinstance(action, ErrorAction), "an error carries its action"
    return action
