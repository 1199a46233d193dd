"""Random sessions played to our modern jobs and to the real QEMU; `blockjob conform` plays more."""

from functools import cache

import pytest

from blockjob_fsm.conformance.beside import beside_qemu
from blockjob_fsm.conformance.coverage import Coverage, possible_edges
from blockjob_fsm.conformance.hunt import Hunt
from blockjob_fsm.conformance.ours import Ours
from blockjob_fsm.conformance.session import Session, read_session, shell_script
from blockjob_fsm.conformance.theirs import Theirs
from blockjob_fsm.conformance.walks import Outcome, compare, play
from blockjob_fsm.lifecycles.modern import modern
from tests.modern.test_rows import LEGAL

SESSIONS = 150
PER_TEST = 15
#: sessions of our own only, which cost less and show as much
OWN = 80
#: complete is taken by a mirror that is parked, since 6.0
IN_STANDBY = """
{"execute": "blockdev-add", "arguments": {"driver": "raw", "node-name": "src",
"file": {"driver": "file", "filename": "src.raw"}}}
{"execute": "blockdev-add", "arguments": {"driver": "raw", "node-name": "dst",
"file": {"driver": "file", "filename": "dst.raw"}}}
{"execute": "blockdev-mirror", "arguments": {"job-id": "j0", "device": "src", "target": "dst",
"sync": "full"}}
{"execute": "job-pause", "arguments": {"id": "j0"}}
{"execute": "job-complete", "arguments": {"id": "j0"}}
""".replace(",\n", ", ")
#: the next read of j0 fails, if it is asked for
LIMITED = """
{"execute": "blockdev-add", "arguments": {"driver": "raw", "node-name": "src",
"file": {"driver": "blkdebug", "image": {"driver": "file", "filename": "src.raw"},
"inject-error": [{"event": "none", "iotype": "read", "sector": 128, "errno": 5, "once": false}]}}}
{"execute": "blockdev-add", "arguments": {"driver": "raw", "node-name": "dst",
"file": {"driver": "file", "filename": "dst.raw"}}}
{"execute": "blockdev-add", "arguments": {"driver": "raw", "node-name": "src2",
"file": {"driver": "file", "filename": "src2.raw"}}}
{"execute": "blockdev-add", "arguments": {"driver": "raw", "node-name": "dst2",
"file": {"driver": "file", "filename": "dst2.raw"}}}
{"execute": "blockdev-mirror", "arguments": {"job-id": "j0", "device": "src", "target": "dst",
"sync": "full", "speed": 1, "on-source-error": "stop", "granularity": 65536, "buf-size": 65536}}
{"execute": "blockdev-mirror", "arguments": {"job-id": "j1", "device": "src2", "target": "dst2",
"sync": "full"}}
{"execute": "quit"}
""".replace(",\n", ", ")
#: enough sessions for two rules that differ to be told apart
ENOUGH = 400


def beside_others(session: Session) -> Outcome:
    """Two of our own, of which one has other rules."""
    return compare(session, Ours, lambda: Ours("3.0"))


@pytest.mark.slow
@pytest.mark.usefixtures("qemu_storage_daemon")
@pytest.mark.parametrize("seed", range(SESSIONS // PER_TEST))
def test_ours_and_qemu_do_alike(seed: int) -> None:
    hunt = Hunt(beside_qemu, lambda _: None)
    outcome = hunt.run(PER_TEST, seed)
    if outcome is not None:
        pytest.fail(f"{shell_script(outcome.session)}\n{outcome.difference}")
    assert hunt.played == PER_TEST


@pytest.mark.slow
def test_a_difference_is_shrunk_to_a_script_of_few_steps_that_shows_it_again() -> None:
    found = Hunt(beside_others, lambda _: None).run(ENOUGH, 1)
    assert found is not None
    again = beside_others(read_session(shell_script(found.session)))
    assert again.difference == found.difference
    assert len(again.session.script) <= 4


@pytest.mark.slow
@pytest.mark.usefixtures("qemu_storage_daemon")
@pytest.mark.parametrize(("profile", "differs"), [("3.0", True), ("7.2", False)])
def test_a_script_shows_against_the_real_qemu_which_rules_are_others(
    profile: str, differs: bool
) -> None:
    outcome = compare(read_session(IN_STANDBY), Theirs, lambda: Ours(profile))
    assert (outcome.difference is not None) is differs


@pytest.mark.usefixtures("qemu_storage_daemon")
def test_a_job_that_quitting_wakes_issues_no_more_requests() -> None:
    assert compare(read_session(LIMITED), Theirs, Ours).difference is None


@cache
def drawn(seed: int) -> tuple[list[str], Coverage]:
    """The sessions of a seed, and what our jobs show in them."""
    coverage, texts = Coverage(modern("7.2")), list[str]()

    def look(session: Session) -> Outcome:
        subject = Ours()
        texts.append(str(session))
        coverage.add(play(session, subject))
        subject.close()
        return Outcome(session, None, ([], []))

    Hunt(look, lambda _: None).run(OWN, seed)
    return texts, coverage


@pytest.mark.slow
def test_a_seed_draws_the_same_sessions_again() -> None:
    again: list[str] = []
    hunt = Hunt(
        lambda session: Outcome(session, None, ([], [])), lambda o: again.append(str(o.session))
    )
    hunt.run(OWN, 7)
    assert again == drawn(7)[0]


@pytest.mark.slow
def test_sessions_have_ten_to_thirty_steps() -> None:
    counts: list[int] = []
    hunt = Hunt(
        lambda session: Outcome(session, None, ([], [])),
        lambda outcome: counts.append(len(outcome.session.script)),
    )
    hunt.run(OWN, 3)
    assert min(counts) >= 10
    assert max(counts) <= 30


def test_the_rows_have_the_legal_changes_of_status() -> None:
    legal = {(before, after) for before, line in LEGAL.items() for after in line.split()}
    assert possible_edges(modern("7.2")) == legal


@pytest.mark.slow
@pytest.mark.parametrize("table", ["changes of status", "answers to verbs"])
def test_our_sessions_show_nothing_that_no_session_can_show(table: str) -> None:
    assert drawn(7)[1].report()[table]["unforeseen"] == []


@pytest.mark.slow
def test_our_sessions_show_most_changes_of_status() -> None:
    assert len(drawn(7)[1].report()["changes of status"]["missing"]) <= 2
