"""`blockjob conform`: what it tells of the real QEMU, and when it refuses."""

import json
import sys
from pathlib import Path

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


@pytest.mark.usefixtures("qemu_storage_daemon")
def test_a_script_is_played_to_both(blockjob: Blockjob, tmp_path: Path) -> None:
    script = tmp_path / "session.sh"
    script.write_text("""qmp '{"execute": "job-cancel", "arguments": {"id": "j0"}}'\n""")
    run = blockjob("conform", "--qemu", "--script", str(script))
    assert (run.status, run.out) == (0, "1 steps: alike\n")


@pytest.mark.usefixtures("qemu_storage_daemon")
def test_a_script_without_commands_is_unreadable(blockjob: Blockjob, tmp_path: Path) -> None:
    script = tmp_path / "session.sh"
    script.write_text("echo hello\n")
    run = blockjob("conform", "--qemu", "--script", str(script))
    assert run.status == 4
    assert "no QMP command in it" in run.err


@pytest.mark.usefixtures("qemu_storage_daemon")
def test_without_hypothesis_it_says_what_to_install(
    blockjob: Blockjob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    run = blockjob("conform", "--qemu")
    assert run.status == 2
    assert "pip install hypothesis" in run.err
