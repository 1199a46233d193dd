"""Guest requests and their failures, as rerror and werror say."""

import errno

import pytest

from blockjob_fsm.error_action import DevicePolicy, IoStatus, OnError
from blockjob_fsm.events import BlockIoError
from blockjob_fsm.storage import Drive, Fault, FaultyDevice, MemoryDevice

REPORT, IGNORE, ENOSPC, STOP = OnError.REPORT, OnError.IGNORE, OnError.ENOSPC, OnError.STOP


class Guest:
    """A drive whose medium fails as told, and a log of what the machine noticed, in order."""

    def __init__(self, *faults: Fault, policy: DevicePolicy | None = None) -> None:
        self.log: list[str] = []
        self.events: list[BlockIoError] = []
        self.drive = Drive(
            "ide0",
            FaultyDevice(MemoryDevice(1 << 20), *faults),
            policy=policy,
            on_event=self.note_event,
            on_vm_stop=self.note_stop,
        )

    def note_event(self, event: BlockIoError) -> None:
        self.events.append(event)
        self.log.append(f"event {event.action}, io-status {self.drive.io_status.value}")

    def note_stop(self) -> None:
        self.log.append(f"machine stopped, io-status {self.drive.io_status.value}")


@pytest.mark.parametrize(
    ("werror", "error", "action"),
    [
        (REPORT, errno.EIO, "report"),
        (REPORT, errno.ENOSPC, "report"),
        (IGNORE, errno.EIO, "ignore"),
        (IGNORE, errno.ENOSPC, "ignore"),
        (ENOSPC, errno.EIO, "report"),
        (ENOSPC, errno.ENOSPC, "stop"),
        (STOP, errno.EIO, "stop"),
        (STOP, errno.ENOSPC, "stop"),
    ],
)
def test_each_failed_write_emits_its_action(werror: OnError, error: int, action: str) -> None:
    guest = Guest(Fault("write", error), policy=DevicePolicy(on_write_error=werror))
    outcome: object
    try:
        outcome = guest.drive.guest_write(0, b"x")
    except OSError as raised:
        outcome = raised.errno
    assert guest.events == [BlockIoError("ide0", False, action)]
    assert outcome == {"report": error, "ignore": True, "stop": False}[action]


@pytest.mark.parametrize(
    ("rerror", "action", "data"), [(IGNORE, "ignore", bytes(4)), (STOP, "stop", None)]
)
def test_a_failed_read_is_zeros_or_waits(rerror: OnError, action: str, data: bytes | None) -> None:
    guest = Guest(Fault("read", errno.EIO), policy=DevicePolicy(on_read_error=rerror))
    assert guest.drive.guest_read(0, 4) == data
    assert guest.events == [BlockIoError("ide0", True, action)]


def test_a_read_is_reported_by_default() -> None:
    guest = Guest(Fault("read", errno.EIO))
    with pytest.raises(OSError, match="Input/output error"):
        guest.drive.guest_read(0, 4)
    assert guest.log == ["event report, io-status ok"]
    assert guest.drive.io_status is IoStatus.OK


def test_a_stop_emits_then_stops_the_machine_then_publishes() -> None:
    guest = Guest(Fault("write", errno.ENOSPC))
    guest.drive.guest_write(0, b"x")
    assert guest.log == ["event stop, io-status ok", "machine stopped, io-status ok"]
    assert guest.drive.io_status is IoStatus.NOSPACE


def test_the_failed_request_is_not_in_flight_while_the_machine_stops() -> None:
    guest = Guest(Fault("write", errno.ENOSPC))
    drive = Drive("ide0", guest.drive.medium, on_vm_stop=lambda: Drive.drain(drive))
    assert not drive.guest_write(0, b"x")


def test_an_error_found_while_the_machine_stops_is_published_first() -> None:
    faults = Fault("write", errno.ENOSPC, offset=0), Fault("write", errno.EIO, offset=9)
    medium = FaultyDevice(MemoryDevice(16), *faults)
    policy = DevicePolicy(on_write_error=STOP)

    def stop_machine() -> None:
        if len(drive.queued) == 1:
            drive.guest_write(9, b"inner")

    drive = Drive("ide0", medium, policy=policy, on_vm_stop=stop_machine)
    drive.guest_write(0, b"outer")
    assert drive.io_status is IoStatus.FAILED


def test_going_on_tries_queued_requests_again_in_their_order() -> None:
    guest = Guest(Fault("write", errno.ENOSPC, nth=1), Fault("write", errno.ENOSPC, nth=2))
    for data in (b"first", b"then"):
        assert not guest.drive.guest_write(0, data)
    assert guest.drive.cont()
    assert guest.drive.guest_read(0, 5) == b"thent"
    assert (guest.drive.queued, guest.drive.io_status) == ((), IoStatus.OK)


def test_a_request_that_fails_again_keeps_the_later_ones_queued() -> None:
    guest = Guest(Fault("write", errno.ENOSPC))
    for data in (b"first", b"then"):
        guest.drive.guest_write(0, data)
    assert not guest.drive.cont()
    assert sorted(request.data or b"" for request in guest.drive.queued) == [b"first", b"then"]
    assert guest.drive.io_status is IoStatus.NOSPACE


def test_an_empty_drive_reports_that_it_has_no_medium() -> None:
    with pytest.raises(OSError, match="no medium") as caught:
        Drive("ide0").guest_read(0, 1)
    assert caught.value.errno == errno.ENOMEDIUM


def test_a_failed_write_is_dirty_too() -> None:
    guest = Guest(Fault("write", errno.EIO))
    dirty = guest.drive.start_dirty_tracking()
    with pytest.raises(OSError, match="Input/output error"):
        guest.drive.guest_write(0, b"x")
    assert dirty.count == 1


def test_a_reading_guest_pulls_data_up_only_while_somebody_wants_it() -> None:
    base = MemoryDevice(1024, granularity=256)
    base.write(0, b"b" * 1024)
    top = MemoryDevice(1024, granularity=256, backing=base)
    drive = Drive("ide0", top)
    drive.guest_read(0, 512)
    assert not top.allocation(0, 1024).allocated
    drive.add_copy_on_read(1)
    assert drive.guest_read(256, 256) == b"b" * 256
    assert top.allocation(256, 768).length == 256
    assert top.allocation(256, 768).allocated
