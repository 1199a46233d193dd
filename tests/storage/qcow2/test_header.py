"""Headers: what is refused and how it is said, and that nothing unknown is lost."""

import errno
import os
import struct
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockjob_fsm.storage.qcow2 import ImageError, Qcow2File
from blockjob_fsm.storage.qcow2.creating import new_header
from blockjob_fsm.storage.qcow2.header import (
    FEATURE_NAMES,
    Extension,
    Header,
    build_header,
    is_qcow2,
    parse_header,
)
from tests.storage.qcow2.qemu import CLEAN, Qemu, output_of

KIB, MIB, TIB = 1 << 10, 1 << 20, 1 << 40
FILE_BYTES = 1 << 20
PLAIN = new_header("disk", 10 * MIB, 65536, 3)
BACKED = PLAIN.with_backing("base", "raw")
NAMED = replace(
    PLAIN,
    incompatible=1 << 9,
    extensions=(Extension(FEATURE_NAMES, b"\0\x09" + b"time travel".ljust(46, b"\0")),),
)


def stored(header: Header = PLAIN) -> bytes:
    return build_header("disk", header)


def changed(at: int, code: str, value: int, header: Header = PLAIN) -> bytes:
    """A stored header with one field of another value."""
    raw = bytearray(stored(header).ljust(512, b"\0"))
    struct.pack_into(">" + code, raw, at, value)
    return bytes(raw)


REFUSED = [
    (b"", errno.EINVAL, "not a qcow2 image"),
    (b"KDMV" + bytes(200), errno.EINVAL, "not a qcow2 image"),
    (stored()[:60], errno.EINVAL, "ends within the header"),
    (stored()[:100], errno.EINVAL, "ends within the header"),
    (changed(4, "I", 1), errno.ENOTSUP, "version 1 is not supported"),
    (changed(4, "I", 4), errno.ENOTSUP, "version 4 is not supported"),
    (changed(20, "I", 8), errno.EINVAL, r"clusters of 2\^8 bytes"),
    (changed(20, "I", 22), errno.EINVAL, r"clusters of 2\^22 bytes"),
    (changed(24, "Q", 1 << 63), errno.EFBIG, "L1 table is larger than 32 MiB"),
    (changed(36, "I", 1 << 31), errno.EFBIG, "L1 table is larger than 32 MiB"),
    (changed(24, "Q", TIB), errno.EINVAL, "L1 table is too small"),
    (changed(40, "Q", 65536 + 512), errno.EINVAL, "L1 table does not start at a cluster"),
    (changed(40, "Q", 0), errno.EINVAL, "L1 table lies over the header"),
    (changed(40, "Q", 1 << 40), errno.EINVAL, "L1 table reaches past the end of the file"),
    (changed(48, "Q", 1), errno.EINVAL, "refcount table does not start at a cluster"),
    (changed(48, "Q", 1 << 62), errno.EINVAL, "refcount table reaches past the end"),
    (changed(56, "I", 0), errno.EINVAL, "no refcount table"),
    (changed(56, "I", 0xFFFFFFFF), errno.EFBIG, "refcount table is larger than 8 MiB"),
    (changed(32, "I", 1), errno.ENOTSUP, "encrypted"),
    (changed(32, "I", 2), errno.ENOTSUP, "encrypted"),
    (changed(72, "Q", 1), errno.EIO, "not closed properly"),
    (changed(72, "Q", 2), errno.EIO, "marked corrupt"),
    (changed(72, "Q", 4), errno.ENOTSUP, "keeps its data in another file"),
    (changed(72, "Q", 8), errno.EINVAL, "contradict each other"),
    (changed(104, "B", 1), errno.EINVAL, "contradict each other"),
    (changed(104, "B", 2, replace(PLAIN, incompatible=8)), errno.ENOTSUP, "type 2 is unknown"),
    (changed(20, "I", 12, replace(PLAIN, incompatible=16)), errno.EINVAL, "at least 16 KiB"),
    (changed(72, "Q", 1 << 63), errno.ENOTSUP, "unknown features are needed: bit 63"),
    (stored(NAMED), errno.ENOTSUP, "unknown features are needed: time travel"),
    (changed(96, "I", 7), errno.EINVAL, r"2\^7 bits"),
    (changed(100, "I", 103), errno.EINVAL, "a header of 103 bytes"),
    (changed(100, "I", 0xFFFFFFF8), errno.EINVAL, "a header of 4294967288 bytes"),
    (
        struct.pack(">II", 77, 1 << 20).join([stored()[:112], bytes(300)]),
        errno.EINVAL,
        "extension 0x4d reaches past the end",
    ),
    (changed(8, "Q", 65536, BACKED), errno.EINVAL, "name lies outside"),
    (changed(16, "I", 1024, BACKED), errno.EINVAL, "name lies outside"),
    (stored(BACKED).replace(b"base", b"b\0se"), errno.EINVAL, "name holds a NUL"),
]


@pytest.mark.parametrize(("raw", "number", "text"), REFUSED)
def test_a_header_is_refused_for_its_own_reason(raw: bytes, number: int, text: str) -> None:
    with pytest.raises(ImageError, match=text) as caught:
        parse_header("disk", raw, FILE_BYTES)
    assert (caught.value.errno, caught.value.filename) == (number, "disk")


