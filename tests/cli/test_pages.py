"""The pages about the command: what they show is typed, and must print what they say.

A `console` block is lines typed after `$ ` and what they print, where "..." stands for anything.
"""

import doctest
import re
import shlex
import subprocess
from dataclasses import dataclass

import pytest

from tests.cli.conftest import MIB, Blockjob, make_image
from tests.cli.test_app import COMMANDS
from tests.tidy.sources import ROOT

GUIDES = ROOT / "docs" / "guides"
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

    def is_wrong(self, typed: Typed) -> str:
        """Type a line; what it prints if the page says something else, or empty."""
        printed = self.prints(typed.line)
        alike = doctest.OutputChecker().check_output
        return "" if alike(typed.printed, printed, doctest.ELLIPSIS) else printed or "nothing"


def prepare(with_chain: bool) -> None:
    """The images that the guides speak of, 64 MiB each."""
    with open("disk.img", "wb") as image:
        image.write(b"\x5a" * 3 * MIB)
        image.truncate(64 * MIB)
    if with_chain:
        make_image("base.qcow2", None, {0: MIB, 3 * MIB: 5000}, length=64 * MIB)
        make_image("middle.qcow2", "base.qcow2", {MIB: 2 * MIB}, length=64 * MIB)
        make_image("disk.qcow2", "middle.qcow2", {5 * MIB: 5000}, length=64 * MIB)


@pytest.mark.parametrize("guide", ["mirror", "backup", "stream", "commit"])
@pytest.mark.usefixtures("qemu_img", "workplace")
def test_the_guide_shows_what_the_command_prints(blockjob: Blockjob, guide: str) -> None:
    prepare(with_chain=guide in {"stream", "commit"})
    session = Session(blockjob)
    page = typed_lines((GUIDES / f"{guide}.md").read_text("utf-8"))
    assert page
    assert [(typed, said) for typed in page if (said := session.is_wrong(typed))] == []


def test_a_guide_that_lies_is_caught(blockjob: Blockjob) -> None:
    lie = "```console\n$ echo $?\n1\n```\n"
    assert [Session(blockjob).is_wrong(typed) for typed in typed_lines(lie)] == ["0\n"]


@pytest.mark.parametrize("command", COMMANDS)
def test_the_page_explains_every_option(blockjob: Blockjob, command: str) -> None:
    page = COMMANDS_PAGE.read_text("utf-8")
    section = re.split(r"^## ", page, flags=re.MULTILINE)
    text = next(part for part in section if command in part.partition("\n")[0].split())
    options = set(OPTION.findall(blockjob(command, "--help").out)) - {"--help"}
    assert {option for option in options if f"`{option}" not in text} == set()
