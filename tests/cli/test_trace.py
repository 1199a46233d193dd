"""`blockjob trace check`: files in, verdicts and an exit status out."""

import io
import json
import re
from pathlib import Path

import pytest

from blockjob_fsm.lifecycles.modern_words import RELEASES
from tests.cli.conftest import Blockjob
from tests.cli.test_pages import Session, typed_lines
from tests.tidy.sources import ROOT
from tests.trace.sessions import META, Line, cmd

PAGE = (ROOT / "docs" / "trace.md").read_text("utf-8")
LEGAL = [META, cmd("job-pause", 0, ("GenericError", "Job not found"), id="j0")]
ILLEGAL = [META, cmd("job-pause", 0, id="j0")]


def save(name: str, lines: list[Line]) -> str:
    """A recording in the current folder."""
    text = "".join(f"{json.dumps(line)}\n" for line in lines)
    Path(name).write_text(text, "utf-8")
    return name


@pytest.mark.usefixtures("workplace")
def test_the_page_shows_what_the_command_prints(blockjob: Blockjob) -> None:
    page = typed_lines(PAGE)
    Path("session.jsonl").write_text(page[0].printed, "utf-8")
    session = Session(blockjob)
    assert len(page) == 3
    assert [(typed, said) for typed in page if (said := session.is_wrong(typed))] == []


def test_an_accepted_recording_is_one_line(blockjob: Blockjob) -> None:
    result = blockjob("trace", "check", save("a.jsonl", LEGAL))
    said = "a.jsonl: accepted: 2 lines, by the rows of 7.2\n1 accepted, 0 rejected, 0 unreadable\n"
    assert (result.status, result.out, result.err) == (0, said, "")


@pytest.mark.parametrize(
    ("files", "status"),
    [(["good"], 0), (["good", "bad"], 1), (["bad", "none"], 4), (["none", "good"], 4)],
    ids=str,
)
def test_the_worst_file_decides_the_status(
    blockjob: Blockjob, files: list[str], status: int
) -> None:
    save("good", LEGAL)
    save("bad", ILLEGAL)
    assert blockjob("trace", "check", *files).status == status


def test_json_has_the_rows_in_the_way(blockjob: Blockjob) -> None:
    result = blockjob("trace", "check", "--format", "json", save("a.jsonl", ILLEGAL), "none")
    found = json.loads(result.out)
    assert found["files"][0] == {
        "file": "a.jsonl",
        "verdict": "rejected",
        "profile": "7.2",
        "lines": 2,
        "line": 2,
        "what": "reply",
        "seen": 'job-pause {"id": "j0"}: ok',
        "legal_up_to": 1,
        "because": ["the command's form decides, or that there is no such job"],
        "legal": ["GenericError: Job not found"],
    }
    assert found["files"][1] == {"file": "none", "verdict": "unreadable"}
    assert (found["accepted"], found["rejected"], found["unreadable"]) == (0, 1, 1)


def test_a_dash_is_standard_input(blockjob: Blockjob, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(map(json.dumps, LEGAL))))
    assert blockjob("trace", "check", "-").out.startswith("-: accepted")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\xff\n", "not text in UTF-8"),
        (b"{}\n", "line 1: t: must be one of meta"),
        (b"", "line 1: the first line must be a meta line"),
    ],
    ids=str,
)
def test_what_is_no_recording_is_one_line(
    workplace: Path, blockjob: Blockjob, data: bytes, said: str
) -> None:
    (workplace / "odd").write_bytes(data)
    result = blockjob("trace", "check", "odd")
    assert (result.status, result.err.count("\n")) == (4, 1)
    assert said in result.err


def test_an_unknown_release_is_wrong_usage(blockjob: Blockjob) -> None:
    result = blockjob("trace", "check", "--profile", "7.3", save("a.jsonl", LEGAL))
    assert (result.status, result.out) == (2, "")
    assert all(release in result.err for release in RELEASES)


def test_why_1_3_cannot_judge_is_told_in_one_line(blockjob: Blockjob) -> None:
    result = blockjob("trace", "check", "--profile", "1.3", save("a.jsonl", LEGAL))
    assert (result.status, result.err.count("\n")) == (2, 1)
    assert "sends no JOB_STATUS_CHANGE" in result.err


@pytest.mark.parametrize("release", RELEASES)
def test_every_release_has_rows_that_judge(blockjob: Blockjob, release: str) -> None:
    result = blockjob("trace", "check", "--profile", release, save("a.jsonl", [META]))
    assert (result.status, f"rows of {release}" in result.out) == (0, True)


@pytest.mark.parametrize("command", [["trace"], ["trace", "check"]], ids=str)
def test_the_help_is_narrow_and_has_an_example(blockjob: Blockjob, command: list[str]) -> None:
    out = blockjob(*command, "--help").out
    assert max(map(len, out.splitlines())) <= 80
    assert "Example: blockjob trace check " in out


def test_the_manual_explains_every_option(blockjob: Blockjob) -> None:
    page = (ROOT / "docs" / "commands.md").read_text("utf-8").partition("\n## trace\n")[2]
    options = re.findall(r"^  (--[\w-]+)", blockjob("trace", "check", "--help").out, re.MULTILINE)
    assert options
    assert [option for option in options if f"`{option}" not in page] == []
