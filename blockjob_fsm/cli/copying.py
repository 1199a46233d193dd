"""A mirror job with its target: what its errors are called, and what becomes of the target."""

from __future__ import annotations

from dataclasses import dataclass

from blockjob_fsm import jobs
from blockjob_fsm.block_job import BlockJob
from blockjob_fsm.bodies.mirror import Mirror
from blockjob_fsm.bodies.requests import Sync
from blockjob_fsm.cli.files import Target
from blockjob_fsm.cli.following import Inbox
from blockjob_fsm.cli.options import size
from blockjob_fsm.cli.problems import Problem, Status, because
from blockjob_fsm.cli.progress import Reporter
from blockjob_fsm.cli.running import Running
from blockjob_fsm.errno_text import errno_text
from blockjob_fsm.error_action import OnError
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

    def finish(self, drive: Drive) -> None:
        """The drive holds the target now: flush it, close it, and hand it over."""
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
        body = self._job.co
        assert isinstance(body, Mirror), "a mirror job has a mirror body"
        where, what = self._side(is_read=body.is_read)
        if not body.dirty:
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
        again = "delete it, or run again with --existing"
        return f"{self._target.label} is incomplete and unusable: {again}"

    def fate_if_unwanted(self) -> str:
        """A target that the user gave up goes, unless it was there before."""
        if self._target.is_stream:
            return self.fate()
        if self._target.remove_if_created():
            return f"{self._target.label} was removed"
        return f"{self._target.label} is incomplete and unusable: run again with --existing"

    def _side(self, *, is_read: bool) -> tuple[str, str]:
        return (self._source, "reading") if is_read else (self._target.label, "writing")
