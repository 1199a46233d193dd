"""The pages about the command: what they show is typed, and must print what they say.

A `console` block is lines typed after `$ ` and what they print, where "..." stands for anything.
"""

import doctest
import re
import shlex
import subprocess
from dataclasses import dataclass

import pytest

from tests.cli.conftest import MIB, Blockjob
from tests.tidy.sources import ROOT

GUIDE = ROOT / "docs" / "guides" / "mirror.md"
COMMANDS_PAGE = ROOT / "docs" / "commands.md"
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
OPTION = re.compile(r"^  (?:-\w, )?(--[\w-]+)", re.MULTILINE)


@dataclass(frozen=True)
class Typed:
    """A line of a page and what it is said to print."""

    line: str
    printed: str


def typed_lines(page: str) -> list[Typed]:
    """Every line typed in a page's console blocks, in order."""
    found = []
    for block in BLOCK.findall(page):
        for part in block.removeprefix("$ ").split("\n$ "):
            line, _, printed = part.removesuffix("\n").partition("\n")
            found.append(Typed(line, f"{printed}\n" if printed else ""))
    return found


class Session:
    """Types the lines of a page one after the other; `status` is that of the last command."""

    def __init__(self, blockjob: Blockjob) -> None:
        self._blockjob = blockjob
        self.status = 0

    def prints(self, line: str) -> str:
        """What a line prints."""
        argv = shlex.split(line)
        if argv == ["echo", "$?"]:
            return f"{self.status}\n"
        if argv[0] == "blockjob":
            result = self._blockjob(*argv[1:])
            self.status = result.status
            return result.out + result.err
        ended = subprocess.run(argv, capture_output=True, text=True, check=False)
        self.status = ended.returncode
        return ended.stdout + ended.stderr

    def is_wrong(self, typed: Typed) -> bool:
        """Type a line; whether the page says something else."""
        alike = doctest.OutputChecker().check_output
        return not alike(typed.printed, self.prints(typed.line), doctest.ELLIPSIS)


@pytest.mark.usefixtures("workplace")
def test_the_guide_shows_what_the_command_prints(blockjob: Blockjob) -> None:
    with open("disk.img", "wb") as image:
        image.write(b"\x5a" * 3 * MIB)
        image.truncate(64 * MIB)
    session = Session(blockjob)
    page = typed_lines(GUIDE.read_text("utf-8"))
    assert [typed for typed in page if session.is_wrong(typed)] == []


def test_a_guide_that_lies_is_caught(blockjob: Blockjob) -> None:
    lie = "```console\n$ echo $?\n1\n```\n"
    assert [Session(blockjob).is_wrong(typed) for typed in typed_lines(lie)] == [True]


@pytest.mark.parametrize("command", ["mirror", "demo", "check", "diagram"])
def test_the_page_explains_every_option(blockjob: Blockjob, command: str) -> None:
    page = COMMANDS_PAGE.read_text("utf-8")
    section = re.split(r"^## ", page, flags=re.MULTILINE)
    text = next(part for part in section if part.startswith(f"{command}\n"))
    options = set(OPTION.findall(blockjob(command, "--help").out)) - {"--help"}
    assert {option for option in options if f"`{option}" not in text} == set()
