"""QEMU's own mirror job: a qemu-storage-daemon for each run, driven over QMP."""

import json
import os
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any, TextIO

#: A daemon that says nothing for so long is taken for dead.
PATIENCE_S = 60.0

Message = dict[str, Any]


def mirror_in_daemon(source: Path, target: Path, *, flush: bool) -> tuple[float, float]:
    """Seconds from the command to BLOCK_JOB_READY, and to the end after completing the job.

    Opening the images and starting the daemon come before. Without `flush` the target's node
    ignores flushes, the job's own included.
    """
    target_node = {"node-name": "target", "cache": {"no-flush": not flush}}
    nodes = [
        raw_node(source, {"node-name": "source", "read-only": True}),
        raw_node(target, target_node),
    ]
    with daemon(nodes) as monitor:
        start = perf_counter()
        monitor.command(
            "blockdev-mirror",
            **{"job-id": "m", "device": "source", "target": "target", "sync": "full"},
        )
        monitor.wait_for("BLOCK_JOB_READY")
        ready = perf_counter()
        monitor.command("block-job-complete", device="m")
        end_event = monitor.wait_for("BLOCK_JOB_COMPLETED")
        end = perf_counter()
        assert "error" not in end_event, end_event
        monitor.command("quit")
    return ready - start, end - start


def raw_node(path: Path, options: Message) -> Message:
    """A raw image in a file; the options count for both layers."""
    inherited = {name: value for name, value in options.items() if name != "node-name"}
    return {
        "driver": "raw",
        **options,
        "file": {"driver": "file", "filename": str(path), **inherited},
    }


class Monitor:
    """A QMP connection: commands that succeed, and the events that come meanwhile."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._events: list[Message] = []
        assert "QMP" in self._read(), "the daemon greets first"
        self.command("qmp_capabilities")

    def command(self, name: str, **arguments: object) -> object:
        """What a command returns; raises AssertionError with QEMU's refusal."""
        json.dump({"execute": name, "arguments": arguments}, self._stream)
        self._stream.write("\n")
        self._stream.flush()
        while True:
            message = self._read()
            if "event" in message:
                self._events.append(message)
                continue
            assert "return" in message, message
            return message["return"]

    def wait_for(self, event: str) -> Message:
        """The data of the next event of that name; others are dropped."""
        while True:
            message = self._events.pop(0) if self._events else self._read()
            assert message["event"] != "BLOCK_JOB_ERROR", message
            if message["event"] == event:
                data: Message = message["data"]
                return data

    def _read(self) -> Message:
        line = self._stream.readline()
        assert line, "the daemon hung up"
        message: Message = json.loads(line)
        return message


@contextmanager
def daemon(nodes: list[Message]) -> Iterator[Monitor]:
    """A qemu-storage-daemon with these nodes; it calls us, so nobody has to poll for its socket."""
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
        path = os.path.join(folder, "qmp")
        listener.bind(path)
        listener.listen(1)
        listener.settimeout(PATIENCE_S)
        command = ["qemu-storage-daemon", "--chardev", f"socket,id=qmp,path={path}"]
        command += ["--monitor", "chardev=qmp"]
        for node in nodes:
            command += ["--blockdev", json.dumps(node)]
        process = subprocess.Popen(command)
        try:
            connection, _ = listener.accept()
            connection.settimeout(PATIENCE_S)
            with connection, connection.makefile("rw", encoding="utf-8") as stream:
                yield Monitor(stream)
            process.wait(PATIENCE_S)
        finally:
            process.kill()
            process.wait()
