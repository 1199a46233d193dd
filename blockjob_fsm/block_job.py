"""The live job, with every function and field of the 2012 header under its Python name."""

from __future__ import annotations

import errno as errno_codes
from contextlib import suppress
from dataclasses import replace
from typing import Unpack, overload

from blockjob_fsm.bodies.requests import Body, HandleError, Sleep
from blockjob_fsm.declaration import Lifecycle, Refused
from blockjob_fsm.error_action import ErrorAction, IoStatus, OnError, choose_action, io_status_of
from blockjob_fsm.errors import DeviceNotActive
from blockjob_fsm.executor import Executor
from blockjob_fsm.job import BlockJobInfo, Input, Job
from blockjob_fsm.job_type import BlockJobType, Callback, Listener, job_type_of
from blockjob_fsm.lifecycles import classic_words as words
from blockjob_fsm.lifecycles.classic import CLASSIC, is_classic
from blockjob_fsm.lifecycles.classic_words import ClassicControl, Phase
from blockjob_fsm.lifecycles.modern import is_modern
from blockjob_fsm.lifecycles.modern_words import ModernControl
from blockjob_fsm.lifecycles.profiles import AnyLifecycle
from blockjob_fsm.live_job import LiveJob
from blockjob_fsm.machine import machine_of
from blockjob_fsm.modern_block_job import ModernBlockJob, ModernOptions
from blockjob_fsm.operations.base import Operations
from blockjob_fsm.storage.drive import Drive


