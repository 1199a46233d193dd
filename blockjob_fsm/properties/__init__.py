"""What must be true of a lifecycle: the polarities, and the claims about the 2012 one.

Only names are passed on here; `words` owns the polarities, `classic` the claims.
"""

from blockjob_fsm.properties.classic import CLASSIC_PROPERTIES
from blockjob_fsm.properties.words import (
    Accepts,
    Always,
    AlwaysStep,
    Answered,
    LeadsTo,
    Moved,
    Never,
    Old,
    Property,
    Refuses,
    Sometimes,
    claimed_for,
    implies,
    moved,
    unchanged,
)

__all__ = [
    "Accepts",
    "Always",
    "AlwaysStep",
    "Answered",
    "CLASSIC_PROPERTIES",
    "LeadsTo",
    "Moved",
    "Never",
    "Old",
    "Property",
    "Refuses",
    "Sometimes",
    "claimed_for",
    "implies",
    "moved",
    "unchanged",
]
