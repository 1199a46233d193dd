"""What QEMU's own stream leaves when its process is killed, beside ours: a known difference."""

from pathlib import Path

import pytest

from tests.crash.forge import Forge, Moment
from tests.crash.works import Order
from tests.qsd import Qsd
from tests.storage.qcow2.change import difference
from tests.storage.qcow2.qemu import Qemu, output_of

pytestmark = pytest.mark.slow

MIB = 1 << 20


@pytest.fixture
def before(tmp_path: Path, qemu: Qemu) -> bytes:
    """A chain whose top stores nothing, and what it shows."""
    base, top = tmp_path / "deepest.qcow2", tmp_path / "top.qcow2"
    qemu.create(base, 2 * MIB)
    qemu.perform(base, ["write -q -P 1 0 1M"])
    qemu.create(top, 2 * MIB, backing=base)
    return qemu.contents(top)


def names_a_backing_file(top: Path, qemu: Qemu) -> bool:
    return "backing file" in output_of(qemu.img, "info", top)


@pytest.mark.usefixtures("qemu_storage_daemon")
def test_qemu_killed_after_its_stream_completed_has_lost_what_it_pulled(
    before: bytes, tmp_path: Path, qemu: Qemu
) -> None:
    top = tmp_path / "top.qcow2"
    file = {"driver": "file", "filename": str(top)}
    daemon = Qsd({"driver": "qcow2", "node-name": "top", "file": file})
    try:
        daemon.execute("block-stream", job_id="j", device="top")
        ended = daemon.wait_for_event("BLOCK_JOB_COMPLETED")["data"]
    finally:
        daemon.kill()
    assert ("error" in ended, names_a_backing_file(top, qemu)) == (False, False)
    # Its tables are in its memory still, and the header does not say so.
    assert difference(qemu.contents(top), before).startswith("byte 0 is 0x0")


def test_no_kill_loses_what_our_stream_pulled(before: bytes, tmp_path: Path, qemu: Qemu) -> None:
    top, call, merged = tmp_path / "top.qcow2", 0, 0
    image = top.read_bytes()
    with Forge() as forge:
        while (
            forge.run(Order("stream", str(tmp_path)), Moment(call := call + 1, "after")).ret is None
        ):
            assert not difference(qemu.contents(top), before)
            merged += not names_a_backing_file(top, qemu)
            top.write_bytes(image)
    # Before the header was rewritten, and after.
    assert 0 < merged < call - 1
