"""Faults strike the requests they name, and no others."""

import errno
import threading
from collections.abc import Callable

import pytest

from blockjob_fsm.storage import BlockDevice, Extent, Fault, FaultyDevice, Gate, MemoryDevice
from blockjob_fsm.storage.faults import Operation

REQUESTS: list[tuple[Operation, Callable[[BlockDevice], object]]] = [
    ("read", lambda device: device.read(0, 8)),
    ("write", lambda device: device.write(0, b"x")),
    ("write_zeroes", lambda device: device.write_zeroes(0, 8)),
    ("flush", lambda device: device.flush()),
    ("allocation", lambda device: device.allocation(0, 8)),
    ("resize", lambda device: device.resize(4)),
    ("change_backing", lambda device: device.change_backing(None, "other")),
    ("reopen", lambda device: device.reopen(read_only=True)),
]


def disk(*faults: Fault) -> FaultyDevice:
    return FaultyDevice(MemoryDevice(8, granularity=1), *faults)


def errno_of(request: Callable[[], object]) -> int | None:
    try:
        request()
    except OSError as error:
        return error.errno
    return None


@pytest.mark.parametrize(("operation", "request_it"), REQUESTS, ids=[row[0] for row in REQUESTS])
def test_a_fault_strikes_its_operation_and_changes_nothing(
    operation: Operation, request_it: Callable[[BlockDevice], object]
) -> None:
    device = disk(Fault(operation, errno.EIO))
    assert errno_of(lambda: request_it(device)) == errno.EIO
    assert isinstance(device.inner, MemoryDevice)
    untouched = (device.inner.length(), device.inner.backing_name, device.inner.read_only)
    assert untouched == (8, None, False)
    assert device.inner.allocation(0, 8) == Extent(False, True, 8)


@pytest.mark.parametrize(("operation", "request_it"), REQUESTS, ids=[row[0] for row in REQUESTS])
def test_a_fault_spares_every_other_operation(
    operation: Operation, request_it: Callable[[BlockDevice], object]
) -> None:
    others: list[Fault] = [Fault(name, errno.EIO) for name, _ in REQUESTS if name != operation]
    assert errno_of(lambda: request_it(disk(*others))) is None


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault("read", errno.EIO), [5, 5, 5, 5]),
        (Fault("read", errno.EIO, once=True), [5, None, None, None]),
        (Fault("read", errno.EIO, nth=3), [None, None, 5, None]),
        (Fault("read", errno.EIO, offset=6), [None, 5, None, 5]),
        (Fault("read", errno.EIO, offset=6, once=True), [None, 5, None, None]),
        (Fault("read", errno.EIO, offset=6, nth=2), [None, None, None, 5]),
    ],
)
def test_a_fault_is_narrowed_by_count_place_and_once(
    fault: Fault, expected: list[int | None]
) -> None:
    device = disk(fault)

    def read_at(start: int) -> int | None:
        return errno_of(lambda: device.read(start, 4))

    assert [read_at(start) for start in (0, 4, 0, 4)] == expected


def test_a_status_is_told_up_to_the_byte_whose_status_fails() -> None:
    device = disk(Fault("allocation", errno.EIO, offset=5))
    assert device.allocation(0, 8) == Extent(False, True, 5)
    assert errno_of(lambda: device.allocation(5, 3)) == errno.EIO


def test_a_fault_counts_the_requests_that_another_one_struck() -> None:
    device = disk(Fault("read", errno.EIO, nth=1), Fault("read", errno.ENOSPC, nth=2))
    assert [errno_of(lambda: device.read(0, 1)) for _ in range(2)] == [errno.EIO, errno.ENOSPC]


def test_stacked_wrappers_strike_from_the_outside_in() -> None:
    device = FaultyDevice(disk(Fault("read", errno.EIO)), Fault("read", errno.ENOSPC, once=True))
    assert [errno_of(lambda: device.read(0, 1)) for _ in range(2)] == [errno.ENOSPC, errno.EIO]


def test_a_delay_asks_the_given_function_and_nothing_else() -> None:
    slept: list[int] = []
    device = FaultyDevice(
        MemoryDevice(8), Fault("read", delay_ns=1_000_000_000_000), sleep_ns=slept.append
    )
    device.read(0, 8)
    assert slept == [1_000_000_000_000]


def test_a_held_request_waits_until_it_is_released() -> None:
    gate = Gate()
    device = disk(Fault("write", hold=gate))
    writer = threading.Thread(target=device.write, args=(0, b"x"))
    writer.start()
    gate.wait_until_reached()
    assert device.read(0, 1) == b"\0"
    gate.release()
    writer.join()
    assert device.read(0, 1) == b"x"


def test_strikes_are_counted_for_each_fault() -> None:
    device = disk(Fault("read", nth=2), Fault("read"))
    device.read(0, 1)
    device.read(0, 1)
    assert device.struck() == (1, 2)


def test_a_wrapper_shows_no_descriptor_so_that_every_byte_comes_by() -> None:
    assert disk().fileno() is None


def test_a_fault_without_a_range_takes_no_offset() -> None:
    with pytest.raises(AssertionError, match="a flush has no range"):
        Fault("flush", errno.EIO, offset=0)
