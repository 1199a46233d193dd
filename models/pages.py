"""The generated pages of the manual about checking: `python -m models.pages` rewrites them.

What they say is read from the claims, the manifest and the pinned mutants; a test compares the
pages with what this makes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from blockjob_fsm.check.kill import CONTRACT
from blockjob_fsm.check.run import CONTROL, LIFECYCLES, manifest
from blockjob_fsm.check.scenarios import scenarios
from blockjob_fsm.lifecycles.classic_words import LIVE
from blockjob_fsm.properties import CLASSIC_PROPERTIES, Property, Sometimes
from blockjob_fsm.properties.classic_states import in_phase
from models import breakers, fault_pages, invariants, matrix_pages, mutants
from models.cells import formal, table
from models.modern_pages import MODERN_PAGE, modern_page

PAGE = Path(__file__).resolve().parent.parent / "docs" / "properties.md"

_LIVES = str(in_phase(*LIVE))
_OPENING = """# The claims, one by one

Generated from the claims themselves; `python -m models.pages` writes this page.

A claim is a value over guards, so explorer and prover read the same one. The number in its name is
an invariant of the specification, an H the hazard of QEMU 1.3 that it rules out. Beside each claim
stand a witness, which shows that the claim is about something, and a mutant of the lifecycle that
breaks it, which shows that it says something. How all this is checked, and what is not, is told in
[checking.md](checking.md).
"""


def page() -> str:
    """The whole page."""
    return "\n".join(
        (
            _OPENING,
            "## The invariants\n",
            *_invariants(),
            "\n## Claims about the control\n",
            "For any body and any order of events that the rows allow.\n",
            *_claims(CLASSIC_PROPERTIES),
            "\n## Claims about whole jobs\n",
            "At the points where a job is suspended, on devices of two or three units.\n",
            *_job_claims(),
            "\n## Witnesses\n",
            "Each of these must be reached.\n",
            *_witnesses(),
            "\n## Models\n",
            "What must come out: figures that differ make a check UNDECIDED.\n",
            *_models(),
            "\n## Mutants\n",
            "Of the rows alone, and who notices them.\n",
            *_mutants(),
            "",
        )
    )


def main() -> None:
    """Rewrite the pages, those of modern jobs and of the matrices too."""
    PAGE.write_text(page(), encoding="utf-8")
    fault_pages.PAGE.write_text(fault_pages.page(), encoding="utf-8")
    MODERN_PAGE.write_text(modern_page(), encoding="utf-8")
    matrix_pages.PAGE.write_text(matrix_pages.page(), encoding="utf-8")


# ---- the parts


def _invariants() -> Iterator[str]:
    rows = []
    for invariant in invariants.INVARIANTS:
        claims = [f"`{name}` ({model})" for model, name in invariants.claims_of(invariant)]
        elsewhere = ", ".join(f"`{test}`" for test in invariant.elsewhere)
        because = f"{elsewhere}: {invariant.why_elsewhere}" if elsewhere else ""
        rows.append((str(invariant.number), invariant.says, ", ".join(claims), because))
    return table(("", "invariant", "claims", "held elsewhere"), rows)


def _claims(claims: Iterable[Property]) -> Iterator[str]:
    rows = [
        (f"`{claim.name}`", claim.claim, _formal(claim), f"`{_witness(claim)}`", _breaker(claim))
        for claim in claims
        if not isinstance(claim, Sometimes)
    ]
    return table(("claim", "says", "means", "witness", "broken by"), rows)


def _job_claims() -> Iterator[str]:
    made: dict[Property, list[str]] = {}
    for scenario in scenarios():
        for claim in scenario.claims:
            kinds = made.setdefault(claim, [])
            kind = scenario.name.partition("-")[0]
            kinds += [] if kind in kinds else [kind]
    rows = [
        (f"`{c.name}`", ", ".join(kinds), c.claim, _formal(c), _breaker_of(c, kinds))
        for c, kinds in made.items()
        if not isinstance(c, Sometimes)
    ]
    return table(("claim", "of", "says", "means", "broken by"), rows)


def _witnesses() -> Iterator[str]:
    made = [("control", claim) for claim in CLASSIC_PROPERTIES]
    made += [(s.name.partition("-")[0], claim) for s in scenarios() for claim in s.claims]
    rows = [
        (f"`{claim.name}`", model, claim.claim, _formal(claim))
        for model, claim in dict.fromkeys(made)
        if isinstance(claim, Sometimes)
    ]
    return table(("witness", "of", "says", "means"), rows)


def _models() -> Iterator[str]:
    stored = manifest()
    rows = []
    for model, figures in stored["classic"].items():
        old = stored["classic-1.3"][model]
        violated = old["violated"]
        assert isinstance(violated, list), "the manifest lists what is violated"
        names = ", ".join(f"`{name}`" for name in dict.fromkeys(violated))
        now = (str(figures["states"]), str(figures["depth"]))
        rows.append((f"`{model}`", *now, str(old["states"]), names))
    return table(("model", "states", "depth", "states in 1.3", "VIOLATED in 1.3"), rows)


def _mutants() -> Iterator[str]:
    rows = []
    for lifecycle in LIFECYCLES:
        who = Counter(mutants.expected(lifecycle).values())
        others = [who.pop(name, 0) for name in (CONTRACT, mutants.LOAD, mutants.NOBODY)]
        figures = (who.total() + sum(others), who.total(), *others)
        rows.append((f"`{lifecycle}`", *map(str, figures)))
    yield from table(
        (
            "lifecycle",
            "mutants of the rows",
            "by a property",
            "by the contract",
            "at load",
            "equivalent",
        ),
        rows,
    )
    yield "\nThe equivalent ones change no reachable step:\n"
    told = [(f"`{name}`", why) for name, why in mutants.EQUIVALENT.items()]
    yield from table(("mutant", "because"), told)


# ---- cells


def _formal(claim: Property) -> str:
    return formal(claim).replace(_LIVES, "lives")


def _witness(claim: Property) -> str:
    assert not isinstance(claim, Sometimes), "a witness needs no other"
    return claim.witness


def _breaker(claim: Property) -> str:
    """The mutant that breaks a claim of the control."""
    return _first(claim, lambda model: model == CONTROL)


def _breaker_of(claim: Property, kinds: list[str]) -> str:
    """The mutant that breaks a claim about these kinds of job."""
    return _first(claim, lambda model: model.partition("-")[0] in kinds)


def _first(claim: Property, shows: Callable[[str], bool]) -> str:
    mine = [
        b["mutant"] for b in breakers.expected() if b["claim"] == claim.name and shows(b["model"])
    ]
    return f"`{mine[0]}`" if mine else "the rows of 1.3 themselves"


if __name__ == "__main__":
    main()
