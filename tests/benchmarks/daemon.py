"""QEMU's own mirror job: a qemu-storage-daemon for each run, driven over QMP."""

from pathlib import Path
from time import perf_counter

from tests.qsd import Qsd, raw_node


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
