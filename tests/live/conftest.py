"""Fixtures of the live tests: a bench without threads, and a pool that must leave none."""

import threading
from collections.abc import Iterator

import pytest

from blockjob_fsm.executor import Executor
from tests.live.world import Bench, Notes, live_threads, threads_before


@pytest.fixture(autouse=True)
def _own_threads() -> None:
    """A command that is interrupted twice leaves a thread behind; that is not this test's."""
    threads_before.clear()
    threads_before.update(threading.enumerate())


@pytest.fixture
def bench() -> Bench:
    """Nothing runs but what the test runs, and time stands still."""
    return Bench()


@pytest.fixture
def notes() -> Notes:
    """What one job tells."""
    return Notes()


@pytest.fixture
def pool() -> Iterator[Executor]:
    """Real threads on the real clock."""
    with Executor(workers=4) as executor:
        yield executor
    assert not live_threads(), "the pool left threads behind"
