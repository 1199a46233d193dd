"""`python -m tests.oracle`: more chains than the tests take, and how many of what were compared."""

import argparse
import signal
import time
from collections import Counter

from tests.oracle.judge import Counts
from tests.oracle.search import HAS_ZSTD, new_judge, search_chains
from tests.oracle.tasks import KINDS


def main() -> None:
    """Print the counts; a difference that is not explained is raised, with what rebuilds it."""
    parser = argparse.ArgumentParser(prog="python -m tests.oracle", description=__doc__)
    parser.add_argument("--chains", type=int, default=100, help="different chains, at least")
    parser.add_argument("--seed", type=int, default=0, help="the same seed draws the same chains")
    parser.add_argument("--job", choices=KINDS, action="append", help="only this kind of job")
    given = parser.parse_args()
    kinds = tuple(given.job or KINDS)
    # Whoever ends this early, the daemon and the images go with it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    start = time.monotonic()
    with new_judge() as judge:
        try:
            search_chains(judge, given.chains, given.seed, kinds)
        finally:
            print(
                f"seed {given.seed}, {time.monotonic() - start:.0f} s",
                *lines(judge.counts),
                sep="\n",
            )


def lines(counts: Counts) -> list[str]:
    """The counts as a report."""
    layers = Counter(len(chain) for chain in counts.chains)
    said = [f"{len(counts.chains)} chains", *(f"  {layers[n]} of {n}" for n in sorted(layers))]
    for title, counted in (
        ("jobs", counts.jobs),
        ("comparisons", counts.comparisons),
        ("differences explained", counts.explained),
        ("skipped", counts.skipped + Counter([] if HAS_ZSTD else ["no package zstandard"])),
    ):
        said.append(f"{counted.total()} {title}")
        said += [f"  {number} {name}" for name, number in counted.most_common()]
    return said


if __name__ == "__main__":
    main()
