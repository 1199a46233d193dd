"""A process that runs jobs in children of its own and kills them where it is told to.

Run as `python -m tests.crash.forge`: an order a line on standard input, an end a line on standard
output. It has no threads and forks, so a child needs no time to start.
"""

import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import IO, Any, Self

from tests.crash.works import PATIENCE_S, Order, carry_out

PAGE_BYTES = 4096


@dataclass(frozen=True)
class Moment:
    """When to kill: at the `call`th call that changes a file, or after so many seconds.

    `how` is before that call, after it, or in it: a kill ends a long write at the end of a page.
    """

    call: int = 0
    how: str = "before"
    after_s: float = 0.0


@dataclass(frozen=True)
class End:
    """How a child ended: `ret` None if it was killed, and what it had done till then."""

    ret: int | None
    seconds: float
    calls: int = 0
    trouble: str = ""


@dataclass
class Counting:
    """Counts the calls that change files, and kills this very process at one of them."""

    moment: Moment
    calls: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def install(self) -> None:
        """From here on every such call of this process is counted."""
        for name in ("ftruncate", "fdatasync", "fsync", "copy_file_range", "link", "unlink"):
            setattr(os, name, self._counted(getattr(os, name), None))
        os.pwrite = self._counted(os.pwrite, _torn_write)
        os.pwritev = self._counted(os.pwritev, _torn_writev)
        fcntl.ioctl = self._counted(fcntl.ioctl, None)

    def _counted(self, call: Callable[..., Any], torn: Callable[..., Any] | None) -> Any:
        def counted(*arguments: Any, **named: Any) -> Any:
            with self.lock:
                self.calls += 1
                mine = self.calls == self.moment.call
            if not mine:
                return call(*arguments, **named)
            if self.moment.how == "after":
                call(*arguments, **named)
            elif self.moment.how == "within" and torn is not None:
                torn(call, *arguments)
            return os.kill(os.getpid(), signal.SIGKILL)

        return counted


def _torn_write(call: Callable[..., Any], descriptor: int, data: Any, offset: int) -> None:
    view = memoryview(data).cast("B")
    half = (offset + len(view) // 2) // PAGE_BYTES * PAGE_BYTES - offset
    if half > 0:
        call(descriptor, view[:half], offset)


def _torn_writev(call: Callable[..., Any], descriptor: int, views: Any, offset: int) -> None:
    _torn_write(
        lambda *rest: call(rest[0], [rest[1]], rest[2]), descriptor, b"".join(views), offset
    )


class Forge:
    """The other side: gives orders to that process."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", __name__]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)

    def run(self, order: Order, moment: Moment | None = None) -> End:
        """Run a job in a child, killed at a moment unless that is None."""
        moment = moment or Moment(after_s=PATIENCE_S)
        stdin, stdout = _there(self._process.stdin), _there(self._process.stdout)
        stdin.write(json.dumps([asdict(order), asdict(moment)]) + "\n")
        stdin.flush()
        end = End(**json.loads(stdout.readline()))
        assert not end.trouble, end.trouble
        return end

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        _there(self._process.stdin).close()
        _there(self._process.stdout).close()
        self._process.wait()


def _there(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream


def _in_child(order: Order, moment: Moment, answer: int) -> None:
    """Never returns."""
    # The answers of this process's parent go there.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    counting = Counting(moment)
    counting.install()
    started = time.monotonic()
    try:
        ret, trouble = carry_out(order), ""
    except BaseException:
        ret, trouble = 1, traceback.format_exc()
    end = End(ret, time.monotonic() - started, counting.calls, trouble)
    os.write(answer, json.dumps(asdict(end)).encode())
    os._exit(0)


def serve_one(order: Order, moment: Moment) -> End:
    """Fork a child for an order, kill it in time, and tell how it ended."""
    reader, writer = os.pipe()
    started = time.monotonic()
    child = os.fork()
    if not child:
        _in_child(order, moment, writer)
    os.close(writer)
    # The pipe is closed when the child is gone, so this is a wait for that too.
    limit_s = moment.after_s or PATIENCE_S
    select.select([reader], [], [], limit_s)
    seconds = time.monotonic() - started
    with os.fdopen(reader, "rb") as pipe:
        if seconds >= limit_s:
            os.kill(child, signal.SIGKILL)
        text = pipe.read()
    os.waitpid(child, 0)
    return End(**json.loads(text)) if text else End(None, seconds)


def main() -> None:
    """Serve orders until standard input ends."""
    for line in sys.stdin:
        order, moment = json.loads(line)
        end = serve_one(Order(**order), Moment(**moment))
        print(json.dumps(asdict(end)), flush=True)


if __name__ == "__main__":
    main()
