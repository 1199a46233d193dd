"""The throughput measurement is sound; whether its goals are reached is judged when asked for."""

import tempfile
from pathlib import Path

import pytest

from tests.benchmarks import peers, throughput
from tests.benchmarks.throughput import Result

MIB = 1 << 20


@pytest.mark.usefixtures("qemu_img", "qemu_storage_daemon")
@pytest.mark.parametrize("flush", [False, True], ids=["nobody flushes", "all flush"])
def test_every_peer_copies_every_byte_and_is_timed(tmp_path: Path, flush: bool) -> None:
    result = throughput.measure(tmp_path, 2 * MIB + 512, 1, flush=flush)
    assert set(result.rounds[0]) >= {peers.OURS, peers.PLAIN, *throughput.TOOLS}
    assert min(result.rounds[0].values()) > 0


def lazy(files: peers.Files) -> peers.Seconds:
    """A peer that leaves the target as it is."""
    return {"lazy": files.target.stat().st_size * 0.0}


def test_a_peer_that_does_not_copy_is_caught(tmp_path: Path) -> None:
    files = peers.Files(tmp_path / "a.raw", tmp_path / "b.raw", flush=False)
    for path in (files.source, files.target):
        throughput.fill(path, MIB)
    with pytest.raises(AssertionError, match="lazy left the MiB at 0 wrong"):
        throughput.copies_every_byte(lazy, files)


def rounds(ours: float, plain: float, fastest: float, daemon: float) -> Result:
    """Two like rounds in which the other tools are slow."""
    taken = dict.fromkeys([peers.CONVERT, peers.CONVERT_C], 90.0)
    taken |= {peers.OURS: ours, peers.OURS_READY: ours, peers.PLAIN: plain, peers.DD: fastest}
    taken |= {peers.ALONE: ours, peers.ALONE_DATA: plain, peers.PLAIN_ALONE: plain}
    taken |= {peers.DAEMON: daemon, peers.DAEMON_READY: daemon}
    return Result(MIB, [taken, taken])


@pytest.mark.parametrize(
    ("result", "reached"),
    [
        (rounds(10.0, 9.9, 10.0, 20.0), [True, True, True]),
        (rounds(10.0, 9.9, 9.9, 20.0), [False, True, True]),
        (rounds(10.0, 9.9, 10.0, 19.9), [True, False, True]),
        (rounds(10.0, 9.7, 10.0, 20.0), [True, True, False]),
    ],
    ids=["all reached", "slower than dd", "not twice QEMU", "costly job"],
)
def test_each_goal_is_judged_on_its_own(result: Result, reached: list[bool]) -> None:
    assert [verdict for verdict, _ in throughput.verdicts(result)] == reached


@pytest.mark.parametrize(("text", "size"), [("512", 512), ("8M", 8 * MIB), ("1g", 1 << 30)])
def test_a_size_may_have_a_suffix(text: str, size: int) -> None:
    assert throughput.parse_size(text) == size


@pytest.fixture(scope="module")
def gigabyte() -> Result:
    """Seven rounds over 1 GiB in the page cache."""
    with tempfile.TemporaryDirectory() as folder:
        result = throughput.measure(Path(folder), 1 << 30, 7, flush=False)
    print(f"\n{throughput.table(result)}")
    return result


@pytest.mark.benchmark
@pytest.mark.usefixtures("qemu_img", "qemu_storage_daemon")
@pytest.mark.parametrize("goal", range(3), ids=["fastest tool", "QEMU's job", "job's share"])
def test_a_goal_is_reached(gigabyte: Result, goal: int) -> None:
    reached, text = throughput.verdicts(gigabyte)[goal]
    assert reached, text
