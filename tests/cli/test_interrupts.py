"""Ctrl-C, a terminal, and the questions asked there."""

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from blockjob_fsm.block_job import BlockJob
from blockjob_fsm.cli.copying import Mirroring, Policies
from blockjob_fsm.cli.following import Inbox
from blockjob_fsm.cli.problems import Problem
from blockjob_fsm.cli.progress import Quiet
from blockjob_fsm.cli.targets import Target
from blockjob_fsm.storage.drive import Drive
from blockjob_fsm.storage.faults import Fault, FaultyDevice, Gate
from blockjob_fsm.storage.raw import RawFile
from tests.cli.conftest import COMMAND, MIB, Blockjob, Terminal, contents, piped

pytestmark = pytest.mark.slow

STOPS = ("--on-target-error", "enospc", "--inject", "write:ENOSPC:4096:once")
ASKED = "Enter tries again, Ctrl-C cancels"
# Ignoring an error that stays keeps a copy from ever being whole.
NEVER_WHOLE = ("--on-target-error", "ignore", "--inject", "write:EIO:0")


@pytest.mark.parametrize("command", ["mirror", "backup"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_copy_is_removed(
    workplace: Path, number: signal.Signals, command: str
) -> None:
    before = contents(workplace)
    with piped(command, "a.img", "b.img", *NEVER_WHOLE) as process:
        assert process.stderr is not None
        process.stderr.readline()
        process.send_signal(number)
        last = process.stderr.readlines()[-1]
    assert (process.returncode, last) == (130, "blockjob: interrupted; b.img.partial was removed\n")
    assert contents(workplace) == before


def test_an_interrupted_copy_over_a_file_is_called_unusable(workplace: Path) -> None:
    Path("b.img").write_bytes((workplace / "a.img").read_bytes())
    with piped("mirror", "a.img", "b.img", "--existing", *NEVER_WHOLE) as process:
        assert process.stderr is not None
        process.stderr.readline()
        process.send_signal(signal.SIGINT)
        last = process.stderr.readlines()[-1]
    assert (process.returncode, Path("b.img").exists()) == (130, True)
    assert last.startswith("blockjob: interrupted; b.img is incomplete and unusable")


def test_signals_do_afterwards_what_they_did_before(blockjob: Blockjob) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    blockjob("mirror", "a.img", "b.img")
    after = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    assert after == before


@pytest.mark.usefixtures("workplace")
def test_an_interrupted_stream_has_had_nothing() -> None:
    with piped("mirror", "a.img", "-", *NEVER_WHOLE) as process:
        assert process.stderr is not None
        process.stderr.readline()
        process.send_signal(signal.SIGINT)
        out, said = process.communicate()
    assert (process.returncode, out) == (130, "")
    assert said.endswith("blockjob: interrupted; nothing was written to standard output\n")


def test_a_second_interrupt_leaves_a_hanging_request_behind(workplace: Path) -> None:
    gate, inbox = Gate(), Inbox()
    drive = Drive("source", RawFile.open("a.img", read_only=True))
    target = Target(RawFile.create("b.img.partial", 4 * MIB), "b.img", "b.img.partial")
    inbox.interrupt()
    inbox.interrupt()
    hanging = FaultyDevice(target.device, Fault("write", hold=gate))
    copying = Mirroring("a.img", target, hanging, Policies(), inbox, Quiet())
    with pytest.raises(Problem, match=r"a request still in flight; b\.img\.partial was") as caught:
        copying.run(drive)
    job = drive.job
    gate.release()
    assert isinstance(job, BlockJob)
    assert job.wait(30)
    assert (caught.value.status, sorted(contents(workplace))) == (130, ["a.img"])


def test_a_bar_is_shown_on_a_terminal(workplace: Path) -> None:
    with Terminal(["mirror", "a.img", "b.img"]) as terminal:
        assert terminal.end() == 0
    assert "100%" in terminal.seen
    assert (workplace / "b.img").read_bytes() == (workplace / "a.img").read_bytes()


@pytest.mark.usefixtures("workplace")
def test_no_color_is_heeded() -> None:
    with Terminal(["mirror", "a.img", "b.img"], {"NO_COLOR": "1"}) as terminal:
        terminal.end()
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]", terminal.seen)


@pytest.mark.usefixtures("workplace")
def test_a_terminal_that_cannot_draw_gets_lines() -> None:
    with Terminal(["mirror", "a.img", "b.img"], {"TERM": "dumb"}) as terminal:
        terminal.end()
    assert ("\x1b" in terminal.seen, "4 MiB mirrored in" in terminal.seen) == (False, True)


def test_enter_tries_a_stopped_job_again(workplace: Path) -> None:
    with Terminal(["mirror", "a.img", "b.img", *STOPS]) as terminal:
        assert "the job stopped, io-status nospace" in terminal.until(ASKED)
        terminal.press("\n")
        assert terminal.end() == 0
    assert (workplace / "b.img").read_bytes() == (workplace / "a.img").read_bytes()


def test_ctrl_c_cancels_a_stopped_job(workplace: Path) -> None:
    before = contents(workplace)
    with Terminal(["mirror", "a.img", "b.img", *STOPS]) as terminal:
        terminal.until(ASKED)
        terminal.interrupt()
        assert terminal.end() == 130
    assert contents(workplace) == before


def test_the_end_of_input_cancels_a_stopped_job(workplace: Path) -> None:
    with Terminal(["mirror", "a.img", "b.img", *STOPS]) as terminal:
        terminal.until(ASKED)
        terminal.press("\x04")
        assert terminal.end() == 1
    assert "was cancelled at the end of input" in terminal.seen.replace("\r\n", "")
    assert sorted(contents(workplace)) == ["a.img", "b.img.partial"]


@pytest.mark.usefixtures("workplace")
def test_an_image_is_not_written_to_a_terminal() -> None:
    with Terminal(["mirror", "a.img", "-"]) as terminal:
        assert terminal.end() == 2
    assert "TARGET -: standard output is a terminal" in terminal.seen


@pytest.mark.usefixtures("workplace")
def test_an_image_is_not_read_from_a_terminal() -> None:
    with Terminal(["mirror", "-", "b.img"]) as terminal:
        assert terminal.end() == 2
    assert "SOURCE -: standard input is a terminal" in terminal.seen


def test_an_interrupt_while_spooling_leaves_nothing(workplace: Path) -> None:
    before = contents(workplace)
    process = subprocess.Popen(
        [*COMMAND, "mirror", "-", "b.img"], stdin=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdin is not None
    # More than a pipe holds: when it is written, the command is reading.
    process.stdin.write(bytes(4 * MIB))
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()
    assert (process.returncode, said, contents(workplace)) == (130, b"", before)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs Linux's /proc")
def test_an_interrupted_check_ends_its_processes_without_a_word() -> None:
    process = subprocess.Popen(
        [*COMMAND, "check"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while not children.read_text() and process.poll() is None:
        pass  # as soon as there are others that could be struck too
    os.killpg(process.pid, signal.SIGINT)
    out, said = process.communicate(timeout=30)
    assert (process.returncode, out, said) == (130, b"", b"")
