"""A job from start to end, followed by the main thread: what is alike for every kind of job.

What a job works on, what its errors are called, and what becomes of its images is said by the
classes made from this one. When a job is ready it is asked to complete, not cancelled: both would
end a mirror with a whole copy, but a cancel that meets an error just then would give the copy up,
while a request to complete is kept until the error is dealt with; and Ctrl-C keeps its one meaning.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from contextlib import suppress

from blockjob_fsm.block_job import BlockJob
from blockjob_fsm.cli.following import (
    TICK_S,
    Ended,
    Happened,
    Inbox,
    Interrupted,
    can_answer,
    typed_line,
)
from blockjob_fsm.cli.problems import Problem, Status
from blockjob_fsm.cli.progress import Reporter
from blockjob_fsm.error_action import ErrorAction
from blockjob_fsm.errors import CannotComplete, DeviceNotActive
from blockjob_fsm.events import BlockJobCancelled, BlockJobCompleted, BlockJobError, BlockJobReady
from blockjob_fsm.executor import Executor
from blockjob_fsm.storage.drive import Drive

#: An error that policy ignores may come thousands of times a second.
NOTE_EVERY_S = 1.0


class Running(ABC):
    """One job. Every method runs on the main thread."""

    def __init__(self, inbox: Inbox, show: Reporter) -> None:
        self._inbox = inbox
        self._show = show
        self._interrupts = 0
        self._asking = False
        self._given_up = ""
        self._error_seen = False
        self._ignored = 0
        self._next_note_at = 0.0
        self._next_look_at = 0.0

    def run(self, drive: Drive) -> None:
        """Run the job on the drive, and close it; raises Problem unless all of it is done."""
        started = time.monotonic()
        executor = Executor()
        try:
            self._job = self.start(drive, executor)
        except BaseException:
            executor.close()
            drive.close()
            raise
        ended = self._follow()
        if ended is None:
            # A worker hangs in a request and keeps the files: nothing can be closed.
            raise self._abandoned()
        self._job.wait()
        executor.close()
        if not self.is_done(ended.ret):
            with suppress(OSError):
                # The job's error is the one to tell.
                drive.close()
            raise self._broken(ended.ret)
        self.finish(drive)
        self._show.done(self._job.len, time.monotonic() - started)

    # What differs from job to job.

    @abstractmethod
    def start(self, drive: Drive, executor: Executor) -> BlockJob:
        """Start the job, with the inbox as its listener and callback."""

    @abstractmethod
    def finish(self, drive: Drive) -> None:
        """After a good end: close the drive, and raise Problem unless all is on the disk."""

    @abstractmethod
    def ignored(self, *, is_read: bool) -> str:
        """What failed and was ignored, and what will come of it."""

    @abstractmethod
    def trouble(self) -> str:
        """The error that the job handled last: where, what, and at which byte."""

    @abstractmethod
    def early_trouble(self, errno: int) -> str:
        """An error that no policy was asked about."""

    @abstractmethod
    def fate(self) -> str:
        """What a failure leaves, and what to do about it."""

    @abstractmethod
    def fate_if_unwanted(self) -> str:
        """What is left of a job that the user gave up."""

    def is_done(self, ret: int) -> bool:
        """Whether a job that ended with `ret` did all it was asked to."""
        return not ret and not self._job.is_cancelled

    def trouble_at_end(self, errno: int) -> str:
        """The error that the job ended with."""
        return self.trouble() if self._error_seen else self.early_trouble(errno)

    @property
    def was_given_up(self) -> bool:
        """Whether the user, or nobody's answer, has had the job cancelled."""
        return bool(self._interrupts or self._given_up)

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
        self._show.note(f"{self.ignored(is_read=is_read)} ({self._ignored})")

    def _on_stop(self) -> None:
        if self._interrupts:
            return  # the cancel is under way
        stopped = f"{self.trouble()}: the job stopped, io-status {self._job.iostatus.value}"
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
            return Problem(f"interrupted; {self.fate_if_unwanted()}", Status.INTERRUPTED)
        if not ret:
            return Problem(f"{self._given_up}; {self.fate()}", Status.FAILED)
        return Problem(f"{self.trouble_at_end(-ret)}; {self.fate()}", Status.FAILED)

    def _abandoned(self) -> Problem:
        return Problem(
            f"interrupted with a request still in flight; {self.fate_if_unwanted()}",
            Status.INTERRUPTED,
        )
