"""Random sessions played to our modern jobs and to the real QEMU; `blockjob conform` plays more."""

import pytest

from blockjob_fsm.conformance.beside import beside_qemu
from blockjob_fsm.conformance.ours import Ours
from blockjob_fsm.conformance.walks import Outcome, Session, compare, draw, shrunk
from tests.modern.test_rows import LEGAL

SESSIONS = 150
PER_TEST = 10


@pytest.mark.slow
@pytest.mark.usefixtures("qemu_storage_daemon")
@pytest.mark.parametrize("first", range(0, SESSIONS, PER_TEST))
def test_ours_and_qemu_do_alike(first: int) -> None:
    for seed in range(first, first + PER_TEST):
        outcome = beside_qemu(draw(seed))
        if outcome.difference is not None:
            shortest = shrunk(outcome, beside_qemu)
            pytest.fail(f"seed {seed}:\n{shortest.session}\n{shortest.difference}")


def test_a_session_is_its_seed() -> None:
    assert draw(7) == draw(7)
    assert draw(7) != draw(8)


def test_a_difference_is_found_and_shrunk() -> None:
    """Two of our own, of which one has other rules."""

    def beside_others(session: Session) -> Outcome:
        return compare(session, Ours, lambda: Ours("3.0"))

    differing = next(
        outcome for seed in range(400) if (outcome := beside_others(draw(seed))).difference
    )
    shortest = shrunk(differing, beside_others)
    assert shortest.difference is not None
    assert 0 < len(shortest.session.script) <= len(differing.session.script)
    commands = [command for command, _ in shortest.session.script]
    assert {"job-complete", "block-job-complete", "block-job-cancel"} & set(commands)


def test_our_sessions_take_most_legal_changes_of_status() -> None:
    legal = {(before, after) for before, line in LEGAL.items() for after in line.split()}
    taken: set[tuple[str, str]] = set()
    for seed in range(SESSIONS):
        [covered, _] = compare(draw(seed), Ours, Ours).covered
        taken |= {(met[1], met[2]) for met in covered if met[0] == "edge"}
    assert taken <= legal
    assert legal - taken <= {("created", "null"), ("created", "aborting")}
