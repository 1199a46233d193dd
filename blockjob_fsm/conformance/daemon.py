"""A real qemu-storage-daemon, driven over QMP.

The daemon and its connection only: what is asked of it, and what that shows, stands with those who
ask.
"""

from __future__ import annotations

import json
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

#: A daemon that says nothing for so long is taken for dead.
PATIENCE_S = 60.0
#: how long to listen to a daemon that is at work before its threads are looked at again
AWAKE_S = 0.0005

Message = dict[str, Any]


class QmpRefusal(Exception):
    """A command that QEMU refused: its error class and text."""

    def __init__(self, command: str, error: Message) -> None:
        super().__init__(f"{command}: {error['desc']} ({error['class']})")
        self.error_class: str = error["class"]
        self.description: str = error["desc"]


class HungUp(ConnectionError):
    """The daemon has ended, which it does when asked, or crashed."""


class Qsd:
    """One daemon, from its start to `close`; `nodes` are what `blockdev-add` takes.

    A command that is not answered for `patience_s` seconds raises TimeoutError.

    `events` holds what came and nobody waited for, oldest first.
    """

    def __init__(self, *nodes: Message, patience_s: float = PATIENCE_S) -> None:
        self.events: list[Message] = []
        self._patience_s = patience_s
        self._unread = bytearray()
        with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
            path = str(Path(folder, "qmp"))
            listener.bind(path)
            listener.listen(1)
            listener.settimeout(PATIENCE_S)
            command = ["qemu-storage-daemon", "--chardev", f"socket,id=qmp,path={path}"]
            command += ["--monitor", "chardev=qmp"]
            for node in nodes:
                command += ["--blockdev", json.dumps(node)]
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
            try:
                # The daemon calls us, so nobody has to poll for its socket.
                self._connection, _ = listener.accept()
            except OSError:
                self._end()
                raise
        assert "QMP" in self._read(PATIENCE_S), "the daemon greets first"
        self.execute("qmp_capabilities")

    def execute(self, command: str, **arguments: object) -> Any:
        """What a command returns; raises QmpRefusal. `_` in an argument's name stands for `-`."""
        named = {name.replace("_", "-"): value for name, value in arguments.items()}
        request = json.dumps({"execute": command, "arguments": named})
        self._connection.sendall(request.encode())
        while True:
            message = self._read(self._patience_s)
            if "event" in message:
                self.events.append(message)
            elif "error" in message:
                raise QmpRefusal(command, message["error"])
            else:
                return message["return"]

    def wait_for_event(self, *names: str, timeout_s: float = PATIENCE_S, **data: object) -> Message:
        """Take the first event that has one of the names and these data; others stay in `events`.

        Raises TimeoutError if nothing at all comes for `timeout_s` seconds.
        """
        wanted = {name.replace("_", "-"): value for name, value in data.items()}
        seen = 0
        while True:
            for at, event in enumerate(self.events[seen:], seen):
                if event["event"] in names and wanted.items() <= event.get("data", {}).items():
                    return self.events.pop(at)
            seen = len(self.events)
            self.events.append(self._read(timeout_s))

    def take_events(self) -> list[Message]:
        """What came and nobody waited for, oldest first; it is forgotten here."""
        events, self.events = self.events, []
        return events

    def hear_out(self) -> None:
        """Take in what a daemon that was asked to quit has still to say."""
        with suppress(HungUp):
            self.listen(PATIENCE_S)
        self._process.wait(PATIENCE_S)

    def cpu_seconds(self) -> float:
        """Processor time that all threads of the daemon have had."""
        # Linux's number for the clock of another process.
        return time.clock_gettime(~self._process.pid << 3 | 2)

    def listen(self, quiet_s: float) -> bool:
        """Take in events until none has come for so long; whether any came."""
        seen = len(self.events)
        with suppress(TimeoutError, BlockingIOError):
            while True:
                self.events.append(self._read(quiet_s))
        return len(self.events) > seen

    def rest(self, at_most_s: float) -> bool:
        """Take in events until no thread of the daemon has anything to do; False if time was up.

        Two looks at all threads find each asleep, and none has run from one look to the other: so
        there was a moment between them at which all slept. Who could wake one is a timer, or us.
        """
        until, before = time.monotonic() + at_most_s, frozenset[str]()
        while time.monotonic() < until:
            now = self._threads()
            if now and now == before:
                if not self.listen(0):
                    return True
                before = frozenset()
                continue
            before = now
            if not now:
                self.listen(AWAKE_S)
        return False

    def _threads(self) -> frozenset[str]:
        """Each thread with how often it has run; nothing if one of them is running."""
        found = set()
        for folder in Path(f"/proc/{self._process.pid}/task").iterdir():
            try:
                status = (folder / "status").read_text()
            except (FileNotFoundError, ProcessLookupError):
                return frozenset()
            if "State:\tS" not in status:
                return frozenset()
            found.add(folder.name + status[status.index("voluntary_ctxt_switches") :])
        return frozenset(found)

    def close(self) -> None:
        """Let the daemon close its images and end; may be called again."""
        try:
            if self._process.poll() is None:
                with suppress(BrokenPipeError):
                    self._connection.sendall(b'{"execute": "quit"}')
                self._process.wait(PATIENCE_S)
        finally:
            self.kill()

    def kill(self) -> None:
        """End the daemon as a crash would; may be called again."""
        self._end()
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.kill()

    def _read(self, timeout_s: float) -> Message:
        self._connection.settimeout(timeout_s)
        while b"\n" not in self._unread:
            received = self._connection.recv(1 << 16)
            if not received:
                raise HungUp("the daemon hung up")
            self._unread += received
        line, _, self._unread = self._unread.partition(b"\n")
        message: Message = json.loads(line)
        return message

    def _end(self) -> None:
        self._process.kill()
        self._process.wait()
