"""What is typed as text, and sizes as people read them."""

import errno

import pytest

from blockjob_fsm.cli import options
from blockjob_fsm.cli.options import Injected
from blockjob_fsm.storage.faults import Fault


@pytest.mark.parametrize(
    ("text", "bytes_per_s"),
    [
        ("0", 0),
        ("65536", 65536),
        ("10K", 10 << 10),
        ("10M", 10 << 20),
        ("10m", 10 << 20),
        ("2G", 2 << 30),
        ("1T", 1 << 40),
        ("9223372036854775807", 2**63 - 1),
        ("8388607T", 8388607 << 40),
    ],
)
def test_a_speed_counts_bytes(text: str, bytes_per_s: int) -> None:
    assert options.speed(text) == bytes_per_s


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("read:EIO", Fault("read", errno.EIO)),
        ("read:5", Fault("read", errno.EIO)),
        ("write:ENOSPC:0", Fault("write", errno.ENOSPC, offset=0)),
        ("write:ENOSPC:8", Fault("write", errno.ENOSPC, offset=4096)),
        ("write:ENOSPC:8:once", Fault("write", errno.ENOSPC, offset=4096, once=True)),
        ("write:ENOSPC::once", Fault("write", errno.ENOSPC, once=True)),
        ("flush:EIO::once", Fault("flush", errno.EIO, once=True)),
    ],
)
def test_a_fault_is_read_part_by_part(text: str, fault: Fault) -> None:
    assert options.injected(text) == Injected(fault, text)


@pytest.mark.parametrize(
    ("event", "on_source"),
    [
        ("read", True),
        ("allocation", True),
        ("write", False),
        ("write_zeroes", False),
        ("flush", False),
    ],
)
def test_a_fault_strikes_the_side_its_request_goes_to(event: str, on_source: bool) -> None:
    assert options.injected(f"{event}:EIO").on_source is on_source


@pytest.mark.parametrize(
    ("length", "told"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1 KiB"),
        (1536, "1.5 KiB"),
        (1 << 20, "1 MiB"),
        (1 << 30, "1 GiB"),
        (5 << 40, "5 TiB"),
        (-2048, "-2 KiB"),
    ],
)
def test_a_size_is_told_in_its_largest_unit(length: int, told: str) -> None:
    assert options.size(length) == told
