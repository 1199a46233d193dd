"""Many jobs at once: what a sleeping job costs, as far as it can be told without a stopwatch."""

import pytest

from blockjob_fsm.clock import ManualClock
from blockjob_fsm.executor import WORKERS, Executor, ThreadHost
from blockjob_fsm.jobs import stream
from blockjob_fsm.lifecycles.classic_words import Phase
from blockjob_fsm.storage import Drive, MemoryDevice
from tests.live.world import UNIT, Notes, filled, live_threads
from tests.storage.threads import until

JOBS = 500


@pytest.mark.slow
def test_sleeping_jobs_cost_no_threads(notes: Notes) -> None:
    base = filled(4 * UNIT)
    with Executor(host=ThreadHost(ManualClock())) as executor:
        jobs = [
            stream(
                Drive(f"d{number}", MemoryDevice(4 * UNIT, backing=base)),
                executor=executor,
                **notes.options(speed=1),
            )
            for number in range(JOBS)
        ]
        until(lambda: all(job.phase is Phase.ASLEEP and job.offset for job in jobs))
        assert len(live_threads()) <= WORKERS + 1
        for job in jobs:
            job.cancel()
    assert notes.names == ["BLOCK_JOB_CANCELLED"] * JOBS
    assert notes.results == [0] * JOBS


def test_a_sleep_that_was_cut_short_leaves_nothing_behind() -> None:
    clock = ManualClock()
    executor = Executor(workers=0, host=ThreadHost(clock))
    for _ in range(1000):
        timer = executor.call_at(clock.now_ns() + 3600 * 10**9, lambda: None)
        assert timer is not None
        executor.forget(timer)
    assert len(executor._timers) < 100
