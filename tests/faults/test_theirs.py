"""The matrix beside the jobs of a real QEMU: what is not declared to differ is the same."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from models.fault_matrix import DIFFERENCES, ROWS, Difference, Row, in_7_2
from tests.faults.disks import FORMATS, Disks
from tests.faults.theirs import Theirs, expected
from tests.qsd import Qsd


@pytest.fixture(scope="module")
def daemon(qemu_storage_daemon: Path) -> Iterator[Qsd]:
    """One daemon for all rows: each takes away what it has made."""
    assert qemu_storage_daemon.is_file()
    with Qsd() as started:
        yield started


@pytest.mark.parametrize("image_format", FORMATS)
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_qemu_takes_a_failure_as_the_matrix_says(
    row: Row, image_format: str, tmp_path: Path, daemon: Qsd
) -> None:
    assert Theirs(Disks(tmp_path, row, image_format), daemon).live() == expected(row)


@pytest.mark.parametrize("found", DIFFERENCES, ids=lambda found: found.kind)
def test_a_declared_difference_changes_some_row(found: Difference) -> None:
    changed = [row for row in ROWS if found.is_of(row)]
    assert changed
    assert all(in_7_2(row).course != row.course for row in changed)
