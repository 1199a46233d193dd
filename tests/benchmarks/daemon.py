"""QEMU's own jobs: a qemu-storage-daemon for each run, driven over QMP."""

from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

from tests.qsd import Message, Qsd, raw_node


def mirror_in_daemon(source: Path, target: Path, *, flush: bool) -> tuple[float, float]:
    """Seconds from the command to BLOCK_JOB_READY, and to the end after completing the job.

    Opening the images and starting the daemon come before. Without `flush` the target's node
    ignores flushes, the job's own included.
    """
    nodes = [
        raw_node(source, node_name="source", read_only=True),
        raw_node(target, node_name="target", cache={"no-flush": not flush}),
    ]
    with Qsd(*nodes) as daemon:
        start = perf_counter()
        daemon.execute("blockdev-mirror", job_id="m", device="source", target="target", sync="full")
        event = daemon.wait_for_event("BLOCK_JOB_READY", "BLOCK_JOB_ERROR")
        ready = perf_counter()
        assert event["event"] == "BLOCK_JOB_READY", event
        daemon.execute("block-job-complete", device="m")
        event = daemon.wait_for_event("BLOCK_JOB_COMPLETED", "BLOCK_JOB_ERROR")
        end = perf_counter()
        assert event["event"] == "BLOCK_JOB_COMPLETED", event
        assert "error" not in event["data"], event
    return ready - start, end - start


def image_node(path: Path, kind: str, name: str, *, read_only: bool) -> Message:
    """An image with what lies below it; nothing of it is ever flushed."""
    cache = {"no-flush": True}
    file_node = {"driver": "file", "filename": str(path), "read-only": read_only, "cache": cache}
    node = {"driver": kind, "node-name": name, "read-only": read_only, "cache": cache}
    return {**node, "file": file_node}


def chain_node(layers: Sequence[Path], *, read_only: bool) -> Message:
    """A chain of qcow2 images, the top first; the nodes are called n0, n1 and so on."""
    node: Message | None = None
    for number in range(len(layers) - 1, -1, -1):
        above = image_node(layers[number], "qcow2", f"n{number}", read_only=read_only)
        node = {**above, "backing": node}
    assert node is not None, "a chain has an image"
    return node


def job_in_daemon(
    nodes: Sequence[Message], command: str, **arguments: object
) -> tuple[float, float]:
    """A job from its command to BLOCK_JOB_COMPLETED: seconds, and seconds of processor time.

    A mirror is completed as soon as it is READY.
    """
    ends = ("BLOCK_JOB_READY", "BLOCK_JOB_COMPLETED", "BLOCK_JOB_ERROR")
    with Qsd(*nodes) as daemon:
        start, busy = perf_counter(), daemon.cpu_seconds()
        daemon.execute(command, job_id="j", **arguments)
        event = daemon.wait_for_event(*ends)
        if event["event"] == "BLOCK_JOB_READY":
            daemon.execute("block-job-complete", device="j")
            event = daemon.wait_for_event(*ends)
        seconds, busy = perf_counter() - start, daemon.cpu_seconds() - busy
        assert event["event"] == "BLOCK_JOB_COMPLETED", event
        assert "error" not in event["data"], event
    return seconds, busy
