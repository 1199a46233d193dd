"""A whole job as a model: control, body and limiter in a small world, with every fault everywhere.

What runs here is `advance`, the same that runs live; only the devices are small. Time passes in
sleeps alone, and the clock is kept at one instant: what counts for a limiter is the distance.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Generic, NamedTuple, TypeVar

from blockjob_fsm.bodies.backup import Backup
from blockjob_fsm.bodies.copying import Stage
from blockjob_fsm.bodies.linear import LinearBody
from blockjob_fsm.bodies.mirror import Mirror
from blockjob_fsm.bodies.requests import (
    Body,
    Copied,
    Copy,
    CopyDirty,
    Failed,
    IoOutcome,
    IoRequest,
    Mirrored,
)
from blockjob_fsm.check.control import describe_control
from blockjob_fsm.check.space import Move
from blockjob_fsm.check.worlds import Devices, End, Facts, Life, Scene, scene
from blockjob_fsm.declaration import Event, Lifecycle, Output, Refused, Stepped, step
from blockjob_fsm.events import BlockJobCancelled, BlockJobCompleted, BlockJobError
from blockjob_fsm.job import (
    ArmTimer,
    CallBack,
    Effect,
    Emit,
    Fire,
    Input,
    Job,
    Perform,
    Signal,
    Submit,
    advance,
)
from blockjob_fsm.lifecycles import classic_words as words
from blockjob_fsm.lifecycles.classic_words import ClassicControl, Phase
from blockjob_fsm.throttle import Limiter

V = TypeVar("V", bound=Hashable)

NOW_NS = 1_000_000_000
#: far more than any sound job takes from one suspension to the next
STEPS_PER_INPUT = 200
_ENTERED = (*words.BUSY_PHASES, *words.ENTERABLE, Phase.ENDING)


class JobState(NamedTuple):
    """A job, what has happened to it, and its devices, by the model's numbers for them."""

    job: int
    life: int
    devices: int


@dataclass(slots=True)
class Numbered(Generic[V]):
    """Values by number, equal values by the same one: a state is three small integers."""

    values: list[V] = field(default_factory=list)
    numbers: dict[V, int] = field(default_factory=dict)

    def number(self, value: V) -> int:
        """The number of a value, which is given one at its first sight."""
        number = self.numbers.setdefault(value, len(self.values))
        if number == len(self.values):
            self.values.append(value)
        return number


class Given(NamedTuple):
    """An input without its time."""

    event: Event
    outcome: IoOutcome | None = None


class _Taken(NamedTuple):
    """What `advance` made of an input; `fault` says which promise of our own code was broken."""

    job: int
    effects: tuple[Effect, ...] = ()
    fault: str = ""


def at_rest(job: Job) -> Job:
    """A suspended job with the fields blanked that it writes before it reads them again.

    Jobs that differ only there have one future; a test explores both ways and compares.
    """
    body = job.body
    if isinstance(body, Mirror):
        offset = body.length if body.offset == body.length else -1
        dirty = body.dirty if body.stage is Stage.FLUSH else 0
        body = replace(
            body,
            errno=0,
            is_read=False,
            delay_ns=0,
            dirty=dirty,
            cursor=body.cursor % max(body.length, 1),
            offset=offset,
        )
    elif isinstance(body, Backup):
        cursor = body.cursor % max(body.length, 1)
        body = replace(body, errno=0, is_read=False, delay_ns=0, charge=0, cursor=cursor)
    elif isinstance(body, LinearBody):
        body = replace(body, errno=0, delay_ns=0)
    return replace(job, body=body)


