"""A commit of the active layer: a mirror whose target is the base of the device's own chain."""

from __future__ import annotations

from contextlib import suppress

from blockjob_fsm.bodies.requests import Sync
from blockjob_fsm.operations.base import layers_above
from blockjob_fsm.operations.lanes import Lanes
from blockjob_fsm.operations.mirror import MirrorOperations
from blockjob_fsm.storage.device import BlockDevice, allocation_above
from blockjob_fsm.storage.drive import Drive


class ActiveCommitOperations(MirrorOperations):
    """Write what the drive's layers above `base` hold into it, and make it the medium at the end.

    The base is opened read-write for the job, and gets its flag back unless it became the medium.
    """

    def __init__(self, drive: Drive, base: BlockDevice, granularity: int, lanes: Lanes) -> None:
        super().__init__(drive, Drive("", base), granularity, lanes)
        self.base = base
        self._above = layers_above(drive.medium, base)
        self._was_read_only = base.read_only

    def begin(self) -> None:
        """Reopen the base read-write and make it long enough; raises OSError."""
        if self._was_read_only:
            self.base.reopen(read_only=False)
        length = self._above[0].length()
        if self.base.length() < length:
            self.base.resize(length)
        super().begin()

    def close(self) -> None:
        """Close what the drive has no more; the base is never closed."""
        if self.drive.dirty is self.dirty:
            self.drive.stop_dirty_tracking()
        self.mirror_target.swap_medium(None)
        with suppress(OSError):
            # The job's verdict is out, and its own flushes are in it.
            self.base.flush()
        if self.drive.medium is self.base:
            for layer in self._above:
                layer.close()
        elif self._was_read_only:
            with suppress(OSError):
                self.base.reopen(read_only=True)

    def _mark(self, sync: Sync) -> None:
        offset, length = 0, self._above[0].length()
        while offset < length:
            extent = allocation_above(self._above[0], self.base, offset, length - offset)
            if extent.allocated:
                self.dirty.set(offset, extent.length)
            offset += extent.length
