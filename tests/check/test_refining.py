"""Modern jobs refine those of QEMU 1.3: what the check finds, and what it would find."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest

from blockjob_fsm.check.modern_group import State
from blockjob_fsm.check.modern_run import check_modern
from blockjob_fsm.check.modern_scenarios import modern_scenarios
from blockjob_fsm.check.refining import NEEDED_IN, REFINES, Judged, judge_refinement, refining_rows
from blockjob_fsm.check.report import Verdict
from blockjob_fsm.check.space import Space, explore, replay
from blockjob_fsm.declaration import EventKind, Lifecycle, Output, Rule
from blockjob_fsm.guards import ALWAYS, Variable
from blockjob_fsm.lifecycles import modern_words as words
from blockjob_fsm.lifecycles.differences import DIFFERENCES, Difference
from blockjob_fsm.lifecycles.modern import modern
from blockjob_fsm.lifecycles.modern_words import RELEASES, ModernControl
from blockjob_fsm.lifecycles.refinement import Refinement

Rows = Lifecycle[ModernControl]
QUICK = ("plain", "pair-auto-newest", "pair-mixed-oldest")
MOST = 4_000


def model_of(difference: Difference) -> str:
    """The model that must need a difference."""
    return NEEDED_IN[difference.name]


@cache
def space_of(model: str, release: str = "10.1") -> Space[State]:
    """What a model of a release reaches."""
    return space_under(modern(release), model)


def space_under(rows: Rows, model: str, most: int = 100_000) -> Space[State]:
    """What a model reaches under these rows."""
    scenario = next(one for one in modern_scenarios() if one.name == model)
    return explore(scenario.model(rows), most)


def first_fault(rows: Rows, model: str) -> Judged:
    """The nearest step that nothing explains, under rows that are not the release's own."""
    return judge_refinement(space_under(rows, model, MOST), Refinement(rows), stops=True)


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("model", QUICK)
def test_every_step_of_a_small_model_is_explained(release: str, model: str) -> None:
    judged = judge_refinement(space_of(model, release), Refinement(modern(release)))
    assert (judged.trace, judged.steps > 0) == (None, True)


@pytest.mark.slow
@pytest.mark.parametrize(("release", "model"), [("2.12", "mirror"), ("2.12", "pair-mirror")])
def test_every_step_of_a_larger_model_is_explained(release: str, model: str) -> None:
    rows = refining_rows(model, space_of(model, release), Refinement(modern(release)))
    assert [row.property for row in rows if row.verdict is not Verdict.HOLDS] == []


@pytest.mark.parametrize("difference", DIFFERENCES, ids=lambda one: one.name)
def test_without_any_one_difference_a_step_is_left_unexplained(difference: Difference) -> None:
    others = tuple(one for one in DIFFERENCES if one is not difference)
    refinement = Refinement(modern("10.1"), others)
    space = space_of(model_of(difference))
    trace = judge_refinement(space, refinement, stops=True).trace
    assert trace is not None
    *_, (move, _) = replay(space.model, _start(space, trace.start), trace.labels)
    assert move.kind.removeprefix("other-") in map(str, difference.events)


def _start(space: Space[State], told: str) -> State:
    return next(one for one in space.model.initial() if space.model.describe(one) == told)


def test_a_difference_that_nothing_needs_is_violated() -> None:
    others = tuple(one for one in DIFFERENCES if one.name != "never-told")
    idle = replace(DIFFERENCES[0], name="never-told", when=~ALWAYS)
    refinement = Refinement(modern("10.1"), (*others, idle))
    (_, *needed) = refining_rows("plain", space_of("plain"), refinement)
    assert {row.property: row.verdict for row in needed}["differs-never-told"] is Verdict.VIOLATED


def test_a_cut_off_exploration_decides_nothing() -> None:
    rows = refining_rows(
        "plain", space_under(modern("10.1"), "plain", 3), Refinement(modern("10.1"))
    )
    assert {row.verdict for row in rows} == {Verdict.UNDECIDED}


def without_sets(kind: EventKind, *variables: Variable) -> Callable[[Rows], Rows]:
    """Rows that forget some assignments at an event."""

    def forgetful(rule: Rule) -> Rule:
        return replace(rule, sets=tuple(one for one in rule.sets if one.variable not in variables))

    return lambda rows: _changed(rows, kind, forgetful)


def without_does(kind: EventKind, output: Output) -> Callable[[Rows], Rows]:
    """Rows that forget one output at an event."""
    return lambda rows: _changed(
        rows, kind, lambda rule: replace(rule, does=tuple(o for o in rule.does if o is not output))
    )


def without_refusals(kind: EventKind) -> Callable[[Rows], Rows]:
    """Rows that refuse nothing at an event."""
    return lambda rows: replace(
        rows, refusals=tuple(one for one in rows.refusals if kind not in one.events)
    )


def _changed(rows: Rows, kind: EventKind, change: Callable[[Rule], Rule]) -> Rows:
    rules = tuple(change(rule) if kind in rule.events else rule for rule in rows.rules)
    return replace(rows, rules=rules)


@pytest.mark.parametrize(
    ("mutant", "model", "kind"),
    [
        (without_sets(words.RESUME, words.IO_STATUS), "job", words.RESUME),
        (without_sets(words.RESUME, words.PAUSE_COUNT), "plain", words.RESUME),
        (without_sets(words.CANCEL, words.CANCELLED, words.FORCE_CANCELLED), "plain", words.CANCEL),
        (without_sets(words.CANCEL, words.IO_STATUS), "job", words.CANCEL),
        (without_sets(words.PAUSE, words.PAUSE_COUNT), "plain", words.PAUSE),
        (without_sets(words.SET_SPEED, words.SPEED), "job", words.SET_SPEED),
        (without_sets(words.COMPLETE, words.SHOULD_COMPLETE), "mirror", words.COMPLETE),
        (without_sets(words.SLEEP, words.BUSY), "plain", words.SLEEP),
        (without_sets(words.TIMER, words.BUSY), "plain", words.TIMER),
        (without_does(words.CONCLUDE, words.EMIT_COMPLETED), "job", words.CONCLUDE),
        (without_does(words.IN_STEP, words.EMIT_READY), "mirror", words.IN_STEP),
        (without_does(words.ERROR, words.EMIT_ERROR), "job", words.ERROR),
        (without_refusals(words.SET_SPEED), "job", words.SET_SPEED),
        (without_refusals(words.COMPLETE), "mirror", words.COMPLETE),
    ],
)
def test_a_mistake_in_the_rows_is_found_where_it_is(
    mutant: Callable[[Rows], Rows], model: str, kind: EventKind
) -> None:
    trace = first_fault(mutant(modern("10.1")), model).trace
    assert trace is not None
    assert trace.labels[-1].startswith(f"{kind}(")


def test_the_report_of_a_release_says_that_it_refines_1_3() -> None:
    rows = {row.property: row for row in check_modern("modern-7.2", None, "plain", MOST)}
    assert (rows[REFINES].verdict, rows["differs-never-told"].verdict) == (
        Verdict.HOLDS,
        Verdict.HOLDS,
    )


def test_every_difference_is_needed_by_a_model_that_there_is() -> None:
    assert set(NEEDED_IN.values()) <= {one.name for one in modern_scenarios()}
