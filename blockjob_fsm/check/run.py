"""The whole check of a lifecycle: what is explored, judged and compared, as one report.

Printing belongs to the caller. Scenarios are shared out among processes, since each is a space of
its own.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import cache
from importlib import import_module
from importlib.resources import files
from importlib.util import find_spec
from multiprocessing import active_children, get_context

from blockjob_fsm.check.contract import CONTRACT, breach
from blockjob_fsm.check.control import ControlModel, Place
from blockjob_fsm.check.judge import Found, judge, trace_to, verdict_of
from blockjob_fsm.check.modern_run import (
    MODERN_LIFECYCLES,
    check_modern,
    modern_models,
    mutants_of,
    whole_models,
)
from blockjob_fsm.check.mutants import Mutant, row_mutants
from blockjob_fsm.check.named_mutants import named_mutants
from blockjob_fsm.check.report import Report, Row, Trace, Verdict
from blockjob_fsm.check.scenarios import FAIR, scenarios
from blockjob_fsm.check.space import Space, explore
from blockjob_fsm.declaration import Lifecycle
from blockjob_fsm.guards import ALWAYS
from blockjob_fsm.lifecycles.classic import CLASSIC, CLASSIC_1_3
from blockjob_fsm.lifecycles.classic_words import ClassicControl
from blockjob_fsm.properties import CLASSIC_PROPERTIES, Always, Property, claimed_for
from blockjob_fsm.wellformed import MalformedLifecycle, load

LIFECYCLES: dict[str, Lifecycle[ClassicControl]] = {"classic": CLASSIC, "classic-1.3": CLASSIC_1_3}
MAX_STATES = 200_000
#: how many states of each model of a mutant are looked at before whole models are
GLANCES = (800, 4_000)
EVERYTHING = "all"
#: the lifecycles that "all" stands for
OF_ALL = ("classic", "modern-7.2", "modern-10.1")
NAMES = (*LIFECYCLES, *MODERN_LIFECYCLES, EVERYTHING)
#: lifecycle, mutant, model, most states
_Job = tuple[str, str | None, str, int]
CONTROL = "control"
INDUCTION = "induction"
_NOT_PROVED = "not proved by induction: z3 is missing, pip install 'blockjob-fsm[test]' brings it"


def run(
    lifecycle: str = "classic",
    mutant: str | None = None,
    *,
    max_states: int = MAX_STATES,
    processes: int | None = None,
) -> Report:
    """Check a lifecycle of NAMES, or a mutant of it by name, on every scenario.

    "all" is what is claimed to hold: the classic lifecycle as shipped, and the modern one as of the
    release that is compared with QEMU and of the newest.

    Raises ValueError, listing what there is, for a name that is unknown. `processes`: None for one
    per processor; 1 stays within this one.
    """
    start = time.perf_counter()
    _known("lifecycle", lifecycle, NAMES if mutant is None else NAMES[:-1])
    if mutant is not None:
        _known("mutant", mutant, tuple(mutants(lifecycle)))
        rows, notes = _until_violated(lifecycle, mutant, max_states)
        return Report(lifecycle, rows, time.perf_counter() - start, mutant, (), notes)
    subjects = OF_ALL if lifecycle == EVERYTHING else (lifecycle,)
    jobs: list[_Job] = [(one, None, name, max_states) for one in subjects for name in models(one)]
    jobs.reverse()
    workers = min(processes or os.cpu_count() or 1, len(jobs))
    shared = [_check(job) for job in jobs] if workers == 1 else _share_out(jobs, workers)
    found = [(job[0], rows) for job, rows in zip(jobs, shared, strict=True)]
    rows = tuple(_named(one, row, subjects) for one, some in reversed(found) for row in some)
    remarks = tuple(_remarks(subjects, found))
    proved = any(job[2] == INDUCTION for job in jobs)
    needs_proof = any(one in LIFECYCLES for one in subjects)
    notes = (_NOT_PROVED,) if needs_proof and not proved else ()
    return Report(lifecycle, rows, time.perf_counter() - start, mutant, remarks, notes)


def _named(lifecycle: str, row: Row, subjects: tuple[str, ...]) -> Row:
    return row if len(subjects) == 1 else replace(row, model=f"{lifecycle} {row.model}")


def _remarks(subjects: tuple[str, ...], found: list[tuple[str, tuple[Row, ...]]]) -> Iterator[str]:
    for one in subjects:
        yield from differences(one, tuple(row for who, rows in found if who == one for row in rows))


def _until_violated(
    lifecycle: str, mutant: str, max_states: int
) -> tuple[tuple[Row, ...], tuple[str, ...]]:
    """A mutant model by model, the smallest first: its spaces may be huge, one trace is enough.

    Mistakes show early as a rule, so every model is first looked at no further than GLANCES. A
    mutant that says which claim it breaks is sought where that claim is made.
    """
    names = models(lifecycle, proving=False)
    wanted, open_models = mutants(lifecycle)[mutant].breaks, names
    for most in (most for most in GLANCES if most < max_states):
        glances = {}
        for name in open_models:
            rows = glances[name] = _check((lifecycle, mutant, name, most))
            if _is_shown(rows, wanted):
                told = tuple(row for row in rows if row.verdict is not Verdict.UNDECIDED)
                return told, (f"explored no further: {name} is violated",)
        open_models = tuple(name for name, seen in glances.items() if _is_open(seen, wanted))
    rows = ()
    for done, name in enumerate(names, 1):
        rows = (*rows, *_check((lifecycle, mutant, name, max_states)))
        if _is_shown(rows):
            left = len(names) - done
            return rows, (f"{left} models not explored: {name} is violated",) if left else ()
    return rows, ()


def _is_shown(rows: tuple[Row, ...], wanted: str = "") -> bool:
    """Whether a claim, or the one that is wanted, is violated with a trace to tell."""
    # A witness that is not reached has no trace: a claim that has one tells more.
    broken = {row.property for row in rows if row.verdict is Verdict.VIOLATED and row.trace}
    return wanted in broken if wanted else bool(broken)


def _is_open(rows: tuple[Row, ...], wanted: str) -> bool:
    """Whether more states could show what is wanted, or anything if nothing is."""
    undecided = {row.property for row in rows if row.verdict is Verdict.UNDECIDED}
    return wanted in undecided if wanted else bool(undecided)


def _share_out(jobs: list[_Job], workers: int) -> list[tuple[Row, ...]]:
    # A fresh interpreter each: forking a process that has threads is a gamble.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        try:
            # Ctrl-C reaches every process of a terminal; it is for this one to end the others.
            before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            try:
                found = pool.map(_check, jobs)
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
            return list(found)
        except KeyboardInterrupt:
            for process in active_children():
                process.terminate()
            raise


def models(lifecycle: str = "classic", *, proving: bool = True) -> tuple[str, ...]:
    """The models of a run in order; the proofs only where z3 is installed.

    Not `proving`: those that mutants are tried on.
    """
    if lifecycle in MODERN_LIFECYCLES:
        return (*modern_models(), *(whole_models() if proving else ()))
    proofs = (INDUCTION,) if proving and find_spec("z3") else ()
    return (CONTROL, *proofs, *(scenario.name for scenario in scenarios()))


@cache
def mutants(lifecycle: str) -> Mapping[str, Mutant]:
    """Every mutant of a lifecycle by name: those with a name of their own, then the mechanical."""
    if lifecycle in MODERN_LIFECYCLES:
        return mutants_of(lifecycle)
    rows = LIFECYCLES[lifecycle]
    return {m.name: m for m in (*named_mutants(rows), *row_mutants(rows))}


def check_control(
    lifecycle: Lifecycle[ClassicControl], max_states: int = MAX_STATES
) -> tuple[Row, ...]:
    """The control machine: its form, its properties, and the contract of each event."""
    space = explore(ControlModel(lifecycle), max_states)
    claims = claimed_for(CLASSIC_PROPERTIES, lifecycle.profile)
    return (
        _loads(lifecycle, space),
        *judge(CONTROL, space, claims, FAIR),
        *_contracts(lifecycle, space),
    )


def _check(job: _Job) -> tuple[Row, ...]:
    """One scenario, in whatever process: everything is found by name."""
    lifecycle, mutant, name, max_states = job
    if lifecycle in MODERN_LIFECYCLES:
        return check_modern(lifecycle, mutant, name, max_states)
    rows, alteration = LIFECYCLES[lifecycle], None
    if mutant is not None:
        changed = mutants(lifecycle)[mutant]
        rows, alteration = changed.of(rows), changed.alteration
    if name == CONTROL:
        return check_control(rows, max_states)
    if name == INDUCTION:
        return _prove(rows)
    scenario = next(s for s in scenarios() if s.name == name)
    space = explore(scenario.model(rows, alteration), max_states)
    return judge(name, space, claimed_for(scenario.claims, rows.profile), FAIR)


def _prove(lifecycle: Lifecycle[ClassicControl]) -> tuple[Row, ...]:
    """The proofs; z3 is loaded here only, since nobody else needs it and not everybody has it."""
    prove = import_module("blockjob_fsm.check.induction").prove
    proved: tuple[Row, ...] = prove(lifecycle, CLASSIC_PROPERTIES)
    return tuple(replace(row, model=INDUCTION) for row in proved)


def _known(what: str, name: str, names: tuple[str, ...]) -> None:
    if name not in names:
        raise ValueError(f"no {what} {name!r}; there are: {', '.join(names)}")


def _loads(lifecycle: Lifecycle[ClassicControl], space: Space[Place]) -> Row:
    start, trace = time.perf_counter(), None
    try:
        load(lifecycle)
    except MalformedLifecycle as malformed:
        trace = Trace("the rows", (), str(malformed))
    return Row(
        model=CONTROL,
        property="well-formed",
        claim="no two rows overlap, none is dead, every verb is answered",
        verdict=Verdict.HOLDS if trace is None else Verdict.VIOLATED,
        states=len(space.states),
        depth=space.depth,
        seconds=time.perf_counter() - start,
        instances=len(lifecycle.rules) + len(lifecycle.refusals),
        trace=trace,
    )


def _contracts(lifecycle: Lifecycle[ClassicControl], space: Space[Place]) -> Iterator[Row]:
    start = time.perf_counter()
    kinds = [str(kind) for kind in lifecycle.events]
    found = {kind: Found[Place](_contract_of(kind)) for kind in kinds}
    for state in space.states:
        for move in space.model.moves(state):
            of_kind = found[move.kind]
            of_kind.instances += 1
            wrong = of_kind.open and breach(lifecycle.profile, state.control, move)
            if wrong:
                of_kind.stop(state, wrong, move.label)
    seconds = (time.perf_counter() - start) / max(len(kinds), 1)
    for kind, one in found.items():
        where = one.where
        yield Row(
            model=CONTROL,
            property=f"contract-{kind}",
            claim=one.claim.claim,
            verdict=verdict_of(one, complete=space.complete),
            states=len(space.states),
            depth=space.depth,
            seconds=seconds,
            instances=one.instances,
            trace=None if where is None else trace_to(space, where, one.wrong, one.move),
        )


def _contract_of(kind: str) -> Property:
    """The contract of an event as a claim: what it says is a function, not a guard."""
    said = CONTRACT[kind].__doc__ or "as specified"
    claim = f"{kind} does what the specification says, and nothing else: {said.strip().rstrip('.')}"
    return Always(name=kind, claim=claim, holds=ALWAYS, witness=f"takes-{kind}")


# ---- the manifest


def manifest() -> dict[str, dict[str, dict[str, object]]]:
    """What must come out: per lifecycle and model, states, depth, and claims that are VIOLATED."""
    text = files("blockjob_fsm.check").joinpath("manifest.json").read_text(encoding="utf-8")
    stored: dict[str, dict[str, dict[str, object]]] = json.loads(text)
    return stored


def summary(rows: tuple[Row, ...]) -> dict[str, dict[str, object]]:
    """The rows of a run as the manifest keeps them."""
    found: dict[str, dict[str, object]] = {}
    for row in rows:
        violated = [
            r.property for r in rows if r.model == row.model and r.verdict is Verdict.VIOLATED
        ]
        found[row.model] = {"states": row.states, "depth": row.depth, "violated": violated}
    return found


def differences(lifecycle: str, rows: tuple[Row, ...]) -> Iterator[str]:
    """A line per model whose figures are not those of the manifest."""
    expected, found = manifest().get(lifecycle, {}), summary(rows)
    for model in sorted(expected.keys() | found.keys()):
        absent = model == INDUCTION and model not in found
        if expected.get(model) != found.get(model) and not absent:
            yield f"{model}: manifest says {expected.get(model)}, found {found.get(model)}"
