"""All jobs against QEMU's own, interleaved in one run on the same images.

A round runs each case once by each side, in an order drawn anew. A figure is the median, over the
rounds, of a ratio within one round. docs/performance.md explains them.
"""

import argparse
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks.job_cases import (
    CASES,
    JOBS,
    PROCESSES,
    Case,
    Runner,
    Taken,
    discard,
    prepared,
)
from tests.benchmarks.job_images import Images, make_images, same_contents
from tests.benchmarks.throughput import Spread, parse_size

#: Goals: speed against QEMU's job, from raw to raw and where a qcow2 image is on a side.
RAW_TO_RAW = 2.0
WITH_QCOW2 = 1.0
PEAK_KIB = 100 << 10


@dataclass
class Row:
    """The runs of one case: round by round what we took, and what QEMU took."""

    case: Case
    pairs: list[tuple[Taken, Taken]] = field(default_factory=list)

    @property
    def ratio(self) -> Spread:
        """How many times as fast as QEMU we were."""
        return Spread.of([theirs.seconds / ours.seconds for ours, theirs in self.pairs])

    @property
    def goal(self) -> float:
        """What the ratio has to be at least."""
        return RAW_TO_RAW if self.case.source == self.case.target == "raw" else WITH_QCOW2

    @property
    def peak_kib(self) -> int:
        """The most memory that our process had."""
        return max(ours.peak_kib for ours, _ in self.pairs)

    @property
    def cpu_ratio(self) -> Spread:
        """How many times as much processor time QEMU had."""
        return Spread.of([theirs.cpu / ours.cpu for ours, theirs in self.pairs])

    def text(self, idle_kib: int) -> str:
        """A line of the table."""
        ours, theirs = (
            Spread.of([pair[side].seconds for pair in self.pairs]).middle for side in range(2)
        )
        line = f"{self.case.name:24}{ours:8.3f}{theirs:8.3f}"
        line += "".join(f"   {in_words(ratio):21}" for ratio in (self.ratio, self.cpu_ratio))
        if self.peak_kib:
            line += f"{(self.peak_kib - idle_kib) / 1024:6.1f}{self.peak_kib / 1024:7.1f}"
        return line


def in_words(ratio: Spread) -> str:
    """The median and the extremes."""
    return f"{ratio.middle:.2f} ({ratio.low:.2f} to {ratio.high:.2f})"


HEADING = (
    f"{'':24}{'ours s':>8}{'QEMU s':>8}   {'QEMU s / ours':21}   {'QEMU cpu / ours':21}"
    f"{'MiB':>6}{'total':>7}"
)


def measure(
    images: Images, cases: Sequence[Case], sides: tuple[Runner, Runner], pairs: int, seed: int = 1
) -> list[Row]:
    """See each side do each case right, then time the rounds."""
    order = random.Random(seed)
    rows = [Row(case) for case in cases]
    for case in cases:
        for side in sides:
            does_it_right(case, images, side)
    for _ in range(pairs):
        for row in order.sample(rows, len(rows)):
            taken = {
                side: side(prepared(row.case, images)) for side in order.sample(sides, len(sides))
            }
            row.pairs.append((taken[sides[0]], taken[sides[1]]))
    return rows


def does_it_right(case: Case, images: Images, side: Runner) -> None:
    """Have the job done on new images, and QEMU compare what a guest reads; also a warm-up."""
    discard(images)
    stage = prepared(case, images)
    side(stage)
    name = getattr(side, "__name__", "it")
    assert same_contents(stage.original, stage.result), f"{case.name}: {name} left it wrong"
    discard(images)


def idle_kib() -> int:
    """Memory of an interpreter that has only started."""
    code = "from tests.benchmarks.idle import peak_kib; print(peak_kib())"
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return int(run.stdout)


def verdicts(rows: Sequence[Row]) -> list[tuple[bool, str]]:
    """Each goal, and whether it was reached."""
    said = []
    for row in rows:
        ratio, peak = row.ratio.middle, row.peak_kib / 1024
        text = f"{row.case.name}: {ratio:.2f} times as fast (goal {row.goal})"
        said.append((ratio >= row.goal, text))
        if peak:
            text = f"{row.case.name}: {peak:.1f} MiB at most (goal below {PEAK_KIB >> 10})"
            said.append((row.peak_kib < PEAK_KIB, text))
    return said


def arguments(given: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Compare the jobs' throughput with QEMU's.")
    parser.add_argument("--size", type=parse_size, default="1G", help="bytes of the disk")
    parser.add_argument("--pairs", type=int, default=7, help="rounds")
    parser.add_argument("--folder", type=Path, help="where the files are made (default: TMPDIR)")
    parser.add_argument("--only", default="", help="only cases with this in their name")
    parser.add_argument(
        "--processes", action="store_true", help="whole commands, ours against qemu-img; all flush"
    )
    return parser.parse_args(given)


def main(given: Sequence[str] | None = None, say: Callable[[str], object] = print) -> int:
    """Measure and report; 0 if every goal was reached, else 1."""
    chosen = arguments(given)
    cases = [case for case in CASES if chosen.only in case.name]
    sides = PROCESSES if chosen.processes else JOBS
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        images = make_images(Path(folder, "images"), chosen.size)
        before = os.getloadavg()[0]
        rows = measure(images, cases, sides, chosen.pairs)
        after = os.getloadavg()[0]
    policy = "all flush" if chosen.processes else "nobody flushes"
    say(f"{chosen.size >> 20} MiB, {chosen.pairs} rounds, {policy}, {os.cpu_count()} cores,")
    idle = idle_kib()
    say(f"load average {before:.1f} before and {after:.1f} after, idle {idle / 1024:.1f} MiB\n")
    say("\n".join([HEADING, *(row.text(idle) for row in rows)]) + "\n")
    for reached, text in verdicts(rows):
        say(f"{'reached' if reached else 'MISSED '}  {text}")
    return 0 if all(reached for reached, _ in verdicts(rows)) else 1


if __name__ == "__main__":
    sys.exit(main())
