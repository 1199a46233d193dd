"""Live jobs beside the pure job: after every request both are in the same state."""

import errno
from functools import partial

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from blockjob_fsm.error_action import OnError
from blockjob_fsm.lifecycles import classic_words as words
from blockjob_fsm.lifecycles.classic_words import Phase
from blockjob_fsm.storage import Fault
from tests.live.twin import CHUNK, LENGTH, PROFILES, Live, Plan, Pure, answer
from tests.live.world import SLICE_NS

POLICIES = st.sampled_from(list(OnError))
ERRNOS = st.sampled_from([errno.EIO, errno.ENOSPC])
SPEEDS = st.sampled_from([0, 1, 10 * CHUNK, 1 << 30])
#: Failures of the n-th request, or of every one at some place.
SOURCE_FAULTS = st.builds(
    Fault, st.sampled_from(["read", "write", "allocation", "resize"]), ERRNOS, nth=st.integers(1, 9)
) | st.builds(Fault, st.just("read"), ERRNOS, offset=st.integers(0, LENGTH - 1))
TARGET_FAULTS = st.builds(
    Fault, st.sampled_from(["write", "flush", "allocation"]), ERRNOS, nth=st.integers(1, 9)
)
PLANS = st.builds(
    Plan,
    kind=st.sampled_from(["stream", "commit", "mirror", "mirror"]),
    profile=st.sampled_from(sorted(PROFILES)),
    on_error=POLICIES,
    on_target_error=POLICIES,
    speed=SPEEDS,
    batched=st.booleans(),
    faults=st.lists(SOURCE_FAULTS, max_size=2).map(tuple),
    target_faults=st.lists(TARGET_FAULTS, max_size=2).map(tuple),
)
VERBS = {
    "pause": words.PAUSE(),
    "resume": words.RESUME(),
    "cancel": words.CANCEL(),
    "user_cancel": words.USER_CANCEL(),
    "iostatus_reset": words.IOSTATUS_RESET(),
}


class BesideStep(RuleBasedStateMachine):
    """One job twice; a user, a guest, a disk and a clock treat both alike."""

    live: Live
    pure: Pure

    @initialize(plan=PLANS)
    def create(self, plan: Plan) -> None:
        self.live, self.pure = Live(plan), Pure(plan)

    @rule(name=st.sampled_from(sorted(VERBS)))
    def ask(self, name: str) -> None:
        said = answer(getattr(self.live.job, name))
        assert said == answer(lambda: self.pure.give(VERBS[name]))

    @rule()
    def complete(self) -> None:
        assert answer(self.live.job.complete) == answer(self.pure.complete)

    @rule(speed=st.sampled_from([-1, 0, 1, 10 * CHUNK, 1 << 63]))
    def set_speed(self, speed: int) -> None:
        said = answer(lambda: self.live.job.set_speed(speed))
        assert said == answer(lambda: self.pure.give(words.SET_SPEED(speed)))

    @rule()
    def acknowledge(self) -> None:
        for side in (self.live, self.pure):
            side.devices.drive.iostatus_reset()

    @rule(offset=st.integers(0, LENGTH - 9), fill=st.integers(1, 255))
    def write(self, offset: int, fill: int) -> None:
        sides = [side.devices.drive for side in (self.live, self.pure)]
        said = [answer(partial(d.guest_write, offset, bytes([fill]) * 9)) for d in sides]
        assert said[0] == said[1]

    @rule(tasks=st.sampled_from([1, 1, 2, 3, 50]))
    def run(self, tasks: int) -> None:
        ran = [side.bench.executor.run_pending(tasks) for side in (self.live, self.pure)]
        assert ran[0] == ran[1]

    @rule(ns=st.sampled_from([1, SLICE_NS // 2, SLICE_NS + 1]))
    def pass_time(self, ns: int) -> None:
        for side in (self.live, self.pure):
            side.bench.clock.advance(ns)

    @invariant()
    def both_are_alike(self) -> None:
        if hasattr(self, "live"):
            assert self.live.value() == self.pure.value()
            assert self.live.events == self.pure.events
            assert self.live.results == self.pure.results
            assert self.live.devices.picture() == self.pure.devices.picture()

    def teardown(self) -> None:
        if not hasattr(self, "live"):
            return
        if self.pure.job.control.phase is not Phase.FREED:
            self.ask("cancel")
        self.run(500)
        self.both_are_alike()
        assert self.live.job.phase is Phase.FREED
        assert len(self.live.results) == 1


TestBesideStep = pytest.mark.slow(BesideStep.TestCase)
TestBesideStep.settings = settings(
    max_examples=150, stateful_step_count=30, suppress_health_check=[HealthCheck.too_slow]
)
