"""Image locks among ourselves: who is refused, what the refusal says, and when locks end."""

import errno
import fcntl
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest

from blockjob_fsm.storage import BlockDevice, RawFile, chain
from blockjob_fsm.storage.chains import open_chain
from blockjob_fsm.storage.image_error import ImageError
from blockjob_fsm.storage.qcow2 import Qcow2File
from tests.storage.held import bytes_held

LENGTH = 1 << 20
READ = {100, 201, 203}
WRITE = {100, 101, 103, 201, 203}

Opener = Callable[..., BlockDevice]
KINDS: dict[str, tuple[Opener, Opener]] = {
    "raw": (RawFile.create, RawFile.open),
    "qcow2": (Qcow2File.create, Qcow2File.open),
}


@pytest.fixture(params=KINDS)
def image(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """An image of each format, which is its suffix."""
    path = tmp_path / f"disk.{request.param}"
    KINDS[request.param][0](path, LENGTH).close()
    return path


def opened(path: Path, **how: bool) -> BlockDevice:
    return KINDS[path.suffix[1:]][1](path, **how)


def refusal(action: Callable[[], object]) -> ImageError:
    with pytest.raises(ImageError) as caught:
        action()
    assert caught.value.errno == errno.EAGAIN
    return caught.value


def test_two_may_read_one_image(image: Path) -> None:
    with opened(image, read_only=True) as one, opened(image, read_only=True) as other:
        assert one.read(0, 512) == other.read(0, 512)


@pytest.mark.parametrize(
    ("first_reads", "second_reads", "words"),
    [
        (False, True, 'cannot be read meanwhile (no shared "write" lock); close it there, or'),
        (True, False, 'cannot be written meanwhile (no "write" lock); close it there'),
        (False, False, 'cannot be written meanwhile (no "write" lock); close it there'),
    ],
)
def test_who_writes_is_alone(
    image: Path, first_reads: bool, second_reads: bool, words: str
) -> None:
    with opened(image, read_only=first_reads):
        said = str(refusal(lambda: opened(image, read_only=second_reads)))
    assert said.startswith(f"{image}: it is in use by another process, or a second time by this")
    assert words in said


def test_a_refused_opening_leaves_nothing_open_or_locked(image: Path) -> None:
    with opened(image, read_only=True):
        before = len(os.listdir("/proc/self/fd"))
        refusal(lambda: opened(image))
        assert len(os.listdir("/proc/self/fd")) == before
        assert bytes_held(image) == READ


def test_closing_gives_the_locks_back(image: Path) -> None:
    opened(image).close()
    assert bytes_held(image) == set()
    opened(image).close()


def test_a_file_that_is_no_image_is_not_kept_locked(tmp_path: Path) -> None:
    path = tmp_path / "disk.qcow2"
    path.write_bytes(b"x" * 512)
    with pytest.raises(ImageError, match="not a qcow2 image"):
        Qcow2File.open(path)
    assert bytes_held(path) == set()


def test_a_new_image_is_locked_from_its_creation_on(image: Path) -> None:
    with KINDS[image.suffix[1:]][0](image, LENGTH):
        assert bytes_held(image) == WRITE


@pytest.mark.parametrize("exclusive", [False, True])
def test_an_image_in_use_is_not_emptied_by_creating_it_again(image: Path, exclusive: bool) -> None:
    before = image.read_bytes()
    create = KINDS[image.suffix[1:]][0]
    with opened(image, read_only=True), pytest.raises(OSError, match=r"in use|exists"):
        create(image, LENGTH, exclusive=exclusive)
    assert image.read_bytes() == before


# Changing the access.


@pytest.mark.parametrize("read_only", [False, True])
def test_reopening_changes_the_locks(image: Path, read_only: bool) -> None:
    with opened(image, read_only=not read_only) as device:
        device.reopen(read_only=read_only)
        assert bytes_held(image) == (READ if read_only else WRITE)


def test_reopening_alike_is_no_conflict_with_oneself(image: Path) -> None:
    with opened(image) as device:
        device.reopen(read_only=False)
        device.write(0, b"x")


def test_a_refused_reopening_changes_nothing(image: Path) -> None:
    with opened(image, read_only=True) as one, opened(image, read_only=True):
        refusal(lambda: one.reopen(read_only=False))
        assert one.read_only
        assert bytes_held(image) == READ
        assert one.read(0, 512) == bytes(512)


@pytest.mark.stress
def test_there_is_no_moment_without_locks_while_reopening(
    image: Path, pool: ThreadPoolExecutor
) -> None:
    done = Event()

    def try_to_write() -> int:
        tries = 0
        while not done.is_set():
            with pytest.raises(ImageError):
                RawFile.open(image)
            tries += 1
        return tries

    with opened(image) as device:
        trying = pool.submit(try_to_write)
        for number in range(600):
            device.reopen(read_only=not number % 2)
        done.set()
        assert trying.result() > 0


# Chains.


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """An image over another."""
    Qcow2File.create(tmp_path / "base.qcow2", LENGTH).close()
    path = tmp_path / "top.qcow2"
    Qcow2File.create(path, LENGTH, backing="base.qcow2", backing_format="qcow2").close()
    return path


def close_all(top: BlockDevice) -> None:
    for layer in list(chain(top)):
        layer.close()


def test_a_backing_file_is_locked_for_reading(top: Path) -> None:
    device = open_chain(top, read_only=False)
    assert (bytes_held(top), bytes_held(top.with_name("base.qcow2"))) == (WRITE, READ)
    close_all(device)


def test_a_backing_file_that_is_written_keeps_its_overlays_closed(top: Path) -> None:
    base = top.with_name("base.qcow2")
    with Qcow2File.open(base):
        assert refusal(lambda: open_chain(top)).filename == str(base)
    assert bytes_held(top) == set()


def test_two_overlays_may_share_a_backing_file(top: Path) -> None:
    other = top.with_name("other.qcow2")
    Qcow2File.create(other, LENGTH, backing="base.qcow2", backing_format="qcow2").close()
    tops = [open_chain(path, read_only=False) for path in (top, other)]
    for device in tops:
        device.write(0, b"x")
        close_all(device)


# Without locks.


def test_without_locks_an_image_in_use_can_be_read(image: Path) -> None:
    with opened(image) as device:
        device.write(0, b"seen")
        with opened(image, read_only=True, lock=False) as other:
            assert bytes(other.read(0, 4)) == b"seen"
        assert bytes_held(image) == WRITE


def test_a_chain_is_opened_without_locks_as_a_whole(top: Path) -> None:
    with Qcow2File.open(top.with_name("base.qcow2")):
        close_all(open_chain(top, lock=False))


def test_without_locks_nothing_is_written(image: Path) -> None:
    with pytest.raises(ValueError, match="not written without locks"):
        opened(image, lock=False)
    with opened(image, read_only=True, lock=False) as device:
        with pytest.raises(OSError, match="opened without locks") as caught:
            device.reopen(read_only=False)
        assert caught.value.errno == errno.EACCES
        device.reopen(read_only=True)
        assert bytes_held(image) == set()


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EINVAL])
def test_a_file_system_without_locks_is_used_without(
    image: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def refuse(*_: object) -> bytes:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "fcntl", refuse)
    with opened(image) as one, opened(image) as other:
        one.write(0, b"x")
        other.reopen(read_only=True)


def test_locks_end_with_a_killed_process(image: Path) -> None:
    program = "import sys; from tests.storage.test_locks import hold; hold(sys.argv[1])"
    command = [sys.executable, "-c", program, str(image)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"open\n"
        refusal(lambda: opened(image))
        holder.kill()
    opened(image).close()


def hold(path: str) -> None:
    """Keep an image open until killed, in a process of its own."""
    with opened(Path(path)):
        print("open", flush=True)
        sys.stdin.read()
