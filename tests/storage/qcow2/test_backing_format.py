"""The format of the backing file that a header records, beside what QEMU's own job records."""

from collections.abc import Callable
from pathlib import Path

import pytest

from blockjob_fsm.storage import BlockDevice, FaultyDevice, MemoryDevice, Qcow2File, RawFile
from tests.qsd import Qsd

LENGTH = 1 << 20
CREATE: dict[str, Callable[..., BlockDevice]] = {"raw": RawFile.create, "qcow2": Qcow2File.create}


def streamed_by_qemu(top: Path) -> None:
    """Pull what lies between an image and the deepest one into the image."""
    file_node = {"driver": "file", "filename": str(top)}
    with Qsd({"driver": "qcow2", "node-name": "top", "file": file_node}) as qemu:
        base = top.with_name("base")
        qemu.execute("block-stream", job_id="j", device="top", base=str(base))
        qemu.wait_for_event("BLOCK_JOB_COMPLETED")


@pytest.mark.parametrize("format_name", CREATE)
@pytest.mark.usefixtures("qemu_storage_daemon")
def test_the_recorded_format_is_the_one_that_qemus_stream_records(
    tmp_path: Path, format_name: str
) -> None:
    base, middle, top = (tmp_path / name for name in ("base", "middle", "top"))
    with CREATE[format_name](base, LENGTH) as made:
        Qcow2File.create(middle, LENGTH, backing=str(base), backing_format=format_name).close()
        with Qcow2File.create(top, LENGTH) as device:
            device.change_backing(made, str(base))
            recorded = device.backing_name, device.backing_format
            device.change_backing(None, str(middle), stored_format="qcow2")
    streamed_by_qemu(top)
    with Qcow2File.open(top, read_only=True) as device:
        assert (device.backing_name, device.backing_format) == recorded
        assert device.backing_format == format_name


def test_a_device_with_faults_has_the_format_of_the_one_below(tmp_path: Path) -> None:
    with RawFile.create(tmp_path / "disk", LENGTH) as file:
        assert FaultyDevice(file).format_name == "raw"


def test_what_is_no_image_file_has_no_format_to_record(tmp_path: Path) -> None:
    with Qcow2File.create(tmp_path / "top", LENGTH) as device:
        device.change_backing(MemoryDevice(LENGTH), "memory")
        assert device.backing_format is None
