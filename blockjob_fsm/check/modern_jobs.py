"""A whole modern job as a model: rows, body, limiter and transaction in a small world.

What runs here is `job_group.deliver`, the same that runs live; only the devices are small, the same
as those of the older lifecycle's jobs. Time passes in sleeps alone: the clock is kept at one
instant, since what counts for a limiter is the distance.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field, replace
from itertools import count
from typing import NamedTuple

from blockjob_fsm.bodies.copying import CopyingBody
from blockjob_fsm.bodies.linear import LinearBody
from blockjob_fsm.bodies.mirror import ModernMirror
from blockjob_fsm.bodies.requests import Body, Do, Finish, IoRequest, Noted, Outcome
from blockjob_fsm.check.jobs import NOW_NS, STEPS_PER_INPUT, Given, Numbered, is_failure, touch
from blockjob_fsm.check.modern_group import describe_modern
from blockjob_fsm.check.space import Move
from blockjob_fsm.check.worlds import Devices, End, Facts, Life, Scene, scene
from blockjob_fsm.declaration import Event, Lifecycle, Output, Refused, Stepped, step
from blockjob_fsm.events import BlockJobCancelled, BlockJobCompleted, BlockJobError
from blockjob_fsm.job import ArmTimer, Effect, Emit, Input, Perform, Signal, Submit
from blockjob_fsm.job_group import JobGroup, deliver, group_of
from blockjob_fsm.lifecycles import classic_words
from blockjob_fsm.lifecycles import modern_words as words
from blockjob_fsm.lifecycles.modern_words import ModernControl, Status
from blockjob_fsm.modern_job import Fire, ModernJob, has_rest, rest_of
from blockjob_fsm.throttle import SliceLimiter

NAME = "j0"
#: outputs that the devices know by their older names
_OF_DEVICES = {
    words.PIVOT: Signal(classic_words.PIVOT),
    words.UNDRAIN: Signal(classic_words.UNDRAIN),
}


class State(NamedTuple):
    """A job in its transaction, what has happened to it, and its devices, each by its number."""

    group: int
    life: int
    devices: int


class _Taken(NamedTuple):
    """What came of an input; `fault` says which promise of our own code was broken."""

    group: int
    effects: tuple[Effect, ...] = ()
    fault: str = ""


@dataclass(slots=True)
class ModernJobModel:
    """One kind of job on its devices, alone in its transaction.

    `verbs` are what the user may ask for, at any time; `drains`: how many sections others may have
    open at once.
    """

    lifecycle: Lifecycle[ModernControl]
    control: ModernControl
    body: Body
    devices: Devices
    verbs: tuple[Event, ...] = ()
    drains: int = 1
    leaks: bool = False
    _groups: Numbered[JobGroup] = field(default_factory=Numbered)
    _lives: Numbered[Life] = field(default_factory=Numbered)
    _devices: Numbered[Devices] = field(default_factory=Numbered)
    _given: Numbered[Given] = field(default_factory=Numbered)
    _taken: Numbered[_Taken | None] = field(default_factory=Numbered)
    _taking: dict[tuple[int, int], int] = field(default_factory=dict)
    _after: dict[tuple[int, int, int], tuple[int, int]] = field(default_factory=dict)
    _ended: dict[tuple[int, int], list[tuple[str, int, int, int]]] = field(default_factory=dict)
    _happened: dict[int, list[tuple[str, str, str, int]]] = field(default_factory=dict)
    _asked: list[tuple[str, int]] = field(init=False)

    def __post_init__(self) -> None:
        self._asked = [(str(verb), self._given.number(Given(verb))) for verb in self.verbs]

    def initial(self) -> Iterator[State]:
        limiter = SliceLimiter().at_speed(self.control.speed)
        kind = type(self.body).__name__.lower()
        job = ModernJob(kind, NAME, self.control, self.body, limiter, self.leaks)
        yield self._state(group_of(job), Life(), self.devices)

    def moves(self, state: State) -> Iterator[Move[State]]:
        group, life, devices = self._values(state)
        control = group.job(NAME).control
        if life.fault:
            return
        due = group.due()
        if due is not None and due.kind is words.PREPARE:
            yield from self._prepares(group, life, devices)
        elif control.phase is Status.UNDEFINED:
            yield from self._input(state, words.CREATE())
        elif control.phase is Status.CREATED:
            yield from self._input(state, words.START())
        elif control.phase is not Status.NULL:
            for label, verb in self._asked:
                yield from self._give(state, label, verb)
            yield from self._of_world(state, control, life)
            yield from self._of_devices(state, life, control.phase is Status.CONCLUDED)

    def view(self, state: State) -> Scene:
        group, life, devices = self._values(state)
        job = group.job(NAME)
        progress, facts = job.progress, devices.facts()
        return scene(job.control, progress.offset, progress.length, life, facts)

    def key(self, state: State) -> Hashable:
        facts: Facts = self._devices.values[state.devices].facts()
        return state.group, state.life, facts

    def describe(self, state: State) -> str:
        group, life, devices = self._values(state)
        told = [describe_modern(group.job(NAME).control)]
        if life.request is not None:
            told.append(f"{type(life.request).__name__} under way")
        return "; ".join(filter(None, (*told, str(devices), life.fault)))

    # -- who can do what

    def _of_world(self, state: State, control: ModernControl, life: Life) -> Iterator[Move[State]]:
        if control.phase is not Status.CONCLUDED:
            if control.drains < self.drains:
                yield from self._input(state, words.DRAIN_BEGIN())
            if control.drains:
                yield from self._input(state, words.DRAIN_END())
        if life.timer_ns is not None:
            yield from self._timer(state, life.timer_ns)
        if life.deferred:
            begun = self._lives.number(life._replace(deferred=False))
            yield from self._input(state._replace(life=begun), words.COMPLETION())

    def _of_devices(self, state: State, life: Life, over: bool) -> Iterator[Move[State]]:
        if life.request is not None:
            for label, given, lived, devices in self._outcomes(state, life, life.request):
                yield from self._give(State(state.group, lived, devices), label, given)
        if not over:
            for who, kind, label, devices in self._happenings(state.devices):
                yield Move(who, kind, label, state._replace(devices=devices))

    def _outcomes(
        self, state: State, life: Life, request: IoRequest
    ) -> list[tuple[str, int, int, int]]:
        """Each way the request can end: words, and the numbers of input, life and devices."""
        key = state.life, state.devices
        if key not in self._ended:
            done = words.IO_DONE()
            ends = self._devices.values[state.devices].outcomes(request)
            self._ended[key] = [
                (
                    label,
                    self._given.number(Given(done, outcome)),
                    self._lives.number(
                        life._replace(request=None, failed=life.failed or is_failure(outcome))
                    ),
                    self._devices.number(after),
                )
                for label, outcome, after in ends
            ]
        return self._ended[key]

    def _happenings(self, devices: int) -> list[tuple[str, str, str, int]]:
        if devices not in self._happened:
            self._happened[devices] = [
                (who, kind, label, self._devices.number(after))
                for who, kind, label, after in self._devices.values[devices].happenings()
            ]
        return self._happened[devices]

    def _timer(self, state: State, slept_ns: int) -> Iterator[Move[State]]:
        """The sleep has taken its time: for the limiter, its slice has come that much nearer."""
        group, life, _ = self._values(state)
        job = group.job(NAME)
        later = group.with_job(replace(job, limiter=_later(job.limiter, slept_ns)))
        woken = life._replace(timer_ns=None)
        aged = State(self._groups.number(later), self._lives.number(woken), state.devices)
        yield from self._input(aged, words.TIMER())

    def _prepares(self, group: JobGroup, life: Life, devices: Devices) -> Iterator[Move[State]]:
        """The driver's own work, in each way in which it can end."""
        job = group.job(NAME)
        ends = [("prepared", job, devices, job.control.ret)]
        if has_rest(job):
            ends = list(_rests(job, devices, Noted(), "prepared"))
        for label, rested, after, ret in ends:
            state = self._state(group.with_job(rested), life, after)
            given = self._given.number(Given(words.PREPARE(ret)))
            yield from self._give(state, label, given)

    # -- one input

    def _input(self, state: State, event: Event) -> Iterator[Move[State]]:
        return self._give(state, str(event), self._given.number(Given(event)))

    def _give(self, state: State, label: str, given: int) -> Iterator[Move[State]]:
        key = state.group, given
        if key not in self._taking:
            self._taking[key] = self._taken.number(self._take(state.group, given))
        number = self._taking[key]
        taken = self._taken.values[number]
        if taken is not None:
            kind = self._given.values[given].event.kind
            life, devices = self._affected(state, number, taken)
            yield Move(kind.actor.value, kind.name, label, State(taken.group, life, devices))

    def _affected(self, state: State, number: int, taken: _Taken) -> tuple[int, int]:
        """Life and devices after what came of an input, by their numbers."""
        key = state.life, state.devices, number
        if key not in self._after:
            life, devices = self._lives.values[state.life], self._devices.values[state.devices]
            for effect in taken.effects:
                life, devices = _befall(life, effect), touch(devices, _known(effect))
            if taken.fault:
                life = life._replace(fault=taken.fault)
            self._after[key] = self._lives.number(life), self._devices.number(devices)
        return self._after[key]

    def _take(self, number: int, given: int) -> _Taken | None:
        """What comes of an input; None if it is refused, which the models of the rows explore."""
        group, (event, outcome) = self._groups.values[number], self._given.values[given]
        try:
            done = deliver(group, NAME, Input(event, NOW_NS, outcome), self._fire_few())
            if isinstance(done, Refused):
                return None if done.refusal else _Taken(number, fault=done.reason)
            effects = tuple(effect for _, effect in done.effects)
            job = done.group.job(NAME)
            if Signal(words.ABORT) in effects and has_rest(job):
                job, more = _undone(job)
                effects += more
            return _Taken(self._groups.number(done.group.with_job(at_rest(job))), effects)
        except AssertionError as broken:
            return _Taken(number, fault=f"{type(broken).__name__}: {broken}")

    def _fire_few(self) -> Fire:
        """The rows, for one input: a job that takes step after step on it would never rest."""
        steps = count(1)

        def fire(
            control: ModernControl, event: Event
        ) -> Stepped[ModernControl] | Refused[ModernControl]:
            assert next(steps) < STEPS_PER_INPUT, f"{event} again and again, without a rest"
            return step(self.lifecycle, control, event)

        return fire

    def _state(self, group: JobGroup, life: Life, devices: Devices) -> State:
        numbers = self._groups.number(group), self._lives.number(life)
        return State(*numbers, self._devices.number(devices))

    def _values(self, state: State) -> tuple[JobGroup, Life, Devices]:
        return (
            self._groups.values[state.group],
            self._lives.values[state.life],
            self._devices.values[state.devices],
        )


