"""Chains opened by their headers: where names lead, what is guessed, and what is refused."""

import errno
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from blockjob_fsm.storage import BlockDevice, RawFile, chain, read_chain
from blockjob_fsm.storage.chains import MAX_LAYERS, find_layer, open_chain
from blockjob_fsm.storage.qcow2 import ImageError, Qcow2File

KIB = 1 << 10
LENGTH = 64 * KIB

Opener = Callable[..., BlockDevice]


def raw(path: Path, byte: bytes = b"r") -> Path:
    path.write_bytes(byte * LENGTH)
    return path


def qcow2(
    path: Path,
    below: str | None = None,
    format_name: str | None = "qcow2",
    *,
    at: int | None = None,
) -> Path:
    """An image with one byte of its own, if `at` says where."""
    with Qcow2File.create(path, LENGTH, backing=below, backing_format=format_name) as device:
        device.backing = None
        if at is not None:
            device.write(at, path.stem.encode())
    return path


def names(top: BlockDevice) -> list[str]:
    return [os.path.basename(layer.name) for layer in chain(top)]


@pytest.fixture
def opened() -> Iterator[Opener]:
    """`open_chain` that closes everything at the end."""
    tops: list[BlockDevice] = []

    def open_it(path: Path, format_name: str | None = None, **options: bool) -> BlockDevice:
        tops.append(open_chain(path, format_name, **options))
        return tops[-1]

    yield open_it
    for top in tops:
        for layer in list(chain(top)):
            layer.close()


def test_a_chain_is_followed_to_its_end(tmp_path: Path, opened: Opener) -> None:
    raw(tmp_path / "base.raw")
    qcow2(tmp_path / "middle", "base.raw", "raw", at=0)
    top = opened(qcow2(tmp_path / "top", "middle", at=100))
    assert names(top) == ["top", "middle", "base.raw"]
    assert [type(layer) for layer in chain(top)] == [Qcow2File, Qcow2File, RawFile]


def test_only_the_top_may_be_written(tmp_path: Path, opened: Opener) -> None:
    raw(tmp_path / "base.raw")
    top = opened(qcow2(tmp_path / "top", "base.raw", "raw"), read_only=False)
    assert [layer.read_only for layer in chain(top)] == [False, True]


def test_a_relative_name_starts_from_the_folder_of_its_image(
    tmp_path: Path, opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    raw(tmp_path / "base.raw")
    qcow2(tmp_path / "a" / "middle", "../base.raw", "raw")
    qcow2(tmp_path / "a" / "b" / "top", "../middle")
    monkeypatch.chdir(tmp_path)
    assert names(opened(Path("a/b/top"))) == ["top", "middle", "base.raw"]


def test_a_name_with_a_colon_after_a_slash_is_a_path(tmp_path: Path, opened: Opener) -> None:
    raw(tmp_path / "nbd:1.raw")
    assert names(opened(qcow2(tmp_path / "top", "./nbd:1.raw", "raw"))) == ["top", "nbd:1.raw"]


@pytest.mark.parametrize(
    ("name", "protocol"),
    [
        ('json:{"driver":"raw"}', "json"),
        ("nbd://host/disk", "nbd"),
        ("nbd:localhost:10809", "nbd"),
        ("https://host/disk.raw", "https"),
        ("file:base.raw", "file"),
    ],
)
def test_a_name_that_is_no_path_is_refused(tmp_path: Path, name: str, protocol: str) -> None:
    top = qcow2(tmp_path / "top", name, "raw")
    with pytest.raises(ImageError, match=f"protocol '{protocol}', and only files") as caught:
        open_chain(top)
    assert (caught.value.errno, caught.value.filename) == (errno.ENOTSUP, str(top))


def test_the_users_own_name_with_a_protocol_is_refused_as_such() -> None:
    with pytest.raises(ImageError, match="the name asks for the protocol 'nbd'"):
        open_chain("nbd:localhost:10809")


def test_a_missing_backing_file_names_both_and_the_remedy(tmp_path: Path) -> None:
    top = qcow2(tmp_path / "top", "gone.qcow2")
    with pytest.raises(ImageError, match=r"No such file.*qemu-img rebase -u") as caught:
        open_chain(top)
    assert caught.value.errno == errno.ENOENT
    assert str(caught.value).startswith(f"{top}: its backing file '{tmp_path}/gone.qcow2'")


def test_a_missing_top_is_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="top"):
        open_chain(tmp_path / "top")


@pytest.mark.parametrize("loop", [["a"], ["a", "b"], ["a", "b", "c"]])
def test_a_chain_that_comes_back_is_an_error(tmp_path: Path, loop: list[str]) -> None:
    for image, below in zip(loop, [*loop[1:], loop[0]], strict=True):
        qcow2(tmp_path / image, below)
    with pytest.raises(ImageError, match="is also above it in the chain") as caught:
        open_chain(tmp_path / loop[0])
    assert (caught.value.errno, Path(caught.value.filename).name) == (errno.ELOOP, loop[-1])


@pytest.mark.parametrize("link", [os.link, os.symlink])
def test_a_chain_that_comes_back_by_a_link_is_an_error(
    tmp_path: Path, link: Callable[[Path, Path], None]
) -> None:
    qcow2(tmp_path / "top", "other")
    link(tmp_path / "top", tmp_path / "other")
    with pytest.raises(ImageError, match=r"other' is also above it in the chain, as '.*top'"):
        open_chain(tmp_path / "top")


