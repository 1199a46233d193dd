"""`blockjob mirror`: what is asked for, refused before anything is changed, then copied."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass

from blockjob_fsm.bodies.requests import Sync
from blockjob_fsm.cli.copying import Copying, Policies
from blockjob_fsm.cli.files import STREAM, ImageFormat, open_source, open_target, spooled_input
from blockjob_fsm.cli.following import listening
from blockjob_fsm.cli.options import Injected, size
from blockjob_fsm.cli.problems import Problem, Status, say, shown
from blockjob_fsm.cli.progress import Show, reporter
from blockjob_fsm.error_action import DevicePolicy, OnError, admit
from blockjob_fsm.errors import InvalidParameter
from blockjob_fsm.storage.device import BlockDevice
from blockjob_fsm.storage.drive import Drive
from blockjob_fsm.storage.faults import FaultyDevice
from blockjob_fsm.storage.raw import RawFile


@dataclass(frozen=True, slots=True)
class Order:
    """What the command line asks for. Speed in bytes per second, 0 for no limit."""

    source: str
    target: str
    sync: Sync = Sync.FULL
    on_source_error: OnError = OnError.REPORT
    on_target_error: OnError = OnError.REPORT
    rerror: OnError = OnError.REPORT
    werror: OnError = OnError.ENOSPC
    speed: int = 0
    existing: bool = False
    source_format: ImageFormat = ImageFormat.RAW
    target_format: ImageFormat = ImageFormat.RAW
    show: Show = Show.AUTO
    faults: tuple[Injected, ...] = ()


def mirror(order: Order) -> Status:
    """Carry out an order; raises Problem for all that is not a whole copy."""
    policy = _device_policy(order)
    title = f"{shown(order.source)} -> {shown(order.target)}"
    with ExitStack() as stack, ExitStack() as opened:
        path = order.source
        if path == STREAM:
            path = spooled_input(order.target, stack)
        source = open_source(path, order.source_format)
        opened.callback(source.close)
        _refuse_faults_beyond(order.faults, source.length())
        # From here on Ctrl-C is a message, so that what is created is also removed.
        inbox = stack.enter_context(listening())
        target = open_target(
            order.target, order.target_format, source, existing=order.existing, stack=stack
        )
        _warn(order, source, target.device)
        show = reporter(order.show, title, output_is_taken=target.is_stream)
        stack.callback(show.close)
        # The job's from here on: it closes them, unless a request hangs in them.
        opened.pop_all()
        reader = _Faulty(source, order.faults, on_source=True)
        writer = _Faulty(target.device, order.faults, on_source=False)
        policies = Policies(order.sync, order.on_source_error, order.on_target_error, order.speed)
        copying = Copying(shown(order.source), target, writer.device, policies, inbox, show)
        copying.run(Drive("source", reader.device, policy=policy))
        for fault in (*reader.idle(), *writer.idle()):
            # A test of error handling in which nothing failed must not pass for one.
            say(f"--inject {fault.text}: no such request came, so nothing failed")
    return Status.FINE


def _device_policy(order: Order) -> DevicePolicy:
    try:
        policy = DevicePolicy(order.rerror, order.werror)
        admit(order.on_source_error, policy, "on-source-error")
    except InvalidParameter as refused:
        raise Problem(f"--{refused.subject}: {refused}") from None
    return policy


def _refuse_faults_beyond(faults: tuple[Injected, ...], length: int) -> None:
    for fault, text in faults:
        if fault.offset is not None and fault.offset >= length:
            raise Problem(f"--inject {text}: the image ends at sector {-(-length // 512)}")


def _warn(order: Order, source: RawFile, target: RawFile) -> None:
    if order.sync is Sync.NONE:
        say("--sync none: only what is written meanwhile is copied, and nobody writes here")
    if target.length() > source.length():
        beyond = size(target.length() - source.length())
        say(f"{shown(target.name)}: is longer than the source: its last {beyond} stay as they are")


class _Faulty:
    """A device behind those of the faults that are its own."""

    def __init__(self, device: RawFile, faults: tuple[Injected, ...], *, on_source: bool) -> None:
        self._mine = [fault for fault in faults if fault.on_source is on_source]
        self._front = FaultyDevice(device, *(mine.fault for mine in self._mine))
        # Without faults the bare device, which the kernel can copy from and to.
        self.device: BlockDevice = self._front if self._mine else device

    def idle(self) -> list[Injected]:
        """The faults that struck nothing."""
        return [
            fault
            for fault, times in zip(self._mine, self._front.struck(), strict=True)
            if not times
        ]
