"""Whole jobs on small devices: the model itself, and the shortcuts it takes."""

from dataclasses import replace

import pytest

from blockjob_fsm.bodies.commit import Commit
from blockjob_fsm.bodies.mirror import Mirror
from blockjob_fsm.bodies.requests import Copied, Copy, CopyDirty, DirtyCount, Drain, Mirrored
from blockjob_fsm.bodies.stream import Stream
from blockjob_fsm.check.jobs import JobModel, JobState, Numbered
from blockjob_fsm.check.judge import judge
from blockjob_fsm.check.linear_worlds import Chain
from blockjob_fsm.check.mirror_world import Copying, Pair
from blockjob_fsm.check.report import Verdict
from blockjob_fsm.check.run import mutants
from blockjob_fsm.check.scenarios import FAIR, Scenario, scenarios
from blockjob_fsm.check.space import explore
from blockjob_fsm.check.worlds import run_of, told
from blockjob_fsm.job import Job
from blockjob_fsm.lifecycles.classic import CLASSIC
from blockjob_fsm.lifecycles.classic_words import PIVOT, RESUME, UNDRAIN, Phase
from blockjob_fsm.properties import claimed_for

SHORTCUTS = ("commit-ignore-limited", "stream-stop-limited", "mirror-quiet-stop-enospc")


def scenario(name: str) -> Scenario:
    """A scenario of the check by name."""
    return next(s for s in scenarios() if s.name == name)


def as_it_is(job: Job) -> Job:
    """No shortcut."""
    return job


@pytest.mark.parametrize("name", SHORTCUTS)
def test_blanking_what_is_not_read_changes_no_verdict(name: str) -> None:
    chosen = scenario(name)
    claims = claimed_for(chosen.claims, CLASSIC.profile)
    short = chosen.model(CLASSIC)
    # An offset that is not the end is blanked too, so what reads offsets is left as it is.
    full = replace(short, at_rest=as_it_is)
    verdicts = [
        {row.property: row.verdict for row in judge(name, explore(model), claims, FAIR)}
        for model in (short, full)
    ]
    assert verdicts[0] == verdicts[1]


@pytest.mark.parametrize("name", SHORTCUTS)
def test_blanking_what_is_not_read_hides_no_scene(name: str) -> None:
    short = scenario(name).model(CLASSIC)
    full = replace(short, at_rest=as_it_is)
    assert scenes(short) == scenes(full)


def scenes(model: JobModel) -> set[tuple[object, bool, int, bool]]:
    """What can be seen of the states of a model, but for the exact offset."""
    views = [model.view(state) for state in explore(model).states]
    return {(view.control, view.whole, view.ends, view.pivoted) for view in views}


@pytest.mark.slow
def test_a_third_unit_brings_a_mirror_nothing_new() -> None:
    chosen = scenario("mirror-stop")
    larger = replace(chosen, devices=Pair(units=3, to_copy=0b111))
    space = explore(larger.model(CLASSIC))
    rows = judge(chosen.name, space, claimed_for(chosen.claims, CLASSIC.profile), FAIR)
    wrong = [row.property for row in rows if row.verdict is not Verdict.HOLDS]
    assert (len(space.states), space.depth, wrong) == (150_865, 44, [])


def test_the_same_model_is_explored_the_same_way_twice() -> None:
    first, second = (explore(scenario("stream-stop").model(CLASSIC)) for _ in range(2))
    assert (first.states, first.taken) == (second.states, second.taken)


def faults(model: JobModel) -> list[JobState]:
    """The states in which a promise of our own code was broken."""
    return [state for state in explore(model).states if not model.view(state).legal]


def test_a_step_that_no_row_knows_is_told_in_the_trace() -> None:
    rows = mutants("classic")["rule-submit-1.deleted"].of(CLASSIC)
    model = JobModel(rows, Stream(unit=1), Chain())
    assert "submit() has no row in phase running" in model.describe(faults(model)[0])


def test_a_job_that_never_rests_is_told_as_one() -> None:
    rows = mutants("classic")["rule-test-1.stays"].of(CLASSIC)
    model = JobModel(rows, Stream(unit=1), Chain(), verbs=(RESUME(),))
    assert "test() again and again, without a rest" in model.describe(faults(model)[0])


def test_a_broken_promise_ends_the_exploration_there() -> None:
    rows = mutants("classic")["rule-submit-1.deleted"].of(CLASSIC)
    model = JobModel(rows, Stream(unit=1), Chain())
    assert [list(model.moves(state)) for state in faults(model)] == [[]]


