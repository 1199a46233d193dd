"""Images that somebody else has open: one line that names the file, and nothing changed."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from blockjob_fsm.storage import open_chain
from blockjob_fsm.storage.raw import RawFile
from tests.cli.conftest import Blockjob, Terminal, close_chain, contents, piped

USAGE, UNREADABLE = 2, 4
STOPS = ("--on-target-error", "enospc", "--inject", "write:ENOSPC:4096:once")


@pytest.fixture
def written(layers: Path) -> Iterator[Path]:
    """The chain, whose top somebody has open to write."""
    top = open_chain("top.qcow2", read_only=False)
    yield layers
    close_chain(top)


@pytest.mark.parametrize(
    ("typed", "status"),
    [
        ("stream top.qcow2", UNREADABLE),
        ("commit top.qcow2 --top middle.qcow2", UNREADABLE),
        ("mirror top.qcow2 b", UNREADABLE),
        ("backup top.qcow2 b", UNREADABLE),
        ("mirror base.qcow2 top.qcow2 --existing", USAGE),
        ("mirror a.img top.qcow2 --existing --target-format raw", USAGE),
    ],
)
def test_an_image_that_is_written_elsewhere_is_left_alone(
    blockjob: Blockjob, written: Path, typed: str, status: int
) -> None:
    before = contents(written)
    result = blockjob(*typed.split())
    assert (result.status, result.err.count("\n")) == (status, 1), result.err
    assert result.err.startswith("blockjob: top.qcow2: it is in use by another process")
    assert contents(written) == before


@pytest.mark.parametrize("typed", ["stream top.qcow2", "commit top.qcow2 --top middle.qcow2"])
def test_an_image_that_is_read_elsewhere_is_not_written(
    blockjob: Blockjob, layers: Path, typed: str
) -> None:
    before = contents(layers)
    reader = open_chain("top.qcow2")
    result = blockjob(*typed.split())
    close_chain(reader)
    assert (result.status != 0, "is in use by another process" in result.err) == (True, True)
    assert (result.err.count("\n"), contents(layers)) == (1, before)


@pytest.mark.parametrize("command", ["mirror", "backup"])
def test_an_image_that_is_read_elsewhere_can_be_copied(
    blockjob: Blockjob, layers: Path, command: str
) -> None:
    reader = open_chain("top.qcow2")
    result = blockjob(command, "top.qcow2", "b.qcow2")
    close_chain(reader)
    assert (result.status, (layers / "b.qcow2").exists()) == (0, True)


def test_an_unfinished_copy_in_use_is_not_taken_over(blockjob: Blockjob, workplace: Path) -> None:
    with RawFile.create("b.img.partial", 4 << 20) as theirs:
        theirs.write(0, b"half a copy")
        before = contents(workplace)
        result = blockjob("mirror", "a.img", "b.img")
    assert (result.status, result.err.count("\n"), contents(workplace)) == (USAGE, 1, before)
    assert result.err.startswith("blockjob: b.img.partial: it is in use by another process")


@pytest.mark.slow
def test_two_runs_do_not_make_the_same_target(workplace: Path) -> None:
    with Terminal(["mirror", "a.img", "b.img", *STOPS]) as terminal:
        terminal.until("Enter tries again")
        with piped("mirror", "a.img", "b.img") as second:
            _, said = second.communicate()
        terminal.press("\n")
        assert (terminal.end(), second.returncode) == (0, USAGE)
    assert "b.img.partial: it is in use" in said
    assert (workplace / "b.img").read_bytes() == (workplace / "a.img").read_bytes()


def test_an_image_of_a_running_qemu_is_left_alone(
    blockjob: Blockjob, layers: Path, qemu_io: Path
) -> None:
    with subprocess.Popen(
        [str(qemu_io), "top.qcow2"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=0,
    ) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        running.stdin.write("length\n")
        # It answers once it has the image open.
        assert "4 MiB" in running.stdout.readline()
        before = contents(layers)
        result = blockjob("stream", "top.qcow2")
        running.stdin.close()
    assert (result.status, contents(layers)["base.qcow2"]) == (UNREADABLE, before["base.qcow2"])
    assert result.err.startswith("blockjob: top.qcow2: it is in use by another process")
