"""What a chain of layers reads as, and which part of it decides."""

import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockjob_fsm.storage import (
    BlockDevice,
    Extent,
    Fault,
    FaultyDevice,
    MemoryDevice,
    allocation_above,
    chain,
    read_chain,
)
from tests.storage.strategies import layers


def image(length: int, data: bytes = b"", backing: BlockDevice | None = None) -> MemoryDevice:
    device = MemoryDevice(length, backing=backing, granularity=1)
    device.write(0, data)
    return device


def padded(device: BlockDevice | None, offset: int, length: int) -> bytes:
    """What a chain reads as, zeros past its end; no chain is all zeros."""
    inside = 0 if device is None else max(0, min(length, device.length() - offset))
    read = read_chain(device, offset, inside) if device and inside else b""
    return bytes(read).ljust(length, b"\0")


def test_a_chain_is_told_from_the_top_down() -> None:
    base = image(4)
    top = image(4, backing=base)
    assert list(chain(top)) == [top, base]


def test_the_first_layer_that_stores_a_byte_decides_it() -> None:
    assert read_chain(image(4, b"ab", image(4, b"xyz")), 0, 4) == b"abz\0"


def test_zeros_stored_in_a_layer_hide_what_lies_below() -> None:
    top = image(4, backing=image(4, b"wxyz"))
    top.write_zeroes(1, 2)
    assert read_chain(top, 0, 4) == b"w\0\0z"


def test_a_backing_image_reads_as_zeros_past_its_end() -> None:
    assert read_chain(image(6, b"a", image(3, b"xyz")), 0, 6) == b"ayz\0\0\0"


def test_a_short_layer_hides_a_longer_one_below_it() -> None:
    assert (
        read_chain(image(6, backing=image(2, backing=image(6, b"uvwxyz"))), 0, 6) == b"uv\0\0\0\0"
    )


def test_past_the_end_of_the_last_layer_nothing_is_allocated() -> None:
    top = image(6, backing=image(2, b"ab"))
    assert allocation_above(top, None, 2, 4) == Extent(False, True, 4)


def test_a_status_never_mixes_both_sides_of_a_layers_end() -> None:
    top = image(6, backing=image(2, b"ab"))
    assert allocation_above(top, None, 0, 6) == Extent(True, False, 2)


def test_zeros_that_hide_the_base_count_as_allocated_above_it() -> None:
    base = image(6, b"uvwxyz")
    top = image(6, backing=image(2, backing=base))
    assert allocation_above(top, base, 2, 4) == Extent(True, True, 4)


def test_what_only_the_base_stores_is_not_allocated_above_it() -> None:
    base = image(6, b"uvwxyz")
    assert allocation_above(image(6, backing=base), base, 0, 6) == Extent(False, False, 6)


def test_a_failing_layer_fails_the_query_and_gives_no_status() -> None:
    base = FaultyDevice(image(4, b"abcd"), Fault("allocation", errno.EIO))
    with pytest.raises(OSError, match="Input/output error"):
        allocation_above(image(4, backing=base), None, 0, 4)


@given(images=layers(), data=st.data())
def test_a_layer_may_go_where_nothing_above_the_base_is_allocated(
    images: list[MemoryDevice], data: st.DataObject
) -> None:
    base = data.draw(st.sampled_from([*images[1:], None]))
    top = images[0]
    offset = 0
    while offset < top.length():
        extent = allocation_above(top, base, offset, top.length() - offset)
        seen = bytes(read_chain(top, offset, extent.length))
        if not extent.allocated:
            assert seen == padded(base, offset, extent.length)
        if extent.zero:
            assert not any(seen)
        offset += extent.length


@given(images=layers(), data=st.data())
def test_a_part_of_a_chain_reads_like_that_part_of_the_whole(
    images: list[MemoryDevice], data: st.DataObject
) -> None:
    length = images[0].length()
    start = data.draw(st.integers(0, length))
    stop = data.draw(st.integers(start, length))
    assert (
        read_chain(images[0], start, stop - start) == read_chain(images[0], 0, length)[start:stop]
    )
