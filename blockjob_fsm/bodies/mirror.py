"""The mirror job: copy a device to a target, keep it in step, and finish when asked.

Source: QEMU 1.3's drive-mirror. The dirty bitmap belongs to the device; the body sees its count.
A chunk's bit is cleared before the chunk is read, and guests set it when their write completes, so
that with a drain before the end no write is lost.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from blockjob_fsm.bodies.requests import (
    Act,
    AnnounceReady,
    Charge,
    CopyDirty,
    Decide,
    Delay,
    DirtyCount,
    Do,
    Drain,
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

CHUNK_BYTES = 1024 * 1024
# More than a fast disk copies until the executor has the job come back to publish its progress.
BATCH_CHUNKS = 1024
IDLE_NS = 100_000_000


class Stage(Enum):
    """Where the loop is; each stage has one request."""

    LENGTH = "length"
    BITMAP = "bitmap"
    COPY = "copy"
    COPY_ERROR = "copy_error"
    FLUSH = "flush"
    FLUSH_ERROR = "flush_error"
    READY = "ready"
    DRAIN = "drain"
    CHARGE = "charge"
    SLEEP = "sleep"
    DECIDE = "decide"
    CLEAN_UP = "clean_up"
    FINISH = "finish"


@dataclass(frozen=True, slots=True)
class Mirror:
    """State of a mirror. `dirty` is the number of dirty chunks last heard of.

    Without a limit up to `batch` chunks are asked for at once. `leak_on_bad_length`: as QEMU 1.3,
    end without cleaning up when the length cannot be read.
    """

    sync: Sync = Sync.FULL
    on_source_error: OnError = OnError.REPORT
    on_target_error: OnError = OnError.REPORT
    chunk: int = CHUNK_BYTES
    batch: int = BATCH_CHUNKS
    leak_on_bad_length: bool = False
    stage: Stage = Stage.LENGTH
    length: int = 0
    offset: int = 0
    cursor: int = 0
    dirty: int = 0
    delay_ns: int = 0
    errno: int = 0
    is_read: bool = False
    ret: int = 0

    @property
    def progress(self) -> Progress:
        """Offset is length less the dirty chunks until synced, so it may be negative."""
        return Progress(self.offset, self.length)

    def next_request(self, control: JobView) -> Request:
        """The one request of the present stage."""
        match self.stage:
            case Stage.LENGTH:
                return GetLength()
            case Stage.BITMAP:
                return InitialBitmap(self.sync)
            case Stage.COPY:
                return CopyDirty(self.cursor, 1 if control.speed else self.batch)
            case Stage.FLUSH:
                return Flush()
            case Stage.READY:
                return AnnounceReady()
            case Stage.DRAIN:
                return Drain()
            case Stage.CHARGE:
                return Charge(self.chunk, moved=True)
            case Stage.SLEEP:
                return Sleep(self.delay_ns)
            case Stage.DECIDE:
                return Decide()
            case Stage.CLEAN_UP:
                return Do((Act.STOP_DIRTY_TRACKING, Act.TARGET_STATUS_OFF))
            case Stage.FINISH:
                return Finish(self.ret)
        return self._handle_error()

    def on_outcome(self, outcome: Outcome, control: JobView) -> Mirror:
        """The body after an answer to `next_request`."""
        match outcome:
            case Length(length):
                return replace(self, stage=Stage.BITMAP, length=length)
            case Mirrored():
                return self._on_mirrored(outcome, control)
            case DirtyCount(chunks):
                return self._on_count(chunks, control)
            case Failed(errno):
                return self._on_failure(errno)
            case ErrorHandled(action):
                return self._on_action(action, control)
            case Delay(ns):
                return replace(self, stage=Stage.SLEEP, delay_ns=ns)
            case Woken(leaving):
                return replace(self, stage=Stage.CLEAN_UP if leaving else Stage.COPY)
            case Noted():
                return self._on_noted(control)
        raise AssertionError(f"{outcome} answers nothing a mirror asks")

    def _handle_error(self) -> HandleError:
        if self.is_read:
            return HandleError(self.on_source_error, is_read=True, errno=self.errno)
        return HandleError(self.on_target_error, is_read=False, errno=self.errno, on_target=True)

    def _on_mirrored(self, outcome: Mirrored, control: JobView) -> Mirror:
        # A chunk that failed is dirty again, and comes after all others: `copied` are good, it is
        # the one behind them.
        cursor = outcome.first + outcome.copied + bool(outcome.errno)
        copied = replace(self, cursor=cursor, dirty=outcome.dirty)
        if outcome.errno:
            if outcome.copied and not control.synced:
                # Each of the good chunks was an iteration of its own, with its offset published.
                copied = copied._published()
            return replace(
                copied, stage=Stage.COPY_ERROR, errno=outcome.errno, is_read=outcome.is_read
            )
        return copied._after_iteration(control)

    def _after_iteration(self, control: JobView) -> Mirror:
        if self.dirty == 0:
            return replace(self, stage=Stage.FLUSH)
        return self._pace(control)

    def _on_count(self, chunks: int, control: JobView) -> Mirror:
        counted = replace(self, dirty=chunks)
        if self.stage is Stage.BITMAP:
            return replace(counted, stage=Stage.COPY)
        if self.stage is Stage.DRAIN:
            # Dirtied again while draining: go round at once, without a sleep.
            return replace(counted, stage=Stage.COPY if chunks else Stage.DECIDE)
        synced = replace(counted, offset=self.length)
        return synced._after_flush(control) if control.synced else synced._at(Stage.READY)

    def _after_flush(self, control: JobView) -> Mirror:
        if not (control.should_complete or control.cancelled):
            return self._pace(control)
        return self._at(Stage.COPY if self.dirty else Stage.DRAIN)

    def _pace(self, control: JobView) -> Mirror:
        """What comes between two iterations: a limiter's delay, or a rest when in step."""
        if control.synced:
            finishing = control.should_complete or control.cancelled
            if finishing and self.dirty:
                return self._at(Stage.COPY)
            return replace(self, stage=Stage.SLEEP, delay_ns=0 if self.dirty else IDLE_NS)
        unsynced = replace(self._published(), delay_ns=0)
        return unsynced._at(Stage.CHARGE if control.speed else Stage.SLEEP)

    def _published(self) -> Mirror:
        return replace(self, offset=self.length - self.dirty * self.chunk)

    def _on_failure(self, errno: int) -> Mirror:
        if self.stage is Stage.FLUSH:
            return replace(self, stage=Stage.FLUSH_ERROR, errno=errno, is_read=False)
        leaks = self.stage is Stage.LENGTH and self.leak_on_bad_length
        return replace(self, stage=Stage.FINISH if leaks else Stage.CLEAN_UP, ret=-errno)

    def _on_action(self, action: ErrorAction, control: JobView) -> Mirror:
        if action is ErrorAction.REPORT:
            return replace(self, stage=Stage.CLEAN_UP, ret=-self.errno)
        return self._pace(control)

    def _on_noted(self, control: JobView) -> Mirror:
        match self.stage:
            case Stage.READY:
                return self._after_flush(control)
            case Stage.DECIDE:
                return self._at(Stage.CLEAN_UP)
            case Stage.CLEAN_UP:
                return self._at(Stage.FINISH)
        raise AssertionError(f"nothing was to be done in {self.stage}")

    def _at(self, stage: Stage) -> Mirror:
        return replace(self, stage=stage)
