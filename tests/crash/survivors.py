"""Killing one job once, and everything that must hold of what it left."""

import random
import shutil
import subprocess
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from tests.crash import originals
from tests.crash.forge import Forge, Moment
from tests.crash.originals import NAMES, SHAPES, Original
from tests.crash.works import Order, Work, guest_writes
from tests.storage.qcow2.change import difference
from tests.storage.qcow2.qemu import CLEAN, LEAKING, Qemu, output_of

QCOW2_MAGIC = b"QFI\xfb"
BLOCK = 512


@dataclass(frozen=True)
class Left:
    """What one kill left: where it struck, and what QEMU makes of the images."""

    moment: str
    killed: bool
    verdicts: tuple[int, ...]
    guest_writes: int


class Bench:
    """Chains to kill jobs on, made once, and the process that runs the jobs."""

    def __init__(self, folder: Path, qemu: Qemu, forge: Forge) -> None:
        self.folder = folder
        self.qemu = qemu
        self.forge = forge
        self.original = cache(self._original)
        self.measured = cache(self._measured)

    def _original(self, shape: int) -> Original:
        return originals.make(shape, self.folder / f"original-{shape}", self.qemu)

    def _measured(self, work: str, shape: int, guest: bool, speed: int) -> tuple[int, float]:
        """Calls and seconds of a whole run."""
        folder = self.folder / f"{work}-{shape}-{guest}-{speed}".replace(" ", "-")
        self.original(shape).copy_to(folder)
        end = self.forge.run(Order(work, str(folder), 1 if guest else None, speed))
        assert end.ret == 0, f"{work} failed though nobody killed it: {end}"
        return end.calls, end.seconds

    def kill(self, work: Work, seed: int) -> Left:
        """Kill a job at a moment that follows from the seed, and check what is left."""
        rng = random.Random(f"{work.name} {seed}")
        shape = seed % len(SHAPES)
        folder = self.folder / f"killed-{work.name}-{seed}".replace(" ", "-")
        self.original(shape).copy_to(folder)
        wanted = work.kind == "backup" or rng.random() < 0.5
        guest = seed if wanted and not work.command else None
        order = Order(work.name, str(folder), guest)
        moment = Moment()
        if rng.random() < 0.25:
            order = replace(order, speed=rng.choice([0, 1]))
            seconds = self.measured(work.name, shape, guest is not None, order.speed)[1]
            moment = Moment(after_s=max(1e-4, rng.uniform(0, seconds)))
        else:
            calls = self.measured(work.name, shape, guest is not None, 0)[0]
            how = rng.choice(["before", "after", "within"])
            moment = Moment(rng.randint(1, calls), how)
        end = self.forge.run(order, moment)
        assert end.ret in {None, 0}
        left = Remains(self, work, self.original(shape), order).check(rng.random() < 0.5)
        # Kept where a claim failed.
        shutil.rmtree(folder)
        where = f"{moment.after_s:.4f} s" if moment.after_s else f"{moment.how} call {moment.call}"
        return replace(left, moment=f"{shape}: {where}", killed=end.ret is None)


