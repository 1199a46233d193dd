"""What the commands refuse of chains and formats: one line, the right status, nothing changed."""

from pathlib import Path

import pytest

from blockjob_fsm.storage.qcow2 import Qcow2File
from tests.cli.conftest import MIB, Blockjob, contents, make_image

USAGE, UNREADABLE = 2, 4
UNRECORDED = "a.img: looks raw, but loose.qcow2 does not record that: if it is, record it with"

# What is typed, the exit status, and a part of the one line.
REFUSED = {
    "stream nothing": ("stream gone.qcow2", UNREADABLE, "gone.qcow2: No such file"),
    "stream a folder": ("stream folder", UNREADABLE, "folder: Is a directory"),
    "stream a raw image": ("stream a.img", USAGE, "give --format raw if it is"),
    "stream a raw image, named": (
        "stream a.img --format raw",
        USAGE,
        "has no backing file to stre",
    ),
    "stream raw as qcow2": ("stream a.img --format qcow2", UNREADABLE, "a.img: "),
    "stream to no image": (
        "stream top.qcow2 --base a.img",
        USAGE,
        "is no image of this chain: name",
    ),
    "stream to itself": (
        "stream top.qcow2 --base top.qcow2",
        USAGE,
        "is the image itself: name one",
    ),
    "base of one alone": ("stream base.qcow2 --base base.qcow2", USAGE, "has no backing file"),
    "stream an orphan": ("stream orphan.qcow2", UNREADABLE, "'gone.qcow2' cannot be used (No such"),
    "stream a loop": ("stream loop.qcow2", UNREADABLE, "is also above it in the chain"),
    "stream at no speed": ("stream top.qcow2 --speed x", USAGE, "--speed x: not a speed"),
    "stream past the end": (
        "stream top.qcow2 --inject read:EIO:8192",
        USAGE,
        "ends at sector 8192",
    ),
    "stop without io-status": (
        "stream top.qcow2 --on-error stop --werror report",
        USAGE,
        "--on-error: Invalid parameter 'on-error' (stop needs a device whose",
    ),
    "commit without a top": ("commit top.qcow2", USAGE, "Missing option '--top'"),
    "commit the active": (
        "commit top.qcow2 --top top.qcow2",
        USAGE,
        "only images below it are merg",
    ),
    "commit the last": ("commit top.qcow2 --top base.qcow2", USAGE, "is the last of its chain"),
    "commit a stranger": (
        "commit top.qcow2 --top a.img",
        USAGE,
        "--top a.img: is no image of this",
    ),
    "commit into a stranger": (
        "commit top.qcow2 --top middle.qcow2 --base a.img",
        USAGE,
        "--base a.img: is no image of this chain: name one of top.qcow2, middle.qcow2, base.qcow2",
    ),
    "commit upwards": (
        "commit top.qcow2 --top middle.qcow2 --base top.qcow2",
        USAGE,
        "--base top.qcow2: is not below middle.qcow2: base.qcow2",
    ),
    "commit into itself": (
        "commit top.qcow2 --top middle.qcow2 --base middle.qcow2",
        USAGE,
        "--base middle.qcow2: is not below middle.qcow2",
    ),
    "commit into unrecorded raw": ("commit over.qcow2 --top loose.qcow2", USAGE, UNRECORDED),
    "commit nothing": ("commit gone.qcow2 --top base.qcow2", UNREADABLE, "gone.qcow2: No such"),
    "mirror an orphan": ("mirror orphan.qcow2 b.img", UNREADABLE, "cannot be used (No such file"),
    "mirror a loop": ("mirror loop.qcow2 b.img", UNREADABLE, "is also above it in the chain"),
    "mirror raw as qcow2": ("mirror a.img b.img --format qcow2", UNREADABLE, "a.img: "),
    "mirror onto a backing file": (
        "mirror top.qcow2 base.qcow2 --existing",
        USAGE,
        "base.qcow2: is a backing file of the source",
    ),
    "raw target of the top": (
        "mirror top.qcow2 b --sync top --target-format raw",
        USAGE,
        "no backin",
    ),
    "raw target of nothing": ("mirror a.img b --sync none", USAGE, "give --target-format qcow2"),
    "stream target of the top": ("backup top.qcow2 - --sync top", USAGE, "name files, not -"),
    "raw in place of qcow2": ("mirror top.qcow2 a.img --existing", USAGE, "a.img: "),
    "qcow2 in place of raw": (
        "mirror a.img other.qcow2 --existing",
        USAGE,
        "other.qcow2: looks like qcow2: give --target-format qcow2, or raw to write over all of it",
    ),
    "shorter qcow2": (
        "mirror long.img other.qcow2 --existing --target-format qcow2",
        USAGE,
        "other.qcow2: 4194304 bytes are too few for the 8388608 of long.img",
    ),
    "longer target of a backup": (
        "backup a.img long.img --existing",
        USAGE,
        "long.img: 8388608 bytes are too many for the 4194304 of a.img",
    ),
    "backup of part of a sector": (
        "backup odd.img b.qcow2 --target-format qcow2",
        USAGE,
        "odd.img: 1000 bytes are no whole sectors of 512",
    ),
    "folder in the way": ("mirror a.img taken", USAGE, "taken.partial: is in the way"),
    "link in the way": ("backup a.img linked", USAGE, "linked.partial: is in the way"),
}


@pytest.fixture
def crowded(layers: Path) -> Path:
    """The chain with images beside it that are wrong in one way each."""
    for folder in ("folder", "taken.partial"):
        (layers / folder).mkdir()
    make_image("loose.qcow2", "a.img", {0: 5000}, None)
    make_image("over.qcow2", "loose.qcow2", {MIB: 5000})
    make_image("other.qcow2", None, {0: 5000})
    for name, below in (("orphan.qcow2", "gone.qcow2"), ("loop.qcow2", "loop.qcow2")):
        Qcow2File.create(name, 4 * MIB, backing=below, backing_format="qcow2").close()
    (layers / "long.img").write_bytes(bytes(8 * MIB))
    (layers / "odd.img").write_bytes(bytes(1000))
    (layers / "linked.partial").symlink_to("a.img")
    return layers


@pytest.mark.parametrize(("typed", "status", "part"), REFUSED.values(), ids=REFUSED.keys())
def test_a_wrong_order_is_one_line_and_changes_nothing(
    crowded: Path, blockjob: Blockjob, typed: str, status: int, part: str
) -> None:
    before = contents(crowded)
    result = blockjob(*typed.split())
    assert (result.status, part in result.err) == (status, True), result.err
    assert (result.out, result.err.count("\n"), result.err[-1:]) == ("", 1, "\n"), result.err
    assert contents(crowded) == before


@pytest.mark.parametrize(
    ("typed", "status", "part"),
    [
        ("stream top.qcow2", UNREADABLE, "top.qcow2: Read-only file system: name an image that"),
        ("commit top.qcow2 --top middle.qcow2", USAGE, "base.qcow2: Read-only file system: name a"),
        ("mirror top.qcow2 b", USAGE, "b: Read-only file system: name a file that can be written"),
        ("backup a.img top.qcow2 --existing", USAGE, "top.qcow2: "),
    ],
)
def test_what_cannot_be_written_is_named(
    blockjob: Blockjob, frozen: Path, typed: str, status: int, part: str
) -> None:
    before = contents(frozen)
    result = blockjob(*typed.split())
    assert (result.status, part in result.err, result.err.count("\n")) == (status, True, 1), (
        result.err
    )
    assert contents(frozen) == before
