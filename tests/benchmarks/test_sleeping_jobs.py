"""Ten thousand jobs asleep under a limit: threads, memory, and how soon they can be cancelled."""

import gc
import statistics
import threading
import time
import tracemalloc

import pytest

from blockjob_fsm.block_job import BlockJob
from blockjob_fsm.clock import ManualClock
from blockjob_fsm.executor import Executor, ThreadHost
from blockjob_fsm.jobs import stream
from blockjob_fsm.lifecycles.classic_words import Phase
from blockjob_fsm.storage import Drive, MemoryDevice
from tests.live.world import UNIT, in_thread
from tests.storage.threads import until

JOBS = 10_000
SAMPLES = 2_000
pytestmark = pytest.mark.benchmark


def drives(count: int) -> list[Drive]:
    """Drives whose images need copying and store nothing: their base holds zeros."""
    base = MemoryDevice(2 * UNIT, name="base")
    base.write_zeroes(0, 2 * UNIT)
    return [
        Drive(f"drive{number}", MemoryDevice(2 * UNIT, name=f"{number}.img", backing=base))
        for number in range(count)
    ]


def put_to_sleep(executor: Executor, on: list[Drive]) -> list[BlockJob]:
    """A job on each drive, asleep before its second unit."""
    jobs = [stream(drive, executor=executor, speed=1) for drive in on]
    until(lambda: all(job.phase is Phase.ASLEEP and job.offset for job in jobs))
    return jobs


def bytes_in_use() -> int:
    """What Python objects take now."""
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def test_the_memory_of_sleeping_jobs(capsys: pytest.CaptureFixture[str]) -> None:
    with Executor(host=ThreadHost(ManualClock())) as executor:
        put_to_sleep(executor, drives(10))
        tracemalloc.start()
        before = bytes_in_use()
        on = drives(JOBS)
        devices = bytes_in_use()
        jobs = put_to_sleep(executor, on)
        after = bytes_in_use()
        tracemalloc.stop()
        for job in jobs:
            job.cancel()
    job_bytes, device_bytes = (after - devices) / JOBS, (devices - before) / JOBS
    with capsys.disabled():
        print(f"\n{JOBS} sleeping jobs: {job_bytes:.0f} bytes each, and {device_bytes:.0f}")
        print(f"  for its drive and image: {job_bytes + device_bytes:.0f} together")


def test_the_threads_of_sleeping_jobs_and_cancelling_them_all(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with Executor(host=ThreadHost(ManualClock())) as executor:
        jobs = put_to_sleep(executor, drives(JOBS))
        threads = threading.active_count()
        begin, busy = time.perf_counter(), time.process_time()
        for job in jobs:
            job.cancel()
        seconds, busy = time.perf_counter() - begin, time.process_time() - busy
        assert all(job.phase is Phase.FREED for job in jobs)
    with capsys.disabled():
        print(f"\n{JOBS} sleeping jobs: {threads} threads; all cancelled in {seconds:.2f} s")
        print(f"  of which {busy:.2f} s of processor time")


def test_how_soon_a_sleeping_job_is_cancelled(capsys: pytest.CaptureFixture[str]) -> None:
    """From the request on one thread to the end as a waiting thread sees it, on the real clock."""
    latencies: list[float] = []
    with Executor() as executor:
        for drive in drives(SAMPLES):
            (job,) = put_to_sleep(executor, [drive])
            ended: list[float] = []

            def watch(job: BlockJob = job, ended: list[float] = ended) -> None:
                job.wait()
                ended.append(time.perf_counter())

            watcher = in_thread(watch)
            begin = time.perf_counter()
            job.cancel()
            watcher.join()
            latencies.append(1000 * (ended[0] - begin))
    cuts = statistics.quantiles(latencies, n=100)
    with capsys.disabled():
        print(f"\n{SAMPLES} cancels of a sleeping job: median {cuts[49]:.3f} ms, ", end="")
        print(f"p99 {cuts[98]:.3f} ms, worst {max(latencies):.3f} ms")
