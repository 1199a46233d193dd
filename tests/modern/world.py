"""Disks, timers and a main loop for modern jobs as values: what `JobGroup` leaves to its holder.

I/O ends as soon as the world settles, timers ring when the clock is moved to them, and nothing
happens by itself. Events are told as words: C R P Y S W D X E N are changes of status.
"""

import heapq
from collections import deque
from dataclasses import dataclass, field

from blockjob_fsm.bodies.backup import Backup
from blockjob_fsm.bodies.commit import Commit
from blockjob_fsm.bodies.mirror import Mirror
from blockjob_fsm.bodies.requests import (
    Body,
    ChangeBacking,
    Copied,
    Copy,
    CopyDirty,
    DirtyCount,
    Do,
    Done,
    Extent,
    Failed,
    Finish,
    GetLength,
    InitialBitmap,
    IoOutcome,
    IoRequest,
    Length,
    Mirrored,
    Noted,
    Outcome,
    PrepareCommit,
    QueryCopy,
)
from blockjob_fsm.bodies.stream import Stream
from blockjob_fsm.declaration import Event, Refused, Stepped, step
from blockjob_fsm.error_action import OnError
from blockjob_fsm.events import BlockJobCompleted, JobStatusChange, QmpEvent
from blockjob_fsm.job import ArmTimer, Effect, Emit, Input, Signal, Submit
from blockjob_fsm.job_group import JobGroup, deliver, group_of
from blockjob_fsm.lifecycles import modern_words as words
from blockjob_fsm.lifecycles.modern import modern
from blockjob_fsm.lifecycles.modern_drivers import driver_of
from blockjob_fsm.lifecycles.modern_words import ModernControl
from blockjob_fsm.modern_job import ModernJob, has_rest, rest_of

UNIT = 4
UNITS = 3
LETTERS = {"created": "C", "running": "R", "paused": "P", "ready": "Y", "standby": "S"}
LETTERS |= {"waiting": "W", "pending": "D", "aborting": "X", "concluded": "E", "null": "N"}

Work = IoRequest | Event


