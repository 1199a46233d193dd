"""The mirror job: copy a device to a target, keep it in step, and finish when asked.

Source: QEMU 1.3's drive-mirror, and 7.2's blockdev-mirror for what is newer. The dirty bitmap
belongs to the device; the body sees its count. A chunk's bit is cleared before the chunk is read,
and guests set it when their write completes, so that with a drain before the end no write is lost.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

from blockjob_fsm.bodies.copying import IDLE_NS, CopyingBody, Stage
from blockjob_fsm.bodies.requests import (
    AnnounceReady,
    Drain,
    ErrorHandled,
    JobView,
    Mirrored,
    Noted,
    Outcome,
    Progress,
    Request,
    Woken,
)
from blockjob_fsm.error_action import ErrorAction

CHUNK_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Mirror(CopyingBody):
    """State of a mirror. `dirty` is the number of dirty chunks last heard of.

    `leak_on_bad_length`: as QEMU 1.3, end without cleaning up when the length cannot be read. The
    offset is the length less the dirty chunks until the mirror is in step, so it may be negative.
    """

    chunk: int = CHUNK_BYTES
    leak_on_bad_length: bool = False
    dirty: int = 0

    @property
    def cost(self) -> int:
        return self.chunk

    def next_request(self, control: JobView) -> Request:
        match self.stage:
            case Stage.READY:
                return AnnounceReady()
            case Stage.DRAIN:
                return Drain()
        return CopyingBody.next_request(self, control)

    def on_outcome(self, outcome: Outcome, control: JobView) -> Self:
        if self.stage is Stage.READY and isinstance(outcome, Noted):
            return self._after_flush(control)
        return CopyingBody.on_outcome(self, outcome, control)

    def counted(self, chunks: int, control: JobView) -> Self:
        counted = replace(self, dirty=chunks)
        if self.stage is Stage.BITMAP:
            return counted.at(Stage.COPY)
        if self.stage is Stage.DRAIN:
            # Dirtied again while draining: go round at once, without a sleep.
            return counted.at(Stage.COPY if chunks else Stage.DECIDE)
        synced = replace(counted, offset=self.length)
        return synced._after_flush(control) if control.synced else synced.at(Stage.READY)

    def moved(self, outcome: Mirrored, control: JobView) -> Self:
        moved = replace(self, dirty=outcome.dirty)
        if outcome.errno and outcome.copied and not control.synced:
            # Each of the good chunks was an iteration of its own, with its offset published.
            return moved._published()
        return moved

    def went_round(self, control: JobView) -> Self:
        return self.pace(control) if self.dirty else self.at(Stage.FLUSH)

    def pace(self, control: JobView) -> Self:
        if control.synced:
            finishing = control.should_complete or control.cancelled
            if finishing and self.dirty:
                return self.at(Stage.COPY)
            return replace(self, stage=Stage.SLEEP, delay_ns=0 if self.dirty else IDLE_NS)
        stage = Stage.CHARGE if control.speed else Stage.SLEEP
        return replace(self._published(), stage=stage, delay_ns=0)

    def failed(self, errno: int) -> Self:
        leaks = self.stage is Stage.LENGTH and self.leak_on_bad_length
        failed = CopyingBody.failed(self, errno)
        return failed.at(Stage.FINISH) if leaks else failed

    def _after_flush(self, control: JobView) -> Self:
        if not (control.should_complete or control.cancelled):
            return self.pace(control)
        return self.at(Stage.COPY if self.dirty else Stage.DRAIN)

    def _published(self) -> Self:
        return replace(self, offset=self.length - self.dirty * self.chunk)


@dataclass(frozen=True, slots=True)
class ModernMirror(Mirror):
    """A mirror as since 2.12: its progress is the work done, and not a place on the device.

    `worked` is what was copied so far, in bytes. The length is that and what is dirty, whole chunks
    for the last one too: it grows when guests write, and is 0 if there was nothing to copy. A copy
    that failed is noted beside the job, which under a limit looks when its delay is over. Whatever
    it was asked for, it looks after each round whether it may pause or has to leave.
    """

    worked: int = 0

    @property
    def progress(self) -> Progress:
        return Progress(self.worked, self.worked + self.dirty * self.chunk)

    def moved(self, outcome: Mirrored, control: JobView) -> Self:
        end = (outcome.first + outcome.copied) * self.chunk
        worked = outcome.moved * self.chunk - (max(0, end - self.length) if outcome.moved else 0)
        return replace(Mirror.moved(self, outcome, control), worked=self.worked + worked)

    def counted(self, chunks: int, control: JobView) -> Self:
        if control.leaving and self.stage is not Stage.DRAIN:
            return self.at(Stage.CLEAN_UP)
        return Mirror.counted(self, chunks, control)

    def pace(self, control: JobView) -> Self:
        if control.synced and (control.should_complete or control.cancelled):
            return replace(self, stage=Stage.SLEEP, delay_ns=0)
        return Mirror.pace(self, control)

    def on_outcome(self, outcome: Outcome, control: JobView) -> Self:
        match outcome:
            case ErrorHandled(ErrorAction.REPORT) if control.speed and not control.synced:
                return replace(self.pace(control), ret=-self.errno)
            case Woken() if self.ret:
                return self.at(Stage.CLEAN_UP)
        after = Mirror.on_outcome(self, outcome, control)
        if isinstance(outcome, Mirrored) and outcome.moved and after.stage is Stage.FLUSH:
            return after.pace(control)
        return after
