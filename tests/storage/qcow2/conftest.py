"""Fixtures of the qcow2 tests."""

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.storage.qcow2.qemu import Qemu


@pytest.fixture(scope="session")
def qemu(qemu_img: Path, qemu_io: Path, tmp_path_factory: pytest.TempPathFactory) -> Qemu:
    """QEMU's image tools."""
    return Qemu(qemu_img, qemu_io, tmp_path_factory.mktemp("qemu"))


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Paths for many small images, a few of which are there at a time."""
    folder = tmp_path_factory.mktemp("images")
    numbers = itertools.count()

    def path(name: str) -> Path:
        found = folder / f"{next(numbers) % 64}-{name}"
        found.unlink(missing_ok=True)
        return found

    return path
