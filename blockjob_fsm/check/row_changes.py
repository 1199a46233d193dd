"""Ways to break a row, a body or a device, as functions from the sound one to the broken one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any, cast

from blockjob_fsm.bodies.requests import Body
from blockjob_fsm.bodies.stream import Stream
from blockjob_fsm.check.backup_world import PointInTime, Wrong
from blockjob_fsm.check.mirror_world import Pair
from blockjob_fsm.check.scenarios import Alteration
from blockjob_fsm.check.worlds import Devices
from blockjob_fsm.declaration import Output, Rule
from blockjob_fsm.guards import Assignment, Guard, Variable
from blockjob_fsm.lifecycles import classic_words as words
from blockjob_fsm.lifecycles.classic_words import Phase

Change = Callable[[Rule], tuple[Rule, ...]]
_SUCCEEDS = words.RESULT.equals(0)


def stops(rule: Rule) -> bool:
    """Whether the rule is one for errors that stop."""
    return words.PAUSED.on in rule.sets


def passes(rule: Rule) -> bool:
    """Whether the rule is one for errors that do not stop."""
    return not stops(rule)


def has_effects(rule: Rule) -> bool:
    """Whether the rule changes the state."""
    return bool(rule.sets)


def also(
    *added: Assignment | Output, where: Phase | None = None, to: Phase | None = None
) -> Change:
    """Assignments replace those of the same variable; outputs come first."""

    def change(rule: Rule) -> tuple[Rule, ...]:
        if where is not None and where not in rule.phases:
            return (rule,)
        sets = tuple(a for a in added if isinstance(a, Assignment))
        kept = tuple(a for a in rule.sets if a.variable not in {s.variable for s in sets})
        does = tuple(o for o in added if isinstance(o, Output))
        new = replace(rule, sets=kept + sets, does=does + rule.does, to=to or rule.to)
        if where is None:
            return (new,)
        others = tuple(phase for phase in rule.phases if phase is not where)
        here = replace(new, phases=(where,))
        return (replace(rule, phases=others), here) if others else (here,)

    return change


def without(variable: Variable) -> Change:
    """The rule without its assignment of a variable."""
    return lambda rule: (replace(rule, sets=tuple(a for a in rule.sets if a.variable != variable)),)


def guarded(guard_of: Callable[[Rule], Guard | None]) -> Change:
    """The rule under another guard; None deletes it."""

    def change(rule: Rule) -> tuple[Rule, ...]:
        guard = guard_of(rule)
        return () if guard is None else (replace(rule, when=guard),)

    return change


def changed_if(wanted: Callable[[Rule], bool], change: Change) -> Change:
    """The change, for the rules that are wanted."""
    return lambda rule: change(rule) if wanted(rule) else (rule,)


def body(kind: Callable[..., object], sound: type[object]) -> Alteration:
    """Jobs of one kind have a broken body, with the same parameters."""

    def change(given: Body) -> Body:
        if type(given) is not sound:
            return given
        # Protocols cannot promise that their implementations are dataclasses.
        names = [item.name for item in fields(cast(Any, given))]
        return cast(Body, kind(**{name: getattr(given, name) for name in names}))

    return Alteration(body=change)


def sleep_without_test(rule: Rule) -> Guard | None:
    """The guard of a sleep that has forgotten about cancelled."""
    if rule.to is Phase.WOKEN:
        return None
    return words.PAUSED if rule.to is Phase.PARKED else ~words.PAUSED


def deaf_to_pause(rule: Rule) -> Guard | None:
    """The guard of a sleep that has forgotten about paused."""
    guards = {Phase.WOKEN: words.CANCELLED, Phase.ASLEEP: ~words.CANCELLED}
    return guards.get(rule.to) if isinstance(rule.to, Phase) else None


def pivot_on_success(rule: Rule) -> Guard | None:
    """The guard of an end that swaps the device after any success."""
    if words.EMIT_CANCELLED in rule.does:
        return rule.when
    return ~words.CANCELLED & (_SUCCEEDS if words.PIVOT in rule.does else ~_SUCCEEDS)


def parks_if_paused(rule: Rule) -> tuple[Rule, ...]:
    """A wake-up that sends a paused job to park."""
    parked = replace(rule, when=words.PAUSED, to=Phase.PARKED, sets=(), does=())
    return replace(rule, when=~words.PAUSED), parked


def pivot_although_cancelled(rule: Rule) -> tuple[Rule, ...]:
    """An end that swaps the device on request, cancelled or not."""
    if rule.when != words.CANCELLED:
        return (rule,)
    asked = words.SHOULD_COMPLETE & _SUCCEEDS
    swaps = replace(rule, when=words.CANCELLED & asked, does=(words.PIVOT, *rule.does))
    return replace(rule, when=words.CANCELLED & ~asked), swaps


def reads_first(given: Devices) -> Devices:
    """Devices whose copies read before they clear the marks."""
    return replace(given, clears_late=True) if isinstance(given, Pair) else given


def saves_wrongly(wrong: Wrong) -> Alteration:
    """Devices of a backup that get one thing wrong."""

    def change(given: Devices) -> Devices:
        return replace(given, wrong=wrong) if isinstance(given, PointInTime) else given

    return Alteration(devices=change)


def drops_on_failure(given: Body) -> Body:
    """A stream that drops its backing file whether or not the header was written."""
    return replace(given, drop_on_failure=True) if isinstance(given, Stream) else given
