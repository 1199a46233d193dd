"""`blockjob mirror`: copies that are whole, on disk, and as sparse as the source."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import COMMAND, MIB, Blockjob, contents, piped

A_LINE = "blockjob: a.img -> b.img: 4 MiB mirrored in "


def test_the_copy_is_the_source_byte_by_byte(blockjob: Blockjob) -> None:
    assert blockjob("mirror", "a.img", "b.img").status == 0
    assert Path("b.img").read_bytes() == Path("a.img").read_bytes()


def test_qemu_finds_the_copy_identical(blockjob: Blockjob, qemu_img: Path) -> None:
    blockjob("mirror", "a.img", "b.img")
    compare = [str(qemu_img), "compare", "-f", "raw", "-F", "raw", "a.img", "b.img"]
    assert subprocess.run(compare, capture_output=True, check=False).returncode == 0


def test_holes_stay_holes(blockjob: Blockjob) -> None:
    blockjob("mirror", "a.img", "b.img")
    assert Path("b.img").stat().st_blocks <= Path("a.img").stat().st_blocks + 16


def test_a_copy_leaves_one_plain_line_and_no_output(blockjob: Blockjob) -> None:
    result = blockjob("mirror", "a.img", "b.img")
    assert (result.out, result.err.startswith(A_LINE), result.err.count("\n")) == ("", True, 1)


def test_nothing_is_said_when_no_progress_is_wanted(blockjob: Blockjob) -> None:
    result = blockjob("mirror", "a.img", "b.img", "--progress", "never")
    assert (result.out, result.err) == ("", "")


def test_an_image_without_a_byte_is_copied(blockjob: Blockjob) -> None:
    Path("a.img").write_bytes(b"")
    assert blockjob("mirror", "a.img", "b.img").status == 0
    assert Path("b.img").read_bytes() == b""


@pytest.mark.parametrize("length", [1, 511, MIB - 1, 3 * MIB + 5])
def test_an_odd_length_is_copied(blockjob: Blockjob, length: int) -> None:
    Path("a.img").write_bytes(b"\x5a" * length)
    blockjob("mirror", "a.img", "b.img")
    assert Path("b.img").read_bytes() == b"\x5a" * length


def test_what_an_existing_target_held_is_gone_even_under_holes(blockjob: Blockjob) -> None:
    Path("b.img").write_bytes(b"\xff" * 4 * MIB)
    assert blockjob("mirror", "a.img", "b.img", "--existing").status == 0
    assert Path("b.img").read_bytes() == Path("a.img").read_bytes()


def test_sync_none_says_that_nothing_is_copied(blockjob: Blockjob) -> None:
    Path("b.img").write_bytes(b"\xaa" * 4 * MIB)
    result = blockjob("mirror", "a.img", "b.img", "--sync", "none", "--existing")
    assert (result.status, "nobody writes here" in result.err) == (0, True)
    assert Path("b.img").read_bytes() == b"\xaa" * 4 * MIB


def test_the_source_stays_as_it_was(blockjob: Blockjob) -> None:
    before = Path("a.img").read_bytes()
    blockjob("mirror", "a.img", "b.img")
    assert Path("a.img").read_bytes() == before


def test_json_progress_is_a_json_object_a_line(blockjob: Blockjob) -> None:
    out = blockjob("mirror", "a.img", "b.img", "--progress", "json").out
    assert {type(json.loads(line)) for line in out.splitlines()} == {dict}


def test_json_progress_carries_the_events_as_on_the_wire(blockjob: Blockjob) -> None:
    out = blockjob("mirror", "a.img", "b.img", "--progress", "json").out
    events = [json.loads(line) for line in out.splitlines() if '"event"' in line]
    assert [event["event"] for event in events] == ["BLOCK_JOB_READY", "BLOCK_JOB_COMPLETED"]
    assert all(set(event) == {"timestamp", "event", "data"} for event in events)


def test_json_progress_ends_with_the_result(blockjob: Blockjob) -> None:
    out = blockjob("mirror", "a.img", "b.img", "--progress", "json").out
    assert json.loads(out.splitlines()[-1])["result"]["length"] == 4 * MIB


def test_a_bar_is_drawn_where_it_is_asked_for(blockjob: Blockjob) -> None:
    assert "100%" in blockjob("mirror", "a.img", "b.img", "--progress", "always").err


# Errors on the way.


def test_an_error_names_the_side_the_errno_and_the_place(blockjob: Blockjob) -> None:
    result = blockjob("mirror", "a.img", "b.img", "--inject", "write:ENOSPC:4096")
    assert result.status == 1
    assert "b.img: No space left on device while writing the 1 MiB at byte 2097152" in result.err


def test_an_error_of_the_source_names_the_source(blockjob: Blockjob) -> None:
    result = blockjob("mirror", "a.img", "b.img", "--inject", "read:EIO:0")
    assert result.err.startswith("blockjob: a.img: Input/output error while reading the 1 MiB at")


def test_a_failed_flush_is_no_success(blockjob: Blockjob) -> None:
    result = blockjob("mirror", "a.img", "b.img", "--inject", "flush:EIO")
    assert (result.status, "b.img: Input/output error while flushing" in result.err) == (1, True)


def test_an_error_before_the_first_byte_is_reported(blockjob: Blockjob) -> None:
    result = blockjob("mirror", "a.img", "b.img", "--inject", "allocation:EIO")
    assert (result.status, "while looking for what is to be copied" in result.err) == (1, True)


@pytest.mark.parametrize("fault", ["write:ENOSPC", "read:EIO", "flush:EIO", "allocation:EIO"])
def test_a_failed_target_is_left_and_called_unusable(blockjob: Blockjob, fault: str) -> None:
    result = blockjob("mirror", "a.img", "b.img", "--inject", fault)
    assert (Path("b.img.partial").exists(), Path("b.img").exists()) == (True, False)
    assert "; b.img.partial is incomplete and unusable: " in result.err
    assert "run again" in result.err


def test_an_ignored_error_is_mentioned_and_the_copy_is_whole(blockjob: Blockjob) -> None:
    argv = ["--on-target-error", "ignore", "--inject", "write:EIO:0:once"]
    result = blockjob("mirror", "a.img", "b.img", *argv)
    assert (result.status, "writing failed, ignored" in result.err) == (0, True)
    assert Path("b.img").read_bytes() == Path("a.img").read_bytes()


def test_a_stop_that_nobody_can_answer_cancels_the_copy(blockjob: Blockjob) -> None:
    argv = ["--on-target-error", "enospc", "--inject", "write:ENOSPC:0:once"]
    result = blockjob("mirror", "a.img", "b.img", *argv)
    assert result.status == 1
    assert "the job stopped, io-status nospace, and was cancelled, as nobody is" in result.err


def test_enospc_stops_for_no_other_error(blockjob: Blockjob) -> None:
    argv = ["--on-target-error", "enospc", "--inject", "write:EIO:0:once"]
    assert "the job stopped" not in blockjob("mirror", "a.img", "b.img", *argv).err


def test_a_fault_that_struck_nothing_is_named(blockjob: Blockjob) -> None:
    result = blockjob("mirror", "a.img", "b.img", "--inject", "write_zeroes:EIO")
    assert "--inject write_zeroes:EIO: no such request came" in result.err


# A disk that is really full.


def test_on_a_full_disk_the_partial_target_is_named_as_unusable(
    small_disk: Path, blockjob: Blockjob
) -> None:
    target = small_disk / "b.img"
    result = blockjob("mirror", "a.img", str(target))
    assert (result.status, target.exists()) == (1, False)
    assert f"{target}: No space left on device while writing" in result.err
    remedy = "make room and run again, or delete it\n"
    assert result.err.endswith(f"{target}.partial is incomplete and unusable: {remedy}")


def test_a_target_past_the_size_limit_is_not_made(workplace: Path) -> None:
    shell = f"ulimit -f 1024; exec '{sys.executable}' -m blockjob_fsm.cli mirror a.img b.img"
    before = contents(workplace)
    ended = subprocess.run(["sh", "-c", shell], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert contents(workplace) == before


# Standard streams.


def test_standard_output_takes_the_copy(workplace: Path) -> None:
    ended = subprocess.run([*COMMAND, "mirror", "a.img", "-"], capture_output=True, check=True)
    assert ended.stdout == (workplace / "a.img").read_bytes()


def test_standard_input_gives_the_source(workplace: Path) -> None:
    with open("a.img", "rb") as image:
        subprocess.run([*COMMAND, "mirror", "-", "b.img"], stdin=image, check=True)
    assert (workplace / "b.img").read_bytes() == (workplace / "a.img").read_bytes()


@pytest.mark.usefixtures("workplace")
def test_json_goes_to_standard_error_beside_an_image() -> None:
    argv = [*COMMAND, "mirror", "a.img", "-", "--progress", "json"]
    ended = subprocess.run(argv, capture_output=True, check=True)
    assert ended.stdout == Path("a.img").read_bytes()
    assert json.loads(ended.stderr.splitlines()[-1])["result"]["length"] == 4 * MIB


def test_nothing_but_the_target_is_left_of_a_stream(workplace: Path) -> None:
    with open("a.img", "rb") as image:
        subprocess.run([*COMMAND, "mirror", "-", "b.img"], stdin=image, check=True)
    assert sorted(contents(workplace)) == ["a.img", "b.img"]


def test_a_failed_copy_writes_nothing_to_standard_output(blockjob: Blockjob) -> None:
    result = blockjob("mirror", "a.img", "-", "--inject", "write:EIO")
    assert (result.status, result.out) == (1, "")
    assert result.err.endswith("; nothing was written to standard output\n")


def test_a_stream_to_a_folder_that_is_not_there_is_refused(
    blockjob: Blockjob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"image")))
    result = blockjob("mirror", "-", "gone/b.img")
    assert (result.status, result.err.startswith("blockjob: gone: No such file")) == (2, True)


@pytest.mark.usefixtures("workplace")
@pytest.mark.parametrize(
    "typed", ["mirror a.img - --progress never", "diagram", "demo", "--version"]
)
def test_a_reader_that_goes_away_ends_the_command_quietly(typed: str) -> None:
    with piped(*typed.split()) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert (process.wait(), process.stderr.read()) == (1, "")
