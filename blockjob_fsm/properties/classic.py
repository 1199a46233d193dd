"""Every claim about the control of the 2012 block job, in the order reports show them."""

from __future__ import annotations

from blockjob_fsm.properties.classic_answers import ANSWERS
from blockjob_fsm.properties.classic_outcomes import OUTCOMES
from blockjob_fsm.properties.classic_states import LIVENESS, STATES, WITNESSES
from blockjob_fsm.properties.classic_steps import STEPS
from blockjob_fsm.properties.words import Property

CLASSIC_PROPERTIES: tuple[Property, ...] = (
    *(*STATES, *STEPS, *OUTCOMES, *ANSWERS),
    *(*LIVENESS, *WITNESSES),
)