def test_equal_values_have_one_number() -> None:
    numbered: Numbered[str] = Numbered()
    assert [numbered.number(word) for word in ("a", "b", "a")] == [0, 1, 0]


def test_a_job_that_is_over_moves_no_more() -> None:
    model = JobModel(CLASSIC, Commit(unit=1), Chain(guest_writes=False))
    freed = [s for s in explore(model).states if is_freed(model, s)]
    assert freed
    assert all(not list(model.moves(state)) for state in freed)


def is_freed(model: JobModel, state: JobState) -> bool:
    """Whether the job is over."""
    return model.view(state).phase is Phase.FREED


# ---- the devices


@pytest.mark.parametrize(
    ("mask", "start", "limit", "length"), [(0b011, 0, 3, 2), (0b011, 0, 1, 1), (0b011, 2, 1, 1)]
)
def test_a_run_is_as_long_as_its_units_agree(
    mask: int, start: int, limit: int, length: int
) -> None:
    assert run_of(mask, start, limit) == length


def test_units_are_told_by_number() -> None:
    assert (told(0b101, 3), told(0, 3)) == ("0 2", "none")


def test_a_copy_may_stop_or_fail_at_any_unit() -> None:
    outcomes = [outcome for _, outcome, _ in Chain().outcomes(Copy(0, 2, 1))]
    assert outcomes == [
        Copied(0, 5),
        Copied(0, 28),
        Copied(1),
        Copied(1, 5),
        Copied(1, 28),
        Copied(2),
    ]


def test_a_guest_that_writes_needs_no_copy_there() -> None:
    (_, _, _, written), *_ = Chain().happenings()
    assert written.copied == 0b001


def test_a_chain_changed_too_early_is_seen_by_the_guest() -> None:
    assert not replace(Chain(), copied=0b001, changed=True).facts().guest_sees_right


def copying(**changes: object) -> Pair:
    """A pair with a copy of both units under way, marks cleared and data read."""
    pair = Pair(dirty=0, copying=Copying.READ, run=0b11, good=0b11)
    return replace(pair, **changes)  # type: ignore[arg-type]


def test_a_unit_written_while_it_is_copied_is_not_equal_after_the_copy() -> None:
    begun = next(p for _, kind, _, p in copying().happenings() if kind == "guest_write")
    (_, _, after), *_ = begun.outcomes(CopyDirty(0, 2))
    assert after.equal == 0b10


def test_a_write_marks_its_unit_when_it_ends() -> None:
    (_, _, _, ended), *_ = replace(Pair(), writing=1).happenings()
    assert (ended.dirty, ended.writing) == (0b10, None)


def test_a_failed_copy_leaves_its_units_dirty() -> None:
    failed = [
        (outcome.copied, pair.dirty)
        for _, outcome, pair in copying().outcomes(CopyDirty(0, 2))
        if isinstance(outcome, Mirrored) and outcome.errno
    ]
    assert set(failed) == {(0, 0b11), (1, 0b10)}


def test_a_drain_waits_for_the_write_in_flight() -> None:
    assert list(replace(Pair(), writing=0).outcomes(Drain())) == []


@pytest.mark.parametrize(("dirty", "held_out"), [(0b00, True), (0b01, False)])
def test_a_drain_keeps_the_guest_out_only_if_nothing_is_dirty(dirty: int, held_out: bool) -> None:
    ((_, outcome, pair),) = replace(Pair(), dirty=dirty).outcomes(Drain())
    assert (outcome, pair.held_out) == (DirtyCount(dirty.bit_count()), held_out)


def test_a_guest_that_is_kept_out_does_not_write() -> None:
    assert list(replace(Pair(), held_out=True).happenings()) == []


def test_undraining_lets_the_guest_in() -> None:
    assert not replace(Pair(), held_out=True).signalled(UNDRAIN).held_out


def test_a_pivot_to_a_target_that_lacks_something_is_seen_by_the_guest() -> None:
    assert not replace(Pair(), equal=0b01).signalled(PIVOT).facts().guest_sees_right


def test_a_mirror_is_told_apart_from_other_bodies_by_its_hook() -> None:
    model = JobModel(CLASSIC, Mirror(chunk=1), Pair())
    (start,) = model.initial()
    assert model.view(start).control.completable
