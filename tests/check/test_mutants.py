"""Mutants of the rows: how they are made, and who notices each."""

from collections import Counter

import pytest

from blockjob_fsm.check.kill import CONTRACT, Killer
from blockjob_fsm.check.mutants import Mutant, row_mutants, row_names
from blockjob_fsm.check.named_mutants import NAMED, Named, named_mutants
from blockjob_fsm.check.run import LIFECYCLES, mutants
from blockjob_fsm.lifecycles.classic import CLASSIC, CLASSIC_1_3
from blockjob_fsm.properties import CLASSIC_PROPERTIES, claimed_for
from models import breakers
from models import mutants as expected

SAFE = mutants("classic")
ROWS = [(name, row) for name in LIFECYCLES for row in row_names(LIFECYCLES[name])]
OF_ROWS = [named for named in NAMED if named.events and (not named.only or "safe" in named.only)]

OF_BODIES = [named for named in NAMED if not named.events]
#: where a body's mistake shows: by the mutant's name, else by the kind of job
SHOWN_ON = {
    "commit": "commit-report",
    "stream": "stream-ignore",
    "mirror": "mirror-quiet-stop-stop",
    "backup": "backup-top",
    "backup-never-decides": "backup-busy-guests",
    "limiter": "stream-unattended-limited",
    "mirror-reads-before-clearing": "mirror-report",
    "mirror-without-drain": "mirror-report",
}


@pytest.fixture(scope="module")
def killer() -> Killer:
    """The default lifecycle, against which mutants are held."""
    return Killer(CLASSIC, claimed_for(CLASSIC_PROPERTIES, CLASSIC.profile))


@pytest.mark.slow
@pytest.mark.parametrize("lifecycle", LIFECYCLES)
def test_every_mutant_is_noticed_by_whom_it_should(lifecycle: str) -> None:
    found = expected.killers(lifecycle)
    by = Counter(
        who if who in (CONTRACT, expected.LOAD, expected.NOBODY) else "properties"
        for who in found.values()
    )
    print(f"{lifecycle}: {len(found)} mutants, noticed by {dict(by)}")
    assert found == expected.expected(lifecycle)


@pytest.mark.parametrize(("lifecycle", "row"), ROWS)
def test_deleting_any_one_row_is_noticed(lifecycle: str, row: str) -> None:
    who = expected.expected(lifecycle)[f"{row}.deleted"]
    assert who not in (expected.LOAD, expected.NOBODY)


@pytest.mark.parametrize("lifecycle", LIFECYCLES)
def test_every_equivalent_mutant_has_a_reason(lifecycle: str) -> None:
    nobody = {m for m, who in expected.expected(lifecycle).items() if who == expected.NOBODY}
    assert nobody - expected.EQUIVALENT.keys() == set()


def test_every_reason_is_about_a_mutant_that_nobody_notices() -> None:
    nobody = {
        mutant
        for lifecycle in LIFECYCLES
        for mutant, who in expected.expected(lifecycle).items()
        if who == expected.NOBODY
    }
    assert expected.EQUIVALENT.keys() - nobody == set()


@pytest.mark.parametrize("lifecycle", LIFECYCLES)
def test_most_mutants_are_noticed_by_a_property(lifecycle: str) -> None:
    who = Counter(expected.expected(lifecycle).values())
    others = who[CONTRACT] + who[expected.LOAD] + who[expected.NOBODY]
    assert who.total() - others > 0.8 * who.total()


@pytest.mark.parametrize("named", OF_ROWS, ids=lambda named: named.name)
def test_a_named_mutant_breaks_what_it_says(killer: Killer, named: Named) -> None:
    assert named.breaks in killer.broken(named.of(CLASSIC))


@pytest.mark.parametrize("named", OF_BODIES, ids=lambda named: named.name)
def test_a_named_mutant_of_a_body_breaks_what_it_says(named: Named) -> None:
    kind = named.name.partition("-")[0]
    model = SHOWN_ON.get(named.name) or SHOWN_ON[kind]
    claims = tuple(c for c in breakers.claims_of("classic", model) if c.name == named.breaks)
    assert breakers.broken("classic", model, named.name, claims) == {named.breaks}


def test_no_two_mutants_have_one_name() -> None:
    names = [m.name for m in (*named_mutants(CLASSIC), *row_mutants(CLASSIC))]
    assert [name for name, count in Counter(names).items() if count > 1] == []


@pytest.mark.parametrize("mutant", tuple(row_mutants(CLASSIC)), ids=lambda mutant: mutant.name)
def test_a_mutant_of_a_row_changes_one_row(mutant: Mutant) -> None:
    rows = (*mutant.rules, *mutant.refusals)
    gone = [row for row in (*CLASSIC.rules, *CLASSIC.refusals) if row not in rows]
    assert len(gone) == 1


@pytest.mark.parametrize("rows", [CLASSIC, CLASSIC_1_3], ids=lambda rows: rows.profile)
def test_every_row_has_a_name(rows: object) -> None:
    assert rows in (CLASSIC, CLASSIC_1_3)
    lifecycle = CLASSIC if rows is CLASSIC else CLASSIC_1_3
    assert len(row_names(lifecycle)) == len(lifecycle.rules) + len(lifecycle.refusals)


def test_the_original_is_not_a_mutant(killer: Killer) -> None:
    same = Mutant("same", "nothing", CLASSIC.rules, CLASSIC.refusals, frozenset({"sleep"}))
    assert killer.kill(same).differing == 0
