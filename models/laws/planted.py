"""A bug on purpose: sleep does not test cancelled, so a cancelled job waits and is lost.

The law of sleep, read over this variant of the rows, must be refuted with the state that shows it.
"""

from __future__ import annotations

from blockjob_fsm.declaration import Rule
from blockjob_fsm.lifecycles.classic import RULES, classic
from blockjob_fsm.lifecycles.classic_words import (
    ARM_TIMER,
    BUSY,
    PAUSED,
    SAFE,
    SLEEP,
    ClassicControl,
    Phase,
)
from models.laws.claims import consistent, sleeps_by_the_rule

_FORGETFUL = (
    Rule((SLEEP,), (Phase.RUNNING,), Phase.PARKED, "planted", when=PAUSED, sets=(BUSY.off,)),
    Rule(
        (SLEEP,),
        (Phase.RUNNING,),
        Phase.ASLEEP,
        "planted",
        when=~PAUSED,
        sets=(BUSY.off,),
        does=(ARM_TIMER,),
    ),
)
LOST_CANCEL = classic(SAFE, (*(rule for rule in RULES if SLEEP not in rule.events), *_FORGETFUL))


def sleep(before: ClassicControl) -> None:
    """The law of sleep, over rows that break it."""
    assert consistent(before)
    sleeps_by_the_rule(before, LOST_CANCEL)
