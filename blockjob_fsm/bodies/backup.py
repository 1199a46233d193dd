"""The backup job: copy a device as it was when the job began, while the guest goes on writing.

Source: QEMU's drive-backup (1.6 and later), on the lifecycle of 1.3. A guest's write to a chunk
that is not saved yet saves it first; that happens beside the body, which sees only how many chunks
are left. There is no READY and nothing to complete: the job ends when every chunk is saved, or,
with sync none, when it is cancelled.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

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

#: Least unit that is saved at a time; a target of larger clusters is filled by whole clusters.
CHUNK_BYTES = 64 * 1024
BATCH_CHUNKS = 1024
#: How often a job that only waits for the guest's writes publishes how many were saved.
IDLE_NS = 100_000_000


class Stage(Enum):
    """Where the loop is; each stage has one request."""

    LENGTH = "length"
    BITMAP = "bitmap"
    SLEEP = "sleep"
    COPY = "copy"
    COPY_ERROR = "copy_error"
    CHARGE = "charge"
    FLUSH = "flush"
    FLUSH_ERROR = "flush_error"
    DECIDE = "decide"
    CLEAN_UP = "clean_up"
    FINISH = "finish"


@dataclass(frozen=True, slots=True)
class Backup:
    """State of a backup. `left` is the number of chunks last heard of that are not saved.

    Without a limit up to `batch` chunks are asked for at once, which the executor still copies
    piece by piece. `charge` is what the limiter has not heard of yet, in bytes; chunks that the
    guest's writes saved are in it, though no guest waits for the limiter.
    """

    sync: Sync = Sync.FULL
    on_source_error: OnError = OnError.REPORT
    on_target_error: OnError = OnError.REPORT
    chunk: int = CHUNK_BYTES
    batch: int = BATCH_CHUNKS
    stage: Stage = Stage.LENGTH
    length: int = 0
    offset: int = 0
    cursor: int = 0
    left: int = 0
    charge: int = 0
    delay_ns: int = 0
    errno: int = 0
    is_read: bool = False
    ret: int = 0

    @property
    def progress(self) -> Progress:
        """Offset is the length less the chunks that are left; it never goes back."""
        return Progress(self.offset, self.length)

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
                return CopyDirty(self.cursor, self._span(control))
            case Stage.CHARGE:
                return Charge(self.charge, moved=True)
            case Stage.FLUSH:
                return Flush()
            case Stage.DECIDE:
                return Decide()
            case Stage.CLEAN_UP:
                return Do((Act.STOP_DIRTY_TRACKING, Act.TARGET_STATUS_OFF))
            case Stage.FINISH:
                return Finish(self.ret)
        return self._handle_error()

    def on_outcome(self, outcome: Outcome, control: JobView) -> Backup:
        """The body after an answer to `next_request`."""
        match outcome:
            case Length(length):
                return replace(self, stage=Stage.BITMAP, length=length)
            case DirtyCount(chunks):
                return self._on_count(chunks)
            case Woken(leaving):
                return replace(self, stage=Stage.CLEAN_UP if leaving else Stage.COPY)
            case Mirrored():
                return self._on_copied(outcome, control)
            case Delay(ns):
                return replace(self, stage=Stage.SLEEP, delay_ns=ns)
            case Failed(errno):
                return self._on_failure(errno)
            case ErrorHandled(action):
                return self._on_action(action, control)
            case Noted():
                leaves = self.stage is Stage.DECIDE
                return replace(self, stage=Stage.CLEAN_UP if leaves else Stage.FINISH)
        raise AssertionError(f"{outcome} answers nothing a backup asks")

    def _span(self, control: JobView) -> int:
        if self.sync is Sync.NONE:
            # Only the guest's writes save chunks; the body looks how many they were.
            return 0
        return 1 if control.speed else self.batch

    def _handle_error(self) -> HandleError:
        if self.is_read:
            return HandleError(self.on_source_error, is_read=True, errno=self.errno)
        return HandleError(self.on_target_error, is_read=False, errno=self.errno, on_target=True)

    def _on_count(self, chunks: int) -> Backup:
        if self.stage is Stage.FLUSH:
            assert chunks == 0, "what is saved once is saved for good"
            return replace(self, stage=Stage.DECIDE)
        # The sleep comes before the first chunk: who is asked to pause at once parks at once.
        return replace(self._with_left(chunks), stage=Stage.SLEEP, delay_ns=0)

    def _on_copied(self, outcome: Mirrored, control: JobView) -> Backup:
        # The chunk that failed comes after all others.
        cursor = outcome.first + outcome.copied + bool(outcome.errno)
        saved = self.left - outcome.dirty
        # A chunk that failed costs as much, or a disk that keeps failing would be asked for ever.
        charge = self.chunk * max(saved, 1)
        copied = replace(self._with_left(outcome.dirty), cursor=cursor, charge=charge)
        if outcome.errno:
            errno, is_read = outcome.errno, outcome.is_read
            return replace(copied, stage=Stage.COPY_ERROR, errno=errno, is_read=is_read)
        if self.sync is Sync.NONE:
            return replace(copied, stage=Stage.SLEEP, delay_ns=IDLE_NS)
        return copied._pace(control) if outcome.dirty else replace(copied, stage=Stage.FLUSH)

    def _pace(self, control: JobView) -> Backup:
        """What comes between two requests: a limiter's delay, or a sleep of no length."""
        return replace(self, stage=Stage.CHARGE if control.speed else Stage.SLEEP, delay_ns=0)

    def _on_failure(self, errno: int) -> Backup:
        if self.stage is Stage.FLUSH:
            failed = replace(self, stage=Stage.FLUSH_ERROR, errno=errno, is_read=False)
            return replace(failed, charge=self.chunk)
        return replace(self, stage=Stage.CLEAN_UP, ret=-errno)

    def _on_action(self, action: ErrorAction, control: JobView) -> Backup:
        if action is ErrorAction.REPORT:
            return replace(self, stage=Stage.CLEAN_UP, ret=-self.errno)
        return self._pace(control)

    def _with_left(self, chunks: int) -> Backup:
        return replace(self, left=chunks, offset=max(0, self.length - chunks * self.chunk))


@dataclass(frozen=True, slots=True)
class CopierBackup(Backup):
    """A backup as it is since 5.1: a copier beside the job copies, and the job looks in.

    Its errors wait until the job does: one that is paused looks when it goes on, and one that is
    cancelled never does.
    """

    is_unseen: bool = False

    def on_outcome(self, outcome: Outcome, control: JobView) -> CopierBackup:
        after = Backup.on_outcome(self, outcome, control)
        assert isinstance(after, CopierBackup)
        if isinstance(outcome, Mirrored) and outcome.errno:
            return replace(after, stage=Stage.SLEEP, delay_ns=0, is_unseen=True)
        if isinstance(outcome, Woken) and self.is_unseen and not outcome.leaving:
            return replace(after, stage=Stage.COPY_ERROR, is_unseen=False)
        return after
