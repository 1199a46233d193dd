"""A mirror job from start to end, followed by the main thread, and what becomes of the target.

When source and target are in step the job is asked to complete, not cancelled. Both would end it
with a whole copy, but a cancel that meets an error just then would give the copy up, while a
request to complete is kept until the error is dealt with; and Ctrl-C keeps its one meaning.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass

from blockjob_fsm import jobs
from blockjob_fsm.block_job import BlockJob
from blockjob_fsm.bodies.mirror import Mirror
from blockjob_fsm.bodies.requests import Sync
from blockjob_fsm.cli.files import Target
from blockjob_fsm.cli.following import (
    TICK_S,
    Ended,
    Happened,
    Inbox,
    Interrupted,
    can_answer,
    typed_line,
)
from blockjob_fsm.cli.options import size
from blockjob_fsm.cli.problems import Problem, Status, because
from blockjob_fsm.cli.progress import Reporter
from blockjob_fsm.errno_text import errno_text
from blockjob_fsm.error_action import ErrorAction, OnError
from blockjob_fsm.errors import CannotComplete, DeviceNotActive
from blockjob_fsm.events import BlockJobCancelled, BlockJobCompleted, BlockJobError, BlockJobReady
from blockjob_fsm.executor import Executor
from blockjob_fsm.storage.device import BlockDevice
from blockjob_fsm.storage.drive import Drive

#: An error that policy ignores may come thousands of times a second.
NOTE_EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class Policies:
    """How to copy. Speed in bytes per second, 0 for no limit."""

    sync: Sync = Sync.FULL
    on_source_error: OnError = OnError.REPORT
    on_target_error: OnError = OnError.REPORT
    speed: int = 0


class Copying:
    """One copy. Every method runs on the main thread."""

    def __init__(
        self, source: str, target: Target, policies: Policies, inbox: Inbox, show: Reporter
    ) -> None:
        self._source = source
        self._target = target
        self._policies = policies
        self._inbox = inbox
        self._show = show
        self._interrupts = 0
        self._asking = False
        self._given_up = ""
        self._error_seen = False
        self._ignored = 0
        self._next_note_at = 0.0
        self._next_look_at = 0.0

    def run(self, drive: Drive, target: BlockDevice) -> None:
        """Copy the drive's medium to `target`; raises Problem unless it is whole and on disk."""
        started = time.monotonic()
        executor = Executor()
        self._job = self._start(drive, target, executor)
        ended = self._follow()
        if ended is None:
            # A worker hangs in a request and keeps the files: nothing can be closed.
            raise self._abandoned()
        self._job.wait()
        executor.close()
        if ended.ret or self._job.is_cancelled:
            drive.close()
            raise self._broken(ended.ret)
        self._finish(drive)
        self._show.done(self._job.len, time.monotonic() - started)

    def _start(self, drive: Drive, target: BlockDevice, executor: Executor) -> BlockJob:
        return jobs.mirror(
            drive,
            target,
            executor=executor,
            sync=self._policies.sync,
            on_source_error=self._policies.on_source_error,
            on_target_error=self._policies.on_target_error,
            speed=self._policies.speed,
            callback=self._inbox.ended,
            on_event=self._inbox.event,
        )

    def _finish(self, drive: Drive) -> None:
        """The drive holds the target now: flush it, close it, and hand it over."""
        try:
            drive.close()
            self._target.settle()
        except OSError as error:
            message = f"{self._target.label}: {because(error)} while flushing; {self._fate()}"
            raise Problem(message, Status.FAILED) from None
        self._target.pour()

    # Following.

    def _follow(self) -> Ended | None:
        """Until the job is over; None if the user will not wait for its last request."""
        while True:
            match self._inbox.next(0 if self._asking else TICK_S):
                case Ended() as ended:
                    return ended
                case Interrupted():
                    self._interrupts += 1
                    if self._interrupts > 1:
                        return None
                    self._cancel()
                case Happened() as happened:
                    self._on_event(happened)
                case None if self._asking:
                    self._take_answer()
            self._look()

    def _look(self) -> None:
        now = time.monotonic()
        if not self._asking and now >= self._next_look_at:
            self._next_look_at = now + TICK_S
            self._show_progress()

    def _show_progress(self) -> None:
        with suppress(DeviceNotActive):
            self._show.progress(self._job.query())

    def _on_event(self, happened: Happened) -> None:
        self._show.happened(happened)
        match happened.event:
            case BlockJobCompleted() | BlockJobCancelled():
                pass  # the callback follows
            case BlockJobReady():
                # Out of step again means that another READY will come.
                with suppress(CannotComplete, DeviceNotActive):
                    self._job.complete()
            case BlockJobError(_, is_read, action):
                self._error_seen = True
                if action == ErrorAction.IGNORE.value:
                    self._on_ignored(is_read=is_read)
                elif action == ErrorAction.STOP.value:
                    self._on_stop()

    def _on_ignored(self, *, is_read: bool) -> None:
        self._ignored += 1
        if time.monotonic() < self._next_note_at:
            return
        self._next_note_at = time.monotonic() + NOTE_EVERY_S
        where, what = self._side(is_read=is_read)
        self._show.note(f"{where}: {what} failed, ignored, will be tried again ({self._ignored})")

    def _on_stop(self) -> None:
        if self._interrupts:
            return  # the cancel is under way
        stopped = f"{self._trouble()}: the job stopped, io-status {self._job.iostatus.value}"
        if not can_answer():
            self._give_up(f"{stopped}, and was cancelled, as nobody is there to be asked")
            return
        self._asking = True
        self._given_up = stopped
        self._show_progress()
        self._show.hold()
        self._show.note(stopped)
        self._show.note("Enter tries again, Ctrl-C cancels")

    def _take_answer(self) -> None:
        line = typed_line(TICK_S)
        if line == "":
            self._give_up(f"{self._given_up}, and was cancelled at the end of input")
        elif line is not None:
            self._asking, self._given_up = False, ""
            with suppress(DeviceNotActive):
                self._job.resume()

    def _give_up(self, why: str) -> None:
        self._given_up = why
        self._cancel()

    def _cancel(self) -> None:
        self._asking = False
        with suppress(DeviceNotActive):
            self._job.cancel()

    # What went wrong, in words.

    def _broken(self, ret: int) -> Problem:
        if self._interrupts:
            return Problem(f"interrupted; {self._fate_if_unwanted()}", Status.INTERRUPTED)
        if not ret:
            return Problem(f"{self._given_up}; {self._fate()}", Status.FAILED)
        trouble = self._trouble() if self._error_seen else self._early_trouble(-ret)
        return Problem(f"{trouble}; {self._fate()}", Status.FAILED)

    def _abandoned(self) -> Problem:
        return Problem(
            f"interrupted with a request still in flight; {self._fate_if_unwanted()}",
            Status.INTERRUPTED,
        )

    def _trouble(self) -> str:
        """The error that the job handled last."""
        body = self._job.co
        assert isinstance(body, Mirror), "a mirror job has a mirror body"
        where, what = self._side(is_read=body.is_read)
        if not body.dirty:
            what = "flushing"
        else:
            # The chunk that failed is the one before the cursor.
            what = f"{what} the {size(body.chunk)} at byte {(body.cursor - 1) * body.chunk}"
        return f"{where}: {errno_text(body.errno)} while {what}"

    def _early_trouble(self, errno: int) -> str:
        where = f"{self._source} -> {self._target.label}"
        return f"{where}: {errno_text(errno)} while looking for what is to be copied"

    def _side(self, *, is_read: bool) -> tuple[str, str]:
        return (self._source, "reading") if is_read else (self._target.label, "writing")

    def _fate(self) -> str:
        """What is left, and what to do about it: as QEMU does, a failed target stays."""
        if self._target.is_stream:
            return "nothing was written to standard output"
        again = "delete it, or run again with --existing"
        return f"{self._target.label} is incomplete and unusable: {again}"

    def _fate_if_unwanted(self) -> str:
        """A target that the user gave up goes, unless it was there before."""
        if self._target.is_stream:
            return self._fate()
        if self._target.remove_if_created():
            return f"{self._target.label} was removed"
        return f"{self._target.label} is incomplete and unusable: run again with --existing"
