"""What the command refuses: one line, the right status, and nothing changed on disk."""

import os
from pathlib import Path

import pytest

from tests.cli.conftest import MIB, Blockjob, contents

USAGE, UNREADABLE = 2, 4

# What is typed after `mirror`, the exit status, and a part of the one line.
REFUSED = {
    "missing source": ("nowhere.img b.img", UNREADABLE, "nowhere.img: No such file"),
    "folder as source": ("folder b.img", UNREADABLE, "folder: Is a directory"),
    "device as source": ("/dev/null b.img", UNREADABLE, "/dev/null: neither a regular file"),
    "source below a file": ("a.img/x b.img", UNREADABLE, "a.img/x: Not a directory"),
    "target is source": ("a.img a.img", USAGE, "a.img: is the source itself"),
    "target is source, existing": ("a.img a.img --existing", USAGE, "is the source itself"),
    "soft link to source": ("a.img soft.img --existing", USAGE, "is the source itself"),
    "hard link to source": ("a.img hard.img --existing", USAGE, "is the source itself"),
    "source by a link": ("soft.img hard.img", USAGE, "hard.img: is the source itself"),
    "folder as target": ("a.img folder", USAGE, "folder: is a directory: name a file"),
    "folder as target, existing": ("a.img folder --existing", USAGE, "is a directory"),
    "target exists": ("a.img old.img", USAGE, "exists already: give --existing"),
    "link to nothing": ("a.img loose.img", USAGE, "loose.img: is a link to nothing"),
    "nothing exists": ("a.img b.img --existing", USAGE, "b.img: does not exist: leave out"),
    "target in no folder": ("a.img gone/b.img", USAGE, "gone/b.img: No such file"),
    "target below a file": ("a.img old.img/b.img", USAGE, "old.img/b.img: Not a directory"),
    "target in /proc": ("a.img /proc/b.img", USAGE, "/proc/b.img: "),
    "device as target": ("a.img /dev/full --existing", USAGE, "no regular file or block device"),
    "target too small": ("a.img old.img --existing", USAGE, "old.img: 3 bytes are too few"),
    "name too long": (f"a.img {'n' * 300}", USAGE, "File name too long"),
    "negative speed": ("a.img b.img --speed -1", USAGE, "--speed -1: not a speed"),
    "unknown suffix": ("a.img b.img --speed 12Q", USAGE, "--speed 12Q: not a speed"),
    "speed past 64 bits": (f"a.img b.img --speed {2**63}", USAGE, "too large"),
    "speed past 64 bits by suffix": ("a.img b.img --speed 8388608T", USAGE, "too large"),
    "fraction of a speed": ("a.img b.img --speed 1.5M", USAGE, "--speed 1.5M: not a speed"),
    "unknown policy": ("a.img b.img --on-target-error retry", USAGE, "'retry' is not one of"),
    "unknown sync": ("a.img b.img --sync all", USAGE, "'all' is not one of"),
    "unknown format": ("a.img b.img --format vmdk", USAGE, "'vmdk' is not"),
    "unknown progress": ("a.img b.img --progress bar", USAGE, "'bar' is not one of"),
    "unknown option": ("a.img b.img --spede 1", USAGE, "No such option: --spede"),
    "no target": ("a.img", USAGE, "Missing argument 'TARGET'"),
    "one too many": ("a.img b.img c.img", USAGE, "unexpected extra argument"),
    "stop without io-status": (
        "a.img b.img --on-source-error stop --werror report",
        USAGE,
        "--on-source-error: Invalid parameter 'on-source-error' (stop needs a device whose",
    ),
    "enospc without io-status": (
        "a.img b.img --on-source-error enospc --werror ignore --rerror ignore",
        USAGE,
        "werror=enospc|stop or rerror=stop",
    ),
    "rerror enospc": ("a.img b.img --rerror enospc", USAGE, "--rerror: Invalid parameter"),
    "unknown request": ("a.img b.img --inject open:EIO", USAGE, "EVENT is one of read"),
    "unknown errno": ("a.img b.img --inject read:EVIL", USAGE, "ERRNO is a name or number"),
    "errno missing": ("a.img b.img --inject read", USAGE, "ERRNO is a name or number"),
    "errno by no number": ("a.img b.img --inject read:0", USAGE, "ERRNO is a name or number"),
    "sector is no number": ("a.img b.img --inject read:EIO:-1", USAGE, "SECTOR counts 512 bytes"),
    "sector past the end": ("a.img b.img --inject read:EIO:8192", USAGE, "ends at sector 8192"),
    "word after the sector": ("a.img b.img --inject read:EIO:1:twice", USAGE, "only 'once'"),
    "sector of a flush": ("a.img b.img --inject flush:EIO:1", USAGE, "a flush has no sector"),
    "existing stream": ("a.img - --existing", USAGE, "a stream cannot be overwritten"),
}


