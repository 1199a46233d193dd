"""A stream or a commit: what its errors are called, and what a failure leaves.

Neither makes a new image: whatever happens, the image that was named reads as before, and a second
run goes on where the first one was.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from blockjob_fsm.bodies.linear import LinearBody
from blockjob_fsm.cli.following import Inbox
from blockjob_fsm.cli.images import sync_file
from blockjob_fsm.cli.problems import NO_ROOM, Problem, Status, because, shown
from blockjob_fsm.cli.progress import Reporter, Words
from blockjob_fsm.cli.running import Running
from blockjob_fsm.errno_text import errno_text
from blockjob_fsm.storage.drive import Drive


class Merging(Running):
    """One job that moves data between the images of a chain; `image` is what the user named."""

    words: ClassVar[Words]

    def __init__(self, image: str, inbox: Inbox, show: Reporter) -> None:
        super().__init__(inbox, show)
        self._image = image

    @property
    @abstractmethod
    def written(self) -> tuple[str, ...]:
        """The files that the job writes."""

    @abstractmethod
    def doing(self, what: str) -> str:
        """What the job does to `what`."""

    @abstractmethod
    def remains(self) -> str:
        """What a job that is not finished leaves."""

    def finish(self, drive: Drive) -> None:
        """Close the chain, and wait until what was written is on the disk."""
        try:
            drive.close()
            for path in self.written:
                sync_file(path)
        except OSError as error:
            message = f"{shown(error.filename or self._image)}: {because(error)} while flushing"
            raise Problem(f"{message}; keep every image, and run again", Status.FAILED) from None

    def trouble(self) -> str:
        return self.early_trouble(self._body.errno)

    def trouble_at_end(self, errno: int) -> str:
        return self.early_trouble(errno)

    def early_trouble(self, errno: int) -> str:
        body = self._body
        if self._ignored:
            what = f"the first of the errors that were ignored ({self._ignored})"
            return f"{self._image}: {errno_text(errno)}: {what}"
        if not body.length:
            what = "finding out what there is to do"
        elif body.offset == body.length:
            what = "naming another backing file in the header"
        else:
            what = self.doing(f"what lies at byte {body.offset}")
        return f"{self._image}: {errno_text(errno)} while {what}"

    def ignored(self, *, is_read: bool) -> str:
        return f"{self._image}: {self.doing('data')} failed, ignored, will not be tried again"

    def fate(self) -> str:
        body = self._body
        errno = body.error or body.errno
        return f"{self.remains()}: {'make room and ' if errno in NO_ROOM else ''}run again to go on"

    def fate_if_unwanted(self) -> str:
        return f"{self.remains()}: run again to go on"

    @property
    def _body(self) -> LinearBody:
        body = self._job.co
        assert isinstance(body, LinearBody), "the job goes through a chain"
        return body
