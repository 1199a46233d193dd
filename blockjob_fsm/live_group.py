"""The live jobs of one transaction: one lock, one order of effects, and the walk over the members.

All control changes of a group happen under its lock; effects are carried out without it. While a
driver's prepare step runs there, verbs wait, as QEMU's monitor does; the carrier's own thread, in a
listener or a callback, may call any verb of any member.
"""

from __future__ import annotations

import errno as errno_codes
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from blockjob_fsm.bodies.requests import (
    Do,
    Failed,
    Finish,
    IoOutcome,
    IoRequest,
    Noted,
    Outcome,
    Request,
)
from blockjob_fsm.carrier import REPORT_NS, Alarm, Carrier
from blockjob_fsm.declaration import Event, Lifecycle, Refused
from blockjob_fsm.error_action import IoStatus
from blockjob_fsm.errors import IllegalStep, JobIdInUse
from blockjob_fsm.executor import Executor
from blockjob_fsm.job import ArmTimer, Effect, Emit, Input, Perform, Signal, Submit
from blockjob_fsm.job_group import JobGroup, deliver
from blockjob_fsm.job_type import BlockJobType, Callback, Listener
from blockjob_fsm.lifecycles import modern_words as words
from blockjob_fsm.lifecycles.modern import MODERN
from blockjob_fsm.lifecycles.modern_words import ModernControl
from blockjob_fsm.lifecycles.transaction import Due, Transaction
from blockjob_fsm.machine import machine_of
from blockjob_fsm.modern_job import ModernJob, has_rest, rest_of
from blockjob_fsm.operations.base import Operations
from blockjob_fsm.storage.drive import Drive

Submitter = Callable[[str, IoRequest, Callable[[], None]], object]


class Member:
    """What a live job has beside its value; `ModernBlockJob` gives it its verbs."""

    __slots__ = (
        "_alarm",
        "_callback",
        "_hooks",
        "_on_event",
        "_operations",
        "device",
        "id",
        "job_type",
        "opaque",
    )

    def __init__(
        self,
        job_type: BlockJobType,
        device: Drive,
        operations: Operations,
        callback: Callback | None,
        opaque: object,
        on_event: Listener | None,
    ) -> None:
        self.id = device.name
        self.job_type = job_type
        self.device = device
        self.opaque = opaque
        self._operations = operations
        self._callback = callback
        self._on_event = on_event
        self._hooks = job_type
        self._alarm = Alarm()


