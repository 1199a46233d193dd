"""The generated page about the claims of the modern lifecycle.

`python -m models.pages` writes it; a test compares it with what this makes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from blockjob_fsm.check.modern_mutants import MISTAKES
from blockjob_fsm.check.modern_run import MODERN_LIFECYCLES, modern_models, whole_models
from blockjob_fsm.check.run import manifest
from blockjob_fsm.check.whole_jobs import WHOLE_PROPERTIES
from blockjob_fsm.properties import Sometimes
from blockjob_fsm.properties.modern import MODERN_PROPERTIES
from models.cells import formal, table
from models.modern_invariants import MODERN_INVARIANTS, models_of, modern_claims_of

MODERN_PAGE = Path(__file__).resolve().parent.parent / "docs" / "modern-properties.md"
_NEWEST = "10.1"
_OPENING = """# The claims about modern jobs

Generated from the claims themselves; `python -m models.pages` writes this page. How they are
checked is told in [checking.md](checking.md), what a claim is in [properties.md](properties.md).

`blockjob check --lifecycle modern --profile 7.2` explores a lone job of each kind under every
event in any order that the rows allow, and transactions of two and three; `--mutant NAME` explores
one of the mistakes at the end, and tells the shortest way to what it breaks.
"""
_OLD = """
Before 6.2 the claims below are VIOLATED: each is a mistake that 6.0 or 6.2 mended. That a mirror
is a member of a transaction, as in `pair-mirror`, no user can bring about.
"""


def modern_page() -> str:
    """The whole page."""
    return "\n".join(
        (
            _OPENING,
            "## The invariants\n",
            *_invariants(),
            "\n## Claims\n",
            *_claims(),
            "\n## Witnesses\n",
            "Each of these must be reached.\n",
            *_witnesses(),
            "\n## Claims about whole jobs\n",
            "Bodies of each kind, as they run live, on devices of one to three units that may fail",
            "at any unit, beside a guest, drained sections and a user who may ask at any time.\n",
            *_whole_claims(),
            "\n## Models\n",
            "States and depth that must come out, by release.\n",
            *_models(),
            _OLD,
            *_violated(),
            "\n## Mistakes\n",
            "What QEMU's code did at some time, the year in which that was mended, and the claim",
            "that finds it. Those without a year were never made.\n",
            *_mistakes(),
            "",
        )
    )


def _invariants() -> Iterator[str]:
    rows = []
    for one in MODERN_INVARIANTS:
        claims = ", ".join(f"`{name}`" for name in modern_claims_of(one))
        elsewhere = ", ".join(f"`{test}`" for test in one.elsewhere)
        because = f"{elsewhere}: {one.why_elsewhere}" if elsewhere else ""
        rows.append((str(one.number), one.says, claims, because))
    return table(("", "invariant", "claims", "held elsewhere"), rows)


def _claims() -> Iterator[str]:
    rows = [
        (f"`{claim.name}`", claim.claim, formal(claim), f"`{claim.witness}`", _made(claim.name))
        for claim in MODERN_PROPERTIES
        if not isinstance(claim, Sometimes) and (not claim.only or _NEWEST in claim.only)
    ]
    return table(("claim", "says", "means", "witness", "models"), rows)


def _whole_claims() -> Iterator[str]:
    rows = [
        (f"`{claim.name}`", claim.claim, formal(claim), _made(claim.name))
        for claim in WHOLE_PROPERTIES
    ]
    return table(("claim", "says", "means", "models"), rows)


def _made(name: str) -> str:
    """The models of a claim, or how many there are."""
    models = models_of(name)
    return ", ".join(models) if len(models) < 4 else f"{len(models)} models"


def _witnesses() -> Iterator[str]:
    rows = [
        (f"`{claim.name}`", claim.claim, formal(claim))
        for claim in MODERN_PROPERTIES
        if isinstance(claim, Sometimes)
    ]
    return table(("witness", "says", "means"), rows)


def _models() -> Iterator[str]:
    stored = manifest()
    rows = [
        (f"`{model}`", *(_figures(stored[name][model]) for name in MODERN_LIFECYCLES))
        for model in (*modern_models(), *whole_models())
    ]
    return table(("model", *MODERN_LIFECYCLES.values()), rows)


def _figures(found: dict[str, object]) -> str:
    return f"{found['states']} / {found['depth']}"


def _violated() -> Iterator[str]:
    stored = manifest()
    rows = []
    for name, release in MODERN_LIFECYCLES.items():
        for model, found in stored[name].items():
            violated = found["violated"]
            assert isinstance(violated, list), "the manifest lists what is violated"
            if violated:
                rows.append((release, f"`{model}`", ", ".join(f"`{one}`" for one in violated)))
    return table(("release", "model", "VIOLATED"), rows)


def _mistakes() -> Iterator[str]:
    rows = [(f"`{one.name}`", one.what, str(one.year or ""), f"`{one.breaks}`") for one in MISTAKES]
    return table(("mutant", "what goes wrong", "mended", "found by"), rows)
