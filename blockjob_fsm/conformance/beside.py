"""Our jobs beside the real QEMU: one session, played to both."""

from __future__ import annotations

from blockjob_fsm.conformance.ours import Ours
from blockjob_fsm.conformance.session import Session
from blockjob_fsm.conformance.theirs import Theirs
from blockjob_fsm.conformance.walks import Outcome, compare

#: how often QEMU may show that it has more than one answer to a session
PLAYS = 3


def beside_qemu(session: Session) -> Outcome:
    """Play a session to QEMU and to ours.

    Where disks decide, QEMU does not always do the same. Before a difference counts, it is asked
    again; if it then does as ours, the outcome says that it is unsteady.
    """
    first = outcome = compare(session, Theirs, Ours)
    for _ in range(1, PLAYS):
        if outcome.difference is None:
            break
        outcome = compare(session, Theirs, Ours)
    if outcome.difference is not None:
        return first
    return Outcome(session, None, outcome.plays, is_unsteady=first.difference is not None)
