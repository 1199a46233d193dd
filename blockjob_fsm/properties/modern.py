"""Every claim about the modern lifecycle, and which of them are made of which kind of job.

A claim is made of a model that can reach the claim's witness; a model says which it reaches.
"""

from __future__ import annotations

from blockjob_fsm.properties.modern_answers import ANSWER_WITNESSES, ANSWERS
from blockjob_fsm.properties.modern_effects import EFFECTS
from blockjob_fsm.properties.modern_groups import ATOMIC, ENDING, GROUP_WITNESSES, KIND_WITNESSES
from blockjob_fsm.properties.modern_outcomes import OUTCOMES
from blockjob_fsm.properties.modern_states import LIVENESS, STATES, WITNESSES
from blockjob_fsm.properties.modern_steps import STEP_WITNESSES, STEPS
from blockjob_fsm.properties.words import Property, Sometimes

_CLAIMS: tuple[Property, ...] = (*STATES, *STEPS, *EFFECTS, *OUTCOMES, *ANSWERS, *ATOMIC)
_OF_ALL: tuple[Property, ...] = (*WITNESSES, *STEP_WITNESSES, *ANSWER_WITNESSES)
_OF_SOME: tuple[Property, ...] = (*KIND_WITNESSES, *GROUP_WITNESSES)
MODERN_PROPERTIES: tuple[Property, ...] = (*(*_CLAIMS, *LIVENESS, *ENDING), *(*_OF_ALL, *_OF_SOME))


def claims_with(
    *witnesses: str, but: tuple[str, ...] = (), dutiful: bool = False
) -> tuple[Property, ...]:
    """The claims of a model that reaches these witnesses beside the common ones, but for some.

    `dutiful`: its bodies return once they are cancelled, so they can be expected to end.
    """
    reached = [w for w in (*_OF_ALL, *_OF_SOME) if _is_reached(w, witnesses, but)]
    names = {witness.name for witness in reached}
    claims = (*_CLAIMS, *(ENDING if dutiful else LIVENESS))
    made = (c for c in claims if not isinstance(c, Sometimes) and c.witness in names)
    return (*made, *reached)


def _is_reached(witness: Property, more: tuple[str, ...], but: tuple[str, ...]) -> bool:
    return (witness in _OF_ALL and witness.name not in but) or witness.name in more
