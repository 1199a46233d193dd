"""qcow2 over blkdebug beside QEMU's: the same rules fail the same requests of a guest.

QEMU writes through here (qemu-io's default), and so do we: a flush follows each write. Left out are
rows where the two formats do different work: QEMU overwrites in place without a look at the
reference counts, keeps the place of a cluster that becomes zeros, and raises flush_to_disk only
from the second write on.
"""

import errno
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from blockjob_fsm.storage import BlockDevice, Qcow2File, chain, open_chain, read_chain
from blockjob_fsm.storage.blkdebug_config import QCOW2_EVENTS, RAISED_EVENTS
from tests.storage.qcow2.qemu import CLEAN, LEAKING, Qemu

KIB, MIB = 1 << 10, 1 << 20

Command = tuple[str, int, int]
READ: Command = ("read", 0, 4 * KIB)
ANSWER = re.compile(
    r"^(?:(?:read|wrote) \d+/\d+ bytes|(?:read|write) failed: (.*)|.*can't open device .*: (.*))",
    re.MULTILINE,
)
#: Images by name: what makes them besides their length, the commands that fill them.
IMAGES: dict[str, tuple[list[str], list[str]]] = {
    "top": ([], ["write -P 1 0 128k", "write -c -P 5 256k 64k", "write -z 512k 64k"]),
    "plain": ([], ["write -P 1 0 128k", "write -c -P 5 256k 64k"]),
    "tiny": (["cluster_size=512"], ["write -P 1 0 64k"]),
    # Nearly as full as its reference count table can count.
    "full": (["cluster_size=512"], ["write -P 1 0 7900k"]),
}
#: What a guest asks for, by name: the image, and the requests.
GUESTS: dict[str, tuple[str, list[Command]]] = {
    "reads": ("top", [READ, ("read", 256 * KIB, 64 * KIB), ("read", MIB, 4 * KIB), READ]),
    "writes new clusters": ("plain", [("write", MIB, 64 * KIB), READ]),
    "writes over what lies below": ("top", [("write", MIB, 64 * KIB), READ]),
    "writes a part over what lies below": ("top", [("write", MIB, 4 * KIB), READ]),
    "writes a part over nothing": ("plain", [("write", MIB, 4 * KIB), READ]),
    "writes in place": ("top", [("write", 0, 4 * KIB), READ]),
    "writes over packed bytes": ("top", [("write", 256 * KIB, 4 * KIB), READ]),
    "writes where a table is lacking": ("tiny", [("write", 128 * KIB, 64 * KIB), READ]),
    "fills the count table": ("full", [("write", 8 * MIB, 256 * KIB), READ]),
}
EVERYONE = tuple(GUESTS)
WRITERS = EVERYONE[1:]
ALLOCATING = tuple(name for name in WRITERS if name != "writes in place")
COMPLETING = ("writes a part over what lies below", "writes over packed bytes")
WITH_NEW_TABLES = ("writes where a table is lacking", "fills the count table")
FILLING = ("fills the count table",)
#: Which guests meet the event. Each is tried with each error.
MET: dict[str, tuple[str, ...]] = {
    "none": EVERYONE,
    "reftable_load": EVERYONE,
    "read_aio": EVERYONE,
    "read_compressed": ("reads", "writes over packed bytes"),
    "read_backing_aio": ("writes a part over what lies below",),
    "write_aio": WRITERS,
    "pwritev": WRITERS,
    "flush_to_os": WRITERS,
    "pwritev_zero": ("writes a part over nothing",),
    "cluster_alloc_space": ("writes a part over nothing",),
    "cow_read": COMPLETING,
    "cow_write": COMPLETING,
    "l2_load": EVERYONE,
    "l2_update": ALLOCATING,
    "l2_alloc_write": WITH_NEW_TABLES,
    "l1_update": WITH_NEW_TABLES,
    "cluster_alloc": ALLOCATING,
    "refblock_alloc": ALLOCATING,
    "refblock_load": ALLOCATING,
    "refblock_update_part": tuple(name for name in ALLOCATING if "packed" not in name),
    "refblock_alloc_write": WITH_NEW_TABLES,
    "refblock_alloc_hookup": WITH_NEW_TABLES,
    "reftable_grow": FILLING,
    "refblock_alloc_write_blocks": FILLING,
    "refblock_alloc_write_table": FILLING,
    "refblock_alloc_switch_table": FILLING,
}
ROWS = [(event, guest) for event, guests in MET.items() for guest in guests]


@dataclass(frozen=True)
class Pair:
    """Two copies of each image, QEMU's and ours, and the configuration for both."""

    folder: Path
    qemu: Qemu

    def configure(self, event: str, code: int, *, once: bool) -> None:
        """Let an error strike once, or from then on, when the event comes."""
        text = f'[inject-error]\nevent = "{event}"\nerrno = "{code}"\n'
        text += 'once = "on"\n' if once else ""
        (self.folder / "faults.conf").write_text(text)

    def copy(self, image: str, whose: str) -> Path:
        """A fresh copy of an image."""
        path = self.folder / f"{image}.{whose}.qcow2"
        shutil.copy(self.folder / f"{image}.qcow2", path)
        return path


