"""The live job of the modern lifecycle: the job API's verbs as methods, and drained sections.

A job is a member of a `LiveGroup`, alone in it unless it was created into one that has others. Its
value and its threads are the group's; what is here is what a user, a device, or the caller's own
code in the place of a body calls.
"""

from __future__ import annotations

import errno as errno_codes
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TypedDict

from blockjob_fsm.bodies.requests import Body, HandleError, Sleep
from blockjob_fsm.declaration import Event, Lifecycle
from blockjob_fsm.error_action import ErrorAction, IoStatus, OnError, choose_action, io_status_of
from blockjob_fsm.errors import QmpError
from blockjob_fsm.executor import Executor
from blockjob_fsm.job_type import Callback
from blockjob_fsm.lifecycles import modern_words as words
from blockjob_fsm.lifecycles.modern_drivers import driver_of
from blockjob_fsm.lifecycles.modern_entering import QUIESCENT
from blockjob_fsm.lifecycles.modern_words import ModernControl, Place, Status
from blockjob_fsm.live_group import LiveGroup, Member
from blockjob_fsm.modern_job import JobInfo, ModernJob
from blockjob_fsm.storage.drive import Drive


class ModernOptions(TypedDict, total=False):
    """What only a modern job can be given.

    `job_id` is the device's name unless given. `group` is the transaction that the job is to be a
    member of, one of its own unless given; it has the same executor and lifecycle, or ValueError is
    raised. Without `auto_finalize` a job stays pending until it is finalized, without
    `auto_dismiss` concluded until it is dismissed.
    """

    job_id: str | None
    group: LiveGroup | None
    auto_finalize: bool
    auto_dismiss: bool


