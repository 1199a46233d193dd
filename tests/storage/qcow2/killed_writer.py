"""A process that writes to an image until it is killed, and what it must have left behind.

Run as `python -m tests.storage.qcow2.killed_writer IMAGE SEED`: a byte on standard output for each
finished change. The changes follow from the seed, so whoever killed it can repeat them.
"""

import os
import random
import sys
from collections.abc import Iterator

from blockjob_fsm.storage.qcow2 import Qcow2File
from tests.storage.qcow2.change import Change

LENGTH = 2 << 20
CLUSTER_BYTES = 4096


def changes(seed: int) -> Iterator[Change]:
    """Changes without end."""
    rng = random.Random(seed)
    while True:
        offset = rng.randrange(LENGTH)
        length = min(rng.choice([100, 4096, 70_000, 300_000]), LENGTH - offset)
        yield Change(offset, length, rng.choice([None, rng.randrange(1, 256)]))


def main(path: str, seed: int) -> None:
    """Write until killed."""
    with Qcow2File.open(path) as device:
        os.write(1, b".")
        for change in changes(seed):
            change.perform(device)
            os.write(1, b".")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
