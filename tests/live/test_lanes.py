"""Parts of a request side by side: each once, in order, and without waiting for a busy pool."""

import threading
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from blockjob_fsm.executor import Executor
from blockjob_fsm.operations.lanes import Lanes

PATIENCE_S = 20.0


def numbers(count: int) -> Iterator[Callable[[], int]]:
    """Parts that answer 0, 1, 2 ..."""
    return (partial(int, number) for number in range(count))


@pytest.mark.parametrize("workers", [0, 1, 2])
@pytest.mark.parametrize("count", [0, 1, 1000])
def test_every_part_answers_once_and_in_order(workers: int, count: int) -> None:
    with Executor(workers=workers) as executor:
        assert Lanes(executor).run(numbers(count)) == list(range(count))


def test_two_parts_are_under_way_at_once(pool: Executor) -> None:
    meeting = threading.Barrier(2, timeout=PATIENCE_S)
    assert sorted(Lanes(pool).run(iter([meeting.wait, meeting.wait]))) == [0, 1]


def test_a_worker_keeps_a_lane_of_its_own(pool: Executor) -> None:
    answers: list[list[int]] = []
    done = threading.Event()

    def task() -> None:
        meeting = threading.Barrier(2, timeout=PATIENCE_S)
        answers.append(Lanes(pool).run(iter([meeting.wait, meeting.wait])))
        done.set()

    pool.submit(task)
    assert done.wait(PATIENCE_S)
    assert sorted(answers[0]) == [0, 1]


def test_nobody_waits_for_a_worker_that_is_busy() -> None:
    gate = threading.Event()

    def busy() -> None:
        assert gate.wait(PATIENCE_S)

    with Executor(workers=2) as executor:
        for _ in range(2):
            executor.submit(busy)
        assert Lanes(executor).run(numbers(10)) == list(range(10))
        assert not gate.is_set()
        gate.set()


def test_a_part_that_raises_is_the_last_one_drawn(pool: Executor) -> None:
    drawn: list[int] = []

    def fail() -> int:
        raise ValueError("wrong")

    def parts() -> Iterator[Callable[[], int]]:
        for number in range(1000):
            drawn.append(number)
            yield fail

    with pytest.raises(ValueError, match="wrong"):
        Lanes(pool).run(parts())
    assert len(drawn) <= 2


@pytest.mark.parametrize("workers", [0, 2])
def test_a_failure_to_draw_is_raised(workers: int) -> None:
    def parts() -> Iterator[Callable[[], int]]:
        yield int
        raise ValueError("no more")

    with Executor(workers=workers) as executor, pytest.raises(ValueError, match="no more"):
        Lanes(executor).run(parts())
