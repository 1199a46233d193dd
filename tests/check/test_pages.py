"""The generated page, and the invariants it lists."""

from pathlib import Path

import pytest

from models import pages
from models.invariants import INVARIANTS, Invariant, claims_of
from models.modern_invariants import MODERN_INVARIANTS, modern_claims_of
from models.modern_pages import MODERN_PAGE, modern_page

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_is_what_the_claims_generate() -> None:
    assert pages.PAGE.read_text(encoding="utf-8") == pages.page()


def test_the_page_of_modern_jobs_is_what_the_claims_generate() -> None:
    assert MODERN_PAGE.read_text(encoding="utf-8") == modern_page()


def test_all_44_invariants_of_modern_jobs_are_listed() -> None:
    assert [invariant.number for invariant in MODERN_INVARIANTS] == list(range(1, 45))


@pytest.mark.parametrize("invariant", MODERN_INVARIANTS, ids=lambda one: str(one.number))
def test_an_invariant_of_modern_jobs_is_claimed_or_held_elsewhere(invariant: Invariant) -> None:
    assert modern_claims_of(invariant) or invariant.elsewhere
    assert bool(invariant.elsewhere) is bool(invariant.why_elsewhere)


def test_all_23_invariants_are_listed() -> None:
    assert [invariant.number for invariant in INVARIANTS] == list(range(1, 24))


@pytest.mark.parametrize("invariant", INVARIANTS, ids=lambda one: str(one.number))
def test_an_invariant_is_claimed_or_held_elsewhere(invariant: Invariant) -> None:
    assert claims_of(invariant) or invariant.elsewhere


@pytest.mark.parametrize("invariant", INVARIANTS, ids=lambda one: str(one.number))
def test_what_holds_an_invariant_elsewhere_has_a_reason(invariant: Invariant) -> None:
    assert bool(invariant.elsewhere) is bool(invariant.why_elsewhere)


@pytest.mark.parametrize(
    "name", [name for one in (*INVARIANTS, *MODERN_INVARIANTS) for name in one.elsewhere]
)
def test_what_holds_an_invariant_elsewhere_exists(name: str) -> None:
    files = [*ROOT.glob("tests/**/*.py"), *ROOT.glob("models/laws/*.py")]
    assert any(f"def {name}(" in file.read_text(encoding="utf-8") for file in files)
