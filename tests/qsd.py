"""The real qemu-storage-daemon for tests: the client that users have, and nodes of raw images."""

from pathlib import Path

from blockjob_fsm.conformance.daemon import Message, QmpRefusal, Qsd

__all__ = ["Message", "QmpRefusal", "Qsd", "raw_node"]


def raw_node(path: Path, **options: object) -> Message:
    """A raw image in a file; the options count for both layers. `_` stands for `-`."""
    named = {name.replace("_", "-"): value for name, value in options.items()}
    inherited = {name: value for name, value in named.items() if name != "node-name"}
    file_node = {"driver": "file", "filename": str(path), **inherited}
    return {"driver": "raw", **named, "file": file_node}
