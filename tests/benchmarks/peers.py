"""Who copies: our mirror job, the same copy without a job, and the tools people use instead.

Each peer makes an existing target equal to the source and answers how many seconds that took. What
is made of the figures does not belong here.
"""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import Any, TypeVar

from blockjob_fsm import Drive, Executor, RawFile, mirror
from blockjob_fsm.events import BlockJobReady
from blockjob_fsm.executor import WORKERS
from blockjob_fsm.operations import mirror as mirror_operations
from blockjob_fsm.operations.lanes import Lanes
from blockjob_fsm.operations.mirror import PART_BYTES
from blockjob_fsm.storage import copy_range
from blockjob_fsm.storage.device import allocation_above
from tests.benchmarks.daemon import mirror_in_daemon

OURS = "our mirror job"
OURS_READY = "our mirror job, to READY"
PLAIN = "the same copy without a job"
ALONE = "our mirror job, one thread"
ALONE_DATA = "of that, finding and moving data"
PLAIN_ALONE = "the same without a job, one thread"
PROCESS = "blockjob mirror, whole process"
CONVERT = "qemu-img convert"
CONVERT_C = "qemu-img convert -C"
DD = "dd bs=1M"
DAEMON = "QEMU's mirror job"
DAEMON_READY = "QEMU's mirror job, to READY"


@dataclass(frozen=True)
class Files:
    """What to copy to where. `flush`: the target must be on the disk before the clock stops."""

    source: Path
    target: Path
    flush: bool


T = TypeVar("T")
Seconds = dict[str, float]
Peer = Callable[[Files], Seconds]


class UnflushedFile(RawFile):
    """A raw file that is never flushed: what cache=unsafe is to QEMU."""

    def flush(self) -> None:
        """Leave the writing to the kernel."""


def open_both(files: Files) -> tuple[RawFile, RawFile]:
    """Source and target, opened as the flush policy wants them."""
    kind = RawFile if files.flush else UnflushedFile
    return kind.open(files.source, read_only=True), kind.open(files.target)


def our_job(files: Files) -> Seconds:
    """From the call that starts the job to READY, and to the end after completing it."""
    to_ready, to_end = mirror_in_process(files, WORKERS)
    return {OURS: to_end, OURS_READY: to_ready}


def our_job_alone(files: Files) -> Seconds:
    """The job in a pool of one, so that nothing is copied side by side; and its data alone."""
    with timed_copies() as seconds:
        to_end = mirror_in_process(files, 1)[1]
    return {ALONE: to_end, ALONE_DATA: sum(seconds)}


@contextmanager
def timed_copies() -> Iterator[list[float]]:
    """The seconds of each call by which a mirror finds or moves data, as long as the block lasts.

    A copy without a job finds its data too, inside `copy_range`.
    """
    seconds: list[float] = []

    def timed(function: Callable[..., T]) -> Callable[..., T]:
        def call(*args: Any, **options: Any) -> T:
            start = perf_counter()
            answer = function(*args, **options)
            seconds.append(perf_counter() - start)
            return answer

        return call

    plain: dict[str, Callable[..., Any]] = {
        "copy_range": copy_range,
        "allocation_above": allocation_above,
    }
    vars(mirror_operations).update({name: timed(each) for name, each in plain.items()})
    try:
        yield seconds
    finally:
        vars(mirror_operations).update(plain)


@contextmanager
def pool(workers: int) -> Iterator[Executor]:
    """A pool whose threads are running, as a daemon's are: starting them is no part of a copy."""
    with Executor(workers) as executor:
        started = threading.Barrier(min(workers, 2) + 1)
        ticked = threading.Event()

        def meet() -> None:
            started.wait()

        for _ in range(started.parties - 1):
            executor.submit(meet)
        meet()
        executor.call_at(executor.now_ns() + 1_000_000, ticked.set)
        ticked.wait()
        yield executor