def test_every_refusal_is_one_line_that_names_the_file() -> None:
    with pytest.raises(ImageError) as caught:
        parse_header("my disk", changed(72, "Q", 1), FILE_BYTES)
    assert str(caught.value) == (
        "my disk: the image was not closed properly and its reference counts may be wrong; "
        "repair them with `qemu-img check -r all`"
    )


@st.composite
def headers(draw: st.DrawFn) -> Header:
    """A header with things we do not know in every place that is free for them."""
    version = draw(st.sampled_from([2, 3]))
    header = new_header("disk", draw(st.integers(0, 1 << 30)), 65536, version)
    kinds = st.integers(1, (1 << 32) - 1).filter(lambda kind: kind != 0xE279_2ACA)
    extension = st.builds(Extension, kinds, st.binary(max_size=60))
    header = replace(header, extensions=tuple(draw(st.lists(extension, max_size=4))))
    name = draw(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40))
    header = header.with_backing(name or None, draw(st.sampled_from([None, "raw", "qcow2"])))
    if version == 2:
        return header
    words = st.integers(0, (1 << 64) - 1)
    tail = bytes(8) + draw(st.binary(max_size=5).map(lambda data: data * 8))
    return replace(header, compatible=draw(words), autoclear=draw(words), tail=tail)


@given(header=headers())
def test_what_is_written_is_read_again_byte_for_byte(header: Header) -> None:
    raw = build_header("disk", header)
    assert parse_header("disk", raw.ljust(65536, b"\0"), 1 << 30) == header
    assert build_header("disk", parse_header("disk", raw, 1 << 30)) == raw


@given(header=headers(), name=st.one_of(st.none(), st.just("base.qcow2")))
def test_another_backing_file_leaves_other_extensions_alone(
    header: Header, name: str | None
) -> None:
    other = header.with_backing(name, "qcow2")
    assert (other.backing_name, other.backing_format) == (name, "qcow2" if name else None)
    kept = [item for item in header.extensions if item.kind != 0xE279_2ACA]
    assert [item for item in other.extensions if item.kind != 0xE279_2ACA] == kept


@pytest.mark.parametrize(
    ("raw", "answer"),
    [
        (stored()[:8], True),
        (stored(new_header("disk", 0, 512, 2))[:8], True),
        (b"QFI\xfb\0\0\0\1", False),
        (b"QFI\xfb", False),
        (b"", False),
    ],
)
def test_only_versions_two_and_three_are_taken_for_qcow2(raw: bytes, answer: bool) -> None:
    assert is_qcow2(raw) is answer


@pytest.mark.parametrize(
    ("name", "number"),
    [("n" * 1024, errno.EINVAL), ("a\0b", errno.EINVAL), ("n" * 600, errno.ENOSPC)],
)
def test_a_name_that_does_not_fit_changes_nothing(tmp_path: Path, name: str, number: int) -> None:
    path = tmp_path / "top.qcow2"
    with Qcow2File.create(path, MIB, cluster_size=512) as device:
        before = path.read_bytes()
        with pytest.raises(ImageError) as caught:
            device.change_backing(None, name)
        assert caught.value.errno == number
        assert device.backing_name is None
    assert path.read_bytes() == before


def test_qemus_own_extensions_survive_a_change_of_backing(tmp_path: Path, qemu: Qemu) -> None:
    base, top = tmp_path / "base.raw", tmp_path / "top.qcow2"
    base.write_bytes(bytes(MIB))
    qemu.create(top, MIB, backing=base)
    with Qcow2File.open(top) as device:
        kinds = [item.kind for item in device.header.extensions]
        device.change_backing(None, "b" * 900, stored_format="raw")
        device.change_backing(None, None)
        device.change_backing(None, str(base), stored_format="raw")
        assert sorted(item.kind for item in device.header.extensions) == sorted(kinds)
    info = output_of(qemu.img, "info", top)
    assert (f"backing file: {base}" in info, "backing file format: raw" in info) == (True, True)
    assert qemu.verdict(top) == CLEAN


def test_a_name_taken_away_leaves_no_trace(tmp_path: Path) -> None:
    path = tmp_path / "top.qcow2"
    with Qcow2File.create(path, MIB, backing="a secret place", backing_format="raw") as device:
        device.change_backing(None, None)
    assert b"secret" not in path.read_bytes()


def test_an_unknown_extension_survives_qemu_and_us(tmp_path: Path, qemu: Qemu) -> None:
    path = tmp_path / "top.qcow2"
    unknown = Extension(0x12345678, b"keep me")
    with Qcow2File.create(path, MIB) as device:
        raw = build_header("disk", replace(device.header, extensions=(unknown,)))
    with path.open("r+b") as file:
        file.write(raw)
    with Qcow2File.open(path) as device:
        device.change_backing(None, "somewhere", stored_format="raw")
    output_of(qemu.img, "rebase", "-u", "-b", "", path)
    with Qcow2File.open(path, read_only=True) as device:
        assert unknown in device.header.extensions


def test_a_backing_name_may_be_any_bytes_of_a_path(tmp_path: Path) -> None:
    path, name = tmp_path / "top.qcow2", os.fsdecode(b"caf\xe9/\xff.raw")
    with Qcow2File.create(path, MIB, backing=name, backing_format="raw") as device:
        assert (device.backing_name, device.backing_format) == (name, "raw")
