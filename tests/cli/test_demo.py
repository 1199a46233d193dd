"""`blockjob demo`: a stop that is survived, and copies that are right."""

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest

from blockjob_fsm.cli import demo
from blockjob_fsm.cli.story import Story, shortened
from tests.cli.conftest import COMMAND, Blockjob


@pytest.fixture
def log(blockjob: Blockjob) -> dict[str, Any]:
    """What the demo says as JSON."""
    loaded: dict[str, Any] = json.loads(blockjob("demo", "--format", "json").out)
    return loaded


def names(log: dict[str, Any]) -> list[str]:
    """The events and commands of a log, in order."""
    return [entry.get("event") or entry["execute"] for entry in log["log"]]


def test_the_demo_ends_identical(blockjob: Blockjob) -> None:
    result = blockjob("demo")
    assert (result.status, result.out.splitlines()[-1], result.err) == (0, "identical", "")


def test_the_demo_fits_80_columns(blockjob: Blockjob) -> None:
    assert max(map(len, blockjob("demo").out.splitlines())) <= 80


def test_the_demo_is_plain_text(blockjob: Blockjob) -> None:
    out = blockjob("demo").out
    assert all(character.isprintable() or character == "\n" for character in out)


def test_the_demo_has_one_stop_then_two_completions(log: dict[str, Any]) -> None:
    assert names(log) == [
        "BLOCK_JOB_ERROR",
        "query-block-jobs",
        "BLOCK_JOB_COMPLETED",
        "BLOCK_JOB_READY",
        "BLOCK_JOB_COMPLETED",
    ]


def test_the_demo_shows_the_pause_it_causes(log: dict[str, Any]) -> None:
    (info,) = log["log"][1]["return"]
    assert (info["paused"], info["busy"], info["io-status"]) == (True, False, "nospace")


def test_the_stream_of_the_demo_is_parked_once_and_freed(log: dict[str, Any]) -> None:
    phases = log["phases"]["stream"]
    assert (phases.count("parked"), phases[-2:]) == (1, ["ending", "freed"])


def test_the_mirror_of_the_demo_is_never_parked(log: dict[str, Any]) -> None:
    assert "parked" not in log["phases"]["mirror"]


def test_the_demo_leaves_no_file(
    blockjob: Blockjob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    blockjob("demo")
    assert list((tmp_path / "temporary").iterdir()) == []


def test_a_copy_that_differs_fails_the_demo(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Path, "read_bytes", lambda _: b"something else")
    assert demo.demo(Story(as_json=False)) == 1
    assert capsys.readouterr().out.endswith("\nNOT identical\n")


def test_the_demo_streams_a_chain_of_qcow2_images(blockjob: Blockjob) -> None:
    assert "== base.qcow2 <- middle.qcow2 <- top.qcow2, 8 MiB" in blockjob("demo").out


@pytest.mark.slow
def test_the_demo_is_clean_as_a_process_of_its_own(workplace: Path) -> None:
    ended = subprocess.run([*COMMAND, "demo"], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr, list(workplace.glob("*"))) == (
        0,
        "",
        [workplace / "a.img"],
    )


@pytest.mark.parametrize(
    ("phases", "told"),
    [
        ("", ""),
        ("a", "a"),
        ("a b c", "a, b, c"),
        ("a b a b", "2 x (a, b)"),
        ("a b a b a c", "2 x (a, b), a, c"),
        ("c a b a b a b d", "c, 3 x (a, b), d"),
    ],
)
def test_pairs_that_repeat_are_told_once(phases: str, told: str) -> None:
    assert shortened(phases.split()) == told