class BlockJob(LiveJob):
    """A long-running operation on a device. Made by `create`, entered by `start`.

    Methods run on their caller's thread. `cancel_sync`, `wait` and `sleep` wait, and say so. Other
    verbs never wait for the job's copying, but one that ends a sleep takes the job on to its next
    wait, which may be its end: then the target is closed, and guests' requests under way are waited
    for, on this thread. Verbs raise DeviceNotActive once the job is over.
    """

    __slots__ = ()

    @overload
    @classmethod
    def create(
        cls,
        job_type: BlockJobType | str,
        device: Drive,
        speed: int = 0,
        callback: Callback | None = None,
        opaque: object = None,
        *,
        executor: Executor,
        body: Body | None = None,
        operations: Operations | None = None,
        on_event: Listener | None = None,
        lifecycle: Lifecycle[ClassicControl] = CLASSIC,
    ) -> BlockJob: ...

    @overload
    @classmethod
    def create(
        cls,
        job_type: BlockJobType | str,
        device: Drive,
        speed: int = 0,
        callback: Callback | None = None,
        opaque: object = None,
        *,
        executor: Executor,
        body: Body | None = None,
        operations: Operations | None = None,
        on_event: Listener | None = None,
        lifecycle: Lifecycle[ModernControl],
        **options: Unpack[ModernOptions],
    ) -> ModernBlockJob: ...

    @classmethod
    def create(
        cls,
        job_type: BlockJobType | str,
        device: Drive,
        speed: int = 0,
        callback: Callback | None = None,
        opaque: object = None,
        *,
        executor: Executor,
        body: Body | None = None,
        operations: Operations | None = None,
        on_event: Listener | None = None,
        lifecycle: AnyLifecycle = CLASSIC,
        **options: Unpack[ModernOptions],
    ) -> BlockJob | ModernBlockJob:
        """Take the device and make a job on it, not yet started; the lifecycle decides which.

        `speed` is in bytes per second, 0 for no limit. `callback(opaque, ret)` is called once, when
        the job ends, with 0 or a negative errno; the device is still taken then. `body` None makes
        a job whose steps the caller reports: `sleep`, `error_action`, `ready`, `completed`.
        Raises DeviceInUse, NotSupported, InvalidParameter('speed'), or what the operations or a
        hook raise, and the device is free again.

        A modern lifecycle makes a `ModernBlockJob`, and knows more options: see `ModernOptions`.
        There a negative speed raises NegativeSpeed, and a used id JobIdInUse.
        """
        kind = job_type_of(job_type)
        operations = operations or Operations()
        heard = (callback, opaque, on_event)
        if is_modern(lifecycle):
            modern = ModernBlockJob(kind, device, operations, *heard)
            modern.join(executor, lifecycle, body, speed, **options)
            return modern
        assert is_classic(lifecycle), "every lifecycle is one or the other"
        if options:
            raise TypeError(f"a job of the classic lifecycle has no {', '.join(options)}")
        value = Job(kind.name, device.name, _unborn(kind, device, lifecycle), body)
        job = cls(kind, device, operations, *heard, value, machine_of(lifecycle), executor)
        job._begin(speed)
        return job

    def _begin(self, speed: int) -> None:
        self._hooks = self.job_type if speed else self.job_type.without_hooks()
        try:
            self._deliver(words.CREATE(speed))
        except BaseException:
            self._abandon()
            raise
        self._hooks = self.job_type

    # The header's functions, any thread.

    def start(self) -> None:
        """Enter the job for the first time."""
        self._deliver(words.START())

    def set_speed(self, bytes_per_second: int) -> None:
        """Limit the job; 0 lifts the limit. A delay that runs already finishes as it was.

        Raises NotSupported, or InvalidParameter('speed') with the old speed kept.
        """
        self._deliver(words.SET_SPEED(bytes_per_second))

    def pause(self) -> None:
        """Have the job park at its next sleep. A flag, not a count."""
        self._deliver(words.PAUSE())

    def resume(self) -> None:
        """Clear pause and io-status, and enter the job if it sleeps or is parked."""
        self._deliver(words.RESUME())

    def cancel(self) -> None:
        """Have the job end; a sleeping or parked one ends now. Never refused while there is one."""
        self._deliver(words.CANCEL())

    def user_cancel(self, *, force: bool = False) -> None:
        """Cancel as QMP's block-job-cancel does: JobPaused on a paused job without force."""
        self._deliver(words.CANCEL() if force else words.USER_CANCEL())

    def complete(self) -> None:
        """Ask a job that is in step to finish; raises CannotComplete, or what opening raises."""
        with self._lock:
            checked = self._fire(self._value.control, words.COMPLETE())
        if isinstance(checked, Refused):
            raise checked.error(self.device.name)
        request = words.COMPLETE()
        if words.OPEN_BACKING in checked.outputs:
            # 1.3 admits the request first and judges it again when the files are open.
            self._deliver(request)
            request = words.BACKING_OPENED()
        self._operations.open_backing()
        self._call(self._hooks.complete, self)
        self._deliver(request)

    def iostatus_reset(self) -> None:
        """Acknowledge an error; a paused job stays paused."""
        self._deliver(words.IOSTATUS_RESET())

    def cancel_sync(self) -> int:
        """Cancel and wait for the end: 0, a negative errno, or -ECANCELED.

        The callback has returned and the device is free when this does. On a job that is over it
        only returns the result. Raises RuntimeError, with nothing changed, in the job's own
        listener or callback; what a listener raises is raised here when the job is over.
        """
        self._refuse_to_wait_for_itself()
        try:
            with self._lock:
                if self.phase is Phase.CREATED:
                    self._advance(Input(words.START(), self._executor.now_ns()))
            with suppress(DeviceNotActive):
                self._deliver(words.CANCEL())
        finally:
            self.wait()
        control = self._value.control
        return -errno_codes.ECANCELED if control.cancelled and not control.ret else control.ret

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until the job is over and its device free; False if the timeout came first.

        Raises RuntimeError in the job's own listener or callback, which the end has to wait for.
        """
        self._refuse_to_wait_for_itself()
        return self._wait_until(lambda: self.device.job is not self, timeout_s)

    def query(self) -> BlockJobInfo:
        """What query-block-jobs publishes; raises DeviceNotActive once the job is over."""
        value = self._value
        if value.control.phase is Phase.FREED:
            raise DeviceNotActive(self.device.name)
        return value.query()

    # For jobs whose body is the caller's own code: its thread.

    def sleep(self, ns: int) -> bool:
        """Sleep for `ns` nanoseconds, or until resumed if paused; a cancel ends it at once.

        False: the job is cancelled, and must do nothing more than call `completed`.
        """
        self._deliver(words.SLEEP(), Sleep(ns))
        self._wait_until(lambda: self._value.control.phase is Phase.WOKEN, None)
        self._deliver(words.TEST())
        return self._value.control.phase is not Phase.LEAVING

    def error_action(
        self, device: Drive, on_error: OnError, *, is_read: bool, errno: int
    ) -> ErrorAction:
        """Report an I/O error (errno positive) on the job's device or its target.

        Sends BLOCK_JOB_ERROR; a stop also pauses the job and sets io-status, the target's too.
        """
        on_target = device is not self.device
        if on_target:
            self._operations.target = device
        action = choose_action(on_error, errno)
        event = words.ERROR(action, io_status_of(errno), on_target)
        self._deliver(event, HandleError(on_error, is_read, errno, on_target))
        return action

    def ready(self) -> None:
        """Announce that the job can be completed."""
        self._deliver(words.READY())

    def completed(self, ret: int) -> None:
        """End the job with 0 or a negative errno: calls the callback, then frees the device."""
        assert ret <= 0, "a result is 0 or a negative errno"
        self._deliver(words.COMPLETED(ret))
        if self._executor.workers and not self._is_carried_here():
            # Another thread was in the middle of the job's effects and does these too.
            self.wait()

    # The header's fields, read-only; any thread.

    @property
    def control(self) -> ClassicControl:
        """The whole control state, as one value."""
        return self._value.control

    @property
    def co(self) -> Body | None:
        """What executes the job: its body once started."""
        return None if self.control.phase in (Phase.ABSENT, Phase.CREATED) else self._value.body

    @property
    def phase(self) -> Phase:
        """Where the job is in its lifecycle."""
        return self.control.phase

    @property
    def is_cancelled(self) -> bool:
        """Whether the job is to be cancelled, or was."""
        return self.control.cancelled

    cancelled = is_cancelled

    @property
    def is_paused(self) -> bool:
        """Whether the job is paused or will pause at its next sleep."""
        return self.control.paused

    paused = is_paused

    @property
    def busy(self) -> bool:
        """Whether nobody but the job's own I/O may enter it."""
        return self.control.busy

    @property
    def iostatus(self) -> IoStatus:
        """The first error since the last reset."""
        return self.control.io_status

    @property
    def offset(self) -> int:
        """Published offset in bytes."""
        return self._value.progress.offset

    @property
    def len(self) -> int:
        """Published length in bytes."""
        return self._value.progress.length

    @property
    def speed(self) -> int:
        """Limit in bytes per second; 0 is none."""
        return self.control.speed

    @property
    def cb(self) -> Callback | None:
        """The completion function."""
        return self._callback


def _unborn(
    kind: BlockJobType, device: Drive, lifecycle: Lifecycle[ClassicControl]
) -> ClassicControl:
    """The control state of a job before it is created."""
    return replace(
        lifecycle.initial,
        settable=kind.set_speed is not None,
        completable=kind.complete is not None,
        in_use=device.in_use,
    )
