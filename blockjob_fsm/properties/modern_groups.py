"""Jobs of one transaction: all succeed or all fail, newest first; and what some kinds alone do.

The number in a name is the invariant of the specification that the claim is about.
"""

from __future__ import annotations

from blockjob_fsm.guards import ALWAYS
from blockjob_fsm.lifecycles.modern_words import (
    AUTO_DISMISSAL,
    AUTO_FINALIZE,
    COMPLETE,
    CONCLUDE,
    DRAIN_END,
    FINALIZE,
    FINALIZE_ALL,
    FORCE_CANCELLED,
    HOLDS_DRAIN,
    IN_STEP,
    KICK,
    PAUSE_POINT,
    PEND,
    PREPARE,
    PREPARED,
    RET,
    REVISE,
    SHOULD_COMPLETE,
    SIBLING_CANCEL,
    SOFT_CANCEL,
    STATUS,
    WRITE_BLOCKING,
    Status,
)
from blockjob_fsm.properties.modern_states import (
    CHANGING,
    CONCLUDED,
    PARKED,
    RETURNED,
    SOFTLY,
    in_status,
)
from blockjob_fsm.properties.modern_watched import (
    DRIVER,
    FINALIZING,
    GROUP_ABORTS,
    NEWER_LEFT,
    NEWER_WAITING,
    OTHER_ABORTED,
    OTHER_COMMITTED,
    OTHERS_AUTO,
    OTHERS_ENDED,
    OTHERS_PENDING,
    OTHERS_PREPARED,
    PIVOTED,
    SETTLED,
    TOLD_OFF,
    Driver,
)
from blockjob_fsm.properties.words import (
    Accepts,
    Always,
    AlwaysStep,
    LeadsTo,
    Property,
    Sometimes,
    implies,
)

_WAITS = STATUS.equals(Status.WAITING)
_PENDING = STATUS.equals(Status.PENDING)

