"""How a transaction of modern jobs walks over its members: all succeed, or all fail.

Every job is a member of one transaction, if only of its own. A transaction says which member is to
take which step next; what the step does is in the member's rows. Members are walked newest first,
whatever ended first. While a step is due nothing else happens to the members, but for KICK: that
one asks for the end of a member that is still at work, and the world goes on until it comes.

Source: the observed order of events of QEMU 7.2. One difference: when a prepare step fails, all
other members are cancelled, the one that finalize was asked of among them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from blockjob_fsm.declaration import EventKind, Output
from blockjob_fsm.lifecycles.modern_words import (
    ABORT_ALL,
    AUTO_DISMISSAL,
    COMPLETE_NOW,
    COMPLETION,
    CONCLUDE,
    FINALIZE_ALL,
    KICK,
    PEND,
    PREPARE,
    REVISE,
    SIBLING_CANCEL,
    ModernControl,
    Place,
    Status,
)

Controls = Mapping[str, ModernControl]


class Due(NamedTuple):
    """A step that a member is to take. PREPARE carries the result of the driver's own work."""

    member: str
    kind: EventKind


@dataclass(frozen=True, slots=True)
class Transaction:
    """Jobs by id, newest first. `told` are those that were cancelled for a sibling's sake."""

    members: tuple[str, ...]
    finalizing: bool = False
    aborting: bool = False
    told: tuple[str, ...] = ()
    completing: tuple[str, ...] = ()

    def heard(self, member: str, outputs: tuple[Output, ...]) -> Transaction:
        """The transaction after a member's step did these outputs."""
        after = self
        if FINALIZE_ALL in outputs:
            after = replace(after, finalizing=True)
        if COMPLETE_NOW in outputs:
            after = replace(after, completing=(*after.completing, member))
        if ABORT_ALL in outputs and not self.aborting:
            # Whoever asked is over, or cancelled, already.
            after = replace(after, aborting=True, told=(member,))
        return after

    def took(self, step: Due) -> Transaction:
        """The transaction after a due step was taken."""
        if step.kind is SIBLING_CANCEL:
            return replace(self, told=(*self.told, step.member))
        if step.kind is COMPLETION:
            left = tuple(member for member in self.completing if member != step.member)
            return replace(self, completing=left)
        return self

    def due(self, controls: Controls) -> Due | None:
        """The next step of a member; None while the transaction waits for its members or users."""
        if self.completing:
            return Due(self.completing[0], COMPLETION)
        left: list[str] = []
        for member in self.members:
            control = controls[member]
            if control.phase is Status.CONCLUDED and _dismisses_itself(control):
                return Due(member, AUTO_DISMISSAL)
            if control.phase not in _OVER:
                left.append(member)
        if not left:
            return None
        return self._abort(left, controls) if self.aborting else self._succeed(left, controls)

    def _succeed(self, left: list[str], controls: Controls) -> Due | None:
        if any(controls[member].phase not in _SUCCESSFUL for member in left):
            return None
        for member in left:
            if controls[member].phase is Status.WAITING:
                return Due(member, PEND)
        if not self.finalizing and not all(controls[member].auto_finalize for member in left):
            return None
        for member in left:
            if not controls[member].prepared:
                return Due(member, PREPARE)
        return Due(left[0], CONCLUDE)

    def _abort(self, left: list[str], controls: Controls) -> Due:
        for member in left:
            if member not in self.told and controls[member].phase is not Status.ABORTING:
                return Due(member, SIBLING_CANCEL)
        first = left[0]
        phase = controls[first].phase
        if phase is Status.ABORTING:
            return Due(first, CONCLUDE)
        if phase in _SUCCESSFUL:
            return Due(first, REVISE)
        return Due(first, COMPLETION if phase is Status.CREATED else KICK)


_OVER = (Status.CONCLUDED, Status.NULL)
_SUCCESSFUL = (Status.WAITING, Status.PENDING)


def _dismisses_itself(control: ModernControl) -> bool:
    return control.auto_dismiss or control.place is Place.UNSTARTED
