"""Several threads on one image: nothing lost, no place in the file given to two."""

import random
from array import array
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pytest

from blockjob_fsm.storage import Fault, FaultyDevice, Gate, MemoryDevice, RawFile, read_chain
from blockjob_fsm.storage.device import Data
from blockjob_fsm.storage.qcow2 import Qcow2File
from blockjob_fsm.storage.qcow2.clusters import UNALLOCATED
from blockjob_fsm.storage.qcow2.epochs import Epochs
from blockjob_fsm.storage.qcow2.host_file import HostFile
from blockjob_fsm.storage.qcow2.image import read_header
from blockjob_fsm.storage.qcow2.layout import ZERO
from blockjob_fsm.storage.qcow2.metadata import Metadata
from tests.storage.qcow2.qemu import CLEAN, Qemu
from tests.storage.threads import PATIENCE_S

KIB, MIB = 1 << 10, 1 << 20
CLUSTER = 64 * KIB
LANES = 4
#: Long enough for a write that nothing holds up to end.
SHORT_S = 0.1


def full(length: int, byte: bytes = b"o") -> MemoryDevice:
    device = MemoryDevice(length)
    device.write(0, byte * length)
    return device


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "disk.qcow2"


def work(device: Qcow2File, lane: int) -> bytes:
    """Change every fourth 500 bytes of the disk; returns what this lane's bytes must be."""
    rng = random.Random(lane)
    own = bytearray(b"o" * device.length())
    starts = list(range(lane * 500, device.length() - 500, LANES * 500))
    for _ in range(3):
        rng.shuffle(starts)
        for start in starts:
            fill = rng.choice([0, lane + 1])
            if fill:
                device.write(start, bytes([fill]) * 500)
            else:
                device.write_zeroes(start, 500)
            own[start : start + 500] = bytes([fill]) * 500
            assert read_chain(device, start, 500) == own[start : start + 500]
    return bytes(own)


@pytest.mark.parametrize("cluster_size", [512, 4096])
def test_writers_of_neighbouring_bytes_do_not_disturb_each_other(
    path: Path, pool: ThreadPoolExecutor, qemu: Qemu, cluster_size: int
) -> None:
    length = 128 * KIB
    with Qcow2File.create(path, length, cluster_size=cluster_size) as device:
        device.backing = full(length)
        lanes = [pool.submit(work, device, lane) for lane in range(LANES)]
        for lane, done in enumerate(lanes):
            own = done.result(PATIENCE_S)
            for start in range(lane * 500, length - 500, LANES * 500):
                found = read_chain(device, start, 500)
                assert found == own[start : start + 500]
    assert qemu.verdict(path) == CLEAN


def test_whole_clusters_come_and_go_without_being_mixed_up(
    path: Path, pool: ThreadPoolExecutor, qemu: Qemu
) -> None:
    def churn(device: Qcow2File, lane: int) -> None:
        for turn in range(200):
            offset = (turn % 8 * LANES + lane) * 4096
            device.write(offset, bytes([lane + 1]) * 4096)
            assert device.read(offset, 4096) == bytes([lane + 1]) * 4096
            device.write_zeroes(offset, 4096)
            assert device.read(offset, 4096) == bytes(4096)

    with Qcow2File.create(path, 128 * KIB, cluster_size=4096) as device:
        for done in [pool.submit(churn, device, lane) for lane in range(LANES)]:
            done.result(PATIENCE_S)
    assert qemu.verdict(path) == CLEAN


def test_a_whole_cluster_written_while_another_is_completed_is_not_lost(
    path: Path, pool: ThreadPoolExecutor, qemu: Qemu
) -> None:
    gate = Gate()
    with Qcow2File.create(path, MIB) as device:
        device.backing = FaultyDevice(full(MIB), Fault("read", hold=gate, nth=1))
        part = pool.submit(device.write, 100, b"part")
        gate.wait_until_reached()
        pool.submit(device.write, 0, b"w" * CLUSTER).result(PATIENCE_S)
        gate.release()
        part.result(PATIENCE_S)
        assert device.read(0, CLUSTER) == b"w" * 100 + b"part" + b"w" * (CLUSTER - 104)
    assert qemu.verdict(path) == CLEAN


