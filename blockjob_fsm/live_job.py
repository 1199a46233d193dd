"""A job value that lives: a lock around it, an executor under it, and effects done in order.

All control changes happen under the job's lock; effects are carried out without it. Which steps
there are, and who asks for them, is not this file's business.
"""

from __future__ import annotations

import errno as errno_codes
from collections.abc import Callable
from functools import partial
from typing import Any

from blockjob_fsm.bodies.requests import Failed, IoRequest, Request
from blockjob_fsm.carrier import REPORT_NS, Alarm, Carrier
from blockjob_fsm.declaration import Event, Output
from blockjob_fsm.errors import IllegalStep
from blockjob_fsm.executor import Condition, Executor
from blockjob_fsm.job import (
    Advanced,
    ArmTimer,
    CallBack,
    Effect,
    Emit,
    Fire,
    Input,
    Job,
    Perform,
    Signal,
    StopTarget,
    Submit,
    advance,
)
from blockjob_fsm.job_type import BlockJobType, Callback, Listener
from blockjob_fsm.lifecycles import classic_words as words
from blockjob_fsm.operations.base import Operations
from blockjob_fsm.storage.drive import Drive


class LiveJob(Carrier):
    """The carrying part of a job; `BlockJob` gives it its verbs."""

    __slots__ = (
        "_alarm",
        "_callback",
        "_changed",
        "_fire",
        "_hooks",
        "_on_event",
        "_operations",
        "_value",
        "device",
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
        value: Job,
        fire: Fire,
        executor: Executor,
    ) -> None:
        super().__init__(executor, executor.host.lock())
        self.job_type = job_type
        self.device = device
        self.opaque = opaque
        self._operations = operations
        self._callback = callback
        self._on_event = on_event
        self._hooks = job_type
        self._value = value
        self._fire = fire
        self._changed: Condition | None = None
        self._alarm = Alarm()

    def iostatus_reset(self) -> None:
        """Acknowledge an error; the device forwards its own reset here."""
        raise NotImplementedError

    def cancel_sync(self) -> int:
        """Cancel and wait for the end; the device calls it when it is closed."""
        raise NotImplementedError

    # Any thread: one input, then whatever it made necessary outside.

    def _deliver(self, event: Event, request: Request | None = None, outcome: Any = None) -> None:
        with self._lock:
            self._advance(Input(event, self._executor.now_ns(), outcome, request))
        self._carry_out()

    def _advance(self, given: Input) -> None:
        """Under the lock. Timers are set here, so that a stale one can be told from a live one."""
        result = advance(self._value, given, self._fire)
        if not isinstance(result, Advanced):
            if result.refusal is None:
                raise IllegalStep(result.reason)
            raise result.error(self.device.name)
        self._value = result.job
        for effect in result.effects:
            match effect:
                case ArmTimer(wake_at_ns):
                    self._alarm.arm(self._executor, wake_at_ns, self._on_timer)
                case Signal(words.CANCEL_TIMER):
                    self._alarm.disarm(self._executor)
                case _:
                    self._outbox.append(partial(self._do, effect))

    # The carrier's thread, no lock held.

    def _do(self, effect: Effect) -> None:
        match effect:
            case Submit(request):
                self._executor.submit(lambda: self._do_io(request))
            case Emit(event):
                self._call(self._on_event, event)
            case Perform(acts):
                for act in acts:
                    self._operations.perform(act)
            case StopTarget(errno):
                self._operations.stop_target(errno)
            case CallBack(ret):
                self._call_back(ret)
            case Signal(output):
                self._signal(output)

    def _signal(self, output: Output) -> None:
        match output:
            case words.CLAIM_DEVICE:
                self._claim()
            case words.RELEASE_DEVICE:
                self._release()
            case words.SET_LIMIT:
                self._call(self._hooks.set_speed, self)
            case words.RESET_TARGET:
                self._operations.reset_target()
                self._call(self._hooks.iostatus_reset, self)
            case words.PIVOT:
                self._operations.pivot()
            case words.UNDRAIN:
                self._operations.undrain()
            case words.WAKE:
                self._notify()

    def _claim(self) -> None:
        try:
            self.device.claim(self)
            try:
                self._operations.begin()
            except BaseException:
                self.device.release()
                raise
        except BaseException:
            # There is no job after all, so nothing more is done for it.
            self._outbox.clear()
            raise

    def _abandon(self) -> None:
        """Give back what a creation that failed half-way has taken."""
        if self.device.job is self:
            self._release()

    def _call_back(self, ret: int) -> None:
        try:
            self._call(self._callback, self.opaque, ret)
        finally:
            with self._lock:
                self._advance(Input(words.RETURNED(), self._executor.now_ns()))

    def _release(self) -> None:
        try:
            self._operations.close()
        finally:
            self.device.release()
            self._notify()

    # A worker's thread.

    def _do_io(self, request: IoRequest) -> None:
        try:
            until_ns = self._executor.now_ns() + REPORT_NS
            stop = partial(self._interrupted, until_ns)
            outcome = self._operations.carry_out(request, stop)
        except BaseException:
            # Our own mistake, not the disk's; still the device must not stay taken for ever.
            self._deliver(words.CANCEL())
            self._deliver(words.IO_DONE(), outcome=Failed(errno_codes.EIO))
            raise
        self._deliver(words.IO_DONE(), outcome=outcome)

    def _interrupted(self, until_ns: int) -> bool:
        """Whether a request of many units shall come back early; its first unit is done anyway."""
        control = self._value.control
        asked = control.paused or control.cancelled or control.speed > 0
        return asked or self._executor.now_ns() >= until_ns

    def _on_timer(self, number: int) -> None:
        with self._lock:
            if number != self._alarm.number:
                return  # the sleep was cut short; this timer is not its successor's
            self._advance(Input(words.TIMER(), self._executor.now_ns()))
        self._carry_out()

    # Waiting.

    def _wait_until(self, done: Callable[[], bool], timeout_s: float | None) -> bool:
        if not self._executor.workers:
            return self._executor.pump_until(done, timeout_s)
        with self._lock:
            if self._changed is None:
                self._changed = self._executor.host.condition()
            changed = self._changed
        with self._executor.waiting(), changed:
            return changed.wait_for(done, timeout_s)

    def _notify(self) -> None:
        with self._lock:
            changed = self._changed
        if changed is not None:
            with changed:
                changed.notify_all()
