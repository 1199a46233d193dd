"""One model of a modern release, explored and judged: what `run` shares out, and its mutants."""

from __future__ import annotations

import time
from functools import cache

from blockjob_fsm.check.judge import judge
from blockjob_fsm.check.modern_group import State
from blockjob_fsm.check.modern_mutants import ModernMutant, modern_mutants
from blockjob_fsm.check.modern_scenarios import FAIR, ModernScenario, modern_scenarios
from blockjob_fsm.check.refining import refining_rows
from blockjob_fsm.check.report import Row, Trace, Verdict
from blockjob_fsm.check.space import Space, explore
from blockjob_fsm.check.whole_jobs import WHOLE_JOBS_FAIR, WholeJob, whole_jobs
from blockjob_fsm.declaration import Lifecycle, has_release
from blockjob_fsm.guards import word
from blockjob_fsm.lifecycles.modern import modern
from blockjob_fsm.lifecycles.modern_words import RELEASES, ModernControl, Status
from blockjob_fsm.lifecycles.refinement import Refinement
from blockjob_fsm.lifecycles.transaction import Transaction
from blockjob_fsm.properties import claimed_for
from blockjob_fsm.properties.modern_steps import LEGAL

MODERN_LIFECYCLES = {f"modern-{release}": release for release in RELEASES}
#: more than any model of a release has: a mutant that counts for ever is broken long before
MOST_OF_A_MUTANT = 20_000
_READY = {Status.READY, Status.STANDBY}
#: who waits is cancelled with its siblings only; a group begins when all its members are created
_NEVER_ALONE = {(Status.WAITING, Status.ABORTING)}
_NEVER_IN_GROUPS = {(Status.UNDEFINED, Status.CREATED), (Status.CREATED, Status.NULL)}
#: what keeps a target in step succeeds only once it is
_NEVER_OF_MIRRORS = {(Status.RUNNING, Status.WAITING)}
_EDGES = "each change of status that the table allows is taken"


def modern_models() -> tuple[str, ...]:
    """The models of every release, in the order in which a mutant is tried on them."""
    return tuple(one.name for one in modern_scenarios())


def whole_models() -> tuple[str, ...]:
    """The models of whole jobs, which no mutant of the rows is tried on."""
    return tuple(one.name for one in whole_jobs())


@cache
def mutants_of(lifecycle: str) -> dict[str, ModernMutant]:
    """Every mutant of a release by name; none before 6.2, where some of them were the rule."""
    release = MODERN_LIFECYCLES[lifecycle]
    if not has_release(release, "6.2"):
        return {}
    return {mutant.name: mutant for mutant in modern_mutants(modern(release))}


def check_modern(
    lifecycle: str, mutant: str | None, model: str, max_states: int
) -> tuple[Row, ...]:
    """The rows of one model of a release, or of a mutant of it."""
    release = MODERN_LIFECYCLES[lifecycle]
    rows: Lifecycle[ModernControl] = modern(release)
    walk: type[Transaction] = Transaction
    if mutant is not None:
        max_states = min(max_states, MOST_OF_A_MUTANT)
        changed = mutants_of(lifecycle)[mutant]
        rows, walk = changed.of(rows), changed.walk
    whole = next((one for one in whole_jobs() if one.name == model), None)
    if whole is not None:
        return check_whole(whole, rows, max_states)
    scenario = next(one for one in modern_scenarios() if one.name == model)
    return check_scenario(scenario, rows, walk, max_states)


def check_whole(
    job: WholeJob, lifecycle: Lifecycle[ModernControl], max_states: int
) -> tuple[Row, ...]:
    """The rows of a whole job under a release's rows."""
    space = explore(job.model(lifecycle), max_states)
    return judge(job.name, space, job.claims, WHOLE_JOBS_FAIR)


def check_scenario(
    scenario: ModernScenario,
    lifecycle: Lifecycle[ModernControl],
    walk: type[Transaction],
    max_states: int,
) -> tuple[Row, ...]:
    """The rows of a scenario under a release's rows, or broken ones."""
    space = explore(scenario.model(lifecycle, walk), max_states)
    claims = claimed_for(scenario.claims, lifecycle.profile)
    judged = judge(scenario.name, space, claims, FAIR)
    edges = (_every_edge(scenario, space),) if scenario.takes_every_edge else ()
    found = (*judged, *edges)
    mutated = lifecycle is not modern(lifecycle.profile) or walk is not Transaction
    if mutated and any(row.verdict is Verdict.VIOLATED and row.trace for row in found):
        return found
    return (*found, *refining_rows(scenario.name, space, Refinement(lifecycle)))


def edges_of(space: Space[State]) -> set[tuple[Status, Status]]:
    """The changes of status that are taken in a space, by whichever member."""
    return {
        (before.phase, after.phase)
        for number, taken in enumerate(space.taken)
        for _, end in taken
        for before, after in zip(
            space.states[number].members, space.states[end].members, strict=True
        )
        if before.phase is not after.phase
    }


def _every_edge(scenario: ModernScenario, space: Space[State]) -> Row:
    """Whether every legal edge is taken that can be: only what completes is ever ready."""
    start = time.perf_counter()
    completable = {control.completable for controls in scenario.starts for control in controls}
    beyond = set() if True in completable else _READY
    legal = {(one, other) for one, others in LEGAL.items() for other in others}
    never = _NEVER_ALONE if scenario.is_alone else _NEVER_IN_GROUPS
    mirrors = all(control.mirrors for controls in scenario.starts for control in controls)
    never = never | _NEVER_OF_MIRRORS if mirrors else never
    wanted = {edge for edge in legal - never if beyond.isdisjoint(edge)}
    missing = sorted(f"{word(one)} to {word(other)}" for one, other in wanted - edges_of(space))
    trace = Trace("all states", (), f"never from {', '.join(missing)}") if missing else None
    verdict = Verdict.HOLDS if space.complete else Verdict.UNDECIDED
    return Row(
        model=scenario.name,
        property="1-every-edge",
        claim=_EDGES,
        verdict=Verdict.VIOLATED if missing and space.complete else verdict,
        states=len(space.states),
        depth=space.depth,
        seconds=time.perf_counter() - start,
        instances=len(wanted),
        trace=trace,
    )
