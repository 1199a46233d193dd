"""The loop that mirror and backup share: from the source's chunks to a target of their own.

Length, bitmap, then round by round a copy, what the limiter says, a sleep; at the end a flush. A
chunk that failed comes after all others. What a round ends with, and what follows the flush, is
each body's own.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from enum import Enum
from typing import Self

from blockjob_fsm.bodies.requests import (
    Act,
    Charge,
    CopyDirty,
    Decide,
    Delay,
    DirtyCount,
    Do,
    ErrorHandled,
    Failed,
    Finish,
    Flush,
    GetLength,
    HandleError,
    InitialBitmap,
    JobView,
    Length,
    Mirrored,
    Noted,
    Outcome,
    Progress,
    Request,
    Sleep,
    Sync,
    Woken,
)
from blockjob_fsm.error_action import ErrorAction, OnError

#: More than a fast disk copies until the executor has the job come back to publish its progress.
BATCH_CHUNKS = 1024
#: The rest of a job that has nothing to copy and waits for the guest to write.
IDLE_NS = 100_000_000


class Stage(Enum):
    """Where the loop is; each stage has one request. READY and DRAIN are a mirror's only."""

    LENGTH = "length"
    BITMAP = "bitmap"
    SLEEP = "sleep"
    COPY = "copy"
    COPY_ERROR = "copy_error"
    CHARGE = "charge"
    FLUSH = "flush"
    FLUSH_ERROR = "flush_error"
    READY = "ready"
    DRAIN = "drain"
    DECIDE = "decide"
    CLEAN_UP = "clean_up"
    FINISH = "finish"


@dataclass(frozen=True, slots=True)
class CopyingBody:
    """State of the loop; `chunk` is in bytes, `cursor` in chunks.

    Without a limit up to `batch` chunks are asked for at once, which the executor still copies
    piece by piece.
    """

    sync: Sync = Sync.FULL
    on_source_error: OnError = OnError.REPORT
    on_target_error: OnError = OnError.REPORT
    chunk: int = 0
    batch: int = BATCH_CHUNKS
    stage: Stage = Stage.LENGTH
    length: int = 0
    offset: int = 0
    cursor: int = 0
    delay_ns: int = 0
    errno: int = 0
    is_read: bool = False
    ret: int = 0

    @property
    def progress(self) -> Progress:
        """What each body's `offset` says of its chunks."""
        return Progress(self.offset, self.length)

    # -- what differs between mirror and backup

    @property
    @abstractmethod
    def cost(self) -> int:
        """What the limiter has not heard of yet, in bytes."""

    @abstractmethod
    def counted(self, chunks: int, control: JobView) -> Self:
        """The body after the bitmap or a flush, with so many chunks to copy."""

    @abstractmethod
    def moved(self, outcome: Mirrored, control: JobView) -> Self:
        """The body once it has noted what a copy did; stage and error are not its business."""

    @abstractmethod
    def went_round(self, control: JobView) -> Self:
        """The body after a copy without an error."""

    @abstractmethod
    def pace(self, control: JobView) -> Self:
        """What comes between two rounds: a limiter's delay, or a sleep."""

    # -- the loop

    def span(self, control: JobView) -> int:
        """How many chunks to ask for."""
        return 1 if control.speed else self.batch

    def next_request(self, control: JobView) -> Request:
        """The one request of the present stage."""
        match self.stage:
            case Stage.LENGTH:
                return GetLength()
            case Stage.BITMAP:
                return InitialBitmap(self.sync)
            case Stage.SLEEP:
                return Sleep(self.delay_ns)
            case Stage.COPY:
                return CopyDirty(self.cursor, self.span(control))
            case Stage.CHARGE:
                return Charge(self.cost, moved=True)
            case Stage.FLUSH:
                return Flush()
            case Stage.DECIDE:
                return Decide()
            case Stage.CLEAN_UP:
                return Do((Act.STOP_DIRTY_TRACKING, Act.TARGET_STATUS_OFF))
            case Stage.FINISH:
                return Finish(self.ret)
        assert self.stage in (Stage.COPY_ERROR, Stage.FLUSH_ERROR), self.stage
        return self._handle_error()

    def on_outcome(self, outcome: Outcome, control: JobView) -> Self:
        """The body after an answer to `next_request`."""
        match outcome:
            case Length(length):
                return replace(self, stage=Stage.BITMAP, length=length)
            case DirtyCount(chunks):
                return self.counted(chunks, control)
            case Woken(leaving):
                return self.at(Stage.CLEAN_UP if leaving else Stage.COPY)
            case Mirrored():
                return self._on_mirrored(outcome, control)
            case Delay(ns):
                return replace(self, stage=Stage.SLEEP, delay_ns=ns)
            case Failed(errno):
                return self.failed(errno)
            case ErrorHandled(action):
                if action is ErrorAction.REPORT:
                    return replace(self, stage=Stage.CLEAN_UP, ret=-self.errno)
                return self.pace(control)
            case Noted():
                assert self.stage in (Stage.DECIDE, Stage.CLEAN_UP), self.stage
                return self.at(Stage.CLEAN_UP if self.stage is Stage.DECIDE else Stage.FINISH)
        raise AssertionError(f"{outcome} answers nothing a {type(self).__name__} asks")

    def failed(self, errno: int) -> Self:
        """The body after a failed flush, which is a write, or what no policy is for."""
        if self.stage is Stage.FLUSH:
            return replace(self, stage=Stage.FLUSH_ERROR, errno=errno, is_read=False)
        return replace(self, stage=Stage.CLEAN_UP, ret=-errno)

    def at(self, stage: Stage) -> Self:
        """The body at another stage."""
        return replace(self, stage=stage)

    def _handle_error(self) -> HandleError:
        if self.is_read:
            return HandleError(self.on_source_error, is_read=True, errno=self.errno)
        return HandleError(self.on_target_error, is_read=False, errno=self.errno, on_target=True)

    def _on_mirrored(self, outcome: Mirrored, control: JobView) -> Self:
        # `copied` are good; the chunk that failed is the one behind them.
        cursor = outcome.first + outcome.copied + bool(outcome.errno)
        after = replace(self.moved(outcome, control), cursor=cursor)
        if outcome.errno:
            errno, is_read = outcome.errno, outcome.is_read
            return replace(after, stage=Stage.COPY_ERROR, errno=errno, is_read=is_read)
        return after.went_round(control)