@dataclass(slots=True)
class JobModel:
    """One kind of job on its devices. `verbs` are what the user may ask for, at any time.

    `notes_failures`: remember whether anything ever failed. `at_rest` maps a suspended job to the
    one that stands for it.
    """

    lifecycle: Lifecycle[ClassicControl]
    body: Body
    devices: Devices
    speeds: tuple[int, ...] = (0,)
    verbs: tuple[Event, ...] = ()
    notes_failures: bool = True
    limiter: Limiter = field(default_factory=Limiter)
    at_rest: Callable[[Job], Job] = field(default=at_rest)
    _jobs: Numbered[Job] = field(default_factory=Numbered)
    _lives: Numbered[Life] = field(default_factory=Numbered)
    _devices: Numbered[Devices] = field(default_factory=Numbered)
    _verbs: list[tuple[str, int]] = field(init=False)
    _given: Numbered[Given] = field(default_factory=Numbered)
    _taken: Numbered[_Taken | None] = field(default_factory=Numbered)
    _taking: dict[tuple[int, int], int] = field(default_factory=dict)
    _lives_after: dict[tuple[int, int], int] = field(default_factory=dict)
    _devices_after: dict[tuple[int, int], int] = field(default_factory=dict)
    _ended: dict[tuple[int, int], list[tuple[str, int, int, int]]] = field(default_factory=dict)
    _happened: dict[int, list[tuple[str, str, str, int]]] = field(default_factory=dict)
    _facts: dict[int, Facts] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._verbs = [(str(verb), self._given.number(Given(verb))) for verb in self.verbs]

    def initial(self) -> Iterator[JobState]:
        control = ClassicControl(completable=isinstance(self.body, Mirror))
        job = Job(type(self.body).__name__.lower(), "drive0", control, self.body, self.limiter)
        numbers = self._jobs.number(job), self._lives.number(Life())
        yield JobState(*numbers, self._devices.number(self.devices))

    def moves(self, state: JobState) -> Iterator[Move[JobState]]:
        life = self._lives.values[state.life]
        phase = self._jobs.values[state.job].control.phase
        if life.fault:
            return
        if phase is Phase.ABSENT:
            for speed in self.speeds:
                yield from self._input(state, words.CREATE(speed))
        elif phase is Phase.CREATED:
            yield from self._input(state, words.START())
        elif phase in _ENTERED:
            if not life.opening:
                for label, verb in self._verbs:
                    yield from self._given_to(state, label, verb)
            yield from self._of_world(state, life, phase)
            yield from self._of_devices(state, life)

    def view(self, state: JobState) -> Scene:
        job = self._jobs.values[state.job]
        life = self._lives.values[state.life]
        progress = job.progress
        facts = self._facts_of(state.devices)
        return scene(job.control, progress.offset, progress.length, life, facts)

    def key(self, state: JobState) -> Hashable:
        return state.job, state.life, self._facts_of(state.devices)

    def describe(self, state: JobState) -> str:
        job = self._jobs.values[state.job]
        life = self._lives.values[state.life]
        told = [describe_control(job.control)]
        if life.request is not None:
            told.append(f"{type(life.request).__name__} under way")
        if life.end is not None:
            event = "CANCELLED" if life.end.cancelled else "COMPLETED"
            told.append(f"BLOCK_JOB_{event} sent")
        told += [str(self._devices.values[state.devices]), life.fault]
        return "; ".join(filter(None, told))

    # -- who can do what

    def _of_world(self, state: JobState, life: Life, phase: Phase) -> Iterator[Move[JobState]]:
        if life.timer_ns is not None and not life.opening:
            yield from self._timer(state, life, life.timer_ns)
        if life.opening:
            closed = self._lives.number(life._replace(opening=False))
            yield from self._input(state._replace(life=closed), words.BACKING_OPENED())
        if phase is Phase.ENDING:
            yield from self._input(state, words.RETURNED())

    def _of_devices(self, state: JobState, life: Life) -> Iterator[Move[JobState]]:
        if life.request is not None:
            for label, given, lived, devices in self._outcomes(state, life, life.request):
                yield from self._given_to(JobState(state.job, lived, devices), label, given)
        for who, kind, label, devices in self._happenings(state.devices):
            yield Move(who, kind, label, JobState(state.job, state.life, devices))

    def _timer(self, state: JobState, life: Life, slept_ns: int) -> Iterator[Move[JobState]]:
        """The sleep has taken its time: for the limiter, the slice has come that much nearer."""
        job = self._jobs.values[state.job]
        later = self._jobs.number(replace(job, limiter=_later(job.limiter, slept_ns)))
        woken = self._lives.number(life._replace(timer_ns=None))
        yield from self._input(JobState(later, woken, state.devices), words.TIMER())

    def _outcomes(
        self, state: JobState, life: Life, request: IoRequest
    ) -> list[tuple[str, int, int, int]]:
        """Each way the request can end: words, and the numbers of input, life and devices."""
        key = state.life, state.devices
        if key not in self._ended:
            done = words.IO_DONE()
            self._ended[key] = [
                (
                    label,
                    self._given.number(Given(done, outcome)),
                    self._lives.number(self._over(life, outcome)),
                    self._devices.number(devices),
                )
                for label, outcome, devices in self._devices.values[state.devices].outcomes(request)
            ]
        return self._ended[key]

    def _over(self, life: Life, outcome: IoOutcome) -> Life:
        failed = life.failed or (self.notes_failures and is_failure(outcome))
        return life._replace(request=None, failed=failed)

    def _happenings(self, devices: int) -> list[tuple[str, str, str, int]]:
        if devices not in self._happened:
            self._happened[devices] = [
                (who, kind, label, self._devices.number(after))
                for who, kind, label, after in self._devices.values[devices].happenings()
            ]
        return self._happened[devices]

    def _facts_of(self, devices: int) -> Facts:
        if devices not in self._facts:
            self._facts[devices] = self._devices.values[devices].facts()
        return self._facts[devices]

    # -- one input

    def _input(self, state: JobState, event: Event) -> Iterator[Move[JobState]]:
        return self._given_to(state, str(event), self._given.number(Given(event)))

    def _given_to(self, state: JobState, label: str, given: int) -> Iterator[Move[JobState]]:
        key = state.job, given
        if key not in self._taking:
            self._taking[key] = self._taken.number(self._take(state.job, self._given.values[given]))
        number = self._taking[key]
        taken = self._taken.values[number]
        if taken is not None:
            kind = self._given.values[given].event.kind
            life = self._life_after(state.life, number, taken)
            devices = self._device_after(state.devices, number, taken)
            after = JobState(taken.job, life, devices)
            yield Move(kind.actor.value, kind.name, label, after)

    def _take(self, number: int, given: Given) -> _Taken | None:
        """What comes of an input; None if it is refused, which the control model explores."""
        try:
            told = Input(given.event, NOW_NS, given.outcome)
            done = advance(self._jobs.values[number], told, self._fire_few())
        except AssertionError as broken:
            return _Taken(number, fault=f"{type(broken).__name__}: {broken}")
        if isinstance(done, Refused):
            return None if done.refusal else _Taken(number, fault=done.reason)
        return _Taken(self._jobs.number(self.at_rest(done.job)), done.effects)

    def _fire_few(self) -> Fire:
        """The rows, for one input: a job that takes step after step on it would never rest."""
        steps = count(1)

        def fire(
            control: ClassicControl, event: Event
        ) -> Stepped[ClassicControl] | Refused[ClassicControl]:
            assert next(steps) < STEPS_PER_INPUT, f"{event} again and again, without a rest"
            return step(self.lifecycle, control, event)

        return fire

    def _life_after(self, number: int, what: int, taken: _Taken) -> int:
        key = number, what
        if key not in self._lives_after:
            life = self._lives.values[number]
            for effect in taken.effects:
                life = _befall(life, effect)
                if self.notes_failures and isinstance(effect, Emit):
                    complained = life.complained or isinstance(effect.event, BlockJobError)
                    life = life._replace(complained=complained)
            if self._jobs.values[taken.job].control.phase in words.ENTERABLE:
                life = life._replace(rounds=0)
            self._lives_after[key] = self._lives.number(life._replace(fault=taken.fault))
        return self._lives_after[key]

    def _device_after(self, number: int, what: int, taken: _Taken) -> int:
        key = number, what
        if key not in self._devices_after:
            devices = self._devices.values[number]
            for effect in taken.effects:
                devices = touch(devices, effect)
            self._devices_after[key] = self._devices.number(devices)
        return self._devices_after[key]