def test_reads_go_on_while_a_cluster_is_completed(path: Path, pool: ThreadPoolExecutor) -> None:
    gate = Gate()
    with Qcow2File.create(path, MIB) as device:
        device.write(CLUSTER, b"d" * CLUSTER)
        device.backing = FaultyDevice(full(MIB), Fault("read", hold=gate, nth=1))
        part = pool.submit(device.write, 100, b"part")
        gate.wait_until_reached()
        assert pool.submit(device.read, CLUSTER, 10).result(PATIENCE_S) == b"d" * 10
        gate.release()
        part.result(PATIENCE_S)


def test_a_place_is_not_given_to_others_while_somebody_may_still_use_it(
    path: Path, pool: ThreadPoolExecutor
) -> None:
    gate = Gate()
    with Qcow2File.create(path, MIB) as device:
        device.write(0, b"d" * CLUSTER)
        place = device.host_extent(0, CLUSTER)
        device.backing = FaultyDevice(full(MIB), Fault("read", hold=gate, nth=1))
        slow = pool.submit(device.write, 2 * CLUSTER + 1, b"slow")
        gate.wait_until_reached()
        device.write_zeroes(0, CLUSTER)
        device.write(CLUSTER, b"e" * CLUSTER)
        assert device.host_extent(CLUSTER, CLUSTER) != place
        gate.release()
        slow.result(PATIENCE_S)
        device.write(4 * CLUSTER, b"f" * CLUSTER)
        assert device.host_extent(4 * CLUSTER, CLUSTER) == place


def test_what_is_retired_waits_for_requests_that_began_before_it() -> None:
    epochs = Epochs()
    before = epochs.enter()
    epochs.retire(100, 10)
    after = epochs.enter()
    assert epochs.take() == []
    epochs.leave(before)
    assert epochs.take() == [(100, 10)]
    epochs.leave(after)


def test_without_requests_what_is_retired_can_be_taken_at_once() -> None:
    epochs = Epochs()
    epochs.retire(100, 10)
    epochs.retire(200, 20)
    assert epochs.take() == [(100, 10), (200, 20)]
    assert not epochs.waiting


def test_a_cluster_that_was_changed_and_changed_back_is_completed_again(path: Path) -> None:
    Qcow2File.create(path, MIB).close()
    with RawFile.open(path) as file:
        host = HostFile(file)
        metadata = Metadata(host, read_header(host), writable=True)
        with metadata.watched(0) as first, metadata.watched(CLUSTER) as other:
            place, _ = metadata.allocate(1)
            metadata.link(0, place, 1)
            metadata.change(0, array("Q", [0]))
            assert not metadata.link_watched(first, ZERO)
            assert metadata.link_watched(other, ZERO)
        assert metadata.run(0, MIB).state == UNALLOCATED


def test_new_clusters_are_written_one_after_the_other_while_others_read(
    path: Path, pool: ThreadPoolExecutor
) -> None:
    gate = Gate()
    Qcow2File.create(path, MIB).close()
    with on_gated_file(path, gate) as device:
        first = pool.submit(device.write, 0, b"1" * CLUSTER)
        gate.wait_until_reached()
        second = pool.submit(device.write, CLUSTER, b"2" * CLUSTER)
        assert pool.submit(device.read, 2 * CLUSTER, 10).result(PATIENCE_S) == bytes(10)
        assert not wait([second], SHORT_S).done
        gate.release()
        for write in (first, second):
            write.result(PATIENCE_S)
        assert device.read(0, 2 * CLUSTER) == b"1" * CLUSTER + b"2" * CLUSTER


class GatedFile(HostFile):
    """Holds the first write of data at a gate."""

    def __init__(self, file: RawFile, gate: Gate) -> None:
        super().__init__(file)
        self._gates = [gate]

    def write(self, offset: int, *pieces: Data) -> None:
        if len(pieces) == 2 and self._gates:
            self._gates.pop().pass_through()
        super().write(offset, *pieces)


def on_gated_file(path: Path, gate: Gate) -> Qcow2File:
    host = GatedFile(RawFile.open(path), gate)
    return Qcow2File(host, read_header(host), read_only=False)
