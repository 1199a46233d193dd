"""Drawing cases by a seed and judging each."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings

from blockjob_fsm import Executor
from blockjob_fsm.storage.qcow2.packed import ZSTD, can_unpack
from tests.oracle.chains import Case, cases
from tests.oracle.judge import Judge
from tests.oracle.tasks import KINDS
from tests.oracle.theirs import Theirs

#: Memory where there is some: nothing here is about disks that lose power.
SHARED_MEMORY = Path("/dev/shm")
#: So many cases are drawn from one seed before the next one is taken.
BLOCK = 100
HAS_ZSTD = can_unpack(ZSTD)


@contextmanager
def new_judge() -> Iterator[Judge]:
    """A judge with a folder, threads and a daemon of its own."""
    where = SHARED_MEMORY if SHARED_MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(dir=where) as folder, Theirs() as theirs, Executor() as pool:
        yield Judge(Path(folder), pool, theirs)


def search(judge: Judge, cases_drawn: int, number: int, kinds: tuple[str, ...] = KINDS) -> None:
    """Judge so many cases, the same for the same seed; a failure is shrunk, then raised."""

    @seed(number)
    @settings(
        max_examples=cases_drawn,
        database=None,
        deadline=None,
        derandomize=False,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases(zstd=HAS_ZSTD))
    def run(case: Case) -> None:
        judge.case(case, kinds)

    run()


def search_chains(judge: Judge, chains: int, number: int, kinds: tuple[str, ...]) -> None:
    """Judge at least so many different chains, from this seed on."""
    while (missing := chains - len(judge.counts.chains)) > 0:
        search(judge, min(BLOCK, max(missing, BLOCK // 4)), number, kinds)
        number += 1
