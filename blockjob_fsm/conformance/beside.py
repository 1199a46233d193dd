"""Our jobs beside the real QEMU: one session, played to both."""

from __future__ import annotations

from blockjob_fsm.conformance.ours import Ours
from blockjob_fsm.conformance.theirs import Theirs
from blockjob_fsm.conformance.walks import Outcome, Session, compare


def beside_qemu(session: Session) -> Outcome:
    """Play a session to QEMU and to ours."""
    return compare(session, Theirs, Ours)
