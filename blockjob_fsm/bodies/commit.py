"""The commit job: write what the images from top down hold into the base, then drop them.

Source: QEMU 1.3's block-commit, below the active layer only. Its policy is not the user's (QMP
always uses report), it sends no BLOCK_JOB_ERROR, and a policy that does not end the job tries the
same unit again without limit.
"""

from __future__ import annotations

import errno as errno_codes
from dataclasses import dataclass, replace

from blockjob_fsm.bodies.linear import LinearBody, Stage
from blockjob_fsm.bodies.requests import Act, ChangeBacking, Do, PrepareCommit, Request
from blockjob_fsm.error_action import OnError


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
