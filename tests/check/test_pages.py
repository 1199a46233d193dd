"""The generated page, and the invariants it lists."""

from pathlib import Path

import pytest

from models import pages
from models.invariants import INVARIANTS, Invariant, claims_of

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_is_what_the_claims_generate() -> None:
    assert pages.PAGE.read_text(encoding="utf-8") == pages.page()


def test_all_23_invariants_are_listed() -> None:
    assert [invariant.number for invariant in INVARIANTS] == list(range(1, 24))


@pytest.mark.parametrize("invariant", INVARIANTS, ids=lambda one: str(one.number))
def test_an_invariant_is_claimed_or_held_elsewhere(invariant: Invariant) -> None:
    assert claims_of(invariant) or invariant.elsewhere


@pytest.mark.parametrize("invariant", INVARIANTS, ids=lambda one: str(one.number))
def test_what_holds_an_invariant_elsewhere_has_a_reason(invariant: Invariant) -> None:
    assert bool(invariant.elsewhere) is bool(invariant.why_elsewhere)


@pytest.mark.parametrize("name", [name for one in INVARIANTS for name in one.elsewhere])
def test_what_holds_an_invariant_elsewhere_exists(name: str) -> None:
    files = [*ROOT.glob("tests/**/*.py"), *ROOT.glob("models/laws/*.py")]
    assert any(f"def {name}(" in file.read_text(encoding="utf-8") for file in files)
