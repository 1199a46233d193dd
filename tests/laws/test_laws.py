"""Every law is confirmed over all paths, and its canary shows that it was really tried."""

from importlib import import_module

import pytest

from blockjob_fsm.lifecycles.classic_words import EVENTS
from tests.laws.crosshair_runs import CONFIRMED, REFUTED, laws_of, verdicts

EVENT_LAWS = ("verbs", "world", "body")
MODULES = (*EVENT_LAWS, "old_rules", "errors", "limits")


def laws(module: str) -> set[str]:
    """The names of the laws a module of `models.laws` states."""
    return set(laws_of(import_module(f"models.laws.{module}")))


def test_each_event_has_one_law() -> None:
    named = [law for module in EVENT_LAWS for law in laws(module)]
    assert sorted(named) == sorted(kind.name for kind in EVENTS)


@pytest.mark.parametrize("module", MODULES)
def test_each_law_has_a_canary(module: str) -> None:
    assert laws(module) == laws(f"canaries.{module}")


@pytest.mark.slow
@pytest.mark.parametrize("module", MODULES)
def test_every_law_is_confirmed_over_all_paths_and_its_canary_refuted(module: str) -> None:
    confirmed, sung = verdicts(f"models.laws.{module}", f"models.laws.canaries.{module}")
    assert confirmed == dict.fromkeys(laws(module), CONFIRMED)
    assert {law for law, said in sung.items() if said.startswith(REFUTED)} == laws(module)


@pytest.mark.slow
def test_a_sleep_that_forgets_the_cancel_is_refuted_with_the_state_shown() -> None:
    said = verdicts("models.laws.planted")[0]["sleep"]
    assert said.startswith(REFUTED)
    assert "phase=Phase.RUNNING" in said
    assert "cancelled=True" in said
