"""Entering the coroutine of a modern job: the rows that every kick has in common.

A kick enters a coroutine only where it is suspended: asleep on a timer, idle without one, or parked
in a pause point. From a sleep or a wait it comes to a pause point first; a park it leaves, whatever
the pause count is, since the pause point does not look again before it goes on. Who kicks, and when
a kick is allowed, is not said here.
"""

from __future__ import annotations

from blockjob_fsm.declaration import EventKind, Rule
from blockjob_fsm.guards import ALWAYS, Assignment, Guard
from blockjob_fsm.lifecycles.modern_words import (
    BUSY,
    CANCEL_TIMER,
    EMIT_STATUS,
    ENDED,
    PLACE,
    STATUS,
    WAKE,
    Place,
    Status,
)

ASLEEP = PLACE.equals(Place.ASLEEP)
IDLE = PLACE.equals(Place.IDLE)
SUSPENDED = PLACE.among(Place.ASLEEP, Place.IDLE)
RETURNED = PLACE.equals(Place.RETURNED)
#: whoever drains need not wait for the job any more
QUIESCENT = ~BUSY | STATUS.among(*ENDED)
AWAKE = (PLACE.set(Place.WOKEN), BUSY.on)
UNPARKED = (PLACE.set(Place.RUNNING), BUSY.on)

Sets = tuple[Assignment, ...]


def wakes_asleep(
    events: tuple[EventKind, ...],
    phases: tuple[Status, ...],
    why: str,
    *,
    when: Guard = ALWAYS,
    sets: Sets = (),
) -> Rule:
    """A sleep is cut short: its timer is deleted."""
    does = (CANCEL_TIMER, WAKE)
    return Rule(events, phases, None, why, when=when & ASLEEP, sets=(*sets, *AWAKE), does=does)


def wakes_idle(
    events: tuple[EventKind, ...],
    phases: tuple[Status, ...],
    why: str,
    *,
    when: Guard = ALWAYS,
    sets: Sets = (),
) -> Rule:
    """A wait without a timer ends."""
    return Rule(events, phases, None, why, when=when & IDLE, sets=(*sets, *AWAKE), does=(WAKE,))


def unparks_running(
    events: tuple[EventKind, ...], why: str, *, when: Guard = ALWAYS, sets: Sets = ()
) -> Rule:
    """A park of a running job ends."""
    sets, does = (*sets, *UNPARKED), (EMIT_STATUS, WAKE)
    return Rule(events, (Status.PAUSED,), Status.RUNNING, why, when=when, sets=sets, does=does)


def unparks_ready(
    events: tuple[EventKind, ...], why: str, *, when: Guard = ALWAYS, sets: Sets = ()
) -> Rule:
    """A park of a ready job ends."""
    sets, does = (*sets, *UNPARKED), (EMIT_STATUS, WAKE)
    return Rule(events, (Status.STANDBY,), Status.READY, why, when=when, sets=sets, does=does)


def unparks(
    events: tuple[EventKind, ...], why: str, *, when: Guard = ALWAYS, sets: Sets = ()
) -> tuple[Rule, Rule]:
    """A park ends, wherever it was."""
    return (
        unparks_running(events, why, when=when, sets=sets),
        unparks_ready(events, why, when=when, sets=sets),
    )
