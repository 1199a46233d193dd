"""Eight threads ask fifty jobs on real files for anything at any time."""

import faulthandler
import os
import random
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from blockjob_fsm.executor import Executor
from tests.live.crowd import KINDS, Fate, Slot, verbs
from tests.live.world import live_threads

JOBS, THREADS, VERBS = 50, 8, 20_000
PATIENCE_S = 60.0
#: Another number is another run: the schedule differs from run to run all the same.
SEED = int(os.environ.get("BLOCKJOB_STRESS_SEED", "0"))


@pytest.fixture
def watchdog() -> Iterator[None]:
    """Show where every thread stands if the test does not end."""
    faulthandler.dump_traceback_later(2 * PATIENCE_S, exit=False)
    yield
    faulthandler.cancel_dump_traceback_later()


def harass(slots: list[Slot], seed: int, failures: list[BaseException]) -> None:
    """One thread's share of the verbs."""
    chance = random.Random(seed)
    try:
        for _ in range(VERBS // THREADS):
            verbs(chance.choice(slots), chance)
    except BaseException as error:
        failures.append(error)


def run_crowd(slots: list[Slot]) -> None:
    """All verbs from all threads, then the end of every job."""
    failures: list[BaseException] = []
    threads = [
        threading.Thread(target=harass, args=(slots, SEED * THREADS + number, failures))
        for number in range(THREADS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
        assert not thread.is_alive(), "a verb does not return"
    assert not failures, failures
    for slot in slots:
        if slot.job is not None:
            slot.job.cancel_sync()
        for thread in slot.threads:
            thread.join(PATIENCE_S)
            assert not thread.is_alive(), "a job by hand does not end"


def check_fate(fate: Fate) -> None:
    """A job that was made ended once, with its device still taken, and told so last."""
    ends = [name for name in fate.ends if name in ("BLOCK_JOB_COMPLETED", "BLOCK_JOB_CANCELLED")]
    assert len(fate.results) == len(ends) == 1, fate
    assert fate.ends[-1:] == ends, fate
    assert fate.taken == [True], fate


@pytest.mark.stress
@pytest.mark.slow
@pytest.mark.usefixtures("watchdog")
def test_every_job_ends_once_whatever_is_asked_of_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Executor() as executor:
        slots = [Slot(number, tmp_path, executor) for number in range(JOBS)]
        run_crowd(slots)
    fates = [fate for slot in slots for fate in slot.fates]
    for fate in fates:
        check_fate(fate)
    assert not live_threads()
    assert [slot.number for slot in slots if slot.drive.in_use] == []
    for slot in slots:
        slot.drive.close()
    kinds = Counter(fate.kind for fate in fates)
    assert set(kinds) == set(KINDS)
    with capsys.disabled():
        print(f"\nstress: {VERBS} verbs, {len(fates)} jobs: {dict(sorted(kinds.items()))}")
