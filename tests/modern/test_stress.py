"""Many verbs and drains from many threads on live transactions: nothing hangs or is lost."""

import errno as errno_codes
import random
import threading
from collections import Counter
from contextlib import suppress
from functools import partial

import pytest

from blockjob_fsm.error_action import OnError
from blockjob_fsm.errors import QmpError
from blockjob_fsm.executor import Executor
from blockjob_fsm.lifecycles.modern_words import Status
from blockjob_fsm.live_group import LiveGroup
from blockjob_fsm.modern_block_job import ModernBlockJob
from tests.live.world import in_thread
from tests.modern.live import BY_HAND, CONTENT, Bench

THREADS = 8
VERBS = 20_000


class Crowd:
    """Threads that do to a changing set of jobs whatever comes to their mind."""

    def __init__(self, bench: Bench, seed: int) -> None:
        self.bench = bench
        self.made = 0
        self.verbs = 0
        self.refused = Counter[str]()
        self.ended: list[ModernBlockJob] = []
        self._seed = seed
        self._lock = threading.Lock()

    def run(self) -> None:
        threads = [threading.Thread(target=self._one, args=(n,)) for n in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
        assert not any(thread.is_alive() for thread in threads), "a verb hangs"

    def _one(self, number: int) -> None:
        chance = random.Random(self._seed * THREADS + number)
        while self.verbs < VERBS:
            jobs = self._some_jobs(chance)
            for job in jobs:
                job.start()
            works = [in_thread(partial(_work, job)) for job in jobs if job.job_type is BY_HAND]
            for _ in range(chance.randrange(5, 25)):
                self._act(chance, chance.choice(jobs))
            for job in jobs:
                job.cancel_sync()
            for work in works:
                work.join(60)
                assert not work.is_alive(), "a step hangs"
            with self._lock:
                self.ended.extend(jobs)

    def _some_jobs(self, chance: random.Random) -> list[ModernBlockJob]:
        with self._lock:
            self.made += 1
            names = [f"j{self.made}-{n}" for n in range(chance.randrange(1, 4))]
        manual, speed = chance.random() < 0.5, chance.choice((0, 0, 1, 1 << 20))
        if len(names) == 1:
            make = chance.choice((self.bench.mirror, self.bench.backup, self.bench.by_hand))
            return [make(names[0], manual=manual, speed=speed)]
        group: LiveGroup = self.bench.group()
        return [self.bench.backup(name, group, manual=manual, speed=speed) for name in names]

    def _act(self, chance: random.Random, job: ModernBlockJob) -> None:
        verbs = (
            job.pause,
            job.resume,
            job.resume,
            job.complete,
            job.finalize,
            job.dismiss,
            lambda: job.set_speed(chance.choice((0, 1, 1 << 20))),
            lambda: self._drain(job),
            lambda: job.wait(Status.READY, timeout_s=0.001) and None,
            lambda: self._write(chance, job),
            lambda: job.user_cancel(force=chance.random() < 0.1) if chance.random() < 0.1 else None,
        )
        with self._lock:
            self.verbs += 1
        try:
            chance.choice(verbs)()
        except QmpError as refusal:
            self.refused[type(refusal).__name__] += 1

    def _drain(self, job: ModernBlockJob) -> None:
        with job.drained():
            assert not job.control.busy or job.status not in (Status.RUNNING, Status.READY)

    def _write(self, chance: random.Random, job: ModernBlockJob) -> None:
        """A guest's write, but not where a job keeps it waiting until somebody finalizes."""
        if job.value.type == "backup":
            with suppress(OSError):
                job.device.guest_write(chance.randrange(len(CONTENT) - 9), b"scribbled")


def _work(job: ModernBlockJob) -> None:
    """What the thread of a job without a body does, until the job is cancelled or has enough."""
    for step in range(200):
        if not job.sleep(1000) or job.control.should_complete:
            break
        if step == 20:
            job.ready()
        if step % 30 == 29:
            job.error_action(job.device, OnError.STOP, is_read=True, errno=errno_codes.EIO)
    job.completed(0)


@pytest.mark.stress
@pytest.mark.slow
def test_nothing_hangs_whatever_is_asked_of_whom() -> None:
    before = set(threading.enumerate())
    with Executor() as executor:
        bench = Bench(executor)
        crowd = Crowd(bench, seed=1)
        crowd.run()
        assert crowd.verbs >= VERBS
        assert not any(job.device.in_use for job in crowd.ended)
        assert {job.status for job in crowd.ended} == {Status.NULL}
        assert bench.verdicts == {job.id: 1 for job in crowd.ended}
        print(f"{crowd.verbs} verbs, {len(crowd.ended)} jobs, refused: {dict(crowd.refused)}")
    assert set(threading.enumerate()) <= before, "a thread is left"