@dataclass(frozen=True)
class Remains:
    """A folder after a kill."""

    bench: Bench
    work: Work
    original: Original
    order: Order

    def check(self, again_on_existing: bool) -> Left:
        """All claims, then the job once more and all of them again."""
        verdicts = self._verdicts()
        written = self._guest_writes()
        shown = self._shown("top")
        self._check_guest(shown, written)
        self._check_others()
        self._run_again(again_on_existing)
        self._check_done(shown)
        return Left("", True, verdicts, written)

    def _run_again(self, on_existing: bool) -> None:
        """Run the job again, unless a command had finished it."""
        target = self.order.path / (self.work.target or "none")
        there = target.exists() and _is_image(target)
        if self.work.command and (there if self.work.target else self._is_merged()):
            # What has its own name is whole, and no commit has anything left to do.
            return
        length = len(self.original.guest)
        whole = there and (target.suffix == ".qcow2" or target.stat().st_size == length)
        again = replace(self.order, guest=None, speed=0, existing=whole and on_existing)
        end = self.bench.forge.run(again)
        assert end.ret == 0, (self.order, end)

    def _path(self, name: str) -> Path:
        return self.original.path(self.order.path, name)

    def _shown(self, name: str) -> bytes:
        return self.bench.qemu.contents(self._path(name))

    def _verdicts(self) -> tuple[int, ...]:
        files = sorted(self.order.path.glob("*.qcow2*"))
        paths = [path for path in files if _is_image(path)]
        verdicts = tuple(self.bench.qemu.verdict(path) for path in paths)
        assert {CLEAN, LEAKING}.issuperset(verdicts), (self.order, paths, verdicts)
        return verdicts

    def _guest_writes(self) -> int:
        log = self.order.path / "guest.log"
        return log.stat().st_size if log.exists() else 0

    def _check_guest(self, shown: bytes, written: int) -> None:
        """Every finished write of the guest is there; part of the next may be."""
        before = bytearray(self.original.guest)
        after = bytearray(before)
        if self.order.guest is not None:
            changes = list(guest_writes(self.order.guest, len(before)))
            for change in changes[:written]:
                change.perform_on_model(before)
            after[:] = before
            for change in changes[written : written + 1]:
                change.perform_on_model(after)
        assert not neither(shown, before, after), f"{self.order}: the guest sees something else"

    def _check_others(self) -> None:
        """Nobody wrote to the other images, and to a commit's base nothing but what it shows."""
        for name in NAMES:
            if name in self.work.may_change():
                continue
            assert self._path(name).read_bytes() == self._path_before(name).read_bytes(), name
        base = self.work.may_change()[-1]
        if self.work.kind == "commit":
            shown, top = self._shown(base), self.original.shown[self.work.top or ""]
            size = max(len(shown), len(self.original.shown[base]))
            old, new = (part.ljust(size, b"\0") for part in (self.original.shown[base], top))
            assert not neither(shown.ljust(size, b"\0"), old, new), f"{self.order}: {base}"

    def _path_before(self, name: str) -> Path:
        return self.original.path(self.original.folder, name)

    def _check_done(self, shown: bytes) -> None:
        self._verdicts()
        assert not difference(self._shown("top"), shown)
        assert self._is_merged()
        if self.work.target:
            target = self.order.path / self.work.target
            command = [str(self.bench.qemu.img), "compare", str(self._path("top")), str(target)]
            command[2:2] = ["-f", "qcow2", "-F", target.suffix[1:]]
            done = subprocess.run(command, check=False, capture_output=True, text=True)
            assert done.returncode == 0, (self.order, done.stdout + done.stderr)

    def _is_merged(self) -> bool:
        """Whether the chain is what the job leaves of it."""
        chain = output_of(self.bench.qemu.img, "info", "--backing-chain", self._path("top"))
        lines = [line for line in chain.splitlines() if line.startswith("image: ")]
        wanted = [self._path(name) for name in ("top", *self.work.images_left())]
        return lines == [f"image: {path}" for path in wanted]


def _is_image(path: Path) -> bool:
    """Whether a file that is being made has become a qcow2 image; a raw file always is one."""
    return path.suffix == ".raw" or path.read_bytes()[:4] == QCOW2_MAGIC


def neither(found: bytes, old: bytes | bytearray, new: bytes | bytearray) -> int | None:
    """1 + the first byte that is as in neither; 0 if there is none."""
    if len(found) != len(old):
        return 1 + min(len(found), len(old))
    for start in range(0, len(found), BLOCK):
        piece = slice(start, start + BLOCK)
        if found[piece] in (old[piece], new[piece]):
            continue
        for at in range(start, min(start + BLOCK, len(found))):
            if found[at] not in (old[at], new[at]):
                return 1 + at
    return 0
