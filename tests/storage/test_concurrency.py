"""Guest threads beside a job's own requests: nothing lost, nobody waiting for ever."""

import errno
import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from blockjob_fsm.storage import Drive, Fault, FaultyDevice, Gate, MemoryDevice, read_chain
from blockjob_fsm.storage.in_flight import Request, RequestKind
from tests.storage.threads import PATIENCE_S, until

READ, WRITE, COPY_UP = RequestKind.READ, RequestKind.WRITE, RequestKind.COPY_UP

SLOT = 96
SLOTS = 128


def over_old_data(length: int, *faults: Fault) -> Drive:
    """A drive whose top image is empty, over a base full of "o"."""
    base = MemoryDevice(length, granularity=512)
    base.write(0, b"o" * length)
    backing = FaultyDevice(base, *faults)
    return Drive("ide0", MemoryDevice(length, granularity=512, backing=backing))


@pytest.mark.parametrize(
    ("kind", "earlier", "waits"),
    [
        (WRITE, COPY_UP, True),
        (COPY_UP, WRITE, True),
        (COPY_UP, COPY_UP, True),
        (WRITE, WRITE, False),
        (READ, COPY_UP, False),
        (COPY_UP, READ, False),
        (READ, WRITE, False),
    ],
)
def test_only_a_copy_up_and_what_writes_exclude_each_other(
    kind: RequestKind, earlier: RequestKind, waits: bool
) -> None:
    assert Request(kind, 0, 10).waits_for(Request(earlier, 9, 10)) is waits


def test_requests_that_only_touch_do_not_wait() -> None:
    assert not Request(COPY_UP, 0, 10).waits_for(Request(WRITE, 10, 10))
    assert not Request(COPY_UP, 10, 10).waits_for(Request(WRITE, 0, 10))


def test_a_guest_write_is_never_overwritten_by_older_data(pool: ThreadPoolExecutor) -> None:
    gate = Gate()
    drive = over_old_data(4096, Fault("read", hold=gate, nth=1))
    copied = pool.submit(drive.copy_up, 0, 4096)
    gate.wait_until_reached()
    written = pool.submit(drive.guest_write, 100, b"new")
    until(lambda: drive.in_flight == 2 or written.done())
    gate.release()
    assert written.result(PATIENCE_S)
    assert copied.result(PATIENCE_S) == 4096
    assert drive.guest_read(99, 5) == b"onewo"


def test_a_write_elsewhere_does_not_wait_for_a_copy_up(pool: ThreadPoolExecutor) -> None:
    gate = Gate()
    drive = over_old_data(4096, Fault("read", hold=gate, nth=1))
    copied = pool.submit(drive.copy_up, 0, 512)
    gate.wait_until_reached()
    assert drive.guest_write(1024, b"n" * 512)
    assert not copied.done()
    gate.release()
    assert copied.result(PATIENCE_S) == 512


def test_four_guests_beside_a_copy_up_lose_nothing(pool: ThreadPoolExecutor) -> None:
    drive = over_old_data(SLOT * SLOTS)

    def scribble(guest: int) -> dict[int, bytes]:
        draw = random.Random(guest)
        mine: dict[int, bytes] = {}
        for _ in range(400):
            slot = draw.randrange(guest, SLOTS // 2, 4)
            mine[slot] = bytes([draw.randrange(1, 100)]) * SLOT
            assert drive.guest_write(slot * SLOT, mine[slot])
        return mine

    def pull() -> None:
        for offset in range(0, SLOT * SLOTS, SLOT):
            drive.copy_up(offset, SLOT)

    guests = [pool.submit(scribble, guest) for guest in range(4)]
    pool.submit(pull).result(PATIENCE_S)
    expected = dict.fromkeys(range(SLOTS), b"o" * SLOT)
    for guest in guests:
        expected |= guest.result(PATIENCE_S)
    assert drive.guest_read(0, SLOT * SLOTS) == b"".join(expected.values())
    assert drive.medium is not None
    assert drive.medium.allocation(0, SLOT * SLOTS)[::2] == (True, SLOT * SLOTS)


def test_a_bit_is_set_when_the_write_ends_and_not_before(pool: ThreadPoolExecutor) -> None:
    gate = Gate()
    drive = Drive("ide0", FaultyDevice(MemoryDevice(4096), Fault("write", hold=gate)))
    dirty = drive.start_dirty_tracking(512)
    written = pool.submit(drive.guest_write, 1024, b"x")
    gate.wait_until_reached()
    assert dirty.count == 0
    gate.release()
    written.result(PATIENCE_S)
    assert dirty.next_dirty() == 2


def test_a_drain_ends_after_the_requests_that_came_before(pool: ThreadPoolExecutor) -> None:
    gate = Gate()
    drive = Drive("ide0", FaultyDevice(MemoryDevice(8), Fault("write", hold=gate)))
    dirty = drive.start_dirty_tracking(1)
    pool.submit(drive.guest_write, 0, b"x")
    gate.wait_until_reached()

    def count_after_drain() -> int:
        drive.drain()
        return dirty.count

    drained = pool.submit(count_after_drain)
    until(lambda: drive.draining)
    assert not drained.done()
    gate.release()
    assert drained.result(PATIENCE_S) == 1


def test_no_request_gets_in_while_requests_are_kept_out(pool: ThreadPoolExecutor) -> None:
    drive = Drive("ide0", MemoryDevice(8))
    with drive.drained():
        written = pool.submit(drive.guest_write, 0, b"x")
        drive.drain()
        until(written.running)
        assert not written.done()
        before = drive.swap_medium(MemoryDevice(8, name="new"))
    assert written.result(PATIENCE_S)
    assert before is not None
    assert before.read(0, 1) == b"\0"
    assert drive.guest_read(0, 1) == b"x"


def test_a_swap_waits_for_the_write_on_the_old_medium(pool: ThreadPoolExecutor) -> None:
    gate = Gate()
    old = FaultyDevice(MemoryDevice(8), Fault("write", hold=gate))
    drive = Drive("ide0", old)
    pool.submit(drive.guest_write, 0, b"x")
    gate.wait_until_reached()
    swapped = pool.submit(drive.swap_medium, MemoryDevice(8))
    until(lambda: drive.draining)
    assert drive.medium is old
    gate.release()
    assert swapped.result(PATIENCE_S) is old
    assert old.read(0, 1) == b"x"


def test_a_failed_copy_up_lets_the_waiting_write_through(pool: ThreadPoolExecutor) -> None:
    gate = Gate()
    drive = over_old_data(4096, Fault("read", errno.EIO, hold=gate, once=True))
    copied = pool.submit(drive.copy_up, 0, 4096)
    gate.wait_until_reached()
    written = pool.submit(drive.guest_write, 0, b"new")
    gate.release()
    assert isinstance(copied.exception(PATIENCE_S), OSError)
    assert written.result(PATIENCE_S)
    assert drive.in_flight == 0


def test_copying_up_makes_the_backing_image_unnecessary() -> None:
    drive = over_old_data(4096)
    drive.guest_write(100, b"new")
    assert drive.medium is not None
    before = bytes(read_chain(drive.medium, 0, 4096))
    assert drive.copy_up(0, 4096) == 4096 - 512
    drive.medium.backing = None
    assert drive.guest_read(0, 4096) == before