def _befall(life: Life, effect: Effect) -> Life:
    """What an effect adds to what has happened to a job."""
    match effect:
        case Submit(request):
            rounds = life.rounds + isinstance(request, Copy | CopyDirty)
            return life._replace(request=request, rounds=min(rounds, 2))
        case ArmTimer(wake_at_ns):
            return life._replace(timer_ns=wake_at_ns - NOW_NS)
        case Emit(event):
            late = life.emitted_late or life.ends > 0
            if isinstance(event, BlockJobCompleted | BlockJobCancelled):
                end = End(isinstance(event, BlockJobCancelled), event.ret)
                life = life._replace(end=end, ends=min(life.ends + 1, 2))
            return life._replace(emitted_late=late)
        case CallBack():
            return life._replace(callbacks=min(life.callbacks + 1, 2))
        case Signal(output):
            return _signalled(life, output)
    return life


def touch(devices: Devices, effect: Effect) -> Devices:
    """What an effect does to the devices."""
    match effect:
        case Submit(request):
            return devices.submitted(request)
        case Perform(acts):
            for act in acts:
                devices = devices.performed(act)
        case Signal(output):
            return devices.signalled(output)
    return devices


def _signalled(life: Life, output: Output) -> Life:
    match output:
        case words.CANCEL_TIMER:
            return life._replace(timer_ns=None)
        case words.RELEASE_DEVICE:
            return life._replace(releases=min(life.releases + 1, 2))
        case words.OPEN_BACKING:
            return life._replace(opening=True)
        case words.PIVOT:
            return life._replace(pivoted=True)
    return life


def is_failure(outcome: IoOutcome) -> bool:
    """Whether a request ended with an errno."""
    return isinstance(outcome, Failed) or (
        isinstance(outcome, Copied | Mirrored) and outcome.errno != 0
    )


def _later(limiter: Limiter, ns: int) -> Limiter:
    """The limiter as it looks from `ns` later; every slice that is past looks alike."""
    next_slice_ns = limiter.next_slice_ns - ns
    return replace(limiter, next_slice_ns=next_slice_ns if next_slice_ns >= NOW_NS else 0)