ATOMIC: tuple[Property, ...] = (
    Always(
        name="25-both",
        claim="no member commits where another aborts",
        holds=implies(DRIVER.equals(Driver.COMMITTED), ~OTHER_ABORTED)
        & implies(DRIVER.equals(Driver.ABORTED), ~OTHER_COMMITTED),
        witness="committed",
    ),
    AlwaysStep(
        name="25-all-prepared",
        claim="nobody commits before everybody is prepared",
        events=(CONCLUDE,),
        before=_PENDING,
        after=OTHERS_PREPARED,
        witness="committed",
    ),
    AlwaysStep(
        name="25-sibling",
        claim="a member's failure cancels the others with force, whatever they are doing",
        events=(SIBLING_CANCEL,),
        after=FORCE_CANCELLED,
        witness="told-off",
    ),
    Always(
        name="25-aborts",
        claim="once a transaction aborts, every member has failed or is cancelled with force",
        holds=implies(SETTLED & GROUP_ABORTS, FORCE_CANCELLED | ~RET.equals(0)),
        witness="told-off",
    ),
    Always(
        name="26-once",
        claim="a member is cancelled for a sibling's sake at most once",
        holds=TOLD_OFF.less_than(2),
        witness="told-off",
    ),
    Accepts(
        name="26-walk",
        claim="a step that the transaction takes is one that the member can take",
        events=(PEND, PREPARE, SIBLING_CANCEL, REVISE, CONCLUDE, AUTO_DISMISSAL, KICK),
        when=ALWAYS,
        witness="committed",
    ),
    Always(
        name="27-waits",
        claim="a member is seen waiting only for others that have not ended",
        holds=implies(SETTLED & _WAITS, ~OTHERS_ENDED),
        witness="waits",
    ),
    Always(
        name="28-all-pending",
        claim="where one member is seen pending, all are",
        holds=implies(SETTLED & _PENDING & ~GROUP_ABORTS, OTHERS_PENDING),
        witness="waits",
    ),
    AlwaysStep(
        name="29-any",
        claim="finalizing any member finalizes all",
        events=(FINALIZE,),
        does=(FINALIZE_ALL,),
        witness="manual",
    ),
    Always(
        name="29-all",
        claim="once finalized, nobody is left pending",
        holds=implies(SETTLED & FINALIZING, ~_PENDING),
        witness="manual",
    ),
    AlwaysStep(
        name="30-nobody-manual",
        claim="nothing is finalized by itself where a member waits for its user",
        events=(PREPARE,),
        before=ALWAYS,
        after=FINALIZING | AUTO_FINALIZE & OTHERS_AUTO,
        witness="prepared",
    ),
    AlwaysStep(
        name="33-pend",
        claim="members become pending newest first",
        events=(PEND,),
        after=~NEWER_WAITING,
        witness="committed",
    ),
    AlwaysStep(
        name="33-conclude",
        claim="members conclude newest first",
        events=(CONCLUDE,),
        after=~NEWER_LEFT,
        witness="committed",
    ),
)
#: of bodies that return once they are cancelled with force
ENDING: tuple[Property, ...] = (
    LeadsTo(
        name="43-all-end",
        claim="once a transaction aborts, every member concludes",
        start=GROUP_ABORTS,
        goal=CONCLUDED,
        witness="told-off",
    ),
    LeadsTo(
        name="43-ends",
        claim="a job that is cancelled with force ends",
        start=FORCE_CANCELLED,
        goal=CONCLUDED,
        witness="forced",
    ),
)
GROUP_WITNESSES: tuple[Property, ...] = (
    Sometimes(name="waits", claim="a member waits for others", reached=SETTLED & _WAITS),
    Sometimes(
        name="told-off", claim="a member is cancelled for a sibling", reached=~TOLD_OFF.less_than(1)
    ),
    Sometimes(
        name="revised",
        claim="a member that had succeeded fails after all",
        reached=ALWAYS,
        events=(REVISE,),
    ),
    Sometimes(
        name="prepared-and-aborted",
        claim="a member that was prepared is aborted",
        reached=PREPARED & DRIVER.equals(Driver.ABORTED),
    ),
    Sometimes(
        name="kicked",
        claim="a member that is parked or waits is entered for its siblings' sake",
        reached=PARKED,
        events=(KICK,),
    ),
)
KIND_WITNESSES: tuple[Property, ...] = (
    Sometimes(
        name="manual",
        claim="a job waits to be finalized",
        reached=SETTLED & _PENDING & ~AUTO_FINALIZE,
    ),
    Sometimes(
        name="kept",
        claim="a job is kept for its user",
        reached=SETTLED & in_status(Status.CONCLUDED),
    ),
    Sometimes(
        name="automatic",
        claim="a job is pending that finalizes itself",
        reached=_PENDING & AUTO_FINALIZE,
    ),
    Sometimes(
        name="soft-late",
        claim="a soft cancel comes after a ready body has returned",
        reached=RETURNED & STATUS.equals(Status.READY),
        events=(SOFT_CANCEL,),
    ),
    Sometimes(
        name="writes-block", claim="a mirror's writes block", reached=WRITE_BLOCKING, only=CHANGING
    ),
    Sometimes(name="in-step", claim="a job gets ready", reached=ALWAYS, events=(IN_STEP,)),
    Sometimes(
        name="softly",
        claim="a job that is cancelled softly comes to a pause point",
        reached=SOFTLY & ~PARKED,
        events=(PAUSE_POINT,),
    ),
    Sometimes(
        name="softly-parked",
        claim="a job that is cancelled softly parks",
        reached=SOFTLY & PARKED,
        events=(DRAIN_END,),
    ),
    Sometimes(name="completes", claim="a job is completed", reached=ALWAYS, events=(COMPLETE,)),
    Sometimes(
        name="completes-late",
        claim="a body has returned that was asked to complete",
        reached=RETURNED & SHOULD_COMPLETE,
    ),
    Sometimes(name="pivots", claim="users are moved to the target", reached=PIVOTED),
    Sometimes(name="holds", claim="a job holds a section", reached=HOLDS_DRAIN),
)
