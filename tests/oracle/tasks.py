"""Which jobs a chain admits, and what each is to leave behind. Nothing is run here."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from tests.oracle.chains import SUBCLUSTERS, Case, Layer, Write, text

KINDS = ("stream", "commit", "mirror", "backup")
#: Least unit of a backup.
BACKUP_CHUNK = 65536


@dataclass(frozen=True)
class Task:
    """One job on a chain; `top` and `base` are numbers of layers, 0 is the top one.

    `target_format` is of a mirror or a backup, and so is `sync`.
    """

    kind: str
    top: int = 0
    base: int | None = None
    sync: str = ""
    target_format: str = ""

    def __str__(self) -> str:
        given = [f"top={self.top}"] if self.kind == "commit" else []
        given += [f"base={self.base}"] if self.base is not None else []
        given += [f"sync={self.sync}", self.target_format] if self.sync else []
        return f"{self.kind}({', '.join(given)})"


def tasks_of(case: Case, kinds: tuple[str, ...] = KINDS) -> Iterator[Task]:
    """Every job of these kinds that the chain admits."""
    depths = range(len(case.layers))
    every = [Task("stream", base=base) for base in (None, *depths[1:])]
    if case.top.format_name == "raw":
        # A raw image has nowhere to stream to: it has no backing file and cannot lose one.
        every = []
    every += [
        Task("commit", top, base)
        for top in depths[1:]
        for base in (None, *depths[top + 1 :])
        if top < depths[-1]
    ]
    every += [
        Task(kind, sync=sync, target_format=target_format)
        for kind in ("mirror", "backup")
        for sync in ("full", "top", "none")
        for target_format in ("raw", "qcow2")
    ]
    return (task for task in every if task.kind in kinds)


def new_base(task: Task, case: Case) -> Layer | None:
    """The layer that the changed header is to name, None for no backing file."""
    if task.kind == "commit" and task.base is None:
        return case.layers[-1]
    return None if task.base is None else case.layers[task.base]


def new_name(task: Task, case: Case) -> str | None:
    """What the changed header is to call the new backing file, if that is asked for."""
    below = new_base(task, case)
    if below is None or not case.by_name:
        return None
    changed = case.layers[task.top - 1] if task.kind == "commit" else case.top
    return changed.stored(below)


def chunk_bytes(task: Task, case: Case) -> int:
    """The unit in which a mirror or a backup copies."""
    if task.kind == "mirror":
        return case.chunk_bytes
    clusters = case.target.cluster_bytes if task.target_format == "qcow2" else 0
    return max(BACKUP_CHUNK, clusters)


def target_of(task: Task, case: Case) -> tuple[Layer, Layer | None]:
    """The target before the job, and the image below it.

    Under sync top a qcow2 target lies on what the source lies on. What is stale is there before a
    full copy only: other copies leave parts of the target as they are.
    """
    below = case.layers[1] if task.sync == "top" and len(case.layers) > 1 else None
    target = case.target
    if task.target_format == "raw":
        target, below = Layer("target.raw", case.top.length), None
    return replace(target, writes=case.stale if task.sync == "full" else ()), below


def target_commands(task: Task, case: Case) -> list[list[str]]:
    """What makes the target; nothing for a job that has none."""
    if not task.sync:
        return []
    target, below = target_of(task, case)
    return target.commands(below)


def guest_of(task: Task, case: Case) -> tuple[Write, ...]:
    """What the guest writes while the job runs.

    Nothing where the result depends on who comes first: a backup of the top image to a target with
    nothing below it has saved what such a write touches, or has not.
    """
    lies_on_nothing = task.sync == "top" and target_of(task, case)[1] is None
    if not task.sync or (task.kind == "backup" and lies_on_nothing and len(case.layers) > 1):
        return ()
    return case.guest


def may_change(task: Task, case: Case) -> set[str]:
    """The files that the job may write."""
    names = [layer.name for layer in case.layers]
    if task.kind == "stream":
        return {names[0]}
    if task.kind == "commit":
        base = names[-1] if task.base is None else names[task.base]
        return {names[task.top - 1], base}
    return {target_of(task, case)[0].name} | ({names[0]} if guest_of(task, case) else set())


def only_read(task: Task, case: Case) -> bool:
    """Whether the job would have to write an image that is only read here."""
    changed = may_change(task, case)
    return any(layer.name in changed and layer.extras == SUBCLUSTERS for layer in case.layers)


def result_name(task: Task, case: Case) -> str:
    """The image whose contents are the job's result."""
    return target_of(task, case)[0].name if task.sync else case.top.name


def written(original: bytes, guest: Iterable[Write]) -> bytes:
    """The disk after a guest's writes."""
    disk = bytearray(original)
    for one in guest:
        disk[one.offset : one.offset + one.length] = text(one.pattern, one.length)
    return bytes(disk)


def expected(task: Task, case: Case, before: bytes, after: bytes) -> bytes | None:
    """What the result reads as, from the disk before and after a guest's writes.

    None where only the layers' own allocation decides it: what the top image stores, copied to a
    target that has nothing below it. There the two results are compared with each other only.
    """
    if not task.sync:
        return before
    shown = before if task.kind == "backup" else after
    if task.sync == "none":
        return only_touched(shown, guest_of(task, case), chunk_bytes(task, case))
    if task.sync == "top" and task.target_format == "raw" and len(case.layers) > 1:
        return None
    return shown


def only_touched(shown: bytes, guest: Iterable[Write], chunk: int) -> bytes:
    """The chunks that a guest wrote to, in a disk of zeros."""
    disk = bytearray(len(shown))
    for one in guest:
        start = one.offset // chunk * chunk
        end = -(-(one.offset + one.length) // chunk) * chunk
        disk[start:end] = shown[start:end]
    return bytes(disk)
