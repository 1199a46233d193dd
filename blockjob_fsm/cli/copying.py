"""A mirror or a backup with its target: what errors are called, and what becomes of the target."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import suppress
from dataclasses import dataclass
from typing import ClassVar

from blockjob_fsm import jobs
from blockjob_fsm.block_job import BlockJob
from blockjob_fsm.bodies.backup import Backup
from blockjob_fsm.bodies.mirror import Mirror
from blockjob_fsm.bodies.requests import Sync
from blockjob_fsm.cli.following import Inbox
from blockjob_fsm.cli.options import size
from blockjob_fsm.cli.problems import NO_ROOM, Problem, Status, because
from blockjob_fsm.cli.progress import Reporter, Words
from blockjob_fsm.cli.running import Running
from blockjob_fsm.cli.targets import Target
from blockjob_fsm.errno_text import errno_text
from blockjob_fsm.error_action import OnError
from blockjob_fsm.errors import DeviceNotActive
from blockjob_fsm.executor import Executor
from blockjob_fsm.storage.device import BlockDevice
from blockjob_fsm.storage.drive import Drive


@dataclass(frozen=True, slots=True)
class Policies:
    """How to copy. Speed in bytes per second, 0 for no limit."""

    sync: Sync = Sync.FULL
    on_source_error: OnError = OnError.REPORT
    on_target_error: OnError = OnError.REPORT
    speed: int = 0


class Copying(Running):
    """One copy to `target`, of which `writer` is the device, or stands in front of it."""

    words: ClassVar[Words]
    #: Whether source and target must be equally long; else the target may be longer.
    exact: ClassVar[bool] = False

    def __init__(
        self,
        source: str,
        target: Target,
        writer: BlockDevice,
        policies: Policies,
        inbox: Inbox,
        show: Reporter,
    ) -> None:
        super().__init__(inbox, show)
        self._source = source
        self._target = target
        self._writer = writer
        self._policies = policies

    @abstractmethod
    def left(self) -> int:
        """Chunks that are still to be copied."""

    def finish(self, drive: Drive) -> None:
        """Flush and close what the drive holds, and hand the target over."""
        try:
            drive.close()
            self._target.settle()
        except OSError as error:
            message = f"{self._target.label}: {because(error)} while flushing; {self.fate()}"
            raise Problem(message, Status.FAILED) from None
        self._target.pour()

    def ignored(self, *, is_read: bool) -> str:
        where, what = self._side(is_read=is_read)
        return f"{where}: {what} failed, ignored, will be tried again"

    def trouble(self) -> str:
        body = self._body
        where, what = self._side(is_read=body.is_read)
        if not self.left():
            what = "flushing"
        else:
            # The chunk that failed is the one before the cursor.
            what = f"{what} the {size(body.chunk)} at byte {(body.cursor - 1) * body.chunk}"
        return f"{where}: {errno_text(body.errno)} while {what}"

    def early_trouble(self, errno: int) -> str:
        where = f"{self._source} -> {self._target.label}"
        return f"{where}: {errno_text(errno)} while looking for what is to be copied"

    def fate(self) -> str:
        """As QEMU does, a failed target stays."""
        if self._target.is_stream:
            return "nothing was written to standard output"
        again = "run again" if self._target.made else "run again with --existing"
        full = not self._body.is_read and self._body.errno in NO_ROOM
        remedy = f"make room and {again}, or delete it" if full else f"delete it, or {again}"
        return f"{self._target.remains} is incomplete and unusable: {remedy}"

    def fate_if_unwanted(self) -> str:
        """A target that the user gave up goes, unless it was there before."""
        if self._target.is_stream:
            return self.fate()
        if self._target.remove_if_made():
            return f"{self._target.remains} was removed"
        return f"{self._target.label} is incomplete and unusable: run again with --existing"

    @property
    def _body(self) -> Mirror | Backup:
        body = self._job.co
        assert isinstance(body, Mirror | Backup), "the job copies"
        return body

    def _side(self, *, is_read: bool) -> tuple[str, str]:
        return (self._source, "reading") if is_read else (self._target.label, "writing")


class Mirroring(Copying):
    """A mirror; at its end the drive holds the target."""

    words = Words("mirror", "mirrored")

    def start(self, drive: Drive, executor: Executor) -> BlockJob:
        return jobs.mirror(
            drive,
            self._writer,
            executor=executor,
            sync=self._policies.sync,
            on_source_error=self._policies.on_source_error,
            on_target_error=self._policies.on_target_error,
            speed=self._policies.speed,
            callback=self._inbox.ended,
            on_event=self._inbox.event,
        )

    def left(self) -> int:
        body = self._body
        assert isinstance(body, Mirror), "a mirror job has a mirror's body"
        return body.dirty


class BackingUp(Copying):
    """A backup; the job closes the target. With sync none it lasts until it is cancelled."""

    words = Words("backup", "backed up")
    exact = True

    def start(self, drive: Drive, executor: Executor) -> BlockJob:
        job = jobs.backup(
            drive,
            self._writer,
            executor=executor,
            sync=self._policies.sync,
            on_source_error=self._policies.on_source_error,
            on_target_error=self._policies.on_target_error,
            speed=self._policies.speed,
            callback=self._inbox.ended,
            on_event=self._inbox.event,
        )
        if self._policies.sync is Sync.NONE:
            # Nobody writes here, so what is to be saved is saved.
            with suppress(DeviceNotActive):
                job.cancel()
        return job

    def is_done(self, ret: int) -> bool:
        by_us = self._policies.sync is Sync.NONE and not self.was_given_up
        return not ret and (by_us or not self._job.is_cancelled)

    def left(self) -> int:
        body = self._body
        assert isinstance(body, Backup), "a backup job has a backup's body"
        return body.left
