"""What is typed as text: speeds, and sizes as people read them."""

from __future__ import annotations

import re

from blockjob_fsm.cli.problems import Problem

SPEED_MAX = 2**63 - 1

_FACTORS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_SPEED = re.compile(r"([0-9]+)([KMGT]?)", re.ASCII | re.IGNORECASE)


def speed(text: str) -> int:
    """Bytes per second from "65536", "512K", "10M", "2G" or "1T"; 0 is no limit."""
    found = _SPEED.fullmatch(text)
    if found is None:
        raise Problem(
            f"--speed {text}: not a speed: give bytes per second, such as 65536, 512K or 10M"
        )
    bytes_per_s = int(found[1]) * _FACTORS[found[2].upper()]
    if bytes_per_s > SPEED_MAX:
        raise Problem(f"--speed {text}: too large: at most {SPEED_MAX}, or 0 for no limit")
    return bytes_per_s


def size(length: int) -> str:
    """Bytes as people read them: "1 GiB", "1.5 MiB", "700 B"."""
    for unit, factor in (("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if abs(length) >= factor:
            return f"{length / factor:.4g} {unit}"
    return f"{length} B"
