"""Random requests to real threads: whatever the order, what must hold of a job holds."""

import errno
import random
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from blockjob_fsm.block_job import BlockJob
from blockjob_fsm.error_action import OnError
from blockjob_fsm.errors import QmpError
from blockjob_fsm.executor import Executor
from blockjob_fsm.jobs import commit, mirror, stream
from blockjob_fsm.storage import Drive, Fault, FaultyDevice, MemoryDevice
from tests.live.crowd import check, work_by_hand
from tests.live.world import BY_HAND, MIB, STOPS, Notes, chain_of, in_thread

PATIENCE_S = 20.0
LENGTH = 2 * MIB + 99
VERBS: dict[str, Callable[[BlockJob], object]] = {
    "pause": BlockJob.pause,
    "resume": BlockJob.resume,
    "cancel": BlockJob.cancel,
    "user_cancel": BlockJob.user_cancel,
    "complete": BlockJob.complete,
    "iostatus_reset": BlockJob.iostatus_reset,
    "slow": lambda job: job.set_speed(1 << 20),
    "fast": lambda job: job.set_speed(0),
    "wrong": lambda job: job.set_speed(-1),
    "query": BlockJob.query,
}


class AnyOrder(RuleBasedStateMachine):
    """One job on real threads, and a user who asks for anything."""

    @initialize(
        kind=st.sampled_from(["stream", "commit", "mirror", "by hand"]),
        policy=st.sampled_from(list(OnError)),
        error=st.sampled_from([errno.EIO, errno.ENOSPC]),
        nth=st.integers(1, 20),
        speed=st.sampled_from([0, 1 << 20, 1 << 26]),
        workers=st.integers(1, 4),
    )
    def create(
        self, kind: str, policy: OnError, error: int, nth: int, speed: int, workers: int
    ) -> None:
        self.notes, self.executor = Notes(), Executor(workers=workers)
        base, middle, top = chain_of(LENGTH, layers=3)
        middle.backing = FaultyDevice(base, Fault("read", error, nth=nth))
        self.drive = Drive("d", top, policy=STOPS)
        options = self.notes.options(self.drive, speed)
        if kind == "stream":
            self.job = stream(self.drive, executor=self.executor, on_error=policy, **options)
        elif kind == "commit":
            self.job = commit(self.drive, top=middle, executor=self.executor, **options)
        elif kind == "mirror":
            target = FaultyDevice(MemoryDevice(LENGTH), Fault("write", error, nth=nth))
            self.job = mirror(
                self.drive, target, executor=self.executor, on_target_error=policy, **options
            )
        else:
            self.job = BlockJob.create(BY_HAND, self.drive, executor=self.executor, **options)
            self.job.start()
            in_thread(lambda: work_by_hand(self.job, random.Random(nth)))

    @rule(name=st.sampled_from(sorted(VERBS)))
    def ask(self, name: str) -> None:
        with suppress(QmpError):
            VERBS[name](self.job)
        check(self.job.control)

    @rule(offset=st.integers(0, LENGTH - 1))
    def write(self, offset: int) -> None:
        if self.drive.medium is not None:
            self.drive.guest_write(offset, b"x")

    @rule(ms=st.integers(0, 3))
    def wait_a_little(self, ms: int) -> None:
        if self.job.wait(ms / 1000):
            assert not self.drive.in_use

    def teardown(self) -> None:
        if not hasattr(self, "job"):
            return
        result = self.job.cancel_sync()
        ret, cancelled = self.job.control.ret, self.job.control.cancelled
        assert result == (-errno.ECANCELED if cancelled and not ret else ret)
        self.executor.close()
        assert (self.notes.results, self.notes.taken) == ([ret], [True])
        ends = [n for n in self.notes.names if n.endswith(("COMPLETED", "CANCELLED"))]
        assert ends == self.notes.names[-1:]
        assert (self.drive.in_use, self.drive.job) == (False, None)


TestAnyOrder = pytest.mark.slow(pytest.mark.stress(AnyOrder.TestCase))
TestAnyOrder.settings = settings(
    max_examples=60, stateful_step_count=25, suppress_health_check=list(HealthCheck)
)
