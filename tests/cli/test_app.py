"""The command as a whole: help, version, wrong words, output that cannot be written."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from blockjob_fsm.cli.app import app
from tests.cli.conftest import COMMAND, Blockjob

COMMANDS = sorted(
    command.callback.__name__ for command in app.registered_commands if command.callback
)


def test_help_lists_every_command(blockjob: Blockjob) -> None:
    result = blockjob("--help")
    assert (result.status, result.err) == (0, "")
    assert all(f"\n  {command} " in result.out for command in COMMANDS)


@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS)], ids=str)
def test_help_has_an_example_that_starts_like_the_command(
    blockjob: Blockjob, command: list[str]
) -> None:
    assert f"\n  Example: {' '.join(['blockjob', *command])} " in blockjob(*command, "--help").out


@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS)], ids=str)
def test_help_fits_80_columns(blockjob: Blockjob, command: list[str]) -> None:
    assert max(map(len, blockjob(*command, "-h").out.splitlines())) <= 80


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_says_what_it_is_for(blockjob: Blockjob, command: str) -> None:
    options = blockjob(command, "--help").out.partition("Options:")[2].partition("Example")[0]
    entries = [entry.split(None, 1) for entry in options.split("\n  -")[1:]]
    assert [entry for entry in entries if len(entry) < 2] == []


def test_the_version_is_one_line(blockjob: Blockjob) -> None:
    result = blockjob("--version")
    assert (result.status, result.out.startswith("blockjob "), result.out.count("\n")) == (
        0,
        True,
        1,
    )


def test_no_command_at_all_shows_the_help_as_an_error(blockjob: Blockjob) -> None:
    result = blockjob()
    assert (result.status, result.out, "Commands:" in result.err) == (2, "", True)


def test_an_unknown_command_is_one_line(blockjob: Blockjob) -> None:
    result = blockjob("miror")
    assert (result.status, result.err.count("\n"), "No such command" in result.err) == (2, 1, True)


@pytest.mark.slow
@pytest.mark.parametrize("missing", ["typer", "rich"])
def test_without_typer_the_remedy_is_named(missing: str) -> None:
    start = (
        f"import sys; sys.modules[{missing!r}] = None; "
        "from blockjob_fsm.cli import main; sys.exit(main())"
    )
    ended = subprocess.run(
        [sys.executable, "-c", start], capture_output=True, text=True, check=False
    )
    remedy = "blockjob: typer or rich is missing: pip install 'blockjob-fsm[cli]'\n"
    assert (ended.returncode, ended.stderr) == (2, remedy)


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full here")
def test_output_that_cannot_be_written_is_an_error() -> None:
    with open("/dev/full", "w") as full:
        ended = subprocess.run(
            [*COMMAND, "demo"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    said = "blockjob: standard output: No space left on device\n"
    assert (ended.returncode, ended.stderr) == (1, said)


@pytest.mark.slow
def test_a_closed_standard_output_is_no_traceback(workplace: Path) -> None:
    shell = f"'{sys.executable}' -m blockjob_fsm.cli mirror a.img b.img --progress json >&-"
    ended = subprocess.run(["sh", "-c", shell], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert (workplace / "b.img").read_bytes() == (workplace / "a.img").read_bytes()
