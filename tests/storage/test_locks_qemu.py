"""Image locks beside QEMU's: the same bytes, and each refuses the other where two QEMUs would.

What QEMU holds of a raw image depends on its user: a reader like `qemu-img convert` forbids
writing, a job's target forbids everything, and `qemu-io` forbids nothing.
"""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from blockjob_fsm.storage import BlockDevice, RawFile
from blockjob_fsm.storage.chains import open_chain
from blockjob_fsm.storage.image_error import ImageError
from blockjob_fsm.storage.qcow2 import Qcow2File
from tests.qsd import Qsd
from tests.storage.held import bytes_held

# A conversion is not slowed down before its second 2 MiB.
LENGTH = 8 << 20
CREATE: dict[str, Callable[..., BlockDevice]] = {"raw": RawFile.create, "qcow2": Qcow2File.create}
USES = ("read", "write")

pytestmark = pytest.mark.usefixtures("qemu_storage_daemon", "qemu_img", "qemu_io")


@pytest.fixture(params=CREATE)
def image(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """An image of each format, which is its suffix, full of data."""
    path = tmp_path / f"disk.{request.param}"
    with CREATE[request.param](path, LENGTH) as device:
        device.write(0, b"x" * LENGTH)
    return path


@contextmanager
def used_by_qemu(image: Path, use: str) -> Iterator[None]:
    """Keep an image in use: a slow conversion reads it, or a slow mirror writes it."""
    if use == "read":
        with converted(image):
            yield
        return
    source = {"driver": "null-co", "node-name": "source", "size": LENGTH, "read-zeroes": True}
    target = {"driver": image.suffix[1:], "node-name": "target"}
    file_node = {"driver": "file", "filename": str(image)}
    with Qsd(source, {**target, "file": file_node}) as qemu:
        job = {"job_id": "j", "device": "source", "target": "target", "sync": "full"}
        qemu.execute("blockdev-mirror", **job, speed=1)
        yield
        qemu.execute("job-cancel", id="j")
        qemu.wait_for_event("BLOCK_JOB_CANCELLED")


@contextmanager
def converted(image: Path) -> Iterator[None]:
    """Keep an image in use by one who reads it slowly."""
    out = image.with_name("out.raw")
    command = ["qemu-img", "convert", "-r", "1", "-f", image.suffix[1:], "-O", "raw"]
    with subprocess.Popen([*command, str(image), str(out)]) as reader:
        try:
            # The target is opened last; what it holds then shows that the source is held.
            while reader.poll() is None and not (out.exists() and 101 in bytes_held(out)):
                pass
            assert reader.poll() is None
            yield
        finally:
            reader.kill()


@contextmanager
def used_by_us(image: Path, use: str) -> Iterator[None]:
    """Keep an image in use, of ours."""
    with open_chain(image, image.suffix[1:], read_only=use == "read"):
        yield


def qemu_gets(image: Path, use: str) -> bool:
    """Whether QEMU opens an image while others use it."""
    copy = ["qemu-img", "convert", "-O", "raw", "-f", image.suffix[1:]]
    tried = {
        "read": [*copy, str(image), f"{image}.copy"],
        "read unlocked": [*copy, "-U", str(image), f"{image}.copy"],
        "write": ["qemu-io", "-f", image.suffix[1:], "-c", "write 0 512", str(image)],
        "create": ["qemu-img", "create", "-q", "-f", image.suffix[1:], str(image), "1M"],
    }[use]
    done = subprocess.run(tried, capture_output=True, text=True, check=False)
    assert done.returncode == 0 or "lock" in done.stderr, done.stderr
    return done.returncode == 0


def we_get(image: Path, use: str) -> bool:
    """The same of us."""
    try:
        device = open_chain(image, image.suffix[1:], read_only=use == "read")
    except ImageError as error:
        return "in use by another process" not in error.what
    device.close()
    return True


def test_of_qcow2_we_hold_the_bytes_that_qemu_holds(tmp_path: Path) -> None:
    base, top = tmp_path / "base.qcow2", tmp_path / "top.qcow2"
    Qcow2File.create(base, LENGTH).close()
    Qcow2File.create(top, LENGTH, backing=str(base), backing_format="qcow2").close()
    file_node = {"driver": "file", "filename": str(top)}
    with Qsd({"driver": "qcow2", "node-name": "top", "file": file_node}):
        theirs = bytes_held(top), bytes_held(base)
    ours = open_chain(top, read_only=False)
    assert (bytes_held(top), bytes_held(base)) == theirs
    ours.close()
    assert ours.backing is not None
    ours.backing.close()


def test_of_what_is_read_we_hold_the_bytes_that_a_conversion_holds(image: Path) -> None:
    with used_by_qemu(image, "read"):
        theirs = bytes_held(image)
    with used_by_us(image, "read"):
        assert bytes_held(image) == theirs


@pytest.mark.parametrize("second", USES)
@pytest.mark.parametrize("first", USES)
def test_we_are_refused_where_a_second_qemu_would_be(image: Path, first: str, second: str) -> None:
    with used_by_qemu(image, first):
        theirs, ours = qemu_gets(image, second), we_get(image, second)
    assert ours == theirs == (first == second == "read")


@pytest.mark.parametrize("second", USES)
@pytest.mark.parametrize("first", USES)
def test_we_refuse_a_qemu_that_another_would_refuse(image: Path, first: str, second: str) -> None:
    with used_by_us(image, first):
        assert qemu_gets(image, second) == (first == second == "read")


@pytest.mark.parametrize("use", USES)
def test_qemu_does_not_create_again_what_we_use(image: Path, use: str) -> None:
    before = image.read_bytes()
    with used_by_us(image, use):
        assert not qemu_gets(image, "create")
    assert image.read_bytes() == before


def test_a_qemu_that_insists_may_read_what_we_write(image: Path) -> None:
    with used_by_us(image, "write"):
        assert qemu_gets(image, "read unlocked")


@pytest.mark.parametrize("use", USES)
def test_we_may_insist_to_read_what_qemu_uses(image: Path, use: str) -> None:
    with used_by_qemu(image, use), open_chain(image, image.suffix[1:], lock=False) as device:
        assert device.length() == LENGTH


def test_what_we_read_without_locks_qemu_may_write(image: Path) -> None:
    with open_chain(image, image.suffix[1:], lock=False):
        assert qemu_gets(image, "write")


@pytest.mark.parametrize("use", USES)
def test_an_image_that_qemu_uses_is_not_created_again(image: Path, use: str) -> None:
    before = image.read_bytes()
    with used_by_qemu(image, use), pytest.raises(ImageError, match="in use"):
        CREATE[image.suffix[1:]](image, LENGTH)
    assert use == "write" or image.read_bytes() == before
