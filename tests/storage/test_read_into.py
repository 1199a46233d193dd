"""Reading to where the bytes are wanted gives what reading gives, whatever was there before."""

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockjob_fsm.storage import Fault, FaultyDevice, MemoryDevice, Qcow2File, RawFile
from blockjob_fsm.storage.device import BlockDevice, read_chain, read_chain_into
from tests.storage.strategies import layers

KIB = 1 << 10
LENGTH = 64 * KIB


def stale(length: int) -> memoryview:
    """A buffer that somebody has used before."""
    return memoryview(bytearray(b"s" * length))


@given(images=layers(), data=st.data())
def test_a_chain_reads_alike_into_a_used_buffer(
    images: list[MemoryDevice], data: st.DataObject
) -> None:
    length = images[0].length()
    start = data.draw(st.integers(0, length))
    stop = data.draw(st.integers(start, length))
    view = stale(stop - start)
    read_chain_into(images[0], start, view)
    assert view == read_chain(images[0], start, stop - start)


@pytest.fixture
def over_data(tmp_path: Path) -> BlockDevice:
    """A qcow2 image with data, zeros and nothing of its own, over a raw file full of data."""
    base = RawFile.create(tmp_path / "base.raw", LENGTH)
    base.write(0, os.urandom(LENGTH))
    top = Qcow2File.create(tmp_path / "top.qcow2", LENGTH, cluster_size=4 * KIB)
    top.backing = base
    top.write(5 * KIB, b"top" * 4000)
    top.write_zeroes(32 * KIB, 8 * KIB)
    return top


def test_files_read_alike_into_a_used_buffer(over_data: BlockDevice) -> None:
    view = stale(LENGTH)
    read_chain_into(over_data, 0, view)
    assert view == read_chain(over_data, 0, LENGTH)
    close_both(over_data)


def test_an_image_alone_leaves_no_byte_of_the_buffer_as_it_was(over_data: BlockDevice) -> None:
    view = stale(LENGTH)
    assert over_data.backing is not None
    over_data.read_into(0, view)
    assert view == over_data.read(0, LENGTH)
    close_both(over_data)


def close_both(top: BlockDevice) -> None:
    assert top.backing is not None
    top.backing.close()
    top.close()


def test_a_fault_in_front_of_a_file_strikes_here_too(tmp_path: Path) -> None:
    with RawFile.create(tmp_path / "disk.raw", LENGTH) as file:
        device = FaultyDevice(file, Fault("read", errno.EIO, offset=5))
        with pytest.raises(OSError, match="Input/output error"):
            read_chain_into(device, 0, stale(10))


def test_a_file_that_was_cut_is_an_error_and_not_the_buffer_of_before(tmp_path: Path) -> None:
    with RawFile.create(tmp_path / "disk.raw", LENGTH) as device:
        os.truncate(tmp_path / "disk.raw", 100)
        with pytest.raises(OSError, match="ended early"):
            device.read_into(0, stale(200))
