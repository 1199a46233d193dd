"""The command on a disk that is full: what it says, and that its advice works."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Terminal, piped
from tests.crash.full_disks import MIB, SmallDisk, small_disk

pytestmark = pytest.mark.slow


@pytest.fixture
def small(tmp_path: Path) -> Iterator[SmallDisk]:
    """Room for 2 MiB."""
    with small_disk(tmp_path / "small") as disk:
        yield disk


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Three MiB of data and a hole."""
    path = tmp_path / "source.img"
    path.write_bytes(os.urandom(3 * MIB) + bytes(MIB))
    return path


def test_a_copy_to_a_full_disk_names_the_file_the_place_and_the_remedy(
    small: SmallDisk, source: Path
) -> None:
    before, target = source.read_bytes(), small.folder / "copy.img"
    with piped("mirror", str(source), str(target)) as process:
        said = process.communicate()[1]
    assert (process.returncode, source.read_bytes() == before) == (1, True)
    assert f"{target}: No space left on device while writing the 1 MiB at byte " in said
    assert f"{target} is incomplete and unusable: delete it, or run again with --existing" in said


def test_with_room_made_the_copy_can_be_made_on_what_is_there(
    small: SmallDisk, source: Path
) -> None:
    target = small.folder / "copy.img"
    with piped("mirror", str(source), str(target)) as process:
        process.communicate()
    small.grow()
    with piped("mirror", "--existing", str(source), str(target)) as process:
        process.communicate()
    assert (process.returncode, target.read_bytes() == source.read_bytes()) == (0, True)


def test_a_copy_that_waits_for_space_goes_on_at_enter(small: SmallDisk, source: Path) -> None:
    target = small.folder / "copy.img"
    argv = ["mirror", "--on-target-error", "enospc", str(source), str(target)]
    with Terminal(argv) as terminal:
        assert "io-status nospace" in terminal.until("Enter tries again, Ctrl-C cancels")
        small.grow()
        terminal.press("\n")
        assert terminal.end() == 0
    assert target.read_bytes() == source.read_bytes()
