"""Throughput of a mirror against the tools people use, interleaved in one run.

Every round runs every peer once, in an order drawn anew, so that a machine that is slow for a while
is slow for all. Figures are medians of ratios within a round. docs/performance.md explains them.
"""

import argparse
import os
import random
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.benchmarks import peers
from tests.benchmarks.peers import Files, Peer, Seconds

MIB = 1 << 20
SUFFIXES = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
TOOLS = (peers.CONVERT, peers.CONVERT_C, peers.DD, peers.DAEMON)

#: Goals: speed against the fastest tool and against QEMU's job, and the job's share of the time.
AGAINST_FASTEST = 1.0
AGAINST_QEMU = 2.0
SHARE = 0.03


@dataclass(frozen=True)
class Spread:
    """The median of one figure over the rounds, with the extremes."""

    middle: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Of at least one value."""
        return cls(median(values), min(values), max(values))


@dataclass(frozen=True)
class Result:
    """What was measured: for each round the seconds by peer, over `size` bytes each."""

    size: int
    rounds: list[Seconds]

    def seconds(self, name: str) -> Spread:
        """How long a peer took."""
        return Spread.of([taken[name] for taken in self.rounds])

    def speed_against(self, name: str, ours: str = peers.OURS) -> Spread:
        """How many times as fast as a peer we were, round by round."""
        return Spread.of([taken[name] / taken[ours] for taken in self.rounds])

    def fastest_tool(self) -> str:
        """The tool with the shortest median."""
        return min(TOOLS, key=lambda name: self.seconds(name).middle)

    def job_share(self) -> Spread:
        """What a job does beside moving data, as a part of the time it takes on two lanes.

        Taken from one run on one thread: from run to run the data alone differs by more than that.
        """
        return Spread.of(
            [
                (taken[peers.ALONE] - taken[peers.ALONE_DATA]) / taken[peers.OURS]
                for taken in self.rounds
            ]
        )

    def difference(self) -> Spread:
        """The part of a job's time that the same copy without a job, timed apart, does not take."""
        return Spread.of([1 - taken[peers.PLAIN] / taken[peers.OURS] for taken in self.rounds])


def measure(folder: Path, size: int, pairs: int, *, flush: bool, seed: int = 1) -> Result:
    """Make the files in `folder`, see every peer copy every byte once, then time the rounds."""
    files = Files(folder / "source.raw", folder / "target.raw", flush)
    for path in (files.source, files.target):
        fill(path, size)
    everybody = peers.all_peers(flush=flush)
    for peer in everybody:
        copies_every_byte(peer, files)
    order = random.Random(seed)
    rounds = []
    for _ in range(pairs):
        taken: Seconds = {}
        for peer in order.sample(everybody, len(everybody)):
            taken |= peer(files)
        rounds.append(taken)
    return Result(size, rounds)


def fill(path: Path, size: int) -> None:
    """Random bytes, on the disk too, so that no write of ours goes on behind the measurement."""
    with path.open("wb") as file:
        for offset in range(0, size, MIB):
            file.write(os.urandom(min(MIB, size - offset)))
        file.flush()
        os.fsync(file.fileno())


def copies_every_byte(peer: Peer, files: Files) -> None:
    """Spoil a byte of each MiB of the target and have the peer put it right; also a warm-up."""
    with files.source.open("rb") as source, files.target.open("r+b") as target:
        size = os.fstat(source.fileno()).st_size
        for offset in range(0, size, MIB):
            wrong = os.pread(source.fileno(), 1, offset)[0] ^ 0xFF
            os.pwrite(target.fileno(), bytes([wrong]), offset)
        peer(files)
        for offset in range(0, size, MIB):
            wanted, found = (os.pread(file.fileno(), MIB, offset) for file in (source, target))
            assert wanted == found, f"{peer.__name__} left the MiB at {offset} wrong"


def table(result: Result) -> str:
    """One line a peer: median seconds, GB/s, and how many times as fast we were."""
    lines = [f"{'':34}{'seconds':>8}{'GB/s':>7}   speed of our job against it"]
    for name in result.rounds[0]:
        seconds, ratio = result.seconds(name).middle, result.speed_against(name)
        speed = result.size / seconds / 1e9
        spread = f"{ratio.middle:.2f} ({ratio.low:.2f} to {ratio.high:.2f})"
        lines.append(f"{name:34}{seconds:8.3f}{speed:7.2f}   {spread}")
    return "\n".join([lines[0], *sorted(lines[1:], key=lambda line: line[34:42])])


def verdicts(result: Result) -> list[tuple[bool, str]]:
    """Each goal: whether it was reached, and the figures in words."""
    fastest = result.fastest_tool()
    speed = result.speed_against(fastest).middle
    to_ready = result.speed_against(peers.DAEMON_READY, peers.OURS_READY).middle
    to_end = result.speed_against(peers.DAEMON).middle
    share, apart = result.job_share(), result.difference().middle
    against_fastest = f"{speed:.2f} times as fast as {fastest}, the fastest tool"
    against_qemu = f"{to_ready:.2f} times as fast as QEMU's job to READY, {to_end:.2f} to the end"
    spread = f"{share.middle:.1%} ({share.low:.1%} to {share.high:.1%})"
    own = f"{spread} of the time is the job's own; timed apart, {apart:.1%}"
    return [
        (speed >= AGAINST_FASTEST, f"{against_fastest} (goal {AGAINST_FASTEST})"),
        (min(to_ready, to_end) >= AGAINST_QEMU, f"{against_qemu} (goal {AGAINST_QEMU})"),
        (share.middle < SHARE, f"{own} (goal below {SHARE:.0%})"),
    ]


def parse_size(text: str) -> int:
    """Bytes, with an optional suffix K, M or G."""
    factor = SUFFIXES.get(text[-1:].upper(), 1)
    return int(text if factor == 1 else text[:-1]) * factor


def arguments(given: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Compare a mirror's throughput with other tools.")
    parser.add_argument("--size", type=parse_size, default="1G", help="bytes to copy")
    parser.add_argument("--pairs", type=int, default=7, help="rounds, each with every peer once")
    parser.add_argument("--folder", type=Path, help="where the files are made (default: TMPDIR)")
    parser.add_argument(
        "--flush", action="store_true", help="all sides flush before their clock stops"
    )
    return parser.parse_args(given)


def main(given: Sequence[str] | None = None, say: Callable[[str], object] = print) -> int:
    """Measure and report; 0 if every goal was reached, else 1."""
    chosen = arguments(given)
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        before = os.getloadavg()[0]
        result = measure(Path(folder), chosen.size, chosen.pairs, flush=chosen.flush)
        after = os.getloadavg()[0]
    policy = "all flush" if chosen.flush else "nobody flushes"
    say(f"{chosen.size / MIB:.0f} MiB, {chosen.pairs} rounds, {policy}, {os.cpu_count()} cores,")
    say(f"load average {before:.1f} before and {after:.1f} after\n")
    say(table(result) + "\n")
    for reached, text in verdicts(result):
        say(f"{'reached' if reached else 'MISSED '}  {text}")
    return 0 if all(reached for reached, _ in verdicts(result)) else 1


if __name__ == "__main__":
    sys.exit(main())