class LiveGroup(Carrier):
    """The members of one transaction. Every method may be called by any thread, with no lock held.

    `lifecycle` is one of `lifecycles.modern`; all members share it. `submit` gets a member's id,
    its request and the task that carries it out, and has a worker run the task sooner or later.
    """

    def __init__(
        self,
        executor: Executor,
        lifecycle: Lifecycle[ModernControl] = MODERN,
        *,
        submit: Submitter | None = None,
    ) -> None:
        self._changed = executor.host.condition()
        super().__init__(executor, self._changed)
        self._submit = submit or (lambda _member, _request, task: executor.submit(task))
        self.lifecycle = lifecycle
        self._fire = machine_of(lifecycle)
        self._group = JobGroup((), Transaction(()))
        self._members: dict[str, Member] = {}

    def refuse_others(self, executor: Executor, lifecycle: Lifecycle[ModernControl]) -> None:
        """Raise ValueError for a job on another executor, or under another lifecycle."""
        if executor is not self._executor:
            raise ValueError("the group's jobs run on another executor")
        if lifecycle is not self.lifecycle:
            release = self.lifecycle.profile
            raise ValueError(f"the group's jobs are those of {release}, not {lifecycle.profile}")

    # Members.

    def add(self, member: Member, value: ModernJob) -> None:
        """Take a member in, as the newest; it has not been created yet. Raises JobIdInUse."""
        with self._changed:
            if member.id in self._members:
                raise JobIdInUse(member.id)
            jobs = (value, *self._group.jobs)
            members = (value.id, *self._group.transaction.members)
            transaction = replace(self._group.transaction, members=members)
            self._group = JobGroup(jobs, transaction)
            self._members[member.id] = member

    def value(self, member: str) -> ModernJob:
        """A member's present value; its last one when it is gone."""
        return self._group.job(member)

    # Inputs.

    def verb(self, member: str, event: Event) -> None:
        """A user's verb; raises the declared refusal, with nothing changed."""
        with self._changed:
            self._wait_for_prepare()
            self._take(member, Input(event, self._executor.now_ns()))
        self._carry_out()

    def complete(self, member: Member) -> None:
        """A user's request to complete: once it is admissible its kind's hook runs, then it counts.

        Raises the declared refusal, or what the hook raises.
        """
        event = words.COMPLETE()
        with self._changed:
            self._wait_for_prepare()
            checked = self._fire(self.value(member.id).control, event)
        if isinstance(checked, Refused):
            raise checked.error(member.id)
        member._operations.open_backing()
        self._call(member._hooks.complete, member)
        self.verb(member.id, event)

    def happens(
        self,
        member: str,
        event: Event,
        outcome: IoOutcome | None = None,
        request: Request | None = None,
    ) -> None:
        """Something the world does, or the job's own code with the request behind it."""
        with self._changed:
            self._take(member, Input(event, self._executor.now_ns(), outcome, request))
        self._carry_out()

    def concerns(self, member: str, event: Event) -> None:
        """Something that happens to a member's nodes, and is nothing to a job that is gone."""
        with self._changed:
            if self.value(member).control.phase not in words.GONE:
                self._take(member, Input(event, self._executor.now_ns()))
        self._carry_out()

    def _take(self, member: str, given: Input) -> None:
        preparing, jobs = self._preparing(), self._group.jobs
        result = deliver(self._group, member, given, self._fire)
        if isinstance(result, Refused):
            if result.refusal is None:
                raise IllegalStep(result.reason)
            raise result.error(member)
        self._group = result.group
        for name, effect in result.effects:
            self._queue(self._members[name], effect)
        for before, after in zip(jobs, self._group.jobs, strict=True):
            if before.control.io_status is not after.control.io_status is IoStatus.OK:
                owner = self._members[after.id]
                self._outbox.append(partial(self._call, owner._hooks.iostatus_reset, owner))
        due = self._preparing()
        if due is not None and due != preparing:
            self._outbox.append(partial(self._prepare, self._members[due.member]))
        self._changed.notify_all()

    def _preparing(self) -> Due | None:
        """The prepare step that is due, and so under way or about to be."""
        due = self._group.due()
        return due if due is not None and due.kind is words.PREPARE else None

    def _wait_for_prepare(self) -> None:
        while self._preparing() and not self._is_carried_here():
            self._changed.wait()

    def _queue(self, member: Member, effect: Effect) -> None:
        """Under the lock. Timers are set here, so that a stale one can be told from a live one."""
        match effect:
            case ArmTimer(wake_at_ns):
                member._alarm.arm(self._executor, wake_at_ns, partial(self._on_timer, member))
            case Signal(words.CANCEL_TIMER):
                member._alarm.disarm(self._executor)
            case _:
                self._outbox.append(partial(self._do, member, effect))

    def _on_timer(self, member: Member, number: int) -> None:
        with self._changed:
            if number != member._alarm.number:
                return  # the sleep was cut short; this timer is not its successor's
            self._take(member.id, Input(words.TIMER(), self._executor.now_ns()))
        self._carry_out()

    # The carrier.

    def _put_down(self) -> None:
        with self._changed:
            super()._put_down()
            self._changed.notify_all()

    def _do(self, member: Member, effect: Effect) -> None:
        match effect:
            case Submit(request):
                self._submit(member.id, request, partial(self._do_io, member, request))
            case Emit(event):
                self._call(member._on_event, event)
            case Perform(acts):
                for act in acts:
                    member._operations.perform(act)
            case Signal(output):
                self._signal(member, output)

    def _signal(self, member: Member, output: object) -> None:
        match output:
            case words.SET_LIMIT:
                self._call(member._hooks.set_speed, member)
            case words.DEFER:
                complete = partial(self.happens, member.id, words.COMPLETION())
                self._executor.submit(complete, elsewhere=True)
            case words.PIVOT:
                member._operations.pivot()
            case words.UNDRAIN:
                member._operations.undrain()
            case words.ABORT:
                self._rest(member)
            case words.CLEAN:
                try:
                    member._operations.close()
                finally:
                    member.device.release()
            case words.CALL_BACK:
                ret = self.value(member.id).control.ret
                self._call(member._callback, member.opaque, ret)

    # The driver's own work after the body's return, on the carrier's thread.

    def _prepare(self, member: Member) -> None:
        ret = -errno_codes.EIO
        try:
            ret = self._rest(member)
        finally:
            with self._changed:
                self._take(member.id, Input(words.PREPARE(ret), self._executor.now_ns()))

    def _rest(self, member: Member) -> int:
        """Let the body say what it still wants, and do it; its result."""
        job = self.value(member.id)
        if not has_rest(job):
            return job.control.ret
        answer: Outcome = Noted()
        while True:
            job, wish = rest_of(job, answer)
            with self._changed:
                self._group = self._group.with_job(replace(self.value(member.id), body=job.body))
            match wish:
                case Finish(ret):
                    return ret
                case Do(acts):
                    for act in acts:
                        member._operations.perform(act)
                    answer = Noted()
                case _:
                    answer = member._operations.carry_out(wish, lambda: False)

    # A worker's thread.

    def _do_io(self, member: Member, request: IoRequest) -> None:
        try:
            until_ns = self._executor.now_ns() + REPORT_NS
            stop = partial(self._interrupted, member, until_ns)
            outcome = member._operations.carry_out(request, stop)
        except BaseException:
            # Our own mistake, not the disk's; still the device must not stay taken for ever.
            self.happens(member.id, words.CANCEL())
            self.happens(member.id, words.IO_DONE(), Failed(errno_codes.EIO))
            raise
        self.happens(member.id, words.IO_DONE(), outcome)

    def _interrupted(self, member: Member, until_ns: int) -> bool:
        """Whether a request of many units shall come back early; its first unit is done anyway."""
        control = self.value(member.id).control
        asked = control.pause_count > 0 or control.cancelled or control.speed > 0
        return asked or self._executor.now_ns() >= until_ns

    # Waiting.

    def wait_until(self, done: Callable[[], bool], timeout_s: float | None = None) -> bool:
        """Wait for a condition on the members' values; False if the timeout came first.

        Raises RuntimeError in a listener or callback of a member, which others have to wait for.
        """
        self._refuse_to_wait_for_itself()
        if not self._executor.workers:
            return self._executor.pump_until(done, timeout_s)
        with self._executor.waiting(), self._changed:
            return self._changed.wait_for(lambda: done() and self._is_at_rest(), timeout_s)

    def is_carried_here(self) -> bool:
        """Whether this thread is in a listener, callback or hook of a member."""
        return self._is_carried_here()

    def _is_at_rest(self) -> bool:
        return not self._outbox and self._carrier is None
