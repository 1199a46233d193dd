"""What a stream or commit has to copy is found out ahead, and nothing is lost by that."""

import errno

import pytest

from blockjob_fsm.bodies.requests import Extent
from blockjob_fsm.operations.needed import Needed

UNIT = 10
#: (start, end) of what needs copying, in a disk of 100 bytes.
PARTS = ((0, 15), (40, 45), (60, 90))


class Disk:
    """Answers queries by PARTS; the query of the byte `bad` fails once."""

    def __init__(self, bad: int | None = None) -> None:
        self.bad = bad

    def query(self, offset: int, length: int) -> Extent:
        if offset == self.bad:
            self.bad = None
            raise OSError(errno.EIO, "bad")
        cuts = sorted({edge for part in PARTS for edge in part} | {100})
        end = min(next(cut for cut in cuts if cut > offset), offset + length)
        return Extent(any(start <= offset < stop for start, stop in PARTS), end - offset)


def test_a_query_without_gaps_ends_where_its_answer_does() -> None:
    assert Needed(Disk().query).ask(0, 100, with_gaps=False) == Extent(True, 15)


@pytest.mark.parametrize(
    ("offset", "length", "answer"),
    [
        (0, 100, Extent(True, 90)),
        (15, 85, Extent(True, 75)),
        (0, 50, Extent(True, 45)),
        (90, 10, Extent(False, 10)),
        (15, 20, Extent(False, 20)),
    ],
)
def test_an_answer_with_gaps_ends_with_what_needs_copying(
    offset: int, length: int, answer: Extent
) -> None:
    assert Needed(Disk().query).ask(offset, length, with_gaps=True) == answer


def test_pieces_are_the_units_of_each_part() -> None:
    needed = Needed(Disk().query)
    needed.ask(0, 100, with_gaps=True)
    pieces = [(0, 10), (10, 5), (40, 5), (60, 10), (70, 10), (80, 10)]
    assert list(needed.pieces(0, 90, UNIT)) == pieces


def test_pieces_stay_within_the_range_that_is_copied() -> None:
    needed = Needed(Disk().query)
    needed.ask(0, 100, with_gaps=True)
    assert list(needed.pieces(12, 60, UNIT)) == [(12, 3), (40, 5), (60, 10), (70, 2)]


def test_a_failure_ahead_ends_the_answer_before_it_and_is_told_when_it_is_asked_about() -> None:
    needed = Needed(Disk(bad=45).query)
    assert needed.ask(0, 100, with_gaps=True) == Extent(True, 45)
    with pytest.raises(OSError, match="bad"):
        needed.ask(45, 55, with_gaps=True)
    assert needed.ask(45, 55, with_gaps=True) == Extent(True, 45)


def test_a_failure_ahead_is_kept_while_what_comes_before_is_asked_about_again() -> None:
    needed = Needed(Disk(bad=45).query)
    needed.ask(0, 100, with_gaps=True)
    assert needed.ask(10, 90, with_gaps=True) == Extent(True, 35)
    with pytest.raises(OSError, match="bad"):
        needed.ask(45, 55, with_gaps=True)
