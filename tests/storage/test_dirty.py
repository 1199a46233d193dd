"""The dirty bitmap against a set of numbers, and under threads."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockjob_fsm.storage import DirtyBitmap

LENGTH = 95  # ten chunks, the last one half as long
CHUNK = 10

ranges = st.integers(0, LENGTH).flatmap(
    lambda start: st.tuples(st.just(start), st.integers(0, LENGTH - start))
)


def bitmap(*dirty: int) -> DirtyBitmap:
    made = DirtyBitmap(LENGTH, CHUNK)
    for index in dirty:
        made.set(index * CHUNK, 1)
    return made


def chunks_of(made: DirtyBitmap) -> set[int]:
    return {index for index in range(made.chunks) if made.is_dirty(index)}


@given(marked=st.lists(ranges), cleared=st.sets(st.integers(0, 9)))
def test_the_dirty_chunks_are_those_touched_and_not_cleared(
    marked: list[tuple[int, int]], cleared: set[int]
) -> None:
    made = bitmap()
    for offset, length in marked:
        made.set(offset, length)
    for index in cleared:
        made.clear(index)
    touched = {
        byte // CHUNK for offset, length in marked for byte in range(offset, offset + length)
    }
    assert chunks_of(made) == touched - cleared
    assert made.count == len(touched - cleared)


@given(dirty=st.sets(st.integers(0, 9)), cursor=st.integers(0, 12))
def test_the_search_goes_on_at_the_start(dirty: set[int], cursor: int) -> None:
    ahead = sorted(index for index in dirty if index >= cursor) or sorted(dirty)
    assert bitmap(*dirty).next_dirty(cursor) == (ahead[0] if ahead else None)


@given(dirty=st.sets(st.integers(0, 9)), most=st.integers(1, 12))
def test_taking_runs_meets_every_dirty_chunk_once(dirty: set[int], most: int) -> None:
    made = bitmap(*dirty)
    seen: list[int] = []
    while run := made.next_dirty_run(seen[-1] if seen else 0, most):
        assert run[1] <= most
        assert run[0] not in seen
        seen += range(run[0], run[0] + run[1])
    assert seen == sorted(dirty)
    assert made.count == 0


def test_a_run_stops_at_the_end_of_the_device() -> None:
    assert bitmap(0, 9).next_dirty_run(9, 4) == (9, 1)


@pytest.mark.parametrize(
    ("index", "count", "expected"), [(0, 1, (0, 10)), (9, 1, (90, 5)), (8, 2, (80, 15))]
)
def test_the_last_chunk_may_be_short(index: int, count: int, expected: tuple[int, int]) -> None:
    assert bitmap().range_of(index, count) == expected


def test_a_device_without_bytes_has_no_chunk_to_find() -> None:
    assert DirtyBitmap(0).next_dirty_run() is None


def test_an_empty_write_marks_nothing() -> None:
    made = bitmap()
    made.set(LENGTH, 0)
    assert made.count == 0


def test_no_mark_is_lost_between_threads_that_set_and_one_that_takes() -> None:
    made = DirtyBitmap(4096 * CHUNK, CHUNK)

    def mark(first: int) -> None:
        for index in range(first, 4096, 4):
            made.set(index * CHUNK, 1)

    writers = [threading.Thread(target=mark, args=(first,)) for first in range(4)]
    taken: list[int] = []
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers) or made.count:
        if run := made.next_dirty_run(max_chunks=64):
            assert len(taken) < 4096
            taken += range(run[0], run[0] + run[1])
    assert sorted(taken) == list(range(4096))