def at_rest(job: ModernJob) -> ModernJob:
    """A job with what does not tell two futures apart blanked: places on the device wrap around."""
    body = job.body
    if isinstance(body, CopyingBody):
        body = replace(body, cursor=body.cursor % max(body.length, 1))
        if isinstance(body, ModernMirror):
            body = replace(body, worked=min(body.worked, 1))
    elif isinstance(body, LinearBody):
        body = replace(body, delay_ns=0)
    return replace(job, body=body)


def _rests(
    job: ModernJob, devices: Devices, answer: Outcome, told: str
) -> Iterator[tuple[str, ModernJob, Devices, int]]:
    """Each way from the body's decision to its result: words, job, devices, and the result."""
    job, wish = rest_of(job, answer)
    match wish:
        case Finish(ret):
            yield told, job, devices, ret
        case Do(acts):
            yield from _rests(job, touch(devices, Perform(acts)), Noted(), told)
        case _:
            submitted = devices.submitted(wish)
            for label, outcome, after in submitted.outcomes(wish):
                yield from _rests(job, after, outcome, f"{told}, {label}")


def _undone(job: ModernJob) -> tuple[ModernJob, tuple[Effect, ...]]:
    """What is left to do of a job that is aborted after its body's decision: no I/O."""
    acts: list[Effect] = []
    while True:
        job, wish = rest_of(job, Noted())
        if isinstance(wish, Finish):
            return job, tuple(acts)
        assert isinstance(wish, Do), f"{wish} of a job that is aborted"
        acts.append(Perform(wish.acts))