def test_a_chain_too_long_is_an_error(tmp_path: Path) -> None:
    for number in range(MAX_LAYERS + 1):
        qcow2(tmp_path / f"{number}", f"{number + 1}")
    with pytest.raises(ImageError, match="more than 200 images"):
        open_chain(tmp_path / "0")


def test_the_longest_chain_allowed_opens(tmp_path: Path, opened: Opener) -> None:
    for number in range(MAX_LAYERS):
        below = f"{number + 1}" if number + 1 < MAX_LAYERS else None
        qcow2(tmp_path / f"{number}", below, at=number if below is None else None)
    top = opened(tmp_path / "0")
    assert read_chain(top, MAX_LAYERS - 1, 3) == b"199"


def test_a_chain_that_does_not_open_leaves_nothing_open(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    raw(tmp_path / "base.raw")
    qcow2(tmp_path / "middle", "gone")
    with pytest.raises(ImageError):
        open_chain(qcow2(tmp_path / "top", "middle"), read_only=False)
    assert len(os.listdir("/proc/self/fd")) == before


# Guessing formats.


def planted(path: Path, below: str | None = None) -> Path:
    """A raw disk into which its guest wrote the header of another format."""
    return qcow2(path, below, "raw" if below else None)


def test_a_raw_image_by_name_of_format_is_never_anything_else(
    tmp_path: Path, opened: Opener
) -> None:
    secret = raw(tmp_path / "secret")
    disk = planted(tmp_path / "disk", str(secret))
    assert names(opened(disk, "raw")) == ["disk"]
    overlay = qcow2(tmp_path / "top", "disk", "raw")
    assert [type(layer) for layer in chain(opened(overlay))] == [Qcow2File, RawFile]


def test_a_guess_never_leads_to_another_file(tmp_path: Path) -> None:
    secret = raw(tmp_path / "secret")
    planted(tmp_path / "disk", str(secret))
    overlay = qcow2(tmp_path / "top", "disk", None)
    with pytest.raises(ImageError, match=r"format of its backing file .*disk' is not recorded"):
        open_chain(overlay)


def test_a_guess_that_leads_nowhere_else_is_taken(tmp_path: Path, opened: Opener) -> None:
    qcow2(tmp_path / "disk", at=0)
    top = opened(qcow2(tmp_path / "top", "disk", None))
    assert read_chain(top, 0, 5) == b"disk\0"


def test_a_raw_image_is_written_only_if_its_format_is_named(tmp_path: Path, opened: Opener) -> None:
    disk = raw(tmp_path / "disk")
    with pytest.raises(ImageError, match="written only if its format is named; name the format"):
        open_chain(disk, read_only=False)
    with opened(disk) as read_only:
        assert read_only.read(0, 1) == b"r"
    assert not opened(disk, "raw", read_only=False).read_only


@pytest.mark.parametrize(
    ("start", "format_name"),
    [
        (b"KDMV", "vmdk"),
        (b"QED\0", "qed"),
        (b"QFI\xfb\0\0\0\1", "qcow"),
        (b"vhdxfile", "vhdx"),
        (b"LUKS\xba\xbe", "luks"),
        (b"conectix", "vpc"),
    ],
)
def test_a_format_we_cannot_read_is_not_taken_for_raw(
    tmp_path: Path, opened: Opener, start: bytes, format_name: str
) -> None:
    disk = tmp_path / "disk"
    disk.write_bytes(start.ljust(4096, b"\0"))
    with pytest.raises(ImageError, match=f"format '{format_name}' is not supported"):
        open_chain(disk)
    assert opened(disk, "raw").read(0, len(start)) == start


@pytest.mark.parametrize("size", [0, 1, 7])
def test_a_tiny_file_is_raw(tmp_path: Path, opened: Opener, size: int) -> None:
    disk = tmp_path / "disk"
    disk.write_bytes(b"q" * size)
    assert opened(disk).length() == size


def test_a_recorded_format_that_is_wrong_is_an_error(tmp_path: Path) -> None:
    raw(tmp_path / "disk")
    with pytest.raises(ImageError, match="disk: not a qcow2 image"):
        open_chain(qcow2(tmp_path / "top", "disk", "qcow2"))


def test_a_recorded_format_we_lack_is_an_error(tmp_path: Path) -> None:
    raw(tmp_path / "disk")
    with pytest.raises(ImageError, match="format 'vmdk' is not supported"):
        open_chain(qcow2(tmp_path / "top", "disk", "vmdk"))


# Finding layers.


@pytest.fixture
def three(tmp_path: Path, opened: Opener) -> BlockDevice:
    """Three images in two folders."""
    (tmp_path / "old").mkdir()
    raw(tmp_path / "old" / "base.raw")
    qcow2(tmp_path / "old" / "middle", "base.raw", "raw")
    return opened(qcow2(tmp_path / "top", "old/middle"))


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("{}/top", "top"),
        ("old/middle", "middle"),
        ("{}/old/middle", "middle"),
        ("base.raw", "base.raw"),
        ("{}/old/../old/base.raw", "base.raw"),
        ("{}/base.raw", None),
        ("middle", None),
    ],
)
def test_a_layer_is_found_as_stored_and_as_resolved(
    tmp_path: Path, three: BlockDevice, name: str, found: str | None
) -> None:
    layer = find_layer(three, name.format(tmp_path))
    assert (layer and os.path.basename(layer.name)) == found


def test_we_and_qemu_see_the_same_chain(tmp_path: Path, three: BlockDevice, qemu_img: Path) -> None:
    command = [str(qemu_img), "info", "--backing-chain", str(tmp_path / "top")]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    images = [line[7:] for line in said.splitlines() if line.startswith("image: ")]
    assert images == [layer.name for layer in chain(three)]
