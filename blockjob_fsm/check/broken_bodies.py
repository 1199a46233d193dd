"""Bodies, devices and a limiter that are wrong on purpose, each in one way.

They exist so that the claims about whole jobs can be seen to fail. Nothing else may use them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

from blockjob_fsm.bodies.backup import Backup
from blockjob_fsm.bodies.commit import Commit
from blockjob_fsm.bodies.copying import Stage as CopyStage
from blockjob_fsm.bodies.linear import LinearBody, Stage
from blockjob_fsm.bodies.mirror import Mirror
from blockjob_fsm.bodies.requests import (
    Act,
    AnnounceReady,
    ChangeBacking,
    Copied,
    DirtyCount,
    Do,
    ErrorHandled,
    Finish,
    HandleError,
    JobView,
    Mirrored,
    Noted,
    Outcome,
    Request,
    Sleep,
)
from blockjob_fsm.bodies.stream import Stream
from blockjob_fsm.error_action import ErrorAction
from blockjob_fsm.throttle import SLICE_NS, Limiter


@dataclass(frozen=True, slots=True)
class SleeplessStream(Stream):
    """Copies on without a sleep between two units."""

    def on_outcome(self, outcome: Outcome, control: JobView) -> SleeplessStream:
        after = Stream.on_outcome(self, outcome, control)
        copied = isinstance(outcome, Copied) and after.stage is Stage.SLEEP
        return replace(after, stage=Stage.QUERY) if copied else after


@dataclass(frozen=True, slots=True)
class HastyStream(Stream):
    """Takes the first unit for the last."""

    def on_outcome(self, outcome: Outcome, control: JobView) -> HastyStream:
        after = Stream.on_outcome(self, outcome, control)
        done = isinstance(outcome, Copied) and not outcome.errno
        return replace(after, stage=Stage.LEAVE, offset=after.length) if done else after


@dataclass(frozen=True, slots=True)
class KeepingStream(Stream):
    """Finishes without having dropped the backing file."""

    def next_request(self, control: JobView) -> Request:
        asked = Stream.next_request(self, control)
        return Do() if isinstance(asked, ChangeBacking) else asked


@dataclass(frozen=True, slots=True)
class ForgetfulStream(Stream):
    """Forgets an error that it ignored."""

    def on_outcome(self, outcome: Outcome, control: JobView) -> ForgetfulStream:
        after = Stream.on_outcome(self, outcome, control)
        ignored = outcome == ErrorHandled(ErrorAction.IGNORE)
        return replace(after, error=0) if ignored else after


@dataclass(frozen=True, slots=True)
class LeakyStream(Stream):
    """Leaves copy-on-read switched on."""

    def leave(self) -> Request:
        return Do()


@dataclass(frozen=True, slots=True)
class TalkativeCommit(Commit):
    """Puts its errors through the error-action table, as a later release does."""

    def copy_failed(self, errno: int) -> TalkativeCommit:
        return replace(self, stage=Stage.ERROR, errno=errno)

    def next_request(self, control: JobView) -> Request:
        if self.stage is Stage.ERROR:
            return HandleError(self.on_error, is_read=False, errno=self.errno)
        return LinearBody.next_request(self, control)


@dataclass(frozen=True, slots=True)
class LeakyCommit(Commit):
    """Leaves base and overlay open for writing."""

    def restore(self) -> Request:
        return Do()


@dataclass(frozen=True, slots=True)
class SleeplessMirror(Mirror):
    """Goes round without a sleep."""

    def on_outcome(self, outcome: Outcome, control: JobView) -> Self:
        after = Mirror.on_outcome(self, outcome, control)
        asleep = isinstance(after.next_request(control), Sleep)
        return replace(after, stage=CopyStage.COPY) if asleep else after


@dataclass(frozen=True, slots=True)
class UndrainedMirror(Mirror):
    """Decides after the flush, with the guest's writes still in flight."""

    def on_outcome(self, outcome: Outcome, control: JobView) -> Self:
        after = Mirror.on_outcome(self, outcome, control)
        drains = after.stage is CopyStage.DRAIN
        return replace(after, stage=CopyStage.DECIDE) if drains else after


@dataclass(frozen=True, slots=True)
class StuckMirror(Mirror):
    """Never publishes that it has reached the end."""

    def on_outcome(self, outcome: Outcome, control: JobView) -> Self:
        after = Mirror.on_outcome(self, outcome, control)
        counted = isinstance(outcome, DirtyCount) and after.stage is CopyStage.READY
        return replace(after, offset=0) if counted else after


@dataclass(frozen=True, slots=True)
class LeakyMirror(Mirror):
    """Ends without switching dirty tracking off."""

    def next_request(self, control: JobView) -> Request:
        asked = Mirror.next_request(self, control)
        return Do((Act.TARGET_STATUS_OFF,)) if isinstance(asked, Do) else asked


@dataclass(frozen=True, slots=True)
class SleeplessBackup(Backup):
    """Goes round without a sleep."""

    def on_outcome(self, outcome: Outcome, control: JobView) -> Self:
        after = Backup.on_outcome(self, outcome, control)
        copied = isinstance(outcome, Mirrored) and after.stage is CopyStage.SLEEP
        return replace(after, stage=CopyStage.COPY) if copied else after


@dataclass(frozen=True, slots=True)
class HastyBackup(Backup):
    """Takes its first copy for the last."""

    def on_outcome(self, outcome: Outcome, control: JobView) -> Self:
        after = Backup.on_outcome(self, outcome, control)
        copied = isinstance(outcome, Mirrored) and after.stage is CopyStage.SLEEP
        return replace(after, stage=CopyStage.DECIDE) if copied else after


@dataclass(frozen=True, slots=True)
class SilentBackup(Backup):
    """Ends on an error as if there had been none."""

    def next_request(self, control: JobView) -> Request:
        asked = Backup.next_request(self, control)
        return Finish(0) if isinstance(asked, Finish) else asked


@dataclass(frozen=True, slots=True)
class LeakyBackup(Backup):
    """Ends without letting guests write freely again."""

    def next_request(self, control: JobView) -> Request:
        asked = Backup.next_request(self, control)
        return Do((Act.TARGET_STATUS_OFF,)) if isinstance(asked, Do) else asked


@dataclass(frozen=True, slots=True)
class ReadyBackup(Backup):
    """Says that it is ready, as a mirror does."""

    def next_request(self, control: JobView) -> Request:
        asked = Backup.next_request(self, control)
        return AnnounceReady() if isinstance(asked, Sleep) and not control.synced else asked

    def on_outcome(self, outcome: Outcome, control: JobView) -> Self:
        told = self.stage is CopyStage.SLEEP and isinstance(outcome, Noted)
        return self if told else Backup.on_outcome(self, outcome, control)


@dataclass(frozen=True, slots=True)
class EndlessBackup(Backup):
    """Begins again when everything is saved."""

    def on_outcome(self, outcome: Outcome, control: JobView) -> Self:
        after = Backup.on_outcome(self, outcome, control)
        over = after.stage is CopyStage.DECIDE
        return replace(after, stage=CopyStage.SLEEP) if over else after


@dataclass(frozen=True, slots=True)
class ClosedLimiter(Limiter):
    """Lets no operation through that is larger than the quota, not even a slice's first."""

    def charge(self, sectors: int, now_ns: int) -> tuple[Limiter, int]:
        if sectors > self.quota_sectors:
            return self, SLICE_NS
        return Limiter.charge(self, sectors, now_ns)
