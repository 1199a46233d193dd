"""Transactions of modern jobs, against the sequences that QEMU 7.2 was seen to emit.

The number behind a word is the job's; jobs are walked newest first.
"""

import errno as errno_codes

import pytest

from blockjob_fsm.lifecycles import modern_words as words
from tests.modern.world import World, a_job, born

START, CANCEL, FINALIZE, PAUSE = words.START(), words.CANCEL(), words.FINALIZE(), words.PAUSE()


def pair(*, manual: tuple[str, ...] = (), errors: dict[int, int] | None = None) -> World:
    jobs = (a_job("backup", name, manual=name in manual) for name in ("j1", "j0"))
    return born(*jobs, errors=errors)


def until_waiting(world: World, *members: str) -> str:
    """Start everybody, and let these run alone until they have succeeded."""
    for job in reversed(world.group.jobs):
        world.do(START, of=job.id, settle=False)
    for member in members:
        world.finish(member)
    return world.said()


def test_all_succeed_together_newest_first() -> None:
    world = pair()
    assert until_waiting(world, "j1") == "W1"
    world.settle()
    assert world.said() == "W0 D1 D0 COMPLETED1 E1 N1 COMPLETED0 E0 N0"


@pytest.mark.parametrize("finalized", ["j0", "j1"])
def test_one_manual_member_keeps_all_pending_and_any_member_finalizes_all(finalized: str) -> None:
    world = pair(manual=("j0",))
    until_waiting(world, "j1")
    world.settle()
    assert world.said() == "W0 D1 D0 PENDING0"
    assert world.do(FINALIZE, of=finalized) == "COMPLETED1 E1 N1 COMPLETED0 E0"


def test_cancelling_a_waiting_member_cancels_all() -> None:
    world = pair()
    until_waiting(world, "j1")
    assert world.do(CANCEL, of="j1") == "X1 CANCELLED1 E1 N1 X0 CANCELLED0 E0 N0"


def test_cancelling_a_running_member_cancels_those_that_wait_for_it() -> None:
    world = pair()
    until_waiting(world, "j1")
    assert world.do(CANCEL, of="j0") == "X0 X1 CANCELLED1 E1 N1 CANCELLED0 E0 N0"


def test_cancelling_one_pending_member_cancels_all() -> None:
    world = pair(manual=("j0", "j1"))
    world.do(START, of="j0")
    world.do(START, of="j1")
    assert world.do(CANCEL, of="j0") == "X1 CANCELLED1 E1 X0 CANCELLED0 E0"


def test_a_failure_cancels_a_member_that_has_succeeded() -> None:
    world = pair(errors={4: errno_codes.EIO})
    until_waiting(world, "j1")
    world.settle()
    assert world.said() == "ERROR0 X0 X1 CANCELLED1 E1 N1 COMPLETED0(error) E0 N0"


def test_a_failure_of_the_newest_ends_it_first() -> None:
    world = pair(errors={1: errno_codes.EIO})
    assert until_waiting(world, "j1") == "ERROR1 X1 COMPLETED1(error) E1 N1"
    world.settle()
    assert world.said() == "X0 CANCELLED0 E0 N0"


def test_an_abort_takes_a_paused_member_out_of_its_park() -> None:
    world = born(*(a_job("backup", name) for name in ("j2", "j1", "j0")))
    until_waiting(world, "j2")
    world.do(PAUSE, of="j0", settle=False)
    world.finish("j0")
    assert world.said() == "P0"
    said = "X1 X2 CANCELLED2 E2 N2 CANCELLED1 E1 N1 R0 X0 CANCELLED0 E0 N0"
    assert world.do(CANCEL, of="j1") == said


def test_what_is_refused_half_way_leaves_nothing_behind() -> None:
    world = born(a_job("backup", manual=True))
    assert world.do(CANCEL) == "X E N"
