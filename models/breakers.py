"""For each claim a mutant that breaks it: a claim that nothing breaks says nothing.

`breakers.json` beside this file names the mutant and the model on which it shows. A claim that is
made of several scenarios has to be broken on one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from blockjob_fsm.check.control import ControlModel
from blockjob_fsm.check.judge import judge
from blockjob_fsm.check.kill import Killer
from blockjob_fsm.check.named_mutants import NAMED
from blockjob_fsm.check.report import Row, Verdict
from blockjob_fsm.check.run import CONTROL, LIFECYCLES, mutants
from blockjob_fsm.check.scenarios import FAIR, Scenario, scenarios
from blockjob_fsm.check.space import explore
from blockjob_fsm.properties import CLASSIC_PROPERTIES, LeadsTo, Property, Sometimes, claimed_for

FILE = Path(__file__).with_suffix(".json")
#: where the claims about jobs are broken, the quickest first
PLACES = (
    "commit-report",
    "stream-report",
    "stream-stop",
    "stream-ignore",
    "stream-unattended-limited",
    "backup-top",
    "backup-busy-guests",
    "mirror-unattended-limited",
    "mirror-quiet-stop-stop",
)
#: what only a guest that writes can show, on a space too large to search: claim, model, mutant
WITH_GUEST = (
    ("18-covered", "mirror-stop", "mirror-reads-before-clearing"),
    ("18-no-lost-write", "mirror-stop", "mirror-reads-before-clearing"),
    ("18-no-lost-write", "mirror-report", "mirror-without-drain"),
    ("H1-pivot", "mirror-stop", "pivot-although-cancelled"),
)
_OF_JOBS = tuple(("classic", place) for place in PLACES)

Claims = tuple[Property, ...]
Breaker = dict[str, str]


def claims_of(lifecycle: str, model: str) -> tuple[Property, ...]:
    """The claims made of a model that a mutant can break."""
    profile = LIFECYCLES[lifecycle].profile
    told = CLASSIC_PROPERTIES if model == CONTROL else _scenario(model).claims
    return tuple(c for c in claimed_for(told, profile) if not isinstance(c, Sometimes))


def broken(lifecycle: str, model: str, mutant: str, claims: Claims) -> frozenset[str]:
    """The names of those claims that a mutant breaks on a model."""
    changed = mutants(lifecycle)[mutant]
    rows = changed.of(LIFECYCLES[lifecycle])
    if model != CONTROL:
        space = explore(_scenario(model).model(rows, changed.alteration))
        return _violated(judge(model, space, claims, FAIR))
    if any(isinstance(claim, LeadsTo) for claim in claims):
        return _violated(judge(model, explore(ControlModel(rows)), claims, FAIR))
    wanted = {claim.name for claim in claims}
    return frozenset(_killer(lifecycle).broken(changed)) & wanted


def find() -> Iterator[Breaker]:
    """A breaker for every claim, searched for among all mutants."""
    seen: set[Property] = set()
    for lifecycle, model in (*((name, CONTROL) for name in LIFECYCLES), *_OF_JOBS):
        new = tuple(claim for claim in claims_of(lifecycle, model) if claim not in seen)
        future = tuple(claim for claim in new if isinstance(claim, LeadsTo))
        present = tuple(claim for claim in new if not isinstance(claim, LeadsTo))
        for breaker in (*_search(lifecycle, model, present), *_search(lifecycle, model, future)):
            seen |= {claim for claim in new if claim.name == breaker["claim"]}
            yield breaker
    for claim, model, mutant in WITH_GUEST:
        yield {"claim": claim, "lifecycle": "classic", "model": model, "mutant": mutant}


def expected() -> tuple[Breaker, ...]:
    """What `breakers.json` says."""
    stored: list[Breaker] = json.loads(FILE.read_text(encoding="utf-8"))
    return tuple(stored)


def _search(lifecycle: str, model: str, claims: Claims) -> Iterator[Breaker]:
    left = claims
    for mutant in _candidates(lifecycle, claims):
        names = broken(lifecycle, model, mutant, left) if left else frozenset()
        left = tuple(claim for claim in left if claim.name not in names)
        for name in sorted(names):
            yield {"claim": name, "lifecycle": lifecycle, "model": model, "mutant": mutant}


def _candidates(lifecycle: str, claims: Claims) -> list[str]:
    """The mutants to try: those meant for one of the claims first, then what is missing a piece."""
    wanted = {claim.name for claim in claims}
    meant = [named.name for named in NAMED if named.breaks in wanted]
    known = mutants(lifecycle)
    pieces = [name for name in known if name.endswith(("deleted", "dropped"))]
    return [name for name in dict.fromkeys([*meant, *pieces]) if name in known]


def _violated(rows: tuple[Row, ...]) -> frozenset[str]:
    return frozenset(row.property for row in rows if row.verdict is Verdict.VIOLATED)


@cache
def _killer(lifecycle: str) -> Killer:
    rows = LIFECYCLES[lifecycle]
    return Killer(rows, claimed_for(CLASSIC_PROPERTIES, rows.profile))


def _scenario(name: str) -> Scenario:
    return next(scenario for scenario in scenarios() if scenario.name == name)
