"""A commit's requests on a chain: write what the layers from top down hold into the base."""

from __future__ import annotations

from blockjob_fsm.bodies.requests import (
    Act,
    ChangeBacking,
    Copied,
    Copy,
    Done,
    Extent,
    IoOutcome,
    IoRequest,
    Length,
    PrepareCommit,
    QueryCopy,
)
from blockjob_fsm.operations.base import Operations, Stop, layers_above
from blockjob_fsm.operations.needed import Needed
from blockjob_fsm.storage.copy import copy_range
from blockjob_fsm.storage.device import BlockDevice, allocation_above
from blockjob_fsm.storage.drive import Drive


class CommitOperations(Operations):
    """Commit `top` down into `base`; `overlay` is the layer right above top.

    Base and overlay are opened read-write for the job and get their flags back at its end.
    `base_name` is what the overlay's header will call the base.
    """

    def __init__(
        self,
        drive: Drive,
        overlay: BlockDevice,
        top: BlockDevice,
        base: BlockDevice,
        base_name: str | None = None,
    ) -> None:
        super().__init__()
        self.drive = drive
        self.overlay = overlay
        self.top = top
        self.base = base
        self.base_name = base_name
        self._reopened: list[BlockDevice] = []
        self._needed = Needed(self._query)

    def begin(self) -> None:
        """Reopen base and overlay read-write, both or neither; raises OSError."""
        try:
            for layer in (self.base, self.overlay):
                if layer.read_only:
                    layer.reopen(read_only=False)
                    self._reopened.append(layer)
        except OSError:
            self.restore_flags()
            raise

    def restore_flags(self) -> None:
        """Give base and overlay their flags back, as far as they allow it."""
        while self._reopened:
            layer = self._reopened.pop()
            try:
                layer.reopen(read_only=True)
            except OSError:
                continue  # best effort: the data is where it should be

    def answer(self, request: IoRequest, stop: Stop) -> IoOutcome:
        match request:
            case PrepareCommit():
                if self.base.length() < self.top.length():
                    self.base.resize(self.top.length())
                return Length(self.top.length())
            case QueryCopy(offset, length, with_gaps):
                return self._needed.ask(offset, length, with_gaps=with_gaps)
            case Copy():
                return self._copy(request, stop)
            case ChangeBacking():
                return self._change()
        return super().answer(request, stop)

    def perform(self, act: Act) -> None:
        assert act is Act.RESTORE_FLAGS, f"a commit never asks for {act}"
        self.restore_flags()

    def close(self) -> None:
        self.restore_flags()

    def _query(self, offset: int, length: int) -> Extent:
        extent = allocation_above(self.top, self.base, offset, length)
        return Extent(extent.allocated, extent.length)

    def _copy(self, asked: Copy, stop: Stop) -> Copied:
        done = 0
        for offset, length in self._needed.pieces(asked.offset, asked.length, asked.unit):
            if done and stop():
                break
            result = copy_range(self.top, self.base, offset, length)
            if result.errno:
                before = offset - asked.offset
                return Copied(before, result.errno, bool(result.is_read), length)
            done = offset + length - asked.offset
        return Copied(done)

    def _hide_what_top_hid(self) -> None:
        """Past its end a short top reads as zeros; without it a longer base would show there."""
        end = self.top.length()
        seen = min(self.base.length(), self.overlay.length())
        if seen > end:
            self.base.write_zeroes(end, seen - end)

    def _change(self) -> Done:
        dropped = layers_above(self.top, self.base)
        # The data must be in the base before anything stops pointing at the images between.
        self._hide_what_top_hid()
        self.base.flush()
        with self.drive.drained():
            self.overlay.change_backing(self.base, self.base_name)
        for layer in dropped:
            layer.close()
        return Done()
