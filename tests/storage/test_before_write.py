"""Hooks before guests' writes: what they see, what they keep out, when they come and go."""

import errno
from concurrent.futures import ThreadPoolExecutor

import pytest

from blockjob_fsm.error_action import DevicePolicy, OnError
from blockjob_fsm.storage import Drive, Fault, FaultyDevice, Gate, MemoryDevice
from tests.storage.threads import PATIENCE_S, until


def old() -> MemoryDevice:
    """Four KiB of "o"."""
    device = MemoryDevice(4096, granularity=512)
    device.write(0, b"o" * 4096)
    return device


class Watcher:
    """A hook that notes each write with the byte that is there before it."""

    def __init__(self, drive: Drive) -> None:
        self._drive = drive
        self.seen: list[tuple[int, int, bytes]] = []

    def __call__(self, offset: int, length: int) -> None:
        assert self._drive.medium is not None
        before = bytes(self._drive.medium.read(offset, 1))
        self.seen.append((offset, length, before))


def refuse(*_: int) -> None:
    """A hook that lets nothing through."""
    raise OSError(errno.ENOSPC, "no room for the old bytes")


def test_a_hook_sees_each_write_before_it_changes_anything() -> None:
    drive = Drive("ide0", old())
    watcher = Watcher(drive)
    drive.add_before_write(watcher)
    drive.guest_write(7, b"ab")
    drive.guest_write(8, b"c")
    assert watcher.seen == [(7, 2, b"o"), (8, 1, b"b")]


def test_a_hook_sees_no_reads_and_no_copy_ups() -> None:
    drive = Drive("ide0", MemoryDevice(4096, backing=old()))
    watcher = Watcher(drive)
    drive.add_before_write(watcher)
    drive.guest_read(0, 512)
    assert (drive.copy_up(0, 4096), watcher.seen) == (4096, [])


def test_a_write_whose_hook_fails_writes_nothing_and_dirties_nothing() -> None:
    drive = Drive("ide0", old(), policy=DevicePolicy(on_write_error=OnError.REPORT))
    dirty = drive.start_dirty_tracking(512)
    drive.add_before_write(refuse)
    with pytest.raises(OSError, match="old bytes"):
        drive.guest_write(0, b"new")
    assert (drive.guest_read(0, 3), dirty.count) == (b"ooo", 0)


def test_a_write_whose_hook_fails_is_queued_where_werror_stops() -> None:
    drive = Drive("ide0", old(), policy=DevicePolicy(on_write_error=OnError.STOP))
    drive.add_before_write(refuse)
    assert drive.guest_write(0, b"new") is False
    drive.remove_before_write(refuse)
    assert drive.cont()
    assert drive.guest_read(0, 3) == b"new"


def test_a_removed_hook_sees_nothing_more() -> None:
    drive = Drive("ide0", old())
    gone, kept = Watcher(drive), Watcher(drive)
    drive.add_before_write(gone)
    drive.add_before_write(kept)
    drive.remove_before_write(gone)
    drive.guest_write(0, b"x")
    assert (gone.seen, len(kept.seen)) == ([], 1)


def test_removing_a_hook_that_is_not_there_is_our_own_mistake() -> None:
    with pytest.raises(AssertionError, match="no such hook"):
        Drive("ide0", old()).remove_before_write(refuse)


def test_adding_a_hook_waits_for_the_writes_that_came_before(pool: ThreadPoolExecutor) -> None:
    gate = Gate()
    drive = Drive("ide0", FaultyDevice(old(), Fault("write", hold=gate)))
    written = pool.submit(drive.guest_write, 0, b"x")
    gate.wait_until_reached()
    watcher = Watcher(drive)
    added = pool.submit(drive.add_before_write, watcher)
    until(lambda: drive.draining)
    assert not added.done()
    gate.release()
    added.result(PATIENCE_S)
    assert (written.result(PATIENCE_S), watcher.seen) == (True, [])


def test_removing_a_hook_waits_for_its_calls(pool: ThreadPoolExecutor) -> None:
    gate = Gate()
    drive = Drive("ide0", old())

    def hold(*_: int) -> None:
        gate.pass_through()

    drive.add_before_write(hold)
    written = pool.submit(drive.guest_write, 0, b"x")
    gate.wait_until_reached()
    removed = pool.submit(drive.remove_before_write, hold)
    until(lambda: drive.draining)
    assert not removed.done()
    gate.release()
    assert (written.result(PATIENCE_S), removed.result(PATIENCE_S)) == (True, None)