def _befall(life: Life, effect: Effect) -> Life:
    """What an effect adds to what has happened to a job."""
    match effect:
        case Submit(request):
            return life._replace(request=request)
        case ArmTimer(wake_at_ns):
            return life._replace(timer_ns=wake_at_ns - NOW_NS)
        case Emit(BlockJobCompleted() | BlockJobCancelled() as event):
            end = End(isinstance(event, BlockJobCancelled), event.ret)
            return life._replace(end=end, ends=min(life.ends + 1, 2))
        case Emit(BlockJobError()):
            return life._replace(complained=True)
        case Signal(output):
            return _signalled(life, output)
    return life


def _signalled(life: Life, output: Output) -> Life:
    match output:
        case words.CANCEL_TIMER:
            return life._replace(timer_ns=None)
        case words.DEFER:
            return life._replace(deferred=True)
        case words.PIVOT:
            return life._replace(pivoted=True)
        case words.CALL_BACK:
            return life._replace(callbacks=min(life.callbacks + 1, 2))
        case words.CLEAN:
            return life._replace(releases=min(life.releases + 1, 2))
    return life


def _known(effect: Effect) -> Effect:
    return _OF_DEVICES.get(effect.output, effect) if isinstance(effect, Signal) else effect


def _later(limiter: SliceLimiter, ns: int) -> SliceLimiter:
    """The limiter as it looks from `ns` later; every slice that is past looks alike."""
    end_ns = limiter.slice_end_ns - ns
    if end_ns < NOW_NS:
        return SliceLimiter(limiter.quota_bytes)
    return replace(limiter, slice_start_ns=limiter.slice_start_ns - ns, slice_end_ns=end_ns)
