"""Who notices a mutant of the modern rows: a claim by name, or nobody.

As for the classic rows only the steps are judged that the mutant takes otherwise, and the states
nearest to what these lead to. What that does not show is looked for in whole spaces of the mutant,
what must follow sooner or later among it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from blockjob_fsm.check.kill import Killed, beyond, broken, changed_places, is_malformed, outcome
from blockjob_fsm.check.modern_group import GroupModel, State
from blockjob_fsm.check.modern_run import MOST_OF_A_MUTANT, check_scenario
from blockjob_fsm.check.modern_scenarios import ModernScenario, modern_scenarios
from blockjob_fsm.check.mutants import Mutant
from blockjob_fsm.check.report import Verdict
from blockjob_fsm.check.space import Move, Space, explore
from blockjob_fsm.declaration import EventKind, Lifecycle
from blockjob_fsm.lifecycles.modern_words import EVENTS, ModernControl
from blockjob_fsm.lifecycles.transaction import Transaction
from blockjob_fsm.properties import Sometimes, claimed_for

#: states beyond the original's that are looked at before whole spaces are
NEAREST = 300

_Steps = list[tuple[State, Move[State]]]


@dataclass(slots=True)
class ModernKiller:
    """The original of a release and all its spaces, against which mutants are held."""

    lifecycle: Lifecycle[ModernControl]
    _spaces: dict[str, Space[State]] = field(default_factory=dict)
    _narrow: dict[str, GroupModel] = field(default_factory=dict)
    _kinds: frozenset[EventKind] = frozenset()

    def kill(self, mutant: Mutant) -> Killed:
        """Who notices this mutant of the rows; `by` None and steps that differ: nobody should."""
        changed = mutant.of(self.lifecycle)
        differing, left = 0, []
        for scenario in modern_scenarios():
            steps = list(self._differing(scenario, changed))
            differing += len(steps)
            by = self._at_once(scenario, changed, steps)
            if by is not None:
                return Killed(mutant.name, by, False, differing)
            if steps:
                left.append(scenario)
        for scenario in left:
            by = _in_the_whole(scenario, changed)
            if by is not None:
                return Killed(mutant.name, by, False, differing)
        return Killed(mutant.name, None, is_malformed(changed), differing)

    def space(self, scenario: ModernScenario) -> Space[State]:
        """What a scenario reaches under the original."""
        if scenario.name not in self._spaces:
            self._spaces[scenario.name] = explore(scenario.model(self.lifecycle))
        return self._spaces[scenario.name]

    def _differing(
        self, scenario: ModernScenario, changed: Lifecycle[ModernControl]
    ) -> Iterator[tuple[State, Move[State]]]:
        """The steps that the mutant takes otherwise from the original's states."""
        places = changed_places(self.lifecycle, changed)
        names, phases = {name for name, _ in places}, {phase for _, phase in places}
        others = frozenset(kind for kind in EVENTS if kind.name not in names)
        narrow = replace(scenario, left_out=scenario.left_out | others)
        sound, model = self._sound(narrow, others), narrow.model(changed)
        for state in self.space(scenario).states:
            if any(member.phase in phases for member in state.members):
                for old, new in zip(sound.moves(state), model.moves(state), strict=True):
                    if outcome(old) != outcome(new):
                        yield state, new

    def _sound(self, narrow: ModernScenario, left_out: frozenset[EventKind]) -> GroupModel:
        """The original under few events; kept for the next mutant, which is about the same row."""
        if left_out != self._kinds:
            self._narrow.clear()
            self._kinds = left_out
        if narrow.name not in self._narrow:
            self._narrow[narrow.name] = narrow.model(self.lifecycle)
        return self._narrow[narrow.name]

    def _at_once(
        self, scenario: ModernScenario, changed: Lifecycle[ModernControl], steps: _Steps
    ) -> str | None:
        if not steps:
            return None
        model = scenario.model(changed)
        claims = claimed_for(scenario.claims, changed.profile)
        found = next(broken(model, claims, steps), None)
        if found is None:
            known = self.space(scenario).index
            more = [*steps, *beyond(model, known, steps, NEAREST)]
            found = next(broken(model, claims, more), None)
        return found


def _in_the_whole(scenario: ModernScenario, changed: Lifecycle[ModernControl]) -> str | None:
    """What a mutant breaks in a whole space: a claim, or else that something is reached."""
    rows = check_scenario(scenario, changed, Transaction, MOST_OF_A_MUTANT)
    names = [row.property for row in rows if row.verdict is Verdict.VIOLATED]
    witnesses = {claim.name for claim in scenario.claims if isinstance(claim, Sometimes)}
    told = [name for name in names if name not in witnesses]
    return next(iter((*told, *names)), None)