@pytest.fixture
def crowded(workplace: Path) -> Path:
    """The workplace with a folder, links to the source, and a target that is there."""
    (workplace / "folder").mkdir()
    (workplace / "soft.img").symlink_to("a.img")
    (workplace / "hard.img").hardlink_to("a.img")
    (workplace / "loose.img").symlink_to("nowhere")
    (workplace / "old.img").write_bytes(b"old")
    return workplace


@pytest.mark.usefixtures("crowded")
@pytest.mark.parametrize(("typed", "status", "part"), REFUSED.values(), ids=REFUSED.keys())
def test_a_wrong_order_is_refused_with_its_status(
    blockjob: Blockjob, typed: str, status: int, part: str
) -> None:
    result = blockjob("mirror", *typed.split())
    assert (result.status, part in result.err) == (status, True), result.err


@pytest.mark.usefixtures("crowded")
@pytest.mark.parametrize("typed", [row[0] for row in REFUSED.values()], ids=REFUSED.keys())
def test_a_refusal_is_one_line_on_standard_error(blockjob: Blockjob, typed: str) -> None:
    result = blockjob("mirror", *typed.split())
    assert (result.out, result.err.count("\n"), result.err[-1:]) == ("", 1, "\n")


@pytest.mark.parametrize("typed", [row[0] for row in REFUSED.values()], ids=REFUSED.keys())
def test_a_refusal_changes_nothing_on_disk(crowded: Path, blockjob: Blockjob, typed: str) -> None:
    before = contents(crowded)
    blockjob("mirror", *typed.split())
    assert contents(crowded) == before


def test_a_name_that_would_break_the_line_is_quoted(blockjob: Blockjob) -> None:
    assert blockjob("mirror", "no\nwhere", "b.img").err.startswith("blockjob: 'no\\nwhere': ")


def test_a_name_of_odd_bytes_can_be_complained_about(blockjob: Blockjob) -> None:
    assert "\\udcff" in blockjob("mirror", os.fsdecode(b"\xff"), "b.img").err


def test_the_largest_speed_is_accepted(blockjob: Blockjob) -> None:
    assert blockjob("mirror", "a.img", "b.img", "--speed", str(2**63 - 1)).status == 0


@pytest.mark.parametrize("text", ["1", "1K", "1k", "1M", "1G", "1T", "0"])
def test_a_speed_may_have_a_suffix(blockjob: Blockjob, text: str) -> None:
    assert blockjob("mirror", "a.img", "b.img", "--speed", text).status == 0


@pytest.mark.usefixtures("crowded")
@pytest.mark.parametrize("policy", ["--werror=enospc", "--werror=stop", "--rerror=stop"])
def test_stop_is_admitted_where_the_device_shows_its_io_status(
    blockjob: Blockjob, policy: str
) -> None:
    argv = ["--on-source-error", "stop", "--werror", "report", policy]
    assert blockjob("mirror", "a.img", "b.img", *argv).status == 0


def test_a_longer_target_keeps_what_lies_beyond(blockjob: Blockjob) -> None:
    Path("old.img").write_bytes(b"\xaa" * (4 * MIB) + b"tail")
    result = blockjob("mirror", "a.img", "old.img", "--existing")
    copied = Path("old.img").read_bytes()
    assert (copied[: 4 * MIB], copied[4 * MIB :]) == (Path("a.img").read_bytes(), b"tail")
    assert "its last 4 B stay as they are" in result.err
