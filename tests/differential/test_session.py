"""Sessions as scripts, and the reasons for what they leave out."""

import subprocess
from pathlib import Path

import pytest

from blockjob_fsm.conformance.coverage import possible_cells
from blockjob_fsm.conformance.left_out import NEVER_SEEN, NOT_COMPARED, NOT_DRAWN, NeverSeen
from blockjob_fsm.conformance.session import (
    Session,
    Unreadable,
    image_lines,
    read_session,
    shell_script,
)
from blockjob_fsm.conformance.theirs import make_images
from blockjob_fsm.lifecycles.modern import modern

FILES = ("src.raw", "dst.raw", "base.qcow2", "mid.qcow2", "top.qcow2")
ALL_IMAGES = Session(
    tuple(("blockdev-add", {"filename": f"@DIR@/{name}"}) for name in FILES), (("quit", {}),)
)


def test_a_script_is_read_as_the_session_it_was() -> None:
    assert read_session(shell_script(ALL_IMAGES, ["a remark"])) == ALL_IMAGES


def test_bare_commands_are_read_too() -> None:
    assert read_session(str(ALL_IMAGES)) == ALL_IMAGES


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "no QMP command in it"),
        ("echo hello", "no QMP command in it"),
        ("qmp '{\"execute\": 1'", "line 1 is no QMP command"),
        ('\n{"arguments": {}}', "line 2 is no QMP command"),
    ],
)
def test_a_text_without_a_session_is_refused(text: str, problem: str) -> None:
    with pytest.raises(Unreadable, match=problem):
        read_session(text)


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_a_script_makes_the_images_that_sessions_are_played_on(
    name: str, tmp_path: Path, qemu_img: Path, qemu_io: Path
) -> None:
    made, known = tmp_path / "made", tmp_path / "known"
    for folder in (made, known):
        folder.mkdir()
    make_images(known)
    script = "\n".join(image_lines(ALL_IMAGES)).replace("qemu-io", str(qemu_io))
    subprocess.run(["sh", "-c", script], cwd=made, check=True)
    command = [str(qemu_img), "compare", str(made / name), str(known / name)]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("row", NEVER_SEEN, ids=lambda row: f"{row.statuses[0].value} {row.verbs}")
def test_what_no_session_shows_is_something_that_the_rows_have(row: NeverSeen) -> None:
    cells = possible_cells(modern("7.2"))
    for status in row.statuses:
        assert any(row.covers(*cell) for cell in cells if cell[1] == status.value)


def test_everything_left_out_has_a_reason_of_its_own() -> None:
    reasons = [row.why for row in (*NOT_DRAWN, *NOT_COMPARED)]
    assert all(reasons)
    assert len(set(reasons)) == len(reasons)