@pytest.fixture(scope="module")
def pair(qemu: Qemu, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """The images, as QEMU made them."""
    folder = tmp_path_factory.mktemp("pair")
    qemu.create(folder / "base.qcow2", 16 * MIB)
    qemu.perform(folder / "base.qcow2", ["write -P 9 0 2M"])
    for name, (options, commands) in IMAGES.items():
        below = folder / "base.qcow2" if name == "top" else None
        qemu.create(folder / f"{name}.qcow2", 16 * MIB, *options, backing=below)
        qemu.perform(folder / f"{name}.qcow2", commands)
    return Pair(folder, qemu)


def by_qemu(pair: Pair, path: Path, commands: list[Command]) -> list[str]:
    """What QEMU says of each request: "fine" or the error's words; one error if it opens not."""
    argv = [str(pair.qemu.io), "-f", "qcow2"]
    for kind, offset, length in commands:
        argv += ["-c", f"{kind} {offset} {length}"]
    name = f"blkdebug:faults.conf:{path.name}"
    command = [*argv, name]
    ended = subprocess.run(command, cwd=pair.folder, capture_output=True, text=True, check=False)
    found = ANSWER.findall(ended.stdout + ended.stderr)
    return [failed or refused.rpartition(": ")[2] or "fine" for failed, refused in found]


def by_us(pair: Pair, path: Path, commands: list[Command]) -> list[str]:
    """The same of our image."""
    try:
        name = f"blkdebug:{pair.folder / 'faults.conf'}:{path}"
        device = open_chain(name, read_only=False)
    except OSError as error:
        return [os.strerror(error.errno or 0)]
    said = [words_of(device, command) for command in commands]
    for layer in list(chain(device)):
        layer.close()
    return said


def words_of(device: BlockDevice, command: Command) -> str:
    kind, offset, length = command
    try:
        if kind == "read":
            read_chain(device, offset, length)
        else:
            device.write(offset, b"\xcd" * length)
            device.flush()
    except OSError as error:
        return os.strerror(error.errno or 0)
    return "fine"


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC])
@pytest.mark.parametrize(("event", "guest"), ROWS)
def test_an_error_strikes_the_request_that_it_strikes_in_qemu(
    pair: Pair, event: str, guest: str, code: int
) -> None:
    pair.configure(event, code, once=True)
    image, commands = GUESTS[guest]
    theirs, ours = pair.copy(image, "theirs"), pair.copy(image, "ours")
    said = by_us(pair, ours, commands)
    assert said == by_qemu(pair, theirs, commands)
    assert os.strerror(code) in said
    assert pair.qemu.verdict(ours) in {CLEAN, LEAKING}
    assert pair.qemu.verdict(theirs) in {CLEAN, LEAKING}


@pytest.mark.slow
@pytest.mark.parametrize(("event", "guest"), ROWS)
def test_an_error_that_stays_does_no_more_harm_than_in_qemu(
    pair: Pair, event: str, guest: str
) -> None:
    pair.configure(event, errno.EIO, once=False)
    image, commands = GUESTS[guest]
    theirs, ours = pair.copy(image, "theirs"), pair.copy(image, "ours")
    assert by_us(pair, ours, commands) == by_qemu(pair, theirs, commands)
    assert pair.qemu.verdict(ours) in {CLEAN, LEAKING}


# Events of requests that qemu-io does not show alone.


def struck(path: Path, event: str, act: Callable[[Qcow2File], None]) -> bool:
    """Whether the action fails when the event is to fail it."""
    path.with_suffix(".conf").write_text(f'[inject-error]\nevent = "{event}"\nerrno = "28"\n')
    device = open_chain(f"blkdebug:{path.with_suffix('.conf')}:{path}", read_only=False)
    assert isinstance(device, Qcow2File)
    with device:
        try:
            act(device)
        except OSError as error:
            return error.errno == errno.ENOSPC and error.filename == str(path)
    return False


def grow(device: Qcow2File) -> None:
    device.resize(64 * MIB)


def shrink(device: Qcow2File) -> None:
    device.resize(64 * KIB)


RESIZING = {
    "l1_grow_alloc_table": grow,
    "l1_grow_write_table": grow,
    "l1_grow_activate_table": grow,
    "l1_shrink_write_table": shrink,
    "l1_shrink_free_l2_clusters": shrink,
}


@pytest.mark.parametrize(("event", "act"), RESIZING.items())
def test_resizing_fails_at_the_steps_that_qemu_names(
    tmp_path: Path, qemu: Qemu, event: str, act: Callable[[Qcow2File], None]
) -> None:
    path = tmp_path / "disk.qcow2"
    with Qcow2File.create(path, 4 * MIB, cluster_size=512) as device:
        device.write(0, b"x" * MIB)
    assert struck(path, event, act)
    assert qemu.verdict(path) in {CLEAN, LEAKING}


def test_what_cannot_be_given_back_leaks_and_fails_nothing(tmp_path: Path, qemu: Qemu) -> None:
    path = tmp_path / "disk.qcow2"
    with Qcow2File.create(path, MIB) as device:
        device.write(0, b"x" * MIB)
    assert not struck(path, "cluster_free", lambda device: device.write_zeroes(0, MIB))
    assert qemu.verdict(path) == LEAKING


def test_every_event_of_the_format_is_shown_to_be_raised() -> None:
    shown = {*MET, *RESIZING, "cluster_free"}
    assert set(QCOW2_EVENTS) <= shown <= {*QCOW2_EVENTS, *RAISED_EVENTS}
