"""One of our jobs in a process of its own: its time and its memory, as JSON on standard output.

Run as `python -m tests.benchmarks.job_runner KIND SOURCE SOURCE_FORMAT TARGET TARGET_FORMAT`, where
a stream has no target and a commit names the image to merge there. Nothing is flushed: the tools
that this is compared with do not flush either.
"""

import json
import sys
import threading
from time import perf_counter, process_time

from blockjob_fsm import Drive, RawFile, backup, commit, mirror, stream
from blockjob_fsm.events import BlockJobReady, QmpEvent
from blockjob_fsm.executor import WORKERS, Executor
from blockjob_fsm.storage import BlockDevice, find_layer, open_chain
from tests.benchmarks.idle import peak_kib
from tests.benchmarks.peers import pool

Given = tuple[str, str, str, str, str]


def leave_to_kernel(file: RawFile) -> None:
    """What flushing is under cache=unsafe."""


def run(kind: str, drive: Drive, other: BlockDevice | None, executor: Executor) -> list[int]:
    """Do the job to its end, completing a mirror as soon as it can be; what its callback got."""
    rets: list[int] = []
    ready = threading.Event()

    def on_event(event: QmpEvent) -> None:
        if isinstance(event, BlockJobReady):
            ready.set()

    def ended(_: object, ret: int) -> None:
        rets.append(ret)
        ready.set()

    if kind == "stream":
        job = stream(drive, executor=executor, callback=ended)
    elif other is None:
        raise AssertionError(f"a {kind} needs a second image")
    elif kind == "commit":
        job = commit(drive, executor=executor, top=other, callback=ended)
    elif kind == "backup":
        job = backup(drive, other, executor=executor, callback=ended)
    else:
        job = mirror(drive, other, executor=executor, callback=ended, on_event=on_event)
        ready.wait()
        job.complete()
    job.wait()
    return rets


def other_image(given: Given, source: BlockDevice) -> BlockDevice | None:
    """The target, or for a commit the layer that is merged; a stream has neither."""
    kind, target, target_format = given[0], given[3], given[4]
    if kind == "stream":
        return None
    if kind == "commit":
        return find_layer(source, target)
    return open_chain(target, target_format, read_only=False)


def main(given: Given) -> None:
    """Open, run the job under the clock, close, and say what it took."""
    writes_source = given[0] in {"stream", "commit"}
    source = open_chain(given[1], given[2], read_only=not writes_source)
    other = other_image(given, source)
    # Devices flush through this one method.
    vars_of_file: object = RawFile
    setattr(vars_of_file, "flush", leave_to_kernel)  # noqa: B010 - mypy refuses the plain form
    drive = Drive("drive0", source)
    with pool(WORKERS) as executor:
        begin, busy = perf_counter(), process_time()
        rets = run(given[0], drive, other, executor)
        seconds, busy = perf_counter() - begin, process_time() - busy
    drive.close()
    report = {"seconds": seconds, "cpu": busy, "peak_kib": peak_kib(), "rets": rets}
    sys.stdout.write(json.dumps(report))


if __name__ == "__main__":
    kind, source, source_format, target, target_format = sys.argv[1:]
    main((kind, source, source_format, target, target_format))
