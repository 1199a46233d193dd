"""The real qemu-storage-daemon as a subject, on image files of its own."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from blockjob_fsm.conformance import nbd
from blockjob_fsm.conformance.daemon import QmpRefusal, Qsd
from blockjob_fsm.conformance.nodes import IMAGE_BYTES, RUN_BYTES, stored_runs
from blockjob_fsm.conformance.subject import Arguments, Happening, Reply
from blockjob_fsm.storage.qcow2 import Qcow2File

#: a session that never rests is looked at as it is after so long
RESTLESS_S = 5.0
#: a mirror in step sleeps for 0.1 s between two looks
IDLE_S = 0.25
NBD_SOCKET = "nbd"
#: a daemon that does not answer for so long hangs, which is a difference like any other
ANSWER_S = 10.0
SHARED_MEMORY = Path("/dev/shm")


class Theirs:
    """A daemon with a folder; file names below @DIR@ are in it."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="blockjob-", dir=_memory())
        make_images(Path(self._folder.name))
        self._daemon = Qsd(patience_s=ANSWER_S)
        self._is_over = False

    def execute(self, command: str, arguments: Arguments) -> Reply:
        """The reply: {"return": ...} or {"error": {class, desc}}."""
        text = json.dumps(arguments).replace("@DIR@", self._folder.name)
        try:
            reply = {"return": self._daemon.execute(command, **json.loads(text))}
        except QmpRefusal as refused:
            return {"error": {"class": refused.error_class, "desc": refused.description}}
        except TimeoutError:
            self._is_over = True
            return {"error": {"class": "Hang", "desc": f"no answer for {ANSWER_S} s"}}
        if command == "quit":
            self._daemon.hear_out()
            self._is_over = True
        return reply

    def settle(self) -> None:
        """Wait until nothing happens any more by itself, but what a limit lets happen in hours."""
        if not self._is_over:
            self._daemon.rest(RESTLESS_S)

    def guest_write(self, node: str, offset: int, length: int) -> None:
        """Write to an exported node, and give a mirror the time to see that it is out of step."""
        path = str(Path(self._folder.name, NBD_SOCKET))
        errno = nbd.write(path, node, offset, b"g" * length)
        assert errno == 0, f"a guest's write failed with errno {errno}"
        self._daemon.listen(IDLE_S)

    def take_events(self) -> list[Happening]:
        """What was sent since last asked."""
        return [(event["event"], event.get("data", {})) for event in self._daemon.take_events()]

    def query(self) -> tuple[list[Reply], list[Reply]]:
        """What query-jobs and query-block-jobs answer."""
        if self._is_over:
            return [], []
        jobs: list[Any] = json.loads(
            json.dumps(self._daemon.execute("query-jobs")).replace(self._folder.name, "@DIR@")
        )
        block_jobs: list[Any] = self._daemon.execute("query-block-jobs")
        return jobs, block_jobs

    def close(self) -> None:
        """End the daemon and remove its images."""
        self._daemon.kill()
        self._folder.cleanup()


def make_images(folder: Path) -> None:
    """The images that sessions are played on; a shell script makes the same ones."""
    for number in ("", "2", "3"):
        (folder / f"src{number}.raw").write_bytes(b"s" * IMAGE_BYTES)
        with (folder / f"dst{number}.raw").open("wb") as target:
            target.truncate(IMAGE_BYTES)
    below: str | None = None
    for name in ("base", "mid", "top"):
        backing = "qcow2" if below else None
        path = folder / f"{name}.qcow2"
        with Qcow2File.create(path, IMAGE_BYTES, backing=below, backing_format=backing) as image:
            # Whole runs are whole clusters: what lies below is not asked for.
            for run in stored_runs(name):
                image.write(run * RUN_BYTES, bytes([run + 1]) * RUN_BYTES)
        below = f"{name}.qcow2"


def _memory() -> Path | None:
    """A folder in memory, if this system has one: a session's images are written and forgotten."""
    return SHARED_MEMORY if os.access(SHARED_MEMORY, os.W_OK) else None
