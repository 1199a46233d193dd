"""`blockjob commit`: images are merged down, and the one above them reads as before."""

import os
import subprocess
from pathlib import Path

import pytest

from blockjob_fsm.cli.commit import CommitOrder, Committing, Layers
from blockjob_fsm.cli.following import Inbox
from blockjob_fsm.cli.problems import Problem
from blockjob_fsm.cli.progress import Quiet
from blockjob_fsm.storage.chains import open_chain
from blockjob_fsm.storage.drive import Drive
from tests.cli.conftest import MIB, Blockjob, contents, make_image, named_below, seen

COMMIT = ("commit", "top.qcow2", "--top", "middle.qcow2")
STILL = "top.qcow2 reads as before and still needs middle.qcow2; base.qcow2 has a part of it"


@pytest.fixture
def before(layers: Path) -> bytes:
    """What a guest reads before anything is merged."""
    assert layers == Path.cwd()
    return seen("top.qcow2")


def test_a_merged_chain_reads_as_before_and_is_shorter(blockjob: Blockjob, before: bytes) -> None:
    assert blockjob(*COMMIT).status == 0
    assert (named_below("top.qcow2"), seen("top.qcow2")) == (("base.qcow2", "qcow2"), before)


def test_the_base_holds_what_the_merged_image_showed(blockjob: Blockjob, layers: Path) -> None:
    showed = seen("middle.qcow2")
    blockjob(*COMMIT)
    assert (seen("base.qcow2"), layers) == (showed, Path.cwd())


def test_the_files_of_dropped_images_stay(blockjob: Blockjob, layers: Path) -> None:
    dropped = contents(layers)["middle.qcow2"]
    blockjob(*COMMIT)
    assert contents(layers)["middle.qcow2"] == dropped


def test_a_commit_leaves_one_plain_line(blockjob: Blockjob, before: bytes) -> None:
    result = blockjob(*COMMIT)
    assert (len(before), result.out, result.err.count("\n")) == (4 * MIB, "", 1)
    assert result.err.startswith("blockjob: middle.qcow2 -> base.qcow2: 4 MiB committed in ")


def test_what_was_merged_is_on_the_disk(
    blockjob: Blockjob, layers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    sync = os.fsync

    def seen_sync(descriptor: int) -> None:
        synced.append(os.fstat(descriptor).st_ino)
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", seen_sync)
    blockjob(*COMMIT)
    written = [(layers / name).stat().st_ino for name in ("base.qcow2", "top.qcow2")]
    assert synced == written


def test_a_base_in_between_is_merged_into(blockjob: Blockjob, before: bytes) -> None:
    make_image("over.qcow2", "top.qcow2", {0: 5000})
    reads, base = seen("over.qcow2"), Path("base.qcow2").read_bytes()
    argv = ["commit", "over.qcow2", "--top", "top.qcow2", "--base", "middle.qcow2"]
    assert blockjob(*argv).status == 0
    assert (named_below("over.qcow2")[0], seen("over.qcow2")) == ("middle.qcow2", reads)
    assert (seen("middle.qcow2"), Path("base.qcow2").read_bytes()) == (before, base)


def test_an_image_is_merged_into_a_raw_base_that_is_known_to_be_raw(
    blockjob: Blockjob, workplace: Path
) -> None:
    make_image("middle.qcow2", "a.img", {0: 5000}, "raw")
    make_image("top.qcow2", "middle.qcow2", {MIB: 5000})
    reads = seen("top.qcow2")
    assert blockjob(*COMMIT).status == 0
    assert (named_below("top.qcow2"), seen("top.qcow2")) == (("a.img", "raw"), reads)
    assert workplace == Path.cwd()


def test_qemu_agrees_that_nothing_changed_for_the_guest(
    blockjob: Blockjob, layers: Path, qemu_img: Path
) -> None:
    def run(*argv: str) -> None:
        subprocess.run([str(qemu_img), *argv], cwd=layers, check=True, capture_output=True)

    run("convert", "-O", "raw", "top.qcow2", "reference.raw")
    blockjob(*COMMIT)
    run("compare", "top.qcow2", "reference.raw")
    run("check", "top.qcow2")
    run("check", "base.qcow2")


@pytest.mark.parametrize(
    ("fault", "part"),
    [
        ("write:ENOSPC", "No space left on device while merging what lies at byte"),
        ("read:EIO", "middle.qcow2: Input/output error while merging what lies at byte"),
    ],
)
def test_a_failed_commit_changes_nothing_for_the_guest(
    blockjob: Blockjob, before: bytes, fault: str, part: str
) -> None:
    result = blockjob(*COMMIT, "--inject", fault)
    assert (result.status, part in result.err, STILL in result.err) == (1, True, True), result.err
    assert (named_below("top.qcow2")[0], seen("top.qcow2")) == ("middle.qcow2", before)


def test_a_failed_commit_goes_on_when_it_is_run_again(blockjob: Blockjob, before: bytes) -> None:
    result = blockjob(*COMMIT, "--inject", "write:ENOSPC")
    assert result.err.endswith(f"{STILL}: make room and run again to go on\n")
    assert blockjob(*COMMIT).status == 0
    assert (named_below("top.qcow2")[0], seen("top.qcow2")) == ("base.qcow2", before)


def test_an_interrupted_commit_says_what_is_still_needed(before: bytes) -> None:
    inbox = Inbox()
    inbox.interrupt()
    top = open_chain("top.qcow2")
    middle, base = top.backing, top.backing and top.backing.backing
    assert middle is not None
    assert base is not None
    order = CommitOrder("top.qcow2", "middle.qcow2", speed=1)
    committing = Committing(order, Layers(top, middle, base), "base.qcow2", inbox, Quiet())
    with pytest.raises(Problem, match=f"interrupted; {STILL}: run again to go on") as caught:
        committing.run(Drive("image", top))
    assert (caught.value.status, seen("top.qcow2")) == (130, before)


def test_an_image_that_can_only_be_read_is_not_merged_into(
    blockjob: Blockjob, layers: Path, qemu_img: Path
) -> None:
    subprocess.run([str(qemu_img), "snapshot", "-c", "one", "base.qcow2"], check=True)
    before = contents(layers)
    result = blockjob(*COMMIT)
    assert (result.status, result.err.count("\n"), contents(layers)) == (2, 1, before)
    assert "base.qcow2: an image with internal snapshots can only be read: " in result.err
