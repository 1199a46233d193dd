"""The matrix beside live jobs on real images: whatever fails, what comes of it is as declared."""

from pathlib import Path

import pytest

from models.fault_matrix import ROWS, Row
from tests.faults.disks import FORMATS, Disks, expected
from tests.faults.ours import Ours


@pytest.mark.parametrize("image_format", FORMATS)
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_job_takes_a_failure_as_the_matrix_says(
    row: Row, image_format: str, tmp_path: Path
) -> None:
    assert Ours(Disks(tmp_path, row, image_format)).live() == expected(row)
