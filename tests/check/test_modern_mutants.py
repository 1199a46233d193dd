"""Mutants of the modern rows: each is noticed by a claim, refused when loaded, or the same."""

import os
from collections import Counter
from functools import cache

import pytest

from blockjob_fsm.check.modern_kill import ModernKiller
from blockjob_fsm.check.mutants import Mutant, row_mutants
from blockjob_fsm.lifecycles.modern import MODERN
from blockjob_fsm.properties.modern import MODERN_PROPERTIES
from models import modern_mutants as expected
from models.mutants import LOAD, NOBODY

#: every so many mutants are held against the original; with this variable set to 1 all of them
STEP = int(os.environ.get("BLOCKJOB_MUTANT_STEP", "60"))
SAMPLE = tuple(row_mutants(MODERN))[::STEP]
_KNOWN = expected.expected()


@cache
def killer() -> ModernKiller:
    """The newest release, against which mutants are held."""
    return ModernKiller(MODERN)


@pytest.mark.slow
@pytest.mark.parametrize("mutant", SAMPLE, ids=lambda mutant: mutant.name)
def test_a_mutant_of_a_modern_row_is_noticed_by_whom_it_should(mutant: Mutant) -> None:
    assert expected.noticed(killer(), mutant) == _KNOWN[mutant.name]


def test_it_is_known_of_every_mutant_who_notices_it() -> None:
    assert _KNOWN.keys() == {mutant.name for mutant in row_mutants(MODERN)}


def test_who_notices_a_mutant_is_a_claim_of_ours() -> None:
    claims = {claim.name for claim in MODERN_PROPERTIES} | {LOAD, NOBODY, *expected.OF_MODELS}
    assert set(_KNOWN.values()) - claims == set()


def test_every_modern_mutant_that_nobody_notices_has_a_reason() -> None:
    nobody = [name for name, who in _KNOWN.items() if who == NOBODY]
    assert [name for name in nobody if not expected.reasons(name)] == []


def test_no_reason_is_about_a_mutant_that_is_noticed() -> None:
    noticed = [name for name, who in _KNOWN.items() if who != NOBODY]
    assert [name for name in noticed if expected.reasons(name)] == []


def test_every_reason_is_about_some_mutant() -> None:
    unused = [pattern for pattern in expected.EQUIVALENT if not expected.about(pattern)]
    assert unused == []


def test_most_mutants_of_modern_rows_are_noticed_by_a_claim() -> None:
    who = Counter(_KNOWN.values())
    assert who.total() - who[LOAD] - who[NOBODY] > 0.8 * who.total()
