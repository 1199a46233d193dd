"""Images in memory: granules, copy-on-write, refusals."""

import errno
import threading
from collections.abc import Callable

import pytest

from blockjob_fsm.storage import Extent, Fault, FaultyDevice, Gate, MemoryDevice, read_chain


def overlay(length: int = 16, granularity: int = 8) -> MemoryDevice:
    base = MemoryDevice(length, name="base", granularity=granularity)
    base.write(0, b"b" * length)
    return MemoryDevice(length, name="top", backing=base, granularity=granularity)


def test_a_fresh_image_is_one_hole_however_large() -> None:
    device = MemoryDevice(1 << 40)
    assert device.allocation(0, 1 << 40) == Extent(False, True, 1 << 40)


def test_a_partial_write_completes_its_granule_from_below() -> None:
    device = overlay()
    device.write(2, b"xy")
    assert device.read(0, 16) == b"bbxybbbb" + bytes(8)


def test_only_the_granules_written_become_allocated() -> None:
    device = overlay()
    device.write(9, b"x")
    assert device.allocation(0, 16) == Extent(False, False, 8)
    assert device.allocation(8, 8) == Extent(True, False, 8)


def test_zeroes_give_up_the_memory_of_whole_granules_only() -> None:
    device = overlay()
    device.write(0, b"x" * 16)
    device.write_zeroes(0, 12)
    assert device.allocation(0, 16) == Extent(True, True, 8)
    assert device.read(8, 8) == bytes(4) + b"xxxx"


def test_a_changed_backing_is_named_and_used() -> None:
    device = overlay()
    other = MemoryDevice(16)
    device.change_backing(other, "other.img")
    assert (device.backing, device.backing_name) == (other, "other.img")


def test_setting_the_backing_leaves_the_header_alone() -> None:
    device = overlay()
    device.backing = None
    assert device.backing_name == "base"


@pytest.mark.parametrize(
    "change",
    [
        lambda device: device.write(0, b"x"),
        lambda device: device.write_zeroes(0, 1),
        lambda device: device.resize(1),
        lambda device: device.change_backing(None, None),
    ],
)
def test_a_read_only_image_refuses_every_change(change: Callable[[MemoryDevice], None]) -> None:
    device = overlay()
    device.reopen(read_only=True)
    with pytest.raises(PermissionError) as caught:
        change(device)
    assert caught.value.errno == errno.EACCES
    assert read_chain(device, 0, 16) == b"b" * 16


@pytest.mark.parametrize(("offset", "length"), [(-1, 1), (16, 1), (0, 17), (17, 0)])
def test_a_range_outside_the_device_is_our_own_mistake(offset: int, length: int) -> None:
    with pytest.raises(AssertionError, match=r"outside 0\.\.16"):
        overlay().read(offset, length)


def test_two_writers_of_one_granule_both_keep_their_bytes() -> None:
    gate = Gate()
    device = overlay()
    assert device.backing is not None
    device.backing = FaultyDevice(device.backing, Fault("read", hold=gate, nth=1))
    slow = threading.Thread(target=device.write, args=(0, b"S"))
    slow.start()
    gate.wait_until_reached()
    device.write(7, b"F")
    gate.release()
    slow.join()
    assert device.read(0, 8) == b"SbbbbbbF"


def test_a_filling_read_before_the_granule_was_zeroed_is_dropped() -> None:
    gate = Gate()
    device = overlay()
    assert device.backing is not None
    device.backing = FaultyDevice(device.backing, Fault("read", hold=gate))
    slow = threading.Thread(target=device.write, args=(0, b"S"))
    slow.start()
    gate.wait_until_reached()
    device.write_zeroes(0, 8)
    gate.release()
    slow.join()
    assert device.read(0, 8) == b"S" + bytes(7)


def test_a_failed_filling_stores_nothing() -> None:
    device = overlay()
    assert device.backing is not None
    device.backing = FaultyDevice(device.backing, Fault("read", errno.EIO, once=True))
    with pytest.raises(OSError, match="Input/output error"):
        device.write(0, b"x")
    assert not device.allocation(0, 16).allocated
