"""What QEMU's tools make of an image: its bytes, its map, its verdict. No claim is made here."""

import json
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

#: What `qemu-img check` returns.
CLEAN, LEAKING = 0, 3


def output_of(*command: object) -> str:
    """Standard output of a command that must succeed."""
    words = [str(word) for word in command]
    done = subprocess.run(words, check=False, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(words)}: {done.stdout}{done.stderr}"
    return done.stdout


@dataclass(frozen=True)
class Qemu:
    """The tools, and a folder for what they write."""

    img: Path
    io: Path
    folder: Path

    def create(self, path: Path, length: int, *options: str, backing: Path | None = None) -> None:
        """Make a qcow2 image; the backing file's format is that of its suffix."""
        below = [] if backing is None else ["-b", backing, "-F", backing.suffix[1:]]
        chosen = ["-o", ",".join(options)] if options else []
        output_of(self.img, "create", "-q", "-f", "qcow2", *below, *chosen, path, length)

    def perform(self, path: Path, commands: Iterable[str]) -> None:
        """Run commands of qemu-io on an image."""
        words = [word for command in commands for word in ("-c", command)]
        if words:
            output_of(self.io, "-f", path.suffix[1:], *words, path)

    def contents(self, path: Path) -> bytes:
        """What a guest reads from first to last byte."""
        out = self.folder / "contents.raw"
        output_of(self.img, "convert", "-f", path.suffix[1:], "-O", "raw", path, out)
        return out.read_bytes()

    def verdict(self, path: Path) -> int:
        """CLEAN, LEAKING or something worse."""
        command = [str(self.img), "check", "-q", "-f", "qcow2", str(path)]
        return subprocess.run(command, check=False, capture_output=True).returncode

    def stored(self, path: Path) -> list[tuple[int, int, str]]:
        """(start, length, kind) of the top image's extents; kinds are "none", "zero", "data"."""
        rows = json.loads(output_of(self.img, "map", "-f", "qcow2", "--output=json", path))
        runs = [(row["start"], row["length"], _kind(row)) for row in rows]
        return merged(runs)


def _kind(row: dict[str, bool]) -> str:
    if not row["present"] or row["depth"]:
        return "none"
    return "data" if row["data"] else "zero"


def merged(runs: Sequence[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """Runs with equal neighbours put together."""
    found: list[tuple[int, int, str]] = []
    for run in runs:
        if found and found[-1][2] == run[2]:
            start, length, kind = found.pop()
            found.append((start, length + run[1], kind))
        else:
            found.append(run)
    return found
