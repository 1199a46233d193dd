"""Names of the form blkdebug:CONFIG:IMAGE: where they may stand, and what they open."""

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from blockjob_fsm.storage import (
    BlockDevice,
    ImageError,
    Qcow2File,
    RawFile,
    chain,
    find_layer,
    open_chain,
    read_chain,
)
from blockjob_fsm.storage.blkdebug import BlkdebugDevice

LENGTH = 1 << 20
READS_FAIL = '[inject-error]\nevent = "read_aio"\nerrno = "28"\niotype = "read"\n'

Opener = Callable[..., BlockDevice]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: a configuration, and an image with data for each format."""
    monkeypatch.chdir(tmp_path)
    Path("faults.conf").write_text(READS_FAIL)
    for create, name in ((RawFile.create, "disk.raw"), (Qcow2File.create, "disk.qcow2")):
        device: BlockDevice = create(name, LENGTH)
        with device:
            device.write(0, b"data")
    return tmp_path


@pytest.fixture
def opened(folder: Path) -> Iterator[Opener]:
    """`open_chain` that closes everything at the end."""
    assert Path.cwd() == folder, "names start from here"
    tops: list[BlockDevice] = []

    def open_it(name: str, format_name: str | None = None) -> BlockDevice:
        tops.append(open_chain(name, format_name))
        return tops[-1]

    yield open_it
    for top in tops:
        for layer in list(chain(top)):
            layer.close()


def overlay(below: str, format_name: str) -> None:
    Qcow2File.create("top.qcow2", LENGTH, backing=below, backing_format=format_name).close()


@pytest.mark.parametrize("image", ["disk.raw", "disk.qcow2"])
def test_an_image_named_with_its_faults_fails_as_they_say(opened: Opener, image: str) -> None:
    device = opened(f"blkdebug:faults.conf:{image}")
    with pytest.raises(OSError, match="No space left") as caught:
        device.read(0, 512)
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, image)


@pytest.mark.parametrize("image", ["disk.raw", "disk.qcow2"])
def test_without_a_configuration_nothing_fails(opened: Opener, image: str) -> None:
    assert bytes(opened(f"blkdebug::{image}").read(0, 4)) == b"data"


@pytest.mark.parametrize("image", ["disk.raw", "disk.qcow2"])
def test_which_rules_struck_is_known(opened: Opener, image: str) -> None:
    device = opened(f"blkdebug:faults.conf:{image}")
    assert isinstance(device, BlkdebugDevice | Qcow2File)
    assert device.rules is not None
    for _ in range(2):
        with pytest.raises(OSError, match="No space left"):
            device.read(0, 512)
    assert device.rules.struck() == (2,)


@pytest.mark.parametrize("image", ["disk.raw", "disk.qcow2"])
def test_a_backing_file_may_be_named_with_its_faults(opened: Opener, image: str) -> None:
    overlay(f"blkdebug:faults.conf:{image}", image.partition(".")[2])
    top = opened("top.qcow2")
    with pytest.raises(OSError, match="No space left"):
        read_chain(top, 0, 512)
    assert find_layer(top, f"blkdebug:faults.conf:{image}") is top.backing
    assert find_layer(top, image) is top.backing


def test_two_images_with_one_configuration_have_a_state_each(opened: Opener) -> None:
    text = READS_FAIL + 'once = "on"\nstate = "1"\n[set-state]\nevent = "read_aio"\nnew_state = "2"'
    Path("faults.conf").write_text(text)
    for image in ("disk.raw", "disk.qcow2"):
        device = opened(f"blkdebug:faults.conf:{image}")
        with pytest.raises(OSError, match="No space left"):
            device.read(0, 512)
        assert bytes(device.read(0, 4)) == b"data"


def test_names_with_faults_start_from_the_current_folder(folder: Path, opened: Opener) -> None:
    (folder / "sub").mkdir()
    overlay("blkdebug:faults.conf:disk.qcow2", "qcow2")
    os.rename("top.qcow2", "sub/top.qcow2")
    assert opened("sub/top.qcow2").backing is not None


def test_a_plain_backing_file_starts_from_the_folder_of_an_image_with_faults(
    folder: Path, opened: Opener
) -> None:
    (folder / "sub").mkdir()
    overlay("../disk.qcow2", "qcow2")
    os.rename("top.qcow2", "sub/top.qcow2")
    assert opened("blkdebug:faults.conf:sub/top.qcow2").backing is not None


def test_a_file_of_that_very_name_comes_first(opened: Opener) -> None:
    os.rename("disk.raw", "blkdebug::other")
    assert bytes(opened("blkdebug::other", "raw").read(0, 4)) == b"data"


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("blkdebug:disk.raw", errno.EINVAL, "blkdebug needs both"),
        ("blkdebug:gone.conf:disk.raw", errno.ENOENT, "'gone.conf' cannot be read"),
        ("blkdebug:bad.conf:disk.raw", errno.EINVAL, "bad.conf:1: begin with"),
        ("blkdebug:faults.conf:nbd:host", errno.ENOTSUP, "the protocol 'nbd'"),
        ("blkdebug::blkdebug::disk.raw", errno.ENOTSUP, "the protocol 'blkdebug'"),
        ("blkdebug:/dev/zero:disk.raw", errno.EINVAL, "no regular file of at most 1 MiB"),
        ("blkdebug:pipe:disk.raw", errno.EINVAL, "no regular file of at most 1 MiB"),
    ],
)
@pytest.mark.parametrize("stored", [False, True])
@pytest.mark.usefixtures("folder")
def test_a_name_that_cannot_be_used_is_refused_in_one_line(
    name: str, code: int, said: str, stored: bool
) -> None:
    Path("bad.conf").write_text("nonsense")
    os.mkfifo("pipe")
    if stored:
        overlay(name, "raw")
    with pytest.raises(ImageError) as caught:
        open_chain("top.qcow2" if stored else name)
    assert caught.value.errno == code
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_image_with_faults_shows_no_bytes_to_the_kernel(opened: Opener) -> None:
    device = opened("blkdebug:faults.conf:disk.qcow2")
    assert isinstance(device, Qcow2File)
    assert device.host_extent(0, 512) is None
    assert opened("blkdebug:faults.conf:disk.raw").fileno() is None
