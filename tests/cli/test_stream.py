"""`blockjob stream`: the image reads as before and needs less of its chain."""

import subprocess
from pathlib import Path

import pytest

from blockjob_fsm.block_job import BlockJob
from blockjob_fsm.cli.following import Inbox
from blockjob_fsm.cli.problems import Problem
from blockjob_fsm.cli.progress import Quiet
from blockjob_fsm.cli.stream import Streaming, StreamOrder
from blockjob_fsm.storage import Drive, Fault, FaultyDevice, Gate, open_chain
from tests.cli.conftest import MIB, Blockjob, Terminal, contents, make_image, named_below, seen

KEEPS = "top.qcow2 reads as before and keeps its backing file"


@pytest.fixture
def before(layers: Path) -> bytes:
    """What a guest reads before anything is streamed."""
    assert layers == Path.cwd()
    return seen("top.qcow2")


def test_a_streamed_image_stands_alone_and_reads_as_before(
    blockjob: Blockjob, before: bytes
) -> None:
    assert blockjob("stream", "top.qcow2").status == 0
    assert (named_below("top.qcow2"), seen("top.qcow2")) == ((None, None), before)


def test_a_stream_leaves_one_plain_line(blockjob: Blockjob, before: bytes) -> None:
    result = blockjob("stream", "top.qcow2")
    assert (len(before), result.out, result.err.count("\n")) == (4 * MIB, "", 1)
    assert result.err.startswith("blockjob: top.qcow2: 4 MiB streamed in ")


def test_the_images_below_stay_as_they_were(blockjob: Blockjob, layers: Path) -> None:
    below = {name: contents(layers)[name] for name in ("base.qcow2", "middle.qcow2")}
    blockjob("stream", "top.qcow2")
    assert contents(layers).items() >= below.items()


@pytest.mark.parametrize("named", ["base.qcow2", "./base.qcow2", "{folder}/base.qcow2"])
def test_the_header_names_the_base_and_its_format_however_it_was_named(
    blockjob: Blockjob, before: bytes, named: str
) -> None:
    base = named.format(folder=Path.cwd())
    assert blockjob("stream", "top.qcow2", "--base", base).status == 0
    assert (named_below("top.qcow2"), seen("top.qcow2")) == (("base.qcow2", "qcow2"), before)


