"""Where the recorded sessions are, and which of them the tests read."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

#: beside the checkout; its README tells the format
FOLDER = Path(__file__).parents[3] / "shared" / "traces"
#: in which QEMU itself crashed: it cannot write the new backing link, and reads what it has freed
CRASHED = ("seq-commit-prepare-fails.jsonl", "seq-commit-prepare-fails-manual.jsonl")


@cache
def all_recordings() -> tuple[Path, ...]:
    """All recorded sessions; skips the test if they are not there."""
    found = tuple(sorted(FOLDER.glob("*/*.jsonl")))
    if not found:
        pytest.skip(f"no recorded sessions in {FOLDER}")
    return found


def sound_recordings(step: int) -> tuple[Path, ...]:
    """Every so many of them, but for those in which QEMU crashed."""
    return tuple(path for path in all_recordings() if path.name not in CRASHED)[::step]


def lines_of(path: Path) -> list[dict[str, Any]]:
    """The lines of a recording."""
    return [json.loads(row) for row in path.read_text("utf-8").splitlines()]
