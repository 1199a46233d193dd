"""How far a job is: a bar on a terminal, few plain lines elsewhere, JSON lines for programs.

All of it but JSON goes to standard error. A reporter is told; it asks nothing of a job.
"""

from __future__ import annotations

import json
import os
import sys
import time
from enum import Enum
from typing import NamedTuple, Protocol, TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from blockjob_fsm.cli.following import Happened
from blockjob_fsm.cli.options import size
from blockjob_fsm.cli.problems import say
from blockjob_fsm.job import BlockJobInfo

LINE_EVERY_S = 5.0


class Show(Enum):
    """When to show progress, and how."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"
    JSON = "json"


class Words(NamedTuple):
    """What a job is called, and what has been done with the bytes when it is over."""

    job: str
    done: str


class Reporter(Protocol):
    """Told of a run as it goes; every method is called by the main thread."""

    def progress(self, info: BlockJobInfo) -> None:
        """How far the job is now."""

    def happened(self, happened: Happened) -> None:
        """An event of the job."""

    def note(self, line: str) -> None:
        """Something a person must read now; the display may go on below it."""

    def hold(self) -> None:
        """Stop drawing: somebody is being asked."""

    def done(self, length: int, seconds: float) -> None:
        """The job over `length` bytes is done, and on disk."""

    def close(self) -> None:
        """Nothing more will be told."""


class Quiet:
    """Says nothing that does not need an answer."""

    def progress(self, info: BlockJobInfo) -> None:
        pass

    def happened(self, happened: Happened) -> None:
        pass

    def note(self, line: str) -> None:
        say(line)

    def hold(self) -> None:
        pass

    def done(self, length: int, seconds: float) -> None:
        pass

    def close(self) -> None:
        pass


class Lines(Quiet):
    """A line now and then, and one at the end."""

    def __init__(self, title: str, words: Words) -> None:
        self._title = title
        self._words = words
        self._next_at = time.monotonic() + LINE_EVERY_S

    def progress(self, info: BlockJobInfo) -> None:
        if time.monotonic() < self._next_at:
            return
        self._next_at = time.monotonic() + LINE_EVERY_S
        share = 100 * max(info.offset, 0) // info.len if info.len else 100
        say(f"{self._title}: {share} % of {size(info.len)}")

    def done(self, length: int, seconds: float) -> None:
        say(summary(self._title, self._words, length, seconds))


class Bar(Quiet):
    """A bar that is drawn again in place."""

    def __init__(self, title: str, words: Words) -> None:
        self._title = title
        self._words = words
        console = Console(stderr=True, force_terminal=True, highlight=False)
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            TaskProgressColumn(),
            DownloadColumn(binary_units=True),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
        )
        # Drawn by whoever tells, so that no thread of its own draws into a prompt.
        self._bar = Progress(*columns, console=console, auto_refresh=False, expand=True)
        self._task = self._bar.add_task(words.job, total=None)
        self._bar.start()

    def progress(self, info: BlockJobInfo) -> None:
        self._bar.start()
        self._bar.update(self._task, total=info.len, completed=max(info.offset, 0), refresh=True)

    def note(self, line: str) -> None:
        self._bar.console.print(f"blockjob: {line}", markup=False, soft_wrap=True)

    def hold(self) -> None:
        self._bar.stop()

    def done(self, length: int, seconds: float) -> None:
        self._bar.update(self._task, total=length, completed=length, refresh=True)
        self._bar.stop()
        say(summary(self._title, self._words, length, seconds))

    def close(self) -> None:
        self._bar.stop()


class Json(Quiet):
    """A line per event, per look at the progress, and for the result."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._last: BlockJobInfo | None = None

    def progress(self, info: BlockJobInfo) -> None:
        if info != self._last:
            self._last = info
            self._write({"progress": info.to_qmp()})

    def happened(self, happened: Happened) -> None:
        self._write(happened.to_qmp())

    def done(self, length: int, seconds: float) -> None:
        self._write({"result": {"length": length, "seconds": round(seconds, 6)}})

    def _write(self, value: dict[str, object]) -> None:
        print(json.dumps(value), file=self._stream, flush=True)


def reporter(show: Show, title: str, words: Words, *, output_is_taken: bool = False) -> Reporter:
    """The reporter for `--progress`; `output_is_taken`: standard output carries the image."""
    match show:
        case Show.NEVER:
            return Quiet()
        case Show.JSON:
            return Json(sys.stderr if output_is_taken else sys.stdout)
        case Show.AUTO if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
            return Lines(title, words)
    return Bar(title, words)


def summary(title: str, words: Words, length: int, seconds: float) -> str:
    """The one line a finished job leaves."""
    rate = f" ({size(int(length / seconds))}/s)" if seconds else ""
    return f"{title}: {size(length)} {words.done} in {seconds:.2f} s{rate}"
