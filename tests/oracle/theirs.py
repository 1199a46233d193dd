"""The same jobs as qemu-storage-daemon runs them: one daemon for many chains."""

import os
import tempfile
from pathlib import Path
from typing import Self

from tests.oracle.chains import Case, Layer, Write, run
from tests.oracle.tasks import Task, chunk_bytes, guest_of, new_base, new_name, target_of
from tests.qsd import Message, Qsd

EXPORT = "guest"
ENDED = ("BLOCK_JOB_COMPLETED", "BLOCK_JOB_CANCELLED")


class Theirs:
    """A daemon, and a guest's way into it."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._socket = f"{self._folder.name}/nbd"
        self._qemu = self._started()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._qemu.close()
        self._folder.cleanup()

    def run(self, task: Task, case: Case, folder: Path) -> str:
        """Run a job on the chain in a folder and close its images; its error, "" if it had none."""
        nodes = {"top": case.top}
        if task.sync:
            nodes["target"] = target_of(task, case)[0]
        try:
            for name, layer in nodes.items():
                self._qemu.execute("blockdev-add", **node(name, folder, layer))
            if task.sync:
                ended = self._copy(task, case, folder)
            else:
                ended = self._change(task, case, folder)
            for name in nodes:
                self._qemu.execute("blockdev-del", node_name=name)
        except BaseException:
            # Whatever is left in this daemon is no business of the next chain.
            self._qemu.kill()
            self._qemu = self._started()
            raise
        self._qemu.take_events()
        return ended

    def _started(self) -> Qsd:
        qemu = Qsd()
        Path(self._socket).unlink(missing_ok=True)
        address = {"type": "unix", "data": {"path": self._socket}}
        qemu.execute("nbd-server-start", addr=address)
        return qemu

    def _change(self, task: Task, case: Case, folder: Path) -> str:
        """A stream or a commit."""
        names = self._layers(folder)
        below = new_base(task, case)
        arguments = {"job_id": "job", "device": "top"}
        if task.kind == "commit":
            arguments["top_node"] = names[case.layers[task.top].name]
        if below is not None:
            arguments["base_node"] = names[below.name]
        if (name := new_name(task, case)) is not None:
            arguments["backing_file"] = name
        self._qemu.execute(f"block-{task.kind}", **arguments)
        return self._end()

    def _layers(self, folder: Path) -> dict[str, str]:
        """Node names of the images in a folder, by the names of their files."""
        nodes = self._qemu.execute("query-named-block-nodes", flat=True)
        images = [each for each in nodes if each["drv"] in {"raw", "qcow2"}]
        return {os.path.relpath(each["file"], folder): each["node-name"] for each in images}

    def _copy(self, task: Task, case: Case, folder: Path) -> str:
        """A mirror or a backup, and what the guest writes meanwhile."""
        guest = guest_of(task, case)
        arguments: Message = {"job_id": "job", "device": "top", "target": "target"}
        if task.kind == "mirror":
            arguments["granularity"] = chunk_bytes(task, case)
        if guest:
            export = {"type": "nbd", "id": EXPORT, "node-name": "top", "name": EXPORT}
            self._qemu.execute("block-export-add", **export, writable=True)
        self._qemu.execute(f"blockdev-{task.kind}", **arguments, sync=task.sync)
        if task.kind == "mirror":
            self._qemu.wait_for_event("BLOCK_JOB_READY", device="job")
        if guest:
            self._write(guest, folder)
        if task.kind == "mirror":
            self._qemu.execute("block-job-complete", device="job")
        elif task.sync == "none":
            self._qemu.execute("block-job-cancel", device="job")
        ended = self._end()
        if guest:
            self._qemu.execute("block-export-del", id=EXPORT)
            self._qemu.wait_for_event("BLOCK_EXPORT_DELETED", id=EXPORT)
        return ended

    def _write(self, guest: tuple[Write, ...], folder: Path) -> None:
        words = [word for one in guest for word in ("-c", one.command)]
        uri = f"nbd+unix:///{EXPORT}?socket={self._socket}"
        run(folder, ["qemu-io", "-f", "raw", *words, uri])

    def _end(self) -> str:
        ended = self._qemu.wait_for_event(
            "BLOCK_JOB_COMPLETED", "BLOCK_JOB_CANCELLED", device="job"
        )
        self._qemu.wait_for_event("JOB_STATUS_CHANGE", id="job", status="null")
        return str(ended["data"].get("error", ""))


def node(name: str, folder: Path, layer: Layer) -> Message:
    """An image and, by its header, what lies below it; without flushes, which change no byte."""
    return {
        "node_name": name,
        "driver": layer.format_name,
        "cache": {"no-flush": True},
        "file": {
            "driver": "file",
            "filename": str(folder / layer.name),
            "cache": {"no-flush": True},
        },
    }
