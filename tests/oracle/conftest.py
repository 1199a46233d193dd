"""One daemon and one folder for all chains of a test process."""

from collections.abc import Iterator

import pytest

from tests.oracle.judge import Counts, Judge
from tests.oracle.search import new_judge


@pytest.fixture(scope="session")
def _judge(request: pytest.FixtureRequest) -> Iterator[Judge]:
    for tool in ("qemu_img", "qemu_io", "qemu_storage_daemon"):
        request.getfixturevalue(tool)
    with new_judge() as made:
        yield made


@pytest.fixture
def judge(_judge: Judge) -> Judge:
    """A judge that has counted nothing yet."""
    _judge.counts = Counts()
    return _judge
