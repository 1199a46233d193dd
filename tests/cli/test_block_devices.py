"""Block devices as source and target, on a loop device where one can be had."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import MIB, Blockjob, contents

pytestmark = pytest.mark.slow


@pytest.fixture
def loop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A block device of 4 MiB full of ones; skips where none can be set up."""
    disk = tmp_path_factory.mktemp("disk") / "disk.raw"
    disk.write_bytes(b"\xff" * 4 * MIB)
    setup = ["losetup", "--find", "--show", str(disk)]
    try:
        made = subprocess.run(setup, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no loop device can be set up here (needs root and losetup)")
    yield made.stdout.strip()
    subprocess.run(["losetup", "--detach", made.stdout.strip()], check=True)


def test_a_block_device_is_not_overwritten_unasked(blockjob: Blockjob, loop: str) -> None:
    result = blockjob("mirror", "a.img", loop)
    assert (result.status, "exists already: give --existing" in result.err) == (2, True)
    assert Path(loop).read_bytes() == b"\xff" * 4 * MIB


def test_a_block_device_can_be_the_target(blockjob: Blockjob, loop: str) -> None:
    assert blockjob("mirror", "a.img", loop, "--existing").status == 0
    assert Path(loop).read_bytes() == Path("a.img").read_bytes()


def test_a_block_device_can_be_the_source(blockjob: Blockjob, loop: str) -> None:
    assert blockjob("mirror", loop, "b.img").status == 0
    assert Path("b.img").read_bytes() == b"\xff" * 4 * MIB


def test_another_node_of_the_same_device_is_the_source_itself(
    workplace: Path, blockjob: Blockjob, loop: str
) -> None:
    before = contents(workplace)
    os.mknod("node", 0o600 | 0o060000, os.stat(loop).st_rdev)
    result = blockjob("mirror", loop, "node", "--existing")
    Path("node").unlink()
    assert (result.status, "node: is the source itself" in result.err) == (2, True)
    assert contents(workplace) == before
