"""The kinds of modern job: what their rows say of releases, flags and the errors they report."""

import pytest

from blockjob_fsm.lifecycles.modern_drivers import (
    ACTIVE_COMMIT,
    BACKUP,
    COMMIT,
    CREATE,
    DRIVERS,
    MIRROR,
    STREAM,
    Driver,
    driver_of,
)
from blockjob_fsm.lifecycles.modern_words import RELEASES

LEAKING = ("2.12", "3.0", "6.0", "6.2", "7.2")


@pytest.mark.parametrize("driver", [STREAM, COMMIT, ACTIVE_COMMIT, MIRROR], ids=lambda d: d.what)
def test_an_early_entry_gets_past_the_limit_before_8_1(driver: Driver) -> None:
    assert tuple(filter(driver.leaks, RELEASES)) == LEAKING


def test_no_early_entry_gets_past_the_limit_of_a_backup() -> None:
    assert not any(map(BACKUP.leaks, RELEASES))


def test_only_what_keeps_a_target_in_step_can_be_completed() -> None:
    assert [driver for driver in DRIVERS if driver.completable] == [ACTIVE_COMMIT, MIRROR]


def test_the_commit_of_a_name_is_the_one_below_the_active_layer() -> None:
    assert driver_of("commit") is COMMIT


def test_a_kind_of_ones_own_has_nothing_special() -> None:
    control = driver_of("scrub").control()
    assert (control.block_job, control.completable, control.changeable) == (True, False, False)


def test_what_is_no_block_job_finalizes_itself_and_stays() -> None:
    control = CREATE.control(auto_finalize=False, auto_dismiss=True)
    assert (control.auto_finalize, control.auto_dismiss) == (True, False)
