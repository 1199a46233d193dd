"""The commit job: write what the images from top down hold into the base, then drop them.

Source: QEMU 1.3's block-commit, below the active layer only. Its policy is not the user's (QMP
always uses report), it sends no BLOCK_JOB_ERROR, and a policy that does not end the job tries the
same unit again without limit.
"""

from __future__ import annotations

import errno as errno_codes
from dataclasses import dataclass, replace

from blockjob_fsm.bodies.linear import LinearBody, Stage
from blockjob_fsm.bodies.requests import (
    Act,
    ChangeBacking,
    Copied,
    Do,
    HandleError,
    JobView,
    Outcome,
    PrepareCommit,
    Request,
)
from blockjob_fsm.error_action import ErrorAction, OnError


@dataclass(frozen=True, slots=True)
class Commit(LinearBody):
    """A commit; a stop policy ends it like report."""

    def begin(self) -> Request:
        return PrepareCommit()

    def enter(self) -> Request:
        return Do()

    def leave(self) -> Request:
        return Do()

    def restore(self) -> Request:
        return Do((Act.RESTORE_FLAGS,))

    def change(self) -> ChangeBacking:
        return ChangeBacking()

    def query_failed(self, errno: int) -> Commit:
        return self.copy_failed(errno)

    def copy_failed(self, errno: int) -> Commit:
        out_of_space = errno == errno_codes.ENOSPC
        if self.on_error in (OnError.STOP, OnError.REPORT) or (
            self.on_error is OnError.ENOSPC and out_of_space
        ):
            return replace(self, stage=Stage.LEAVE, error=errno, run=0)
        return replace(self, stage=Stage.SLEEP, run=0)


@dataclass(frozen=True, slots=True)
class PolicyCommit(Commit):
    """A commit as it is since the job API of 2.12: its policy is the user's, and events tell.

    An ignored error is tried again at once, and is forgotten once the unit is written.
    """

    is_read: bool = True

    def next_request(self, control: JobView) -> Request:
        if self.stage is Stage.ERROR:
            return HandleError(self.on_error, is_read=self.is_read, errno=self.errno)
        return LinearBody.next_request(self, control)

    def on_outcome(self, outcome: Outcome, control: JobView) -> PolicyCommit:
        match outcome:
            case Copied(_, _, is_read):
                return LinearBody.on_outcome(replace(self, is_read=is_read), outcome, control)
        return LinearBody.on_outcome(self, outcome, control)

    def copy_failed(self, errno: int) -> PolicyCommit:
        is_read = self.is_read or self.stage is Stage.QUERY
        return replace(self, stage=Stage.ERROR, errno=errno, is_read=is_read, run=0)

    def _on_action(self, action: ErrorAction) -> PolicyCommit:
        if action is ErrorAction.REPORT:
            return replace(self, stage=Stage.LEAVE, error=self.errno)
        return replace(self, stage=Stage.SLEEP)
