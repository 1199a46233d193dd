"""The backup job: copy a device as it was when the job began, while the guest goes on writing.

Source: QEMU's drive-backup (1.6 and later), on the lifecycle of 1.3. A guest's write to a chunk
that is not saved yet saves it first; that happens beside the body, which sees only how many chunks
are left. There is no READY and nothing to complete: the job ends when every chunk is saved, or,
with sync none, when it is cancelled.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

from blockjob_fsm.bodies.copying import IDLE_NS, CopyingBody, Stage
from blockjob_fsm.bodies.requests import JobView, Mirrored, Outcome, Sync, Woken

#: Least unit that is saved at a time; a target of larger clusters is filled by whole clusters.
CHUNK_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Backup(CopyingBody):
    """State of a backup. `left` is the number of chunks last heard of that are not saved.

    `charge` is what the limiter has not heard of yet, in bytes; chunks that the guest's writes
    saved are in it, though no guest waits for the limiter. The offset, the length less the chunks
    that are left, never goes back.
    """

    chunk: int = CHUNK_BYTES
    left: int = 0
    charge: int = 0

    @property
    def cost(self) -> int:
        return self.charge

    def span(self, control: JobView) -> int:
        # With sync none only the guest's writes save chunks; the body looks how many they were.
        return 0 if self.sync is Sync.NONE else CopyingBody.span(self, control)

    def counted(self, chunks: int, control: JobView) -> Self:
        if self.stage is Stage.FLUSH:
            assert chunks == 0, "what is saved once is saved for good"
            return self.at(Stage.DECIDE)
        # The sleep comes before the first chunk: who is asked to pause at once parks at once.
        return replace(self._with_left(chunks), stage=Stage.SLEEP, delay_ns=0)

    def moved(self, outcome: Mirrored, control: JobView) -> Self:
        saved = self.left - outcome.dirty
        # A chunk that failed costs as much, or a disk that keeps failing would be asked for ever.
        return replace(self._with_left(outcome.dirty), charge=self.chunk * max(saved, 1))

    def went_round(self, control: JobView) -> Self:
        if self.sync is Sync.NONE:
            # How often a job that only waits publishes how many were saved.
            return replace(self, stage=Stage.SLEEP, delay_ns=IDLE_NS)
        return self.pace(control) if self.left else self.at(Stage.FLUSH)

    def pace(self, control: JobView) -> Self:
        return replace(self, stage=Stage.CHARGE if control.speed else Stage.SLEEP, delay_ns=0)

    def failed(self, errno: int) -> Self:
        # A flush that failed costs as much as a chunk.
        return replace(CopyingBody.failed(self, errno), charge=self.chunk)

    def _with_left(self, chunks: int) -> Self:
        return replace(self, left=chunks, offset=max(0, self.length - chunks * self.chunk))


@dataclass(frozen=True, slots=True)
class CopierBackup(Backup):
    """A backup as it is since 5.1: a copier beside the job copies, and the job looks in.

    Its errors wait until the job does: one that is paused looks when it goes on, and one that is
    cancelled never does. Under a limit the copier keeps the delay for what failed before it ends,
    and only then is there anything to see. What failed is tried again before anything behind it.

    Not as in QEMU: there a pause in that delay has the failure forgotten, and tried again; and any
    new speed ends the delay.
    """

    is_unseen: bool = False

    def on_outcome(self, outcome: Outcome, control: JobView) -> Self:
        after = Backup.on_outcome(self, outcome, control)
        if isinstance(outcome, Mirrored) and outcome.errno:
            failed = outcome.first + outcome.copied
            return replace(after.pace(control), is_unseen=True, cursor=failed)
        if isinstance(outcome, Woken) and self.is_unseen and not outcome.leaving:
            return replace(after, stage=Stage.COPY_ERROR, is_unseen=False)
        return after
