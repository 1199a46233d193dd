"""`python -m tests.crash N [JOB...]`: kill each job N times, check what is left, and count it.

A job that was over when its moment came is "too late", and another moment is drawn.
"""

import sys
import tempfile
from pathlib import Path

from tests.conftest import tool_path
from tests.crash.forge import Forge
from tests.crash.survivors import Bench, Left
from tests.crash.works import WORKS, Work
from tests.storage.qcow2.qemu import LEAKING, Qemu


def row(bench: Bench, work: Work, kills: int) -> str:
    """What became of one job."""
    killed: list[Left] = []
    tries = 0
    while len(killed) < kills:
        left = bench.kill(work, tries)
        tries += 1
        if left.killed:
            killed.append(left)
    leaking = sum(LEAKING in one.verdicts for one in killed)
    figures = (
        len(killed),
        len({one.moment for one in killed}),
        len(killed) - leaking,
        leaking,
        tries - kills,
        sum(bool(one.guest_writes) for one in killed),
    )
    return f"{work.name:16}" + "".join(f"{figure:10}" for figure in figures)


def main(kills: int, names: list[str]) -> None:
    """A line for each job, or for those named."""
    columns = ("killed", "moments", "clean", "leaking", "too late", "with guest")
    print("job             " + "".join(f"{column:>10}" for column in columns), flush=True)
    with tempfile.TemporaryDirectory() as folder, Forge() as forge:
        qemu = Qemu(tool_path("qemu_img"), tool_path("qemu_io"), Path(folder))
        bench = Bench(Path(folder), qemu, forge)
        for name in names or WORKS:
            print(row(bench, WORKS[name], kills), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
