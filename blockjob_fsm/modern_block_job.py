"""The live job of the modern lifecycle: the job API's verbs as methods, and drained sections.

A job is a member of a `LiveGroup`, alone in it unless it was created into one that has others. Its
value and its threads are the group's; what is here is what a user, or a device, calls.
"""

from __future__ import annotations

import errno as errno_codes
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

from blockjob_fsm.bodies.requests import Body
from blockjob_fsm.declaration import Event
from blockjob_fsm.errors import QmpError
from blockjob_fsm.events import QmpEvent
from blockjob_fsm.executor import Executor
from blockjob_fsm.lifecycles import modern_words as words
from blockjob_fsm.lifecycles.modern import MODERN
from blockjob_fsm.lifecycles.modern_drivers import driver_of
from blockjob_fsm.lifecycles.modern_words import ModernControl, Status
from blockjob_fsm.live_group import LiveGroup, Member
from blockjob_fsm.modern_job import JobInfo, ModernJob
from blockjob_fsm.operations.base import Operations
from blockjob_fsm.storage.drive import Drive


class ModernBlockJob:
    """A long-running operation on a device. Made by `create`, entered by `start`.

    Methods run on their caller's thread; `cancel_sync` and `wait` wait, and say so. A verb that is
    refused raises the error with QMP's class and text, and has changed nothing.
    """

    __slots__ = ("_group", "device", "id")

    def __init__(self, device: Drive, job_id: str, group: LiveGroup) -> None:
        self.device = device
        self.id = job_id
        self._group = group

    @classmethod
    def create(
        cls,
        job_type: str,
        device: Drive,
        *,
        executor: Executor,
        body: Body,
        operations: Operations,
        job_id: str | None = None,
        group: LiveGroup | None = None,
        speed: int = 0,
        auto_finalize: bool = True,
        auto_dismiss: bool = True,
        callback: Callable[[Any, int], object] | None = None,
        opaque: object = None,
        on_event: Callable[[QmpEvent], object] | None = None,
        completable: bool | None = None,
    ) -> ModernBlockJob:
        """Take the device and make a job on it, not yet started.

        `group` None is a transaction of its own under `MODERN`. Speed is in bytes per second, 0 for
        no limit. `completable` None follows from the type: a mirror is, and so is a commit of the
        active layer, which has to be said. Raises DeviceInUse, JobIdInUse within the
        group, or NegativeSpeed after the job was created and is gone again.
        """
        group = group or LiveGroup(executor, MODERN)
        job = cls(device, job_id or device.name, group)
        driver = driver_of(job_type)
        control = driver.control(auto_finalize=auto_finalize, auto_dismiss=auto_dismiss)
        if completable is not None:
            control = replace(control, completable=completable)
        leaks = driver.leaks(group.lifecycle.profile)
        member = Member(job.id, device, operations, callback, opaque, on_event)
        job._join(member, ModernJob(job_type, job.id, control, body, leaks=leaks))
        group.happens(job.id, words.CREATE())
        try:
            group.verb(job.id, words.SET_SPEED(speed))
        except QmpError:
            group.happens(job.id, words.DISCARD())
            raise
        return job

    def _join(self, member: Member, value: ModernJob) -> None:
        self.device.claim(self)
        try:
            member.operations.begin()
            try:
                self._group.add(member, value)
            except QmpError:
                member.operations.close()
                raise
        except BaseException:
            self.device.release()
            raise

    # The user's verbs, any thread.

    def start(self) -> None:
        """Enter the job for the first time."""
        self._group.happens(self.id, words.START())

    def pause(self) -> None:
        """Count one reason to pause, the user's; a second one is refused (JobAlreadyPaused)."""
        self._group.verb(self.id, words.PAUSE())

    def resume(self) -> None:
        """Take the user's reason to pause back, and reset io-status; raises JobNotPaused."""
        self._group.verb(self.id, words.RESUME())

    def set_speed(self, bytes_per_second: int) -> None:
        """Limit the job; 0 lifts the limit. Raises NegativeSpeed."""
        self._group.verb(self.id, words.SET_SPEED(bytes_per_second))

    def complete(self) -> None:
        """Ask a ready job to end with the device switched to its target."""
        self._group.verb(self.id, words.COMPLETE())

    def cancel(self) -> None:
        """End the job and all of its transaction, with force, as job-cancel does."""
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
        self._group.verb(self.id, event)

    # For whoever owns the device; each waits.

    def iostatus_reset(self) -> None:
        """Nothing: only resume and cancel reset a modern job's io-status."""

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
        return not self.control.busy or self.status in words.ENDED

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

    def query(self) -> JobInfo:
        """What query-jobs says of the job."""
        return self.value.query()

    def query_block_job(self) -> dict[str, str | int | bool]:
        """What query-block-jobs says of the job, as on the wire."""
        return self.value.query_block_job()
