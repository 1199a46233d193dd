"""Our jobs beside the real QEMU: one session, played to both."""

from __future__ import annotations

from functools import partial

from blockjob_fsm.conformance.ours import Ours
from blockjob_fsm.conformance.theirs import Theirs
from blockjob_fsm.conformance.walks import Outcome, Session, compare

#: how much longer QEMU must be quiet before a difference is believed
PATIENCE = 8


def beside_qemu(session: Session) -> Outcome:
    """Play a session to QEMU and to ours; a difference is looked at again with more patience."""
    outcome = compare(session, Theirs, Ours)
    if outcome.difference is None:
        return outcome
    return compare(session, partial(Theirs, PATIENCE), Ours)
