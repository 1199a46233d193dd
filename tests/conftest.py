"""What all tests share: where QEMU's tools are, and how Hypothesis draws.

No helper for one subject belongs here; put it beside the tests of that subject.
"""

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import settings

# Test fixture -> the tool it finds and the Debian package that brings it.
TOOLS = {
    "qemu_img": ("qemu-img", "qemu-utils"),
    "qemu_io": ("qemu-io", "qemu-utils"),
    "qemu_storage_daemon": ("qemu-storage-daemon", "qemu-system-common"),
    "dot": ("dot", "graphviz"),
}

# Threads and cold caches make single examples slow without being wrong: no deadline.
settings.register_profile("developer", deadline=None, print_blob=True)
# The same examples on every run, so that a red build can be seen again.
settings.register_profile("ci", deadline=None, print_blob=True, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "developer")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test that asks for one of QEMU's tools, so that `-m qemu` selects them."""
    for item in items:
        if any(name.startswith("qemu_") for name in getattr(item, "fixturenames", ())):
            item.add_marker("qemu")


def tool_path(fixture: str) -> Path:
    """Path of the tool behind a fixture; skips the test, or fails it where tools are required."""
    tool, package = TOOLS[fixture]
    found = shutil.which(tool)
    if found is not None:
        return Path(found)
    reason = f"{tool} is not installed (Debian package {package})"
    if os.environ.get("BLOCKJOB_REQUIRE_QEMU"):
        pytest.fail(f"{reason}, and BLOCKJOB_REQUIRE_QEMU is set", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def qemu_img() -> Path:
    """`qemu-img`: makes, checks and compares images."""
    return tool_path("qemu_img")


@pytest.fixture(scope="session")
def qemu_io() -> Path:
    """`qemu-io`: reads and writes single ranges of an image."""
    return tool_path("qemu_io")


@pytest.fixture(scope="session")
def qemu_storage_daemon() -> Path:
    """`qemu-storage-daemon`: QEMU's own block jobs, driven over QMP."""
    return tool_path("qemu_storage_daemon")


@pytest.fixture(scope="session")
def dot() -> Path:
    """`dot`: Graphviz, which draws the pictures."""
    return tool_path("dot")
