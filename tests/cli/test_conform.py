"""`blockjob conform`: what it tells of the real QEMU, and when it refuses."""

import json

import pytest

from tests.cli.conftest import Blockjob


@pytest.mark.slow
@pytest.mark.usefixtures("qemu_storage_daemon")
def test_sessions_that_are_alike_are_counted_with_what_they_covered(blockjob: Blockjob) -> None:
    run = blockjob("conform", "--qemu", "--sequences", "2", "--seed", "5", "--format", "json")
    told = json.loads(run.out)
    assert (run.status, told["sessions"], told["alike"]) == (0, 2, True)
    assert told["covered"]["qemu"] == told["covered"]["ours"]


def test_without_the_daemon_it_names_the_package(
    blockjob: Blockjob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    run = blockjob("conform", "--qemu")
    assert run.status == 2
    assert "install qemu-system-common" in run.err


def test_whom_to_compare_with_has_to_be_said(blockjob: Blockjob) -> None:
    run = blockjob("conform")
    assert (run.status, run.out) == (2, "")
    assert "give --qemu" in run.err


def test_the_matrix_needs_the_daemon_too(
    blockjob: Blockjob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    run = blockjob("conform", "--qemu", "--matrix")
    assert run.status == 2
    assert "install qemu-system-common" in run.err
