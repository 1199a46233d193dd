"""A job value run by itself: no thread, no device, every answer written down beforehand.

`Script` answers the body's requests from a picture of a disk and keeps the effects in order. No
claim is made here.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial

from blockjob_fsm.bodies.requests import (
    Body,
    ChangeBacking,
    Copied,
    Copy,
    CopyDirty,
    DirtyCount,
    Done,
    Drain,
    Extent,
    Failed,
    Flush,
    GetLength,
    InitialBitmap,
    IoOutcome,
    IoRequest,
    Length,
    Mirrored,
    PrepareCommit,
    QueryCopy,
)
from blockjob_fsm.declaration import Event, Refused, step
from blockjob_fsm.events import QmpEvent
from blockjob_fsm.job import (
    Advanced,
    ArmTimer,
    CallBack,
    Effect,
    Emit,
    Input,
    Job,
    Signal,
    Submit,
    advance,
)
from blockjob_fsm.lifecycles import classic_words as words
from blockjob_fsm.lifecycles.classic import CLASSIC, CLASSIC_1_3
from blockjob_fsm.lifecycles.classic_words import ClassicControl, Phase

PROFILES = {lifecycle.profile: lifecycle for lifecycle in (CLASSIC, CLASSIC_1_3)}
#: What happens while an I/O is under way, told by the request.
Meanwhile = Callable[["Script", IoRequest], None]


@dataclass
class Disk:
    """Which bytes need copying, where it fails, and the dirty chunks of a mirror.

    `bad` maps an offset to the errnos that the attempts there fail with, in their order.
    """

    length: int
    skips: tuple[tuple[int, int], ...] = ()
    bad: dict[int, list[int]] = field(default_factory=dict)
    failing: dict[type, list[int]] = field(default_factory=dict)
    chunk: int = 1
    dirty: set[int] = field(default_factory=set)
    is_read: bool = True

    def failure(self, start: int, end: int) -> tuple[int, int] | None:
        """The first bad offset in the range, and its errno, used up."""
        for offset in sorted(self.bad):
            if start <= offset < end and self.bad[offset]:
                return offset, self.bad[offset].pop(0)
        return None

    def answer(self, request: IoRequest) -> IoOutcome:
        """The outcome of a request; a failure told beforehand comes first."""
        if waiting := self.failing.get(type(request)):
            return Failed(waiting.pop(0))
        match request:
            case GetLength() | PrepareCommit():
                return Length(self.length)
            case QueryCopy(offset, length):
                return self.extent(offset, length)
            case Copy(offset, length, unit):
                return self.copied(offset, length, unit)
            case ChangeBacking():
                return Done()
            case InitialBitmap():
                self.dirty = set(range(-(-self.length // self.chunk)))
            case CopyDirty(cursor, chunks):
                return self.mirrored(cursor, chunks)
            case Flush() | Drain():
                pass
        return DirtyCount(len(self.dirty))

    def extent(self, offset: int, length: int) -> Extent:
        for start, end in self.skips:
            if start <= offset < end:
                return Extent(False, min(length, end - offset))
        ahead = [start for start, _ in self.skips if start > offset]
        return Extent(True, min([length, *(start - offset for start in ahead)]))

    def copied(self, offset: int, length: int, unit: int) -> Copied:
        done = 0
        while done < length:
            size = min(unit, length - done)
            if failed := self.failure(offset + done, offset + done + size):
                return Copied(done, failed[1])
            done += size
        return Copied(done)

    def mirrored(self, cursor: int, chunks: int) -> Mirrored:
        ahead = sorted(self.dirty, key=lambda index: (index < cursor, index))
        first = ahead[0] if ahead else cursor
        done = 0
        while done < chunks and first + done in self.dirty:
            offset = (first + done) * self.chunk
            if failed := self.failure(offset, offset + self.chunk):
                return Mirrored(first, done, len(self.dirty), failed[1], self.is_read)
            self.dirty.remove(first + done)
            done += 1
        return Mirrored(first, done, len(self.dirty))


class Script:
    """A started job and what came of it; `meanwhile` acts while an I/O is under way."""

    def __init__(
        self,
        body: Body,
        disk: Disk,
        *,
        profile: str = "safe",
        speed: int = 0,
        completable: bool = False,
        meanwhile: Meanwhile = lambda *_: None,
    ) -> None:
        self.fire = partial(step, PROFILES[profile])
        self.disk = disk
        self.meanwhile = meanwhile
        self.now_ns = 1
        self.effects: list[Effect] = []
        self.requests: list[IoRequest] = []
        self.slept: list[int] = []
        self.waiting: IoRequest | None = None
        control = ClassicControl(completable=completable)
        self.job = Job("job", "d", control, body)
        self.give(words.CREATE(speed), words.START())

    def give(self, *events: Event, outcome: IoOutcome | None = None) -> None:
        """Take inputs; a refused one is a mistake of the test."""
        for event in events:
            result = advance(self.job, Input(event, self.now_ns, outcome), self.fire)
            assert not isinstance(result, Refused), result.reason
            self.take(result)

    def take(self, result: Advanced) -> None:
        self.job = result.job
        self.effects += result.effects
        for effect in result.effects:
            match effect:
                case Submit(request):
                    self.requests.append(request)
                    self.waiting = request
                case ArmTimer(wake_at_ns):
                    self.slept.append(wake_at_ns - self.now_ns)
                case CallBack():
                    self.give(words.RETURNED())

    @property
    def control(self) -> ClassicControl:
        return self.job.control

    def step(self) -> bool:
        """End the present wait, be it for I/O or for a timer; False if nothing ends it."""
        if self.control.phase is Phase.WAITING:
            request, self.waiting = self.waiting, None
            assert request is not None
            self.meanwhile(self, request)
            self.give(words.IO_DONE(), outcome=self.disk.answer(request))
        elif self.control.phase is Phase.ASLEEP:
            # Just past the end of the sleep, where a new slice of the limiter begins.
            self.now_ns += self.slept[-1] + 1
            self.give(words.TIMER())
        else:
            return False
        return True

    def run(self, steps: int = 10_000) -> "Script":
        """Go on until the job is parked or over."""
        for _ in range(steps):
            if not self.step():
                return self
        raise AssertionError(f"still {self.control.phase} after {steps} steps")

    def run_until(self, stop: Callable[["Script"], bool], steps: int = 10_000) -> "Script":
        """Go on until the condition holds."""
        for _ in range(steps):
            if stop(self):
                return self
            assert self.step(), f"{self.control.phase} before the condition held"
        raise AssertionError("the condition never held")

    @property
    def events(self) -> list[QmpEvent]:
        """What was sent, in order."""
        return [effect.event for effect in self.effects if isinstance(effect, Emit)]

    @property
    def names(self) -> list[str]:
        """The events' names without their prefix, errors with their action."""
        return [
            str(event.data().get("action", event.name.removeprefix("BLOCK_JOB_")))
            for event in self.events
        ]

    @property
    def signals(self) -> list[str]:
        """The names of the plain outputs, in order."""
        return [str(effect.output) for effect in self.effects if isinstance(effect, Signal)]

    @property
    def offset(self) -> int:
        """The published offset."""
        return self.job.progress.offset

    def copies(self) -> list[Copy]:
        """The copies asked for, in order."""
        return [request for request in self.requests if isinstance(request, Copy)]

    def asked(self, *kinds: type) -> list[IoRequest]:
        """The I/O requests of these kinds, in order."""
        return [request for request in self.requests if isinstance(request, kinds)]


def in_order(effects: Iterable[Effect]) -> list[str]:
    """Effects as words, for claims about their order."""
    return [
        effect.event.name
        if isinstance(effect, Emit)
        else str(effect.output)
        if isinstance(effect, Signal)
        else type(effect).__name__
        for effect in effects
    ]
