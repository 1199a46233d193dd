"""New targets: a file has the target's name only when it is a whole copy."""

import errno
import os
import signal
import stat
from pathlib import Path

import pytest

from blockjob_fsm.cli.problems import Problem
from blockjob_fsm.cli.targets import Target
from blockjob_fsm.storage.raw import RawFile
from tests.cli.conftest import MIB, Blockjob, Terminal, contents

STOPS = ("--on-target-error", "enospc", "--inject", "write:ENOSPC:4096:once")
ASKED = "Enter tries again, Ctrl-C cancels"


@pytest.fixture
def finished(workplace: Path) -> Target:
    """A copy that is whole and has not its name yet."""
    assert workplace == Path.cwd()
    Path("b.img.partial").write_bytes(b"whole")
    device = RawFile.open("b.img.partial")
    device.close()
    return Target(device, "b.img", "b.img.partial")


def no_links(*_: object, **__: object) -> None:
    """What a file system without second links answers."""
    raise OSError(errno.EPERM, os.strerror(errno.EPERM))


def test_a_finished_copy_has_its_name_only(finished: Target, workplace: Path) -> None:
    finished.settle()
    assert sorted(contents(workplace)) == ["a.img", "b.img"]
    assert Path("b.img").read_bytes() == b"whole"


def test_the_name_is_on_the_disk_too(finished: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[tuple[bool, bool]] = []
    sync = os.fsync

    def seen_sync(descriptor: int) -> None:
        synced.append((stat.S_ISDIR(os.fstat(descriptor).st_mode), Path("b.img").exists()))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", seen_sync)
    finished.settle()
    assert synced == [(True, True)]


def test_a_target_that_cannot_be_made_leaves_nothing(blockjob: Blockjob, small_disk: Path) -> None:
    (small_disk / "filler").write_bytes(bytes(MIB - 4096))
    target = str(small_disk / "b.qcow2")
    result = blockjob("mirror", "a.img", target, "--target-format", "qcow2")
    assert (result.status, f"{target}: No space left on device" in result.err) == (1, True)
    assert sorted(contents(small_disk)) == ["filler"]


def test_a_file_that_appeared_meanwhile_is_not_replaced(finished: Target) -> None:
    Path("b.img").write_bytes(b"theirs")
    with pytest.raises(Problem, match=r"b\.img: appeared meanwhile .* give b\.img\.partial a name"):
        finished.settle()
    left = (Path("b.img").read_bytes(), Path("b.img.partial").read_bytes())
    assert left == (b"theirs", b"whole")


def test_a_copy_gets_its_name_where_there_are_no_second_links(
    finished: Target, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", no_links)
    finished.settle()
    assert sorted(contents(workplace)) == ["a.img", "b.img"]


def test_no_file_is_replaced_where_there_are_no_second_links(
    finished: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("b.img").write_bytes(b"theirs")
    monkeypatch.setattr(os, "link", no_links)
    with pytest.raises(Problem, match="appeared meanwhile"):
        finished.settle()
    assert Path("b.img").read_bytes() == b"theirs"


def test_an_unfinished_copy_is_taken_over(blockjob: Blockjob, workplace: Path) -> None:
    Path("b.img.partial").write_bytes(b"\xff" * 9 * MIB)
    assert blockjob("mirror", "a.img", "b.img").status == 0
    assert sorted(contents(workplace)) == ["a.img", "b.img"]
    assert Path("b.img").read_bytes() == Path("a.img").read_bytes()


def test_a_copy_that_has_two_names_is_not_emptied(blockjob: Blockjob, workplace: Path) -> None:
    Path("b.img.partial").write_bytes(b"whole")
    Path("kept.img").hardlink_to("b.img.partial")
    assert blockjob("mirror", "a.img", "b.img").status == 0
    assert Path("kept.img").read_bytes() == b"whole"
    assert sorted(contents(workplace)) == ["a.img", "b.img", "kept.img"]


def test_an_existing_target_is_written_in_place(blockjob: Blockjob, workplace: Path) -> None:
    Path("b.img").write_bytes(bytes(4 * MIB))
    before = Path("b.img").stat().st_ino
    blockjob("mirror", "a.img", "b.img", "--existing")
    assert (Path("b.img").stat().st_ino, sorted(contents(workplace))) == (
        before,
        ["a.img", "b.img"],
    )


@pytest.mark.slow
def test_no_file_has_the_targets_name_while_the_job_runs(workplace: Path) -> None:
    with Terminal(["mirror", "a.img", "b.img", *STOPS]) as terminal:
        terminal.until(ASKED)
        assert sorted(contents(workplace)) == ["a.img", "b.img.partial"]
        terminal.press("\n")
        assert terminal.end() == 0
    assert sorted(contents(workplace)) == ["a.img", "b.img"]


@pytest.mark.slow
def test_a_killed_copy_has_no_name_and_the_next_run_starts_over(
    blockjob: Blockjob, workplace: Path
) -> None:
    with Terminal(["mirror", "a.img", "b.img", *STOPS]) as terminal:
        terminal.until(ASKED)
        terminal.process.send_signal(signal.SIGKILL)
        terminal.process.wait()
    assert sorted(contents(workplace)) == ["a.img", "b.img.partial"]
    assert blockjob("mirror", "a.img", "b.img").status == 0
    assert Path("b.img").read_bytes() == Path("a.img").read_bytes()