def test_a_name_is_right_wherever_the_command_runs(
    blockjob: Blockjob, layers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (layers / "sub").mkdir()
    make_image("sub/over.qcow2", "../top.qcow2", {0: 5000})
    before = seen("sub/over.qcow2")
    monkeypatch.chdir("/")
    image = str(layers / "sub" / "over.qcow2")
    assert blockjob("stream", image, "--base", str(layers / "base.qcow2")).status == 0
    assert (named_below(image)[0], seen(image)) == ("../base.qcow2", before)


def test_an_absolute_name_stays_as_it_is(blockjob: Blockjob, layers: Path) -> None:
    (layers / "link").symlink_to(".")
    base = str(layers / "link" / "base.qcow2")
    make_image("middle.qcow2", base, {0: 5000})
    make_image("over.qcow2", "middle.qcow2", {MIB: 5000})
    assert blockjob("stream", "over.qcow2", "--base", "base.qcow2").status == 0
    assert named_below("over.qcow2")[0] == base


def test_a_name_with_a_colon_is_not_taken_for_a_protocol(blockjob: Blockjob, layers: Path) -> None:
    (layers / "sub").mkdir()
    make_image("nbd:x.qcow2", None, {0: MIB})
    make_image("sub/middle.qcow2", "../nbd:x.qcow2", {MIB: MIB})
    make_image("over.qcow2", "sub/middle.qcow2", {2 * MIB: 5000})
    assert blockjob("stream", "over.qcow2", "--base", "./nbd:x.qcow2").status == 0
    assert named_below("over.qcow2")[0] == "./nbd:x.qcow2"


def test_a_raw_base_is_named_as_raw(blockjob: Blockjob, workplace: Path) -> None:
    make_image("middle.qcow2", "a.img", {0: 5000}, "raw")
    make_image("top.qcow2", "middle.qcow2", {MIB: 5000})
    blockjob("stream", "top.qcow2", "--base", str(workplace / "a.img"))
    assert named_below("top.qcow2") == ("a.img", "raw")


def test_an_image_without_a_backing_file_has_nothing_to_stream(
    blockjob: Blockjob, layers: Path
) -> None:
    data = seen("base.qcow2")
    assert blockjob("stream", "base.qcow2").status == 0
    assert (seen("base.qcow2"), named_below("base.qcow2")) == (data, (None, None))
    assert layers == Path.cwd()


def test_qemu_agrees_that_nothing_changed_for_the_guest(
    blockjob: Blockjob, layers: Path, qemu_img: Path
) -> None:
    reference = ["convert", "-O", "raw", "top.qcow2", "reference.raw"]
    for argv in (
        reference,
        None,
        ["compare", "top.qcow2", "reference.raw"],
        ["check", "top.qcow2"],
    ):
        if argv is None:
            blockjob("stream", "top.qcow2", "--base", "base.qcow2")
        else:
            subprocess.run([str(qemu_img), *argv], cwd=layers, check=True, capture_output=True)


# Errors on the way.


@pytest.mark.parametrize(
    ("fault", "part"),
    [
        ("write:ENOSPC:0", "No space left on device while pulling up what lies at byte 0; "),
        ("write:EIO:2048", "Input/output error while pulling up what lies at byte 1048576; "),
        ("read:EIO:0", "Input/output error while pulling up what lies at byte 0; "),
    ],
)
def test_a_failed_stream_changes_nothing_for_the_guest(
    blockjob: Blockjob, before: bytes, fault: str, part: str
) -> None:
    result = blockjob("stream", "top.qcow2", "--inject", fault)
    assert (result.status, part in result.err, KEEPS in result.err) == (1, True, True), result.err
    assert (named_below("top.qcow2")[0], seen("top.qcow2")) == ("middle.qcow2", before)


def test_a_failed_stream_goes_on_when_it_is_run_again(blockjob: Blockjob, before: bytes) -> None:
    result = blockjob("stream", "top.qcow2", "--inject", "write:ENOSPC:6144")
    assert result.err.endswith(f"{KEEPS}: make room and run again to go on\n")
    assert blockjob("stream", "top.qcow2").status == 0
    assert (named_below("top.qcow2"), seen("top.qcow2")) == ((None, None), before)


def test_an_ignored_error_keeps_the_backing_file_and_is_told_at_the_end(
    blockjob: Blockjob, before: bytes
) -> None:
    argv = ["--on-error", "ignore", "--inject", "write:EIO:0:once"]
    result = blockjob("stream", "top.qcow2", *argv)
    assert (result.status, "the first of the errors that were ignored (1)" in result.err) == (
        1,
        True,
    )
    assert (named_below("top.qcow2")[0], seen("top.qcow2")) == ("middle.qcow2", before)


def test_a_stop_that_nobody_can_answer_cancels_the_stream(
    blockjob: Blockjob, before: bytes
) -> None:
    argv = ["--on-error", "stop", "--inject", "write:ENOSPC:0:once"]
    result = blockjob("stream", "top.qcow2", *argv)
    assert (result.status, KEEPS in result.err) == (1, True)
    assert "the job stopped, io-status nospace, and was cancelled" in result.err
    assert seen("top.qcow2") == before


def test_a_stream_that_fills_a_disk_says_so_and_changes_nothing_for_the_guest(
    blockjob: Blockjob, workplace: Path, small_disk: Path
) -> None:
    image = str(small_disk / "top.qcow2")
    make_image(image, str(workplace / "a.img"), {}, "raw")
    result = blockjob("stream", image)
    assert (result.status, f"{image}: No space left on device while" in result.err) == (1, True)
    assert result.err.endswith("keeps its backing file: make room and run again to go on\n")
    assert seen(image) == (workplace / "a.img").read_bytes()


def test_a_second_interrupt_leaves_a_hanging_request_behind(layers: Path) -> None:
    gate, inbox = Gate(), Inbox()
    inbox.interrupt()
    inbox.interrupt()
    top = open_chain("top.qcow2", read_only=False)
    drive = Drive("image", FaultyDevice(top, Fault("write", hold=gate)))
    streaming = Streaming(StreamOrder("top.qcow2"), None, None, inbox, Quiet())
    with pytest.raises(Problem, match=f"a request still in flight; {KEEPS}") as caught:
        streaming.run(drive)
    job = drive.job
    gate.release()
    assert isinstance(job, BlockJob)
    assert job.wait(30)
    drive.close()
    assert (caught.value.status, named_below("top.qcow2")[0]) == (130, "middle.qcow2")
    assert layers == Path.cwd()


@pytest.mark.slow
def test_enter_lets_a_stopped_stream_go_on(before: bytes) -> None:
    argv = ["stream", "top.qcow2", "--on-error", "stop", "--inject", "write:ENOSPC:0:once"]
    with Terminal(argv) as terminal:
        terminal.until("Enter tries again")
        terminal.press("\n")
        assert terminal.end() == 0
    assert (named_below("top.qcow2"), seen("top.qcow2")) == ((None, None), before)


@pytest.mark.slow
def test_ctrl_c_leaves_the_image_as_it_reads(before: bytes) -> None:
    argv = ["stream", "top.qcow2", "--on-error", "stop", "--inject", "write:ENOSPC:6144"]
    with Terminal(argv) as terminal:
        terminal.until("Enter tries again")
        terminal.interrupt()
        assert terminal.end() == 130
    assert f"interrupted; {KEEPS}" in terminal.seen.replace("\r\n", "")
    assert (named_below("top.qcow2")[0], seen("top.qcow2")) == ("middle.qcow2", before)
