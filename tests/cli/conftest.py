"""Running the command: in this process for most tests, on a terminal of its own for some."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

import pytest

from blockjob_fsm.cli import main
from blockjob_fsm.storage.chains import open_chain
from blockjob_fsm.storage.device import BlockDevice, chain, read_chain
from blockjob_fsm.storage.qcow2 import Qcow2File
from tests.tidy.sources import ROOT

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts background jobs so, and the commands started here would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)

MIB = 1 << 20
PATIENCE_S = 30.0
COMMAND = [sys.executable, "-X", "dev", "-W", "error", "-m", "blockjob_fsm.cli"]


@dataclass(frozen=True)
class Result:
    """What a run left: exit status, standard output, standard error."""

    status: int
    out: str
    err: str


class Blockjob(Protocol):
    """The command as a function."""

    def __call__(self, *argv: str) -> Result: ...


@pytest.fixture
def blockjob(capsys: pytest.CaptureFixture[str], workplace: Path) -> Blockjob:
    """Runs the command in this process, in `workplace`."""
    assert workplace == Path.cwd()

    def run(*argv: str) -> Result:
        status = main(argv)
        return Result(status, *capsys.readouterr())

    return run


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: a.img, 4 MiB with data in its first and third."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    with open("a.img", "wb") as image:
        image.write(os.urandom(MIB))
        image.seek(2 * MIB)
        image.write(os.urandom(MIB))
        image.truncate(4 * MIB)
    return tmp_path


@pytest.fixture
def layers(workplace: Path) -> Path:
    """The workplace with base.qcow2 <- middle.qcow2 <- top.qcow2, each with data of its own."""
    make_image("base.qcow2", None, {0: MIB, 3 * MIB: MIB // 2})
    make_image("middle.qcow2", "base.qcow2", {MIB: 100_000})
    make_image("top.qcow2", "middle.qcow2", {2 * MIB: 10_000})
    return workplace


@pytest.fixture
def frozen(layers: Path) -> Iterator[Path]:
    """The chain on a file system that is read-only; skips where mounting is not permitted."""
    mount = ["mount", "--bind", str(layers), str(layers)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a folder cannot be mounted here (needs root)")
    subprocess.run(["mount", "-o", "remount,bind,ro", str(layers)], check=True)
    os.chdir(layers)  # into what is mounted there now
    yield layers
    os.chdir("/")
    subprocess.run(["umount", str(layers)], check=True)


def make_image(
    path: str,
    backing: str | None,
    data: dict[int, int],
    backing_format: str | None = "qcow2",
    length: int = 4 * MIB,
) -> None:
    """A qcow2 image with random data: offset -> length."""
    recorded = backing_format if backing else None
    image = Qcow2File.create(path, length, backing=backing, backing_format=recorded)
    image.close()
    top = open_chain(path, "qcow2", read_only=False)
    for offset, length in data.items():
        top.write(offset, os.urandom(length))
    close_chain(top)


def close_chain(top: BlockDevice) -> None:
    """Close every layer."""
    for layer in list(chain(top)):
        layer.close()


def seen(path: str, format_name: str | None = None) -> bytes:
    """What a guest reads of an image and its chain."""
    top = open_chain(path, format_name)
    data = bytes(read_chain(top, 0, top.length()))
    close_chain(top)
    return data


def named_below(path: str) -> tuple[str | None, str | None]:
    """The backing file and its format as a qcow2 header names them."""
    with Qcow2File.open(path, read_only=True) as image:
        return image.backing_name, image.backing_format


def contents(folder: Path) -> dict[str, bytes | str | None]:
    """Everything in a folder: bytes of files, targets of links, None for folders."""
    found: dict[str, bytes | str | None] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = os.readlink(path)
        else:
            found[name] = path.read_bytes() if path.is_file() else None
    return found


class Terminal:
    """The command in a process of its own, all three streams on a terminal of 80 columns."""

    def __init__(self, argv: Sequence[str], env: dict[str, str] | None = None) -> None:
        self._ours, theirs = os.openpty()
        environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80", **(env or {})}
        self.process = subprocess.Popen(
            [*COMMAND, *argv], stdin=theirs, stdout=theirs, stderr=theirs, env=environment
        )
        os.close(theirs)
        self.seen = ""

    def until(self, text: str) -> str:
        """Read until `text` has been shown; all that was shown so far."""
        while text not in self.seen:
            assert self._read(), f"{text!r} was not shown, but:\n{self.seen}"
        return self.seen

    def press(self, keys: str) -> None:
        """Type."""
        os.write(self._ours, keys.encode())

    def interrupt(self) -> None:
        """What Ctrl-C sends."""
        self.process.send_signal(signal.SIGINT)

    def end(self) -> int:
        """Read to the end; the exit status."""
        while self._read():
            pass
        return self.process.wait(PATIENCE_S)

    def _read(self) -> bool:
        if not select.select([self._ours], [], [], PATIENCE_S)[0]:
            return False
        try:
            data = os.read(self._ours, 65536)
        except OSError:
            return False  # the other side is closed
        self.seen += data.decode()
        return bool(data)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._ours)


@contextmanager
def piped(*argv: str) -> Iterator[subprocess.Popen[str]]:
    """The command in a process of its own, standard output and error in pipes, no input."""
    with subprocess.Popen(
        [*COMMAND, *argv],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB; skips where mounting is not permitted."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small tmpfs cannot be mounted here (needs root)")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)
