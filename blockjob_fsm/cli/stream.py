"""`blockjob stream`: pull what lies below an image into it."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass

from blockjob_fsm import jobs
from blockjob_fsm.block_job import BlockJob
from blockjob_fsm.cli.copies import device_policy
from blockjob_fsm.cli.following import Inbox, listening
from blockjob_fsm.cli.images import ImageFormat, format_of, layer_named, name_for, open_image
from blockjob_fsm.cli.injecting import Injected, Injection, named_file
from blockjob_fsm.cli.merging import Merging
from blockjob_fsm.cli.problems import Problem, Status, shown
from blockjob_fsm.cli.progress import Reporter, Show, Words, reporter
from blockjob_fsm.error_action import OnError
from blockjob_fsm.executor import Executor
from blockjob_fsm.storage.device import BlockDevice, chain
from blockjob_fsm.storage.drive import Drive


@dataclass(frozen=True, slots=True)
class StreamOrder:
    """What the command line asks for. Speed in bytes per second, 0 for no limit."""

    image: str
    base: str | None = None
    on_error: OnError = OnError.REPORT
    rerror: OnError = OnError.REPORT
    werror: OnError = OnError.ENOSPC
    speed: int = 0
    image_format: ImageFormat | None = None
    show: Show = Show.AUTO
    faults: tuple[Injected, ...] = ()


def stream(order: StreamOrder) -> Status:
    """Carry out an order; raises Problem unless all of it is done."""
    policy = device_policy(order.rerror, order.werror, order.on_error, "on-error")
    with ExitStack() as stack, ExitStack() as opened:
        top = open_image(order.image, order.image_format, opened, read_only=False)
        if format_of(top) is ImageFormat.RAW:
            raise Problem(f"{shown(order.image)}: a raw image has no backing file to stream from")
        base = _base(order, top)
        stored_name = None if base is None else name_for(top, base)
        faults = Injection(order.faults)
        faults.refuse_beyond(top.length())
        inbox = stack.enter_context(listening())
        show = reporter(order.show, shown(order.image), Streaming.words)
        stack.callback(show.close)
        if top.backing is not None and top.backing is not base:
            top.backing = faults.in_front_of_reads(top.backing, base)
        drive = Drive("image", faults.in_front_of_writes(top), policy=policy)
        opened.pop_all()
        Streaming(order, base, stored_name, inbox, show).run(drive)
        faults.tell_idle()
    return Status.FINE


def _base(order: StreamOrder, top: BlockDevice) -> BlockDevice | None:
    if order.base is None:
        return None
    base = layer_named(top, order.base, "--base")
    if base is top:
        below = [shown(layer.name) for layer in chain(top.backing)]
        remedy = f"name one of {', '.join(below)}" if below else "it has no backing file"
        raise Problem(f"--base {shown(order.base)}: is the image itself: {remedy}")
    return base


class Streaming(Merging):
    """A stream down to, not including, `base`, which the header will call `stored_name`."""

    words = Words("stream", "streamed")

    def __init__(
        self,
        order: StreamOrder,
        base: BlockDevice | None,
        stored_name: str | None,
        inbox: Inbox,
        show: Reporter,
    ) -> None:
        super().__init__(shown(order.image), inbox, show)
        self._order = order
        self._file = named_file(order.image)[0]
        self._base = base
        self._stored_name = stored_name

    @property
    def written(self) -> tuple[str, ...]:
        return (self._file,)

    def start(self, drive: Drive, executor: Executor) -> BlockJob:
        return jobs.stream(
            drive,
            executor=executor,
            base=self._base,
            base_name=self._stored_name,
            on_error=self._order.on_error,
            speed=self._order.speed,
            callback=self._inbox.ended,
            on_event=self._inbox.event,
        )

    def doing(self, what: str) -> str:
        return f"pulling up {what}"

    def remains(self) -> str:
        return f"{self._image} reads as before and keeps its backing file"
