"""The vocabulary of the rows, and the one function that takes a step."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum

import pytest

from blockjob_fsm.declaration import (
    Actor,
    Event,
    EventKind,
    Lifecycle,
    Output,
    Refusal,
    Refused,
    Rule,
    Stepped,
    apply,
    of_profile,
    step,
)
from blockjob_fsm.errors import DeviceInUse, DeviceNotActive, InvalidParameter, JobPaused
from blockjob_fsm.guards import (
    ALWAYS,
    All,
    Any,
    Argument,
    Assignment,
    Choice,
    Choose,
    Constant,
    Control,
    Equal,
    Flag,
    Guard,
    Less,
    Not,
    Number,
    word,
)
from blockjob_fsm.lifecycles.classic import CLASSIC
from blockjob_fsm.lifecycles.classic_words import (
    BACKING_OPENED,
    CREATE,
    SET_SPEED,
    USER_CANCEL,
    ClassicControl,
    Phase,
)


class Tap(Enum):
    SHUT = "shut"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Sink(Control):
    phase: Tap = Tap.SHUT
    plugged: bool = False
    hot: bool = False
    level: int = 0


PHASE, PLUGGED, HOT, LEVEL = Choice("phase", Tap), Flag("plugged"), Flag("hot"), Number("level")
AMOUNT = Argument("amount", int)
FILL = EventKind("fill", Actor.USER, (AMOUNT,))
SWAP = EventKind("swap", Actor.WORLD)
FLOW = Output("flow", "let water in")
FILLS = Rule(
    (FILL,),
    (Tap.SHUT,),
    Tap.OPEN,
    "water flows",
    when=PLUGGED,
    sets=(LEVEL.set(AMOUNT),),
    does=(FLOW,),
)
SWAPS = Rule(
    (SWAP,), (Tap.SHUT,), None, "both at once", sets=(PLUGGED.become(HOT), HOT.become(PLUGGED))
)
NOT_HOT = Refusal((FILL,), (Tap.SHUT,), JobPaused, "first", when=HOT)
NOT_NEGATIVE = Refusal(
    (FILL,), (Tap.SHUT,), InvalidParameter, "second", when=AMOUNT.less_than(0), subject="amount"
)
SINK = Lifecycle(
    name="sink",
    profile="kitchen",
    initial=Sink(),
    phases=Tap,
    variables=(PHASE, PLUGGED, HOT, LEVEL),
    events=(FILL, SWAP),
    rules=(FILLS, SWAPS),
    refusals=(NOT_HOT, NOT_NEGATIVE),
)

GUARDS: list[tuple[Guard, str, str]] = [
    (HOT, "hot", "not hot"),
    (PLUGGED & HOT, "plugged and hot", "not (plugged and hot)"),
    (PLUGGED | HOT, "plugged or hot", "not (plugged or hot)"),
    (PLUGGED & (HOT | ~PLUGGED), "plugged and (hot or not plugged)", ""),
    (PLUGGED | (HOT & ~PLUGGED), "plugged or (hot and not plugged)", ""),
    (PHASE.equals(Tap.OPEN), "phase == open", "phase != open"),
    (HOT.equals(True), "hot", "not hot"),
    (LEVEL.equals(1), "level == 1", "level != 1"),
    (LEVEL.less_than(3), "level < 3", "level >= 3"),
    (AMOUNT.less_than(0), "amount < 0", "amount >= 0"),
    (LEVEL.equals(AMOUNT), "level == amount", "level != amount"),
    (ALWAYS, "", "not ()"),
]


#: guard, whether it holds in a hot open tap of level 2 at amount 3, and in the initial state at 0
TRUTHS: list[tuple[Guard, bool, bool]] = [
    (HOT, True, False),
    (PLUGGED & HOT, False, False),
    (PLUGGED | HOT, True, False),
    (~PLUGGED, True, True),
    (PHASE.equals(Tap.OPEN), True, False),
    (LEVEL.less_than(2), False, True),
    (LEVEL.less_than(3), True, True),
    (AMOUNT.less_than(3), False, True),
    (LEVEL.equals(AMOUNT), False, True),
    (LEVEL.equals(2), True, False),
]
VALUES = [Constant, Flag, Choice, Number, Argument, Choose, All, Any, Not, Equal, Less, Assignment]
DECLARED = [EventKind, Event, Output, Rule, Refusal, Stepped, Refused]


def every_sink() -> Iterator[Sink]:
    for phase in Tap:
        for flags in range(4):
            yield Sink(phase, bool(flags & 1), bool(flags & 2), 2 + flags)


@pytest.mark.parametrize(("guard", "text", "_negated"), GUARDS)
def test_a_guard_reads_as_a_sentence(guard: Guard, text: str, _negated: str) -> None:
    assert str(guard) == text


@pytest.mark.parametrize(("guard", "hot", "initial"), TRUTHS, ids=str)
def test_a_guard_holds_where_it_says(guard: Guard, hot: bool, initial: bool) -> None:
    assert guard.holds(Sink(Tap.OPEN, hot=True, level=2), (3,)) is hot
    assert guard.holds(Sink(), (0,)) is initial


def test_only_numbers_are_ordered() -> None:
    with pytest.raises(AssertionError, match="only numbers"):
        Less(PHASE, Constant(1)).holds(Sink(), ())


@pytest.mark.parametrize("kind", VALUES + DECLARED, ids=lambda kind: str(kind.__name__))
def test_what_rows_are_made_of_cannot_change(kind: type) -> None:
    assert vars(kind)["__dataclass_params__"].frozen
    assert "__slots__" in vars(kind)


def test_a_lifecycle_is_itself_and_no_copy() -> None:
    assert replace(SINK) != SINK
    assert {SINK: 1}[SINK] == 1


@pytest.mark.parametrize(("guard", "negated"), [(g, n) for g, _, n in GUARDS if n])
def test_a_negated_guard_reads_as_a_sentence(guard: Guard, negated: str) -> None:
    assert str(~guard) == negated


@pytest.mark.parametrize("guard", [row[0] for row in GUARDS])
def test_a_guard_and_its_negation_never_agree(guard: Guard) -> None:
    pairs = {(guard.holds(sink, (3,)), (~guard).holds(sink, (3,))) for sink in every_sink()}
    assert pairs <= {(True, False), (False, True)}


@pytest.mark.parametrize("guard", [row[0] for row in GUARDS])
def test_a_guard_negated_twice_is_the_guard(guard: Guard) -> None:
    assert ~~guard == guard


def test_guards_of_one_kind_stay_flat() -> None:
    assert All((PLUGGED, HOT)) == PLUGGED & HOT & ALWAYS
    assert Any((PLUGGED, HOT, PLUGGED)) == PLUGGED | HOT | PLUGGED


def test_a_guard_without_parts_always_holds() -> None:
    assert ALWAYS.holds(Sink(), ())


def test_a_choice_of_nothing_never_holds() -> None:
    assert not Any(()).holds(Sink(), ())


@pytest.mark.parametrize(("hot", "value"), [(True, 7), (False, 2)])
def test_a_chosen_term_follows_its_guard(hot: bool, value: int) -> None:
    assert Choose(HOT, Constant(7), LEVEL).value(Sink(hot=hot, level=2), ()) == value


def test_terms_and_assignments_read_as_sentences() -> None:
    assert str(LEVEL.set(Choose(HOT, Constant(7), LEVEL))) == "level := 7 if hot else level"
    assert str(HOT.on) == "hot := true"
    assert str(HOT.off) == "hot := false"


@pytest.mark.parametrize(("value", "text"), [(Tap.OPEN, "open"), (True, "true"), (-1, "-1")])
def test_values_are_spelt_as_in_the_rows(value: object, text: str) -> None:
    assert word(value) == text


def test_an_event_shows_its_values() -> None:
    assert str(FILL(3)) == "fill(3)"
    assert str(Event(FILL, (3, Tap.OPEN))) == "fill(3, open)"


def test_a_row_shows_events_phases_guard_and_outcome() -> None:
    assert str(FILLS) == "fill in shut when plugged -> open"
    assert str(SWAPS) == "swap in shut -> same"
    assert str(NOT_HOT) == "fill in shut when hot refused: JobPaused"
    assert str(Rule((FILL, SWAP), tuple(Tap), None, "x")) == "fill/swap in shut/open -> same"


def test_who_causes_an_event_has_a_name() -> None:
    assert [actor.value for actor in Actor] == ["user", "job", "world"]


def test_a_step_gives_the_new_state_the_outputs_and_the_row() -> None:
    taken = step(SINK, Sink(plugged=True), FILL(5))
    assert taken == Stepped(Sink(Tap.OPEN, plugged=True, level=5), (FLOW,), FILLS)


def test_a_step_leaves_the_old_state_alone() -> None:
    before = Sink(plugged=True)
    step(SINK, before, FILL(5))
    assert before == Sink(plugged=True)


@pytest.mark.parametrize("hot", [True, False])
def test_all_assignments_read_the_state_before_the_step(hot: bool) -> None:
    assert apply(SWAPS, Sink(plugged=not hot, hot=hot), ()) == Sink(plugged=hot, hot=not hot)


@pytest.mark.parametrize(
    ("state", "event", "refusal"),
    [
        (Sink(plugged=True, hot=True), FILL(-1), NOT_HOT),
        (Sink(plugged=True), FILL(-1), NOT_NEGATIVE),
        (Sink(), FILL(1), None),
        (Sink(Tap.OPEN, plugged=True), FILL(1), None),
    ],
)
def test_refusals_are_tried_in_their_order_before_any_rule(
    state: Sink, event: Event, refusal: Refusal | None
) -> None:
    assert step(SINK, state, event) == Refused(state, event, refusal)


def test_a_refused_step_hands_back_the_very_same_state() -> None:
    state = Sink(hot=True)
    assert step(SINK, state, FILL(1)).state is state


def test_a_refusal_says_which_guard_was_missing() -> None:
    refused = step(SINK, Sink(hot=True), FILL(1))
    assert isinstance(refused, Refused)
    assert refused.reason == "fill(1) in phase shut: needs not hot"


def test_a_refusal_names_the_device_unless_it_has_a_subject() -> None:
    paused, negative = (step(SINK, Sink(hot=hot), FILL(-1)) for hot in (True, False))
    assert isinstance(paused, Refused)
    assert isinstance(negative, Refused)
    assert "'sda'" in paused.error("sda").desc
    assert negative.error("sda").desc == "Invalid parameter 'amount'"


def test_a_step_no_row_knows_says_so_and_is_nobodys_refusal() -> None:
    unknown = step(SINK, Sink(Tap.OPEN), SWAP())
    assert isinstance(unknown, Refused)
    assert unknown.reason.startswith("swap() has no row in phase open of Sink(")
    with pytest.raises(AssertionError, match="has no row"):
        unknown.error("sda")


@pytest.mark.parametrize(("profile", "kept"), [("safe", 2), ("1.3", 1)])
def test_a_row_of_one_profile_is_in_no_other(profile: str, kept: int) -> None:
    rows = (FILLS, Rule((SWAP,), (Tap.SHUT,), None, "new", only=("safe",)))
    assert len(of_profile(rows, profile)) == kept


@pytest.mark.parametrize(
    ("state", "event", "error"),
    [
        (ClassicControl(settable=False), SET_SPEED(-1), DeviceNotActive),
        (ClassicControl(Phase.FREED), SET_SPEED(-1), DeviceNotActive),
        (ClassicControl(in_use=True, settable=False), CREATE(-1), DeviceInUse),
        (ClassicControl(Phase.RUNNING, in_use=True), CREATE(-1), DeviceInUse),
        (ClassicControl(Phase.PARKED, in_use=True, paused=True), USER_CANCEL(), JobPaused),
    ],
)
def test_the_2012_checks_come_in_their_order(
    state: ClassicControl, event: Event, error: type[Exception]
) -> None:
    refused = step(CLASSIC, state, event)
    assert isinstance(refused, Refused)
    assert refused.refusal is not None
    assert refused.refusal.error is error


def test_the_safe_profile_does_not_know_that_files_are_opened() -> None:
    assert BACKING_OPENED not in CLASSIC.events
