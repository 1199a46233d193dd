"""A stream's requests on a drive: pull from the layers above the base into the top."""

from __future__ import annotations

import errno as errno_codes

from blockjob_fsm.bodies.requests import (
    Act,
    ChangeBacking,
    Copied,
    Copy,
    Done,
    Extent,
    GetLength,
    IoOutcome,
    IoRequest,
    Length,
    QueryCopy,
)
from blockjob_fsm.operations.base import Operations, Stop, layers_above
from blockjob_fsm.operations.needed import Needed
from blockjob_fsm.storage.device import BlockDevice, allocation_above
from blockjob_fsm.storage.drive import Drive


class StreamOperations(Operations):
    """Stream `drive` down to, not including, `base` (None: the whole chain).

    `base_name` is what the image's header will call the base.
    """

    def __init__(
        self, drive: Drive, base: BlockDevice | None = None, base_name: str | None = None
    ) -> None:
        super().__init__()
        self.drive = drive
        self.base = base
        self.base_name = base_name
        self._needed = Needed(self._query)

    def answer(self, request: IoRequest, stop: Stop) -> IoOutcome:
        match request:
            case GetLength():
                return Length(self._top.length())
            case QueryCopy(offset, length, with_gaps):
                return self._needed.ask(offset, length, with_gaps=with_gaps)
            case Copy():
                return self._copy(request, stop)
            case ChangeBacking(drop_on_failure):
                return self._change(drop_on_failure)
        return super().answer(request, stop)

    def perform(self, act: Act) -> None:
        match act:
            case Act.COPY_ON_READ_ON:
                self.drive.add_copy_on_read(1)
            case Act.COPY_ON_READ_OFF:
                self.drive.add_copy_on_read(-1)
            case _:
                super().perform(act)

    @property
    def _top(self) -> BlockDevice:
        if self.drive.medium is None:
            raise OSError(errno_codes.ENOMEDIUM, "no medium", self.drive.name)
        return self.drive.medium

    def _query(self, offset: int, length: int) -> Extent:
        top = self._top
        own = top.allocation(offset, length)
        if own.allocated or top.backing is None or top.backing is self.base:
            return Extent(False, own.length)
        below = allocation_above(top.backing, self.base, offset, own.length)
        return Extent(below.allocated, below.length)

    def _copy(self, asked: Copy, stop: Stop) -> Copied:
        done = 0
        for offset, length in self._needed.pieces(asked.offset, asked.length, asked.unit):
            if done and stop():
                break
            try:
                self.drive.copy_up(offset, length)
            except OSError as error:
                errno = error.errno or errno_codes.EIO
                return Copied(offset - asked.offset, errno, failed=length)
            done = offset + length - asked.offset
        return Copied(done)

    def _change(self, drop_on_failure: bool) -> Done:
        top = self._top
        dropped = layers_above(top.backing, self.base)
        # What was pulled must be on the disk before the header lets go of where it came from.
        top.flush()
        try:
            with self.drive.drained():
                top.change_backing(self.base, self.base_name)
        except OSError:
            if drop_on_failure:
                top.backing = self.base
            raise
        for layer in dropped:
            layer.close()
        return Done()
