"""`blockjob mirror` and `backup` of chains: formats either side, and what a target names below."""

import io
import subprocess
import sys
from pathlib import Path

import pytest

from blockjob_fsm.storage.qcow2 import Qcow2File
from tests.cli.conftest import COMMAND, MIB, Blockjob, contents, make_image, named_below, seen

COPIES = ("mirror", "backup")


@pytest.mark.parametrize("command", COPIES)
@pytest.mark.parametrize("target_format", ["raw", "qcow2"])
@pytest.mark.parametrize("source", ["a.img", "top.qcow2"])
@pytest.mark.usefixtures("layers")
def test_a_copy_reads_as_its_source_whatever_their_formats(
    blockjob: Blockjob, command: str, target_format: str, source: str
) -> None:
    result = blockjob(command, source, "b", "--target-format", target_format)
    assert (result.status, seen("b", target_format)) == (0, seen(source)), result.err


@pytest.mark.parametrize("command", COPIES)
@pytest.mark.usefixtures("layers")
def test_a_target_has_the_format_of_its_source_unless_told(
    blockjob: Blockjob, command: str
) -> None:
    blockjob(command, "top.qcow2", "b.qcow2")
    blockjob(command, "a.img", "b.img")
    assert named_below("b.qcow2") == (None, None)
    assert Path("b.img").read_bytes() == Path("a.img").read_bytes()


@pytest.mark.parametrize("command", COPIES)
@pytest.mark.parametrize(("sync", "below"), [("top", "middle.qcow2"), ("none", "top.qcow2")])
def test_a_part_of_a_chain_names_the_rest_by_an_absolute_name(
    blockjob: Blockjob, layers: Path, command: str, sync: str, below: str
) -> None:
    (layers / "far").mkdir()
    result = blockjob(command, "top.qcow2", "far/b.qcow2", "--sync", sync)
    assert (result.status, named_below("far/b.qcow2")) == (0, (str(layers / below), "qcow2"))
    assert seen("far/b.qcow2") == seen("top.qcow2")


@pytest.mark.parametrize("command", COPIES)
def test_the_top_of_a_chain_over_a_raw_image_names_it_as_raw(
    blockjob: Blockjob, workplace: Path, command: str
) -> None:
    make_image("over.qcow2", "a.img", {0: 5000}, "raw")
    blockjob(command, "over.qcow2", "b.qcow2", "--sync", "top")
    assert named_below("b.qcow2") == (str(workplace / "a.img"), "raw")


@pytest.mark.parametrize("command", COPIES)
@pytest.mark.usefixtures("layers")
def test_the_top_alone_is_copied_where_only_that_is_asked_for(
    blockjob: Blockjob, command: str
) -> None:
    blockjob(command, "top.qcow2", "b.qcow2", "--sync", "top")
    with Qcow2File.open("b.qcow2", read_only=True) as image:
        assert not image.allocation(0, MIB).allocated


@pytest.mark.parametrize("command", COPIES)
@pytest.mark.usefixtures("layers")
def test_the_top_of_an_image_alone_is_all_of_it(blockjob: Blockjob, command: str) -> None:
    assert blockjob(command, "a.img", "b.img", "--sync", "top").status == 0
    assert Path("b.img").read_bytes() == Path("a.img").read_bytes()


@pytest.mark.parametrize("command", COPIES)
@pytest.mark.usefixtures("layers")
def test_what_an_existing_qcow2_target_showed_is_gone(blockjob: Blockjob, command: str) -> None:
    make_image("under.qcow2", None, {0: 4 * MIB})
    make_image("old.qcow2", "under.qcow2", {MIB: MIB})
    assert blockjob(command, "top.qcow2", "old.qcow2", "--existing").status == 0
    assert (seen("old.qcow2"), named_below("old.qcow2")[0]) == (seen("top.qcow2"), "under.qcow2")


@pytest.mark.parametrize("command", COPIES)
def test_the_source_and_its_chain_stay_as_they_were(
    blockjob: Blockjob, layers: Path, command: str
) -> None:
    before = contents(layers)
    blockjob(command, "top.qcow2", "b.qcow2", "--sync", "top")
    assert contents(layers).items() >= before.items()


@pytest.mark.parametrize("length", [1, 511, 513, MIB + 5])
@pytest.mark.usefixtures("workplace")
def test_a_mirror_to_qcow2_has_whole_sectors(blockjob: Blockjob, length: int) -> None:
    Path("a.img").write_bytes(b"\x5a" * length)
    blockjob("mirror", "a.img", "b.qcow2", "--target-format", "qcow2")
    assert seen("b.qcow2") == b"\x5a" * length + bytes(-length % 512)


@pytest.mark.usefixtures("workplace")
def test_a_backup_that_only_waits_for_writes_ends_where_nobody_writes(blockjob: Blockjob) -> None:
    argv = ["backup", "a.img", "b.qcow2", "--sync", "none", "--target-format", "qcow2"]
    result = blockjob(*argv)
    assert (result.status, "nobody writes here" in result.err) == (0, True)
    assert seen("b.qcow2") == Path("a.img").read_bytes()


@pytest.mark.parametrize("command", COPIES)
@pytest.mark.parametrize(
    ("fault", "part"),
    [
        ("write:ENOSPC", "b.qcow2: No space left on device while writing the "),
        ("read:EIO", "top.qcow2: Input/output error while reading the "),
        ("flush:EIO", "b.qcow2: Input/output error while flushing"),
    ],
)
def test_an_error_names_its_side_and_what_is_left(
    blockjob: Blockjob, layers: Path, command: str, fault: str, part: str
) -> None:
    result = blockjob(command, "top.qcow2", "b.qcow2", "--inject", fault)
    assert (result.status, part in result.err) == (1, True), result.err
    assert "; b.qcow2.partial is incomplete and unusable: " in result.err
    assert ("b.qcow2" in contents(layers), "b.qcow2.partial" in contents(layers)) == (False, True)


@pytest.mark.parametrize("command", COPIES)
@pytest.mark.parametrize("sync", ["full", "top", "none"])
def test_qemu_finds_the_copy_sound_and_identical(
    blockjob: Blockjob, layers: Path, qemu_img: Path, command: str, sync: str
) -> None:
    blockjob(command, "top.qcow2", "b.qcow2", "--sync", sync)
    for argv in (["compare", "top.qcow2", "b.qcow2"], ["check", "b.qcow2"]):
        subprocess.run([str(qemu_img), *argv], cwd=layers, check=True, capture_output=True)


@pytest.mark.slow
@pytest.mark.usefixtures("layers")
def test_a_pipe_carries_qcow2_where_it_is_named() -> None:
    first = [*COMMAND, "mirror", "top.qcow2", "-", "--progress", "never"]
    made = subprocess.run(first, capture_output=True, check=True)
    second = [*COMMAND, "mirror", "-", "b.img", "--format", "qcow2", "--target-format", "raw"]
    subprocess.run(second, input=made.stdout, capture_output=True, check=True)
    assert seen("b.img", "raw") == seen("top.qcow2")


@pytest.mark.usefixtures("layers")
def test_a_pipe_without_a_format_is_raw(
    blockjob: Blockjob, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = Path("base.qcow2").read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(typed)))
    assert blockjob("mirror", "-", "b.img").status == 0
    assert Path("b.img").read_bytes() == typed
