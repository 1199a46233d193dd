"""Ways to break the rows of the modern lifecycle, and the walk of its transactions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from blockjob_fsm.declaration import Output, Rule
from blockjob_fsm.guards import All, Any, Assignment, Flag, Guard, Not, Variable
from blockjob_fsm.lifecycles.modern_words import (
    COMPLETION,
    CONCLUDE,
    FORCE_CANCELLED,
    KICK,
    PEND,
    PREPARE,
    REVISE,
    Status,
)
from blockjob_fsm.lifecycles.transaction import Controls, Due, Transaction

Change = Callable[[Rule], tuple[Rule, ...]]
_NEVER: Guard = Any(())


def where(wanted: Callable[[Rule], bool], change: Change) -> Change:
    """The change, for the rules that are wanted."""
    return lambda rule: change(rule) if wanted(rule) else (rule,)


def also(*added: Assignment | Output) -> Change:
    """More effects; assignments replace those of the same variable."""
    sets = tuple(a for a in added if isinstance(a, Assignment))
    does = tuple(o for o in added if isinstance(o, Output))
    changed = {a.variable for a in sets}

    def change(rule: Rule) -> tuple[Rule, ...]:
        kept = tuple(a for a in rule.sets if a.variable not in changed)
        return (replace(rule, sets=kept + sets, does=rule.does + does),)

    return change


def split(guard: Guard, *added: Assignment | Output) -> Change:
    """More effects where a guard holds, none elsewhere."""

    def change(rule: Rule) -> tuple[Rule, ...]:
        (changed,) = also(*added)(rule)
        return replace(rule, when=rule.when & ~guard), replace(changed, when=rule.when & guard)

    return change


def without(*dropped: Variable | Output) -> Change:
    """The rule without some of its assignments and outputs."""

    def change(rule: Rule) -> tuple[Rule, ...]:
        sets = tuple(a for a in rule.sets if a.variable not in dropped)
        return (replace(rule, sets=sets, does=tuple(o for o in rule.does if o not in dropped)),)

    return change


def reading(instead: Guard) -> Change:
    """The rule with something else where its guard asks for a forced cancel."""
    return lambda rule: (replace(rule, when=_swapped(rule.when, instead)),)


def deaf() -> Change:
    """The rule as if nobody ever cancelled with force."""
    return reading(_NEVER)


def leading(to: Status, *added: Assignment | Output) -> Change:
    """The rule with another status after it, and more effects."""
    return lambda rule: tuple(replace(one, to=to) for one in also(*added)(rule))


def _swapped(guard: Guard, instead: Guard) -> Guard:
    match guard:
        case Flag():
            return instead if guard == FORCE_CANCELLED else guard
        case Not(part):
            return Not(_swapped(part, instead))
        case All(parts):
            return All(tuple(_swapped(part, instead) for part in parts))
        case Any(parts):
            return Any(tuple(_swapped(part, instead) for part in parts))
    return guard


class NeverKicks(Transaction):
    """Waits for a member's end without entering it."""

    __slots__ = ()

    def due(self, controls: Controls) -> Due | None:
        step = super().due(controls)
        return None if step is not None and step.kind is KICK else step


class KeepsEnded(Transaction):
    """Finds a member that has concluded in its list, and concludes it again."""

    __slots__ = ()

    def due(self, controls: Controls) -> Due | None:
        step = super().due(controls)
        ended = [m for m in self.members if controls[m].phase is Status.CONCLUDED]
        if ended and step is not None and step.kind is CONCLUDE:
            return Due(ended[0], CONCLUDE)
        return step


class StopsAfterOne(Transaction):
    """Never comes back from the first member's callback."""

    __slots__ = ()

    def due(self, controls: Controls) -> Due | None:
        step = super().due(controls)
        over = (Status.CONCLUDED, Status.NULL)
        some_over = any(controls[member].phase in over for member in self.members)
        return None if some_over and step is not None and step.kind is CONCLUDE else step


class WaitsFirst(Transaction):
    """Waits for the first member's end before it cancels the next."""

    __slots__ = ()

    def due(self, controls: Controls) -> Due | None:
        if not self.aborting or self.completing:
            return super().due(controls)
        for member in self.members:
            phase = controls[member].phase
            if phase in (Status.CONCLUDED, Status.NULL):
                continue
            if phase in (Status.WAITING, Status.PENDING, Status.ABORTING):
                continue
            if member in self.told:
                return Due(member, COMPLETION if phase is Status.CREATED else KICK)
            break
        return super().due(controls)


class PreparesAlone(Transaction):
    """Finalizes each member as soon as it is prepared, before the others are."""

    __slots__ = ()

    def due(self, controls: Controls) -> Due | None:
        step = super().due(controls)
        if step is not None and step.kind is PREPARE:
            for member in self.members:
                if controls[member].prepared and controls[member].phase is Status.PENDING:
                    return Due(member, CONCLUDE)
        return step


class OldestFirst(Transaction):
    """Walks over its members oldest first."""

    __slots__ = ()

    def due(self, controls: Controls) -> Due | None:
        step = super().due(controls)
        if step is None or step.kind not in (PEND, CONCLUDE, REVISE):
            return step
        phase = controls[step.member].phase
        alike = [m for m in self.members if controls[m].phase is phase]
        return step._replace(member=alike[-1])


class IgnoresManual(Transaction):
    """Finalizes its members although one of them waits for its user."""

    __slots__ = ()

    def due(self, controls: Controls) -> Due | None:
        step = super().due(controls)
        pending = [m for m in self.members if controls[m].phase is Status.PENDING]
        if step is None and pending and not self.aborting:
            fresh = [m for m in pending if not controls[m].prepared]
            return Due(fresh[0], PREPARE) if fresh else Due(pending[0], CONCLUDE)
        return step