class ModernBlockJob(Member):
    """A long-running operation on a device. Made by `BlockJob.create`, entered by `start`.

    Methods run on their caller's thread; `cancel_sync`, `wait`, `drained` and the steps of a job
    without a body wait, and say so. A verb that is refused raises the error with QMP's class and
    text, and has changed nothing.
    """

    __slots__ = ("_group",)
    _group: LiveGroup

    def join(
        self,
        executor: Executor,
        lifecycle: Lifecycle[ModernControl],
        body: Body | None,
        speed: int,
        *,
        job_id: str | None = None,
        group: LiveGroup | None = None,
        auto_finalize: bool = True,
        auto_dismiss: bool = True,
    ) -> None:
        """Take the device and become a member of a group: the last part of `BlockJob.create`."""
        self.id = job_id or self.device.name
        self._group = group or LiveGroup(executor, lifecycle)
        self._group.refuse_others(executor, lifecycle)
        driver = driver_of(self.job_type.name)
        control = driver.control(auto_finalize=auto_finalize, auto_dismiss=auto_dismiss)
        completable = self.job_type.complete is not None
        # Of what is carried out by a caller's own code nobody knows whether it keeps in step.
        mirrors = completable and body is not None
        control = replace(control, completable=completable, mirrors=mirrors)
        leaks = driver.leaks(lifecycle.profile)
        self._claim(ModernJob(self.job_type.name, self.id, control, body, leaks=leaks))
        self._group.happens(self.id, words.CREATE())
        self._hooks = self.job_type if speed else self.job_type.without_hooks()
        try:
            self._group.verb(self.id, words.SET_SPEED(speed))
        except BaseException:
            self._group.happens(self.id, words.DISCARD())
            raise
        self._hooks = self.job_type

    def _claim(self, value: ModernJob) -> None:
        self.device.claim(self)
        try:
            self._operations.begin()
            try:
                self._group.add(self, value)
            except QmpError:
                self._operations.close()
                raise
        except BaseException:
            self.device.release()
            raise

    # The user's verbs, any thread.

    def start(self) -> None:
        """Enter the job for the first time."""
        self._group.happens(self.id, words.START())

    def pause(self) -> None:
        """Count one reason to pause, the user's; a second one is refused (JobAlreadyPaused).

        A job of 2012 has a flag, which may be set twice.
        """
        self._group.verb(self.id, words.PAUSE())

    def resume(self) -> None:
        """Take the user's reason to pause back, and reset io-status; raises JobNotPaused."""
        self._group.verb(self.id, words.RESUME())

    def set_speed(self, bytes_per_second: int) -> None:
        """Limit the job; 0 lifts the limit. Raises NegativeSpeed.

        A faster limit cuts short a delay that runs, which in 2012 finishes as it was.
        """
        self._group.verb(self.id, words.SET_SPEED(bytes_per_second))

    def complete(self) -> None:
        """Ask a ready job to end with the device switched to its target.

        Raises CannotAcceptVerb, CannotBeCompleted, or what the kind's hook raises.
        """
        self._group.complete(self)

    def cancel(self) -> None:
        """End the job and all of its transaction, with force, as job-cancel does.

        Refused once the job has failed or is concluded; a job of 2012 never refuses.
        """
        self._group.verb(self.id, words.CANCEL())

    def user_cancel(self, *, force: bool = False) -> None:
        """Cancel as block-job-cancel does: without force a ready job ends in step, as a success."""
        self._group.verb(self.id, words.CANCEL() if force else words.SOFT_CANCEL())

    def finalize(self) -> None:
        """Have the whole transaction of a pending job prepare and conclude.

        That it is accepted says nothing of the result: see the events, or `query`.
        """
        self._group.verb(self.id, words.FINALIZE())

    def dismiss(self) -> None:
        """Forget a concluded job."""
        self._group.verb(self.id, words.DISMISS())

    def change(self, *, write_blocking: bool) -> None:
        """Change a mirror's copy mode, since 8.2."""
        self._group.verb(self.id, words.CHANGE(write_blocking))

    def verb(self, event: Event) -> None:
        """Any of the verbs above, as the event that it is."""
        if event.kind is words.COMPLETE:
            self.complete()
        else:
            self._group.verb(self.id, event)

    # For whoever owns the device; each waits.

    def iostatus_reset(self) -> None:
        """Nothing: only resume and cancel reset a modern job's io-status.

        The kind's hook of this name runs when they do.
        """

    def cancel_sync(self) -> int:
        """Cancel with force and wait until the job is gone: 0, a negative errno, or -ECANCELED."""
        with suppress(QmpError):
            self.cancel()
        self._group.wait_until(lambda: self.status in words.ENDED)
        self._group.wait_until(lambda: self.status in (Status.CONCLUDED, Status.NULL))
        with suppress(QmpError):
            self.dismiss()
        ret = self.control.ret
        cancelled = self.control.force_cancelled and not ret
        return -errno_codes.ECANCELED if cancelled else ret

    def wait(self, *statuses: Status, timeout_s: float | None = None) -> bool:
        """Wait for one of these statuses, by default until the job is concluded or gone.

        False if the timeout came first. Everything that led there has been told and done then.
        """
        wanted = statuses or (Status.CONCLUDED, Status.NULL)
        return self._group.wait_until(lambda: self.status in wanted, timeout_s)

    def drain_begin(self) -> None:
        """A drained section of the job's nodes begins; it takes effect at the next pause point."""
        self._group.concerns(self.id, words.DRAIN_BEGIN())

    def drain_end(self) -> None:
        """A drained section ends."""
        self._group.concerns(self.id, words.DRAIN_END())

    @contextmanager
    def drained(self) -> Iterator[None]:
        """A drained section: inside it the job issues no I/O. It may nest."""
        self.drain_begin()
        try:
            self._group.wait_until(self._is_quiescent)
            yield
        finally:
            self.drain_end()

    def _is_quiescent(self) -> bool:
        return QUIESCENT.holds(self.control, ())

    # For jobs whose body is the caller's own code: its thread. Each waits while the job is parked.

    def sleep(self, ns: int) -> bool:
        """Sleep for `ns` nanoseconds, and for as long as there is a reason to pause.

        False: the job is cancelled with force, and must do nothing more than call `completed`. A
        cancel without force only shows as `cancelled`: the job ends when it is in step.
        """
        self._take(words.SLEEP(True), Sleep(ns))
        self._pass_pause_point()
        return not self.is_cancelled

    def error_action(
        self, device: Drive, on_error: OnError, *, is_read: bool, errno: int
    ) -> ErrorAction:
        """Report an I/O error (errno positive) on the job's device or its target.

        Sends BLOCK_JOB_ERROR; a stop also pauses the job, as its user does, and sets io-status. The
        device's own io-status is none of a modern job's business.
        """
        action = choose_action(on_error, errno)
        request = HandleError(on_error, is_read, errno, device is not self.device)
        self._take(words.ERROR(action, io_status_of(errno)), request)
        return action

    def ready(self) -> None:
        """Announce that the job can be completed."""
        self._take(words.IN_STEP())

    def completed(self, ret: int) -> None:
        """End the job's own work with 0 or a negative errno, and wait for its completion.

        What becomes of it then is for its transaction to say: a lone job that finalizes itself is
        over when this returns.
        """
        assert ret <= 0, "a result is 0 or a negative errno"
        self._take(words.RETURN(ret))
        if not self._group.is_carried_here():
            self._group.wait_until(lambda: self.control.place is Place.COMPLETED)

    def _take(self, event: Event, request: HandleError | Sleep | None = None) -> None:
        self._pass_pause_point()
        self._group.happens(self.id, event, request=request)

    def _pass_pause_point(self) -> None:
        """Go on from a start or a sleep, after a park if there is a reason to pause."""
        while (place := self.control.place) in (*words.ENTERABLE, Place.WOKEN):
            if place is Place.WOKEN:
                self._group.happens(self.id, words.PAUSE_POINT())
            else:
                self._group.wait_until(lambda: self.control.place not in words.ENTERABLE)

    # Views, any thread.

    @property
    def value(self) -> ModernJob:
        """The job as a value, as it is now."""
        return self._group.value(self.id)

    @property
    def control(self) -> ModernControl:
        """The whole control state."""
        return self.value.control

    @property
    def status(self) -> Status:
        """The status that clients see."""
        return self.control.phase

    @property
    def co(self) -> Body | None:
        """What executes the job: its body once started."""
        return None if self.control.place is Place.UNSTARTED else self.value.body

    @property
    def is_cancelled(self) -> bool:
        """Whether the job has to end without finishing: it was cancelled with force."""
        return self.control.force_cancelled

    @property
    def cancelled(self) -> bool:
        """Whether the job was asked to end, with force or without."""
        return self.control.cancelled

    @property
    def is_paused(self) -> bool:
        """Whether anybody has a reason to pause the job, drained sections included."""
        return self.control.pause_count > 0

    paused = is_paused

    @property
    def busy(self) -> bool:
        """Whether nobody but the job's own I/O may enter it."""
        return self.control.busy

    @property
    def iostatus(self) -> IoStatus:
        """The first error since the last resume."""
        return self.control.io_status

    @property
    def offset(self) -> int:
        """Published offset in bytes."""
        return self.value.progress.offset

    @property
    def len(self) -> int:
        """Published length in bytes."""
        return self.value.progress.length

    @property
    def speed(self) -> int:
        """Limit in bytes per second; 0 is none."""
        return self.control.speed

    @property
    def cb(self) -> Callback | None:
        """The completion function."""
        return self._callback

    def query(self) -> JobInfo:
        """What query-jobs says of the job."""
        return self.value.query()

    def query_block_job(self) -> dict[str, str | int | bool]:
        """What query-block-jobs says of the job, as on the wire."""
        return self.value.query_block_job()
