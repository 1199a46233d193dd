"""The loop that stream and commit share: from the first byte to the last, in units of 512 KiB.

Per unit: sleep, test cancelled, query, charge the limiter, copy. A unit that failed under stop is
tried again from its query after the resume. There is no sleep after the last unit.
Source: the bodies of stream and commit in QEMU 1.3.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from enum import Enum
from typing import TypeVar

from blockjob_fsm.bodies.requests import (
    ChangeBacking,
    Charge,
    Copied,
    Copy,
    Decide,
    Delay,
    Done,
    ErrorHandled,
    Extent,
    Failed,
    Finish,
    JobView,
    Length,
    Noted,
    Outcome,
    Progress,
    QueryCopy,
    Request,
    Sleep,
    Woken,
)
from blockjob_fsm.error_action import ErrorAction, OnError

UNIT_BYTES = 512 * 1024
BATCH_BYTES = 64 * UNIT_BYTES


class Stage(Enum):
    """Where the loop is; each stage but the last has one request."""

    BEGIN = "begin"
    ENTER = "enter"
    SLEEP = "sleep"
    QUERY = "query"
    CHARGE = "charge"
    COPY = "copy"
    ERROR = "error"
    LEAVE = "leave"
    DECIDE = "decide"
    CHANGE = "change"
    RESTORE = "restore"
    FINISH = "finish"


B = TypeVar("B", bound="LinearBody")


@dataclass(frozen=True, slots=True)
class LinearBody:
    """State of the loop. `run` is what the current query or copy covers, in bytes.

    `unit` is the size an error, a pause or the limiter is accounted in; without a limit up to
    `batch` bytes are asked for at once, which the executor still does unit by unit.
    """

    on_error: OnError = OnError.REPORT
    unit: int = UNIT_BYTES
    batch: int = BATCH_BYTES
    stage: Stage = Stage.BEGIN
    length: int = 0
    offset: int = 0
    run: int = 0
    delay_ns: int = 0
    errno: int = 0
    error: int = 0
    ret: int = 0

    @property
    def progress(self) -> Progress:
        """Offset counts copied, skipped and ignored bytes alike."""
        return Progress(self.offset, self.length)

    # -- what differs between stream and commit

    @abstractmethod
    def begin(self) -> Request:
        """The request that yields the length."""

    @abstractmethod
    def enter(self) -> Request:
        """What is done once before the loop."""

    @abstractmethod
    def leave(self) -> Request:
        """What is done once after the loop, however it ended."""

    @abstractmethod
    def restore(self) -> Request:
        """What is done last, however the job ended."""

    @abstractmethod
    def change(self) -> ChangeBacking:
        """How the chain is changed when everything has been copied."""

    @abstractmethod
    def query_failed(self: B, errno: int) -> B:
        """The body after a failed allocation query."""

    @abstractmethod
    def copy_failed(self: B, errno: int) -> B:
        """The body after a unit that could not be copied."""

    # -- the loop

    def next_request(self, control: JobView) -> Request:
        """The one request of the present stage."""
        match self.stage:
            case Stage.BEGIN:
                return self.begin()
            case Stage.ENTER:
                return self.enter()
            case Stage.SLEEP:
                return Sleep(self.delay_ns)
            case Stage.QUERY:
                span = min(self._span(control), self.length - self.offset)
                return QueryCopy(self.offset, span, with_gaps=not control.speed)
            case Stage.CHARGE:
                return Charge(self.run)
            case Stage.COPY:
                return Copy(self.offset, self.run, self.unit)
            case Stage.LEAVE:
                return self.leave()
            case Stage.DECIDE:
                return Decide()
            case Stage.CHANGE:
                return self.change()
            case Stage.RESTORE:
                return self.restore()
        assert self.stage is Stage.FINISH, self.stage
        return Finish(self.ret)

    def on_outcome(self: B, outcome: Outcome, control: JobView) -> B:
        """The body after an answer to `next_request`."""
        match outcome:
            case Length(length):
                assert length >= 0, "a negative length is a Failed"
                return replace(self, stage=Stage.ENTER, length=length)
            case Woken(leaving):
                return replace(self, stage=Stage.LEAVE if leaving else Stage.QUERY, delay_ns=0)
            case Extent(needs_copy, length):
                return self._on_extent(needs_copy, length, control)
            case Delay(ns):
                return replace(self, stage=Stage.SLEEP if ns else Stage.COPY, delay_ns=ns)
            case Copied(length, errno, _, failed):
                assert 0 <= length + failed <= self.run, "no more is copied than was asked for"
                left = failed or self.run - length
                copied = replace(self, offset=self.offset + length, run=left)
                return copied.copy_failed(errno) if errno else copied._next_unit()
            case Failed(errno):
                return self._on_failure(errno)
            case ErrorHandled(action):
                return self._on_action(action)
            case Noted() | Done():
                return self._on_done(control)
        raise AssertionError(f"{outcome} answers nothing a {type(self).__name__} asks")

    def _span(self, control: JobView) -> int:
        return self.unit if control.speed else self.batch

    def _next_unit(self: B) -> B:
        over = self.offset == self.length
        return replace(self, stage=Stage.LEAVE if over else Stage.SLEEP, run=0)

    def _on_extent(self: B, needs_copy: bool, length: int, control: JobView) -> B:
        assert 0 < length <= self.length - self.offset, "an extent has a size within the query"
        if not needs_copy:
            return replace(self, offset=self.offset + length)._next_unit()
        if control.speed:
            # The limit may be younger than the query: charge no more than it would have asked for.
            return replace(self, run=min(length, self.unit), stage=Stage.CHARGE)
        return replace(self, run=length, stage=Stage.COPY)

    def _on_failure(self: B, errno: int) -> B:
        if self.stage is Stage.QUERY:
            return self.query_failed(errno)
        if self.stage is Stage.COPY:
            return self.copy_failed(errno)
        assert self.stage in (Stage.BEGIN, Stage.CHANGE), f"nothing can fail in {self.stage}"
        return replace(self, stage=Stage.RESTORE, ret=-errno)

    def _on_action(self: B, action: ErrorAction) -> B:
        first = self.error or self.errno
        if action is ErrorAction.STOP:
            return replace(self, stage=Stage.SLEEP, run=0)
        if action is ErrorAction.REPORT:
            return replace(self, stage=Stage.LEAVE, error=first)
        skipped = min(self.unit, self.run or self.length - self.offset)
        return replace(self, offset=self.offset + skipped, error=first)._next_unit()

    def _on_done(self: B, control: JobView) -> B:
        match self.stage:
            case Stage.ENTER:
                return self._next_unit()
            case Stage.LEAVE:
                finished = self.offset == self.length and not self.error
                ret = -self.error
                return replace(self, stage=Stage.DECIDE if finished else Stage.RESTORE, ret=ret)
            case Stage.DECIDE:
                stage = Stage.RESTORE if control.cancelled else Stage.CHANGE
                return replace(self, stage=stage)
            case Stage.CHANGE:
                return replace(self, stage=Stage.RESTORE)
            case Stage.RESTORE:
                return replace(self, stage=Stage.FINISH)
        raise AssertionError(f"nothing was to be done in {self.stage}")
