"""Faults to plant in the 2012 table, and what a check must say of each."""

from collections.abc import Callable
from dataclasses import replace

from blockjob_fsm.declaration import Lifecycle, Refusal, Rule
from blockjob_fsm.errors import CannotComplete
from blockjob_fsm.guards import Any
from blockjob_fsm.lifecycles.classic_words import (
    BUSY,
    CANCELLED,
    NEW_SPEED,
    PAUSE,
    PAUSED,
    PHASE,
    SET_SPEED,
    SLEEP,
    SPEED,
    TEST,
    ClassicControl,
    Phase,
)

Classic = Lifecycle[ClassicControl]
Spoil = Callable[[Classic], Classic]


def with_rule(rule: Rule) -> Spoil:
    return lambda lifecycle: replace(lifecycle, rules=(*lifecycle.rules, rule))


def with_refusal(refusal: Refusal) -> Spoil:
    return lambda lifecycle: replace(lifecycle, refusals=(*lifecycle.refusals, refusal))


def without(gone: Callable[[Rule], bool]) -> Spoil:
    return lambda lifecycle: replace(
        lifecycle, rules=tuple(rule for rule in lifecycle.rules if not gone(rule))
    )


def second_park(lifecycle: Classic) -> Classic:
    return with_rule(
        Rule((SLEEP,), (Phase.RUNNING,), Phase.PARKED, "again", when=PAUSED & ~CANCELLED)
    )(lifecycle)


def near_speed(lifecycle: Classic) -> Classic:
    rule = Rule((SET_SPEED,), (Phase.RUNNING,), None, "edge", when=NEW_SPEED.equals(10**9))
    return with_rule(rule)(lifecycle)


def above(lifecycle: Classic) -> Classic:
    high = ~NEW_SPEED.less_than(10**9) & ~NEW_SPEED.equals(10**9)
    return with_rule(Rule((SET_SPEED,), (Phase.RUNNING,), None, "x", when=high))(lifecycle)


def below(lifecycle: Classic) -> Classic:
    low = SPEED.less_than(-(10**9))
    return with_rule(Rule((PAUSE,), (Phase.RUNNING,), None, "x", when=low))(lifecycle)


def sleeps_from_sleep(lifecycle: Classic) -> Classic:
    loop = Rule((TEST,), (Phase.ASLEEP,), Phase.ASLEEP, "x")
    return with_rule(loop)(without(lambda rule: rule.to is Phase.ASLEEP)(lifecycle))


FAULTS: list[tuple[Spoil, str]] = [
    (second_park, "and [sleep in running when paused and not cancelled -> parked]"),
    (near_speed, "and [set_speed in running when new_speed == 1000000000 -> same]"),
    (above, "and [set_speed in running when new_speed >= 1000000000 and new_speed != 1000000000"),
    (below, "two rules can fire at once: [pause in created/running/"),
    (
        with_rule(Rule((TEST,), (Phase.PARKED,), None, "x", when=PHASE.equals(Phase.ASLEEP))),
        "could fire: test in parked when phase == asleep -> same",
    ),
    (sleeps_from_sleep, "no rule leads to phase asleep"),
    (
        with_rule(Rule((TEST,), (Phase.PARKED,), None, "x", when=BUSY & ~BUSY)),
        "could fire: test in parked when busy and not busy -> same",
    ),
    (
        with_rule(Rule((TEST,), (Phase.PARKED,), None, "x", when=Any(()))),
        "dead row, its guard never holds where it could fire: test in parked",
    ),
    (
        with_refusal(Refusal((PAUSE,), (Phase.ABSENT,), CannotComplete, "shadowed")),
        "dead row, its guard never holds where it could fire: pause in absent refused: Cannot",
    ),
    (without(lambda rule: rule.to is Phase.ASLEEP), "no rule leads to phase asleep"),
    (without(lambda rule: PAUSE in rule.events), "pause in phase running is neither answered"),
    (
        with_rule(Rule((TEST,), (Phase.PARKED,), None, " ")),
        "row without a reason: test in parked -> same",
    ),
    (
        lambda lifecycle: replace(lifecycle, variables=(*lifecycle.variables, SPEED)),
        "variable speed is declared 2 times",
    ),
    (
        lambda lifecycle: replace(lifecycle, events=(*lifecycle.events, TEST)),
        "event test is declared 2 times",
    ),
]
