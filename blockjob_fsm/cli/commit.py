"""`blockjob commit`: merge images of a chain down into one below them."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass

from blockjob_fsm import jobs
from blockjob_fsm.block_job import BlockJob
from blockjob_fsm.cli.following import Inbox, listening
from blockjob_fsm.cli.images import (
    ImageFormat,
    layer_named,
    name_for,
    open_image,
    refuse_unrecorded_raw,
)
from blockjob_fsm.cli.injecting import Injected, Injection
from blockjob_fsm.cli.merging import Merging
from blockjob_fsm.cli.problems import Problem, Status, cannot_write, shown
from blockjob_fsm.cli.progress import Reporter, Show, Words, reporter
from blockjob_fsm.executor import Executor
from blockjob_fsm.storage.device import BlockDevice, chain
from blockjob_fsm.storage.drive import Drive


@dataclass(frozen=True, slots=True)
class CommitOrder:
    """What the command line asks for. Speed in bytes per second, 0 for no limit."""

    image: str
    top: str
    base: str | None = None
    speed: int = 0
    image_format: ImageFormat | None = None
    show: Show = Show.AUTO
    faults: tuple[Injected, ...] = ()


@dataclass(frozen=True, slots=True)
class Layers:
    """The images of a commit: `top` down to `base` is merged into it, under `overlay`."""

    overlay: BlockDevice
    top: BlockDevice
    base: BlockDevice

    def behind(self, faults: Injection) -> Layers:
        """The same images, with failures in front of those that are read and written."""
        above = next(layer for layer in chain(self.top) if layer.backing is self.base)
        above.backing = base = faults.in_front_of_writes(self.base)
        self.overlay.backing = top = faults.in_front_of_reads(self.top, base)
        return Layers(self.overlay, top, base)


def commit(order: CommitOrder) -> Status:
    """Carry out an order; raises Problem unless all of it is done."""
    with ExitStack() as stack, ExitStack() as opened:
        image = open_image(order.image, order.image_format, opened)
        layers = _layers(order, image)
        names = (layers.top.name, layers.base.name, layers.overlay.name)
        stored_name = name_for(layers.overlay, layers.base)
        faults = Injection(order.faults)
        faults.refuse_beyond(layers.top.length())
        inbox = stack.enter_context(listening())
        title = f"{shown(names[0])} -> {shown(names[1])}"
        show = reporter(order.show, title, Committing.words)
        stack.callback(show.close)
        job = Committing(order, layers.behind(faults), stored_name, inbox, show)
        opened.pop_all()
        try:
            job.run(Drive("image", image))
        except OSError as error:
            raise cannot_write(error.filename or order.image, error) from None
        faults.tell_idle()
    return Status.FINE


def _layers(order: CommitOrder, image: BlockDevice) -> Layers:
    """The images that are named; refuses those that cannot be merged."""
    top = layer_named(image, order.top, "--top")
    if top is image:
        raise Problem(
            f"--top {shown(order.top)}: is the image itself, and only images below it are merged: "
            f"use `qemu-img commit {shown(order.top)}`, or name one below it"
        )
    below = list(chain(top.backing))
    if not below:
        raise Problem(f"--top {shown(order.top)}: is the last of its chain: name one above it")
    base = below[-1] if order.base is None else layer_named(image, order.base, "--base")
    if base not in below:
        names = ", ".join(shown(layer.name) for layer in below)
        raise Problem(f"--base {shown(order.base or '')}: is not below {shown(top.name)}: {names}")
    refuse_unrecorded_raw(image, base)
    return Layers(next(layer for layer in chain(image) if layer.backing is top), top, base)


class Committing(Merging):
    """A commit; the header of the image above will call the base `stored_name`."""

    words = Words("commit", "committed")

    def __init__(
        self, order: CommitOrder, layers: Layers, stored_name: str, inbox: Inbox, show: Reporter
    ) -> None:
        super().__init__(shown(layers.top.name), inbox, show)
        self._order = order
        self._layers = layers
        self._stored_name = stored_name

    @property
    def written(self) -> tuple[str, ...]:
        return (self._layers.base.name, self._layers.overlay.name)

    def start(self, drive: Drive, executor: Executor) -> BlockJob:
        return jobs.commit(
            drive,
            executor=executor,
            top=self._layers.top,
            base=self._layers.base,
            base_name=self._stored_name,
            speed=self._order.speed,
            callback=self._inbox.ended,
            on_event=self._inbox.event,
        )

    def doing(self, what: str) -> str:
        return f"merging {what} into {shown(self._layers.base.name)}"

    def remains(self) -> str:
        return (
            f"{shown(self._order.image)} reads as before and still needs {self._image}; "
            f"{shown(self._layers.base.name)} has a part of it"
        )