@dataclass
class World:
    """One transaction's jobs. `errors`: errno by the number of the unit that fails, from 1."""

    group: JobGroup
    errors: dict[int, int] = field(default_factory=dict)
    prepare_fails: int = 0
    profile: str = "7.2"
    now_ns: int = 0
    units: int = 0
    _log: list[str] = field(default_factory=list)
    _work: deque[tuple[str, Work]] = field(default_factory=deque)
    _timers: list[tuple[int, str]] = field(default_factory=list)
    _dirty: dict[str, int] = field(default_factory=dict)

    def do(self, *events: Event, of: str = "j0", settle: bool = True) -> str:
        """Events, each with all that follows without time passing; what was said meanwhile."""
        for event in events:
            self._deliver(of, event)
            if settle:
                self.settle()
        return self.said()

    def said(self) -> str:
        """What was said since last asked."""
        told, self._log = " ".join(self._log), []
        return told

    def settle(self) -> None:
        """Let I/O end and the main loop run until nothing is left to do now."""
        while self._work or (self._timers and self._timers[0][0] <= self.now_ns):
            self.one()

    def one(self) -> None:
        """One I/O, one turn of the main loop, or one timer."""
        if not self._work:
            self._deliver(heapq.heappop(self._timers)[1], words.TIMER())
            return
        member, work = self._work.popleft()
        if isinstance(work, Event):
            self._deliver(member, work)
        else:
            self._deliver(member, words.IO_DONE(), self._io(member, work))

    def finish(self, member: str) -> None:
        """Let one member alone go on, without time passing, as far as it gets."""
        others = [work for work in self._work if work[0] != member]
        timers = [timer for timer in self._timers if timer[1] != member]
        self._work = deque(work for work in self._work if work[0] == member)
        self._timers = [timer for timer in self._timers if timer[1] == member]
        self.settle()
        self._work.extend(others)
        self._timers = sorted((*self._timers, *timers))

    def pass_time(self, ns: int) -> str:
        """Move the clock, and let happen what then happens."""
        self.now_ns += ns
        self.settle()
        return self.said()

    def control(self, member: str = "j0") -> ModernControl:
        """A member's control state."""
        return self.group.job(member).control

    def _deliver(self, member: str, event: Event, outcome: IoOutcome | None = None) -> None:
        result = deliver(self.group, member, Input(event, self.now_ns, outcome), self._fire)
        if isinstance(result, Refused):
            self._log.append(result.error(member).desc)
            return
        self.group = result.group
        for name, effect in result.effects:
            self._carry_out(name, effect)
        if result.waits_for is not None and result.waits_for.kind is words.PREPARE:
            who = result.waits_for.member
            self._deliver(who, words.PREPARE(self._prepare(who)))

    def _fire(
        self, state: ModernControl, event: Event
    ) -> Stepped[ModernControl] | Refused[ModernControl]:
        return step(modern(self.profile), state, event)

    def _carry_out(self, member: str, effect: Effect) -> None:
        match effect:
            case Emit(event):
                self._log.append(self._word(member, event))
            case Submit(request):
                self._work.append((member, request))
            case ArmTimer(wake_at_ns):
                heapq.heappush(self._timers, (wake_at_ns, member))
            case Signal(words.CANCEL_TIMER):
                self._timers = [timer for timer in self._timers if timer[1] != member]
            case Signal(words.DEFER):
                self._work.append((member, words.COMPLETION()))

    def _prepare(self, member: str) -> int:
        job = self.group.job(member)
        answer: Outcome = Noted()
        assert has_rest(job), "a job that has succeeded has decided to end"
        while True:
            job, wish = rest_of(job, answer)
            self.group = self.group.with_job(job)
            if isinstance(wish, Finish):
                return wish.ret
            answer = Noted() if isinstance(wish, Do) else self._io(member, wish)

    def _io(self, member: str, request: IoRequest) -> IoOutcome:
        match request:
            case GetLength() | PrepareCommit():
                return Length(UNIT * UNITS)
            case QueryCopy(_, length):
                return Extent(True, min(length, UNIT))
            case Copy(_, length, _):
                errno = self._errno()
                return Copied(0 if errno else length, errno)
            case ChangeBacking():
                return Failed(self.prepare_fails) if self.prepare_fails else Done()
            case CopyDirty(cursor, chunks):
                return self._copy(member, cursor, min(chunks, self._dirty[member]))
            case InitialBitmap():
                self._dirty[member] = UNITS
        return DirtyCount(self._dirty[member])

    def _copy(self, member: str, cursor: int, chunks: int) -> Mirrored:
        errno = self._errno() if chunks else 0
        copied = 0 if errno else chunks
        self._dirty[member] -= copied
        return Mirrored(cursor, copied, self._dirty[member], errno)

    def _errno(self) -> int:
        self.units += 1
        return self.errors.pop(self.units, 0)

    def _word(self, member: str, event: QmpEvent) -> str:
        mark = member[1:] if len(self.group.jobs) > 1 else ""
        if isinstance(event, JobStatusChange):
            return LETTERS[event.status] + mark
        failed = isinstance(event, BlockJobCompleted) and event.ret
        return event.name.removeprefix("BLOCK_JOB_") + mark + ("(error)" if failed else "")


def a_job(
    kind: str,
    name: str = "j0",
    *,
    manual: bool = False,
    on_error: OnError = OnError.REPORT,
    leaks: bool = True,
) -> ModernJob:
    """A job of three units; `manual`: it neither finalizes nor dismisses itself."""
    control = driver_of(kind).control(auto_finalize=not manual, auto_dismiss=not manual)
    bodies: dict[str, Body] = {
        "stream": Stream(on_error=on_error, unit=UNIT, batch=UNIT),
        "commit": Commit(unit=UNIT, batch=UNIT),
        "mirror": Mirror(on_source_error=on_error, chunk=UNIT, batch=1),
        "backup": Backup(on_source_error=on_error, chunk=UNIT, batch=1),
    }
    return ModernJob(kind, name, control, bodies[kind], leaks=leaks)


def born(*jobs: ModernJob, profile: str = "7.2", errors: dict[int, int] | None = None) -> World:
    """A world in which these jobs, newest first, are created and not started."""
    world = World(group_of(*jobs), errors or {}, profile=profile)
    for job in reversed(jobs):
        world.do(words.CREATE(), of=job.id)
    return world
