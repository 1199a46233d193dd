"""Which bytes of a file are locked, and by whomever: what the kernel lists. No claim is made."""

from pathlib import Path

import pytest

LOCKS = Path("/proc/locks")


def bytes_held(path: Path) -> set[int]:
    """The locked bytes of a file below 1000; skips the test where the kernel lists none."""
    if not LOCKS.exists():
        pytest.skip("this kernel does not list its locks")
    inode, found = str(path.stat().st_ino), set[int]()
    for line in LOCKS.read_text().splitlines():
        words = line.split()
        # A second word "->" is somebody who waits.
        if words[1] != "->" and words[5].split(":")[2] == inode:
            found.update(range(int(words[6]), int(words[7]) + 1))
    return found