def mirror_in_process(files: Files, workers: int) -> tuple[float, float]:
    """Seconds to READY and to the end of a mirror that is completed as soon as it can be."""
    source, target = open_both(files)
    drive = Drive("drive0", source)
    ready = threading.Event()
    with pool(workers) as executor:
        start = perf_counter()
        job = mirror(
            drive,
            target,
            executor=executor,
            on_event=lambda event: ready.set() if isinstance(event, BlockJobReady) else None,
            callback=lambda *_: ready.set(),
        )
        ready.wait()
        at_ready = perf_counter()
        job.complete()
        job.wait()
        end = perf_counter()
    drive.close()
    return at_ready - start, end - start


def same_copy(files: Files) -> Seconds:
    """What a job does with its data, on two lanes too, and the flush; no job, no bitmap."""
    source, target = open_both(files)
    with source, target, pool(WORKERS) as executor:
        start = perf_counter()
        ranges = in_pieces(source.length(), PART_BYTES)
        copies = (partial(copy_range, source, target, *each) for each in ranges)
        results = Lanes(executor).run(copies)
        target.flush()
        end = perf_counter()
    assert not any(result.errno for result in results), results
    return {PLAIN: end - start}


def same_copy_alone(files: Files) -> Seconds:
    """The same, one piece after the other."""
    source, target = open_both(files)
    with source, target:
        start = perf_counter()
        for offset, length in in_pieces(source.length(), PART_BYTES):
            result = copy_range(source, target, offset, length)
            assert result.errno is None, result
        target.flush()
        return {PLAIN_ALONE: perf_counter() - start}


def in_pieces(length: int, piece: int) -> Iterator[tuple[int, int]]:
    """(offset, length) of each piece."""
    return ((offset, min(piece, length - offset)) for offset in range(0, length, piece))


def our_process(files: Files) -> Seconds:
    """The command, interpreter and imports included."""
    code = "from blockjob_fsm.cli import main; main()"
    options = ["mirror", "--existing", "--progress", "never"]
    return {PROCESS: run([sys.executable, "-c", code, *options, *names(files)])}


def convert(files: Files) -> Seconds:
    """`qemu-img convert` that writes everything, zeros too."""
    return {CONVERT: run([*convert_command(files), "-S", "0", *names(files)])}


def convert_offloaded(files: Files) -> Seconds:
    """`qemu-img convert` with the kernel's own copy; it admits no `-S`."""
    return {CONVERT_C: run([*convert_command(files), "-C", *names(files)])}


def convert_command(files: Files) -> list[str]:
    """Into an existing target, which is flushed when it is closed."""
    cache = "writeback" if files.flush else "unsafe"
    return ["qemu-img", "convert", "-n", "-f", "raw", "-O", "raw", "-t", cache]


def dd(files: Files) -> Seconds:
    """`dd` in pieces of 1 MiB."""
    conversions = "notrunc,fdatasync" if files.flush else "notrunc"
    return {
        DD: run(["dd", f"if={files.source}", f"of={files.target}", "bs=1M", f"conv={conversions}"])
    }


def qemu_job(files: Files) -> Seconds:
    """blockdev-mirror between two raw nodes that are open: from the command on."""
    to_ready, to_end = mirror_in_daemon(files.source, files.target, flush=files.flush)
    return {DAEMON: to_end, DAEMON_READY: to_ready}


def names(files: Files) -> list[str]:
    """The two paths, as a command wants them."""
    return [str(files.source), str(files.target)]


def run(command: list[str]) -> float:
    """Seconds from starting a process to its end; raises AssertionError with its message."""
    start = perf_counter()
    process = subprocess.run(command, check=False, capture_output=True, text=True)
    seconds = perf_counter() - start
    assert process.returncode == 0, f"{command[0]}: {process.stderr}"
    return seconds


def all_peers(*, flush: bool) -> list[Peer]:
    """Everybody who can keep the flush policy; the command always flushes."""
    ours: list[Peer] = [our_job, same_copy, our_job_alone, same_copy_alone]
    if flush and find_spec("blockjob_fsm.cli"):
        ours.append(our_process)
    return [*ours, convert, convert_offloaded, dd, qemu_job]
