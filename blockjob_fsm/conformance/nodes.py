"""Block nodes as `blockdev-add` describes them, in memory: images, blkdebug, throttling, chains.

Contents follow the recorded sessions' own images: `src` full of data, `dst` empty, and a chain of
three whose data lies in alternating runs. No job may enter this file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import PurePath

from blockjob_fsm.conformance.subject import Arguments
from blockjob_fsm.storage.blkdebug import BlkdebugDevice
from blockjob_fsm.storage.blkdebug_config import InjectError, Rule, SetState
from blockjob_fsm.storage.device import BlockDevice
from blockjob_fsm.storage.drive import Drive
from blockjob_fsm.storage.memory import MemoryDevice

IMAGE_BYTES = 8 << 20
RUN_BYTES = 64 << 10
#: every so many runs an image of the chain stores one
_STEPS = {"base": 1, "mid": 2, "top": 4}


def stored_runs(image: str) -> range:
    """The runs of 64 KiB that an image of the chain stores."""
    return range(0, IMAGE_BYTES // RUN_BYTES, _STEPS[image])


class Unsupported(Exception):
    """What a session asks for and this subject does not know; never taken for agreement."""


@dataclass(slots=True)
class ThrottleGroup:
    """A limit on writes that lets one pass and holds the next, until its nodes are drained."""

    limited: bool
    passed: int = 0
    held: list[Callable[[], None]] = field(default_factory=list)

    def holds(self) -> bool:
        """Whether the next write has to wait."""
        self.passed += 1
        return self.limited and self.passed > 1

    def let_go(self) -> None:
        """Start what was held."""
        held, self.held = self.held, []
        for start in held:
            start()


@dataclass(slots=True)
class Node:
    """A node with a name: its device, the drive that jobs take, and what throttles it."""

    name: str
    device: BlockDevice
    drive: Drive
    throttle: ThrottleGroup | None = None


class Nodes:
    """All nodes and throttle groups by name."""

    def __init__(self) -> None:
        self.by_name: dict[str, Node] = {}
        self.groups: dict[str, ThrottleGroup] = {}
        self._images: list[MemoryDevice] = []

    def add_group(self, arguments: Arguments) -> None:
        """What `object-add` of a throttle-group asks for."""
        limits = arguments["limits"]
        if arguments["qom-type"] != "throttle-group" or set(limits) != {"bps-write"}:
            raise Unsupported(f"object-add {arguments}")
        self.groups[arguments["id"]] = ThrottleGroup(limits["bps-write"] == 1)

    def set_limits(self, path: str, limits: Arguments) -> None:
        """What `qom-set` of a group's limits asks for; what is held stays so."""
        self.groups[path.removeprefix("/objects/")].limited = limits["bps-write"] == 1

    def lift_limits(self) -> None:
        """Throttle nothing any more."""
        for group in self.groups.values():
            group.limited = False

    def add(self, arguments: Arguments) -> None:
        """What `blockdev-add` asks for."""
        name, backing = arguments["node-name"], arguments.get("backing")
        if arguments["driver"] not in ("raw", "qcow2") or "size" in arguments:
            raise Unsupported(f"blockdev-add {arguments}")
        rules, group, image = self._below(arguments["file"])
        device = _image(image, self.by_name[backing].device if backing else None)
        self._images.append(device)
        # Without rules too: every request is to be seen one by one.
        node = BlkdebugDevice(device, rules)
        self.by_name[name] = Node(name, node, Drive(name, node), group)

    def let_go(self) -> None:
        """What a drain does to throttled requests."""
        for group in self.groups.values():
            group.let_go()

    def forget(self) -> None:
        """Give the memory of all images back at once: jobs and nodes hold each other."""
        for image in self._images:
            image.resize(0)

    def _below(self, layer: Arguments) -> tuple[list[Rule], ThrottleGroup | None, str]:
        match layer["driver"]:
            case "file":
                return [], None, PurePath(layer["filename"]).stem
            case "throttle":
                rules, _, image = self._below(layer["file"])
                return rules, self.groups[layer["throttle-group"]], image
            case "blkdebug":
                _, group, image = self._below(layer["image"])
                return _rules(layer), group, image
        raise Unsupported(f"driver {layer['driver']}")


def _image(name: str, backing: BlockDevice | None) -> MemoryDevice:
    device = MemoryDevice(IMAGE_BYTES, name=name, backing=backing)
    if name in _STEPS:
        for run in stored_runs(name):
            device.write(run * RUN_BYTES, bytes([run + 1]) * RUN_BYTES)
    elif name.startswith("src"):
        device.write(0, b"s" * IMAGE_BYTES)
    return device


def _rules(layer: Arguments) -> list[Rule]:
    states = [
        SetState(entry["event"], entry["new_state"], entry.get("state", 0))
        for entry in layer.get("set-state", ())
    ]
    errors = [
        InjectError(
            entry["event"],
            errno=entry["errno"],
            sector=entry.get("sector"),
            once=entry["once"],
            iotype=entry.get("iotype"),
            state=entry.get("state", 0),
        )
        for entry in layer.get("inject-error", ())
    ]
    return [*states, *errors]
