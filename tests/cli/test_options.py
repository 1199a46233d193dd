"""What is typed as text, and sizes as people read them."""

import pytest

from blockjob_fsm.cli import options


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
