"""Fixtures that several storage tests share."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """Threads whose results and exceptions the test collects."""
    with ThreadPoolExecutor(max_workers=8) as workers:
        yield workers
