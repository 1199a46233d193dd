"""The stream job: pull what the images below hold into the top image, then drop them.

Source: QEMU 1.3's block-stream. The backing file is dropped only when the whole range was
processed, no error ever happened (an ignored one counts) and the job was not cancelled.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from blockjob_fsm.bodies.linear import LinearBody, Stage
from blockjob_fsm.bodies.requests import (
    Act,
    ChangeBacking,
    Do,
    GetLength,
    HandleError,
    JobView,
    Request,
)


@dataclass(frozen=True, slots=True)
class Stream(LinearBody):
    """A stream; `has_base`: an image of the chain stays as the backing file.

    `drop_on_failure`: as QEMU 1.3, forget the images between even if the header could not be
    rewritten. The default keeps them, so that memory and disk agree.
    """

    has_base: bool = False
    drop_on_failure: bool = False

    def begin(self) -> Request:
        return GetLength()

    def enter(self) -> Request:
        # A guest's reads help only when everything below is wanted.
        return Do(() if self.has_base else (Act.COPY_ON_READ_ON,))

    def leave(self) -> Request:
        return Do(() if self.has_base else (Act.COPY_ON_READ_OFF,))

    def restore(self) -> Request:
        return Do()

    def change(self) -> ChangeBacking:
        return ChangeBacking(self.drop_on_failure)

    def query_failed(self, errno: int) -> Stream:
        return replace(self, stage=Stage.ERROR, errno=errno, run=0)

    def copy_failed(self, errno: int) -> Stream:
        return replace(self, stage=Stage.ERROR, errno=errno)

    def next_request(self, control: JobView) -> Request:
        if self.stage is Stage.ERROR:
            # Whichever side failed, stream calls it a read, as QEMU does.
            return HandleError(self.on_error, is_read=True, errno=self.errno)
        return LinearBody.next_request(self, control)
