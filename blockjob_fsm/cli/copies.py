"""`blockjob mirror` and `backup`: what is asked for, refused before anything is changed, and done.

A new target gets the backing file that QEMU's drive-mirror and drive-backup give it: none for sync
full, the source's own for top, the source for none; what QEMU refuses there is refused here.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace

from blockjob_fsm.bodies.requests import Sync
from blockjob_fsm.cli.copying import Copying, Policies
from blockjob_fsm.cli.following import listening
from blockjob_fsm.cli.images import ImageFormat, format_of, open_image
from blockjob_fsm.cli.injecting import Injected, Injection, named_file
from blockjob_fsm.cli.options import size
from blockjob_fsm.cli.problems import Problem, Status, say, shown
from blockjob_fsm.cli.progress import Show, reporter
from blockjob_fsm.cli.streams import STREAM, spooled_input
from blockjob_fsm.cli.targets import Target, Wanted, open_target
from blockjob_fsm.error_action import DevicePolicy, OnError, admit
from blockjob_fsm.errors import InvalidParameter
from blockjob_fsm.storage.device import BlockDevice
from blockjob_fsm.storage.drive import Drive


@dataclass(frozen=True, slots=True)
class Order:
    """What the command line asks for. Speed in bytes per second, 0 for no limit."""

    kind: type[Copying]
    source: str
    target: str
    sync: Sync = Sync.FULL
    on_source_error: OnError = OnError.REPORT
    on_target_error: OnError = OnError.REPORT
    rerror: OnError = OnError.REPORT
    werror: OnError = OnError.ENOSPC
    speed: int = 0
    existing: bool = False
    source_format: ImageFormat | None = None
    target_format: ImageFormat | None = None
    #: Whether the user named the target's format.
    is_sure: bool = True
    show: Show = Show.AUTO
    faults: tuple[Injected, ...] = ()


def copy(order: Order) -> Status:
    """Carry out an order; raises Problem for all that is not a whole copy."""
    policy = device_policy(order.rerror, order.werror, order.on_source_error, "on-source-error")
    with ExitStack() as stack, ExitStack() as opened:
        target_path, rules = named_file(order.target)
        order = replace(order, target=target_path)
        path, source_format = order.source, order.source_format
        if path == STREAM:
            path, source_format = spooled_input(order.target, stack), source_format or _PLAIN
        source = open_image(path, source_format, opened)
        order = _settled(order, source)
        faults = Injection(order.faults)
        faults.refuse_beyond(source.length())
        faults.refuse_beside(rules, order.target)
        reader = faults.in_front_of_reads(source)
        # From here on Ctrl-C is a message, so that what is made is also removed.
        inbox = stack.enter_context(listening())
        target = open_target(replace(_wanted(order, reader), rules=rules), source, stack)
        _warn(order, source, target)
        title = f"{shown(order.source)} -> {shown(order.target)}"
        show = reporter(order.show, title, order.kind.words, output_is_taken=target.is_stream)
        stack.callback(show.close)
        # The job's from here on: it closes them, unless a request hangs in them.
        opened.pop_all()
        drive = Drive("source", reader, policy=policy)
        writer = faults.in_front_of_writes(target.device)
        policies = Policies(order.sync, order.on_source_error, order.on_target_error, order.speed)
        order.kind(shown(order.source), target, writer, policies, inbox, show).run(drive)
        faults.tell_idle()
    return Status.FINE


_PLAIN = ImageFormat.RAW


def device_policy(rerror: OnError, werror: OnError, on_error: OnError, option: str) -> DevicePolicy:
    """The drive's own policies; refuses a job's policy that they do not admit."""
    try:
        policy = DevicePolicy(rerror, werror)
        admit(on_error, policy, option)
    except InvalidParameter as refused:
        raise Problem(f"--{refused.subject}: {refused}") from None
    return policy


def _settled(order: Order, source: BlockDevice) -> Order:
    """The order with its defaults: sync top of an image alone is full, formats are alike."""
    sync = Sync.FULL if order.sync is Sync.TOP and source.backing is None else order.sync
    named = order.target_format
    return replace(order, sync=sync, target_format=named or format_of(source), is_sure=bool(named))


def _wanted(order: Order, source: BlockDevice) -> Wanted:
    """The target to be made or opened; refuses a backing file where the format has none."""
    assert order.target_format is not None, "the format is settled"
    length = source.length()
    _refuse_part_of_a_sector(order, length)
    wanted = Wanted(
        order.target,
        order.target_format,
        length,
        existing=order.existing,
        exact=order.kind.exact,
        is_sure=order.is_sure,
    )
    if order.existing or order.sync is Sync.FULL:
        return wanted
    option = f"--sync {order.sync.value}"
    if order.target_format is ImageFormat.RAW:
        raise Problem(
            f"{option}: {shown(order.target)} is to be raw, and a raw image has no backing file to "
            "show the rest: give --target-format qcow2, or --existing for a file that has the rest"
        )
    if order.source == STREAM or order.target == STREAM:
        raise Problem(f"{option}: the copy needs a backing file that stays: name files, not -")
    return replace(wanted, backing=source if order.sync is Sync.NONE else source.backing)


def _refuse_part_of_a_sector(order: Order, length: int) -> None:
    if order.kind.exact and order.target_format is ImageFormat.QCOW2 and length % 512:
        raise Problem(
            f"{shown(order.source)}: {length} bytes are no whole sectors of 512, and a qcow2 "
            "image has whole ones: give --target-format raw, or resize the source"
        )


def _warn(order: Order, source: BlockDevice, target: Target) -> None:
    if order.sync is Sync.NONE:
        say("--sync none: only what is written meanwhile is copied, and nobody writes here")
    beyond = target.device.length() - source.length()
    if order.existing and beyond:
        say(f"{target.label}: is longer than the source: its last {size(beyond)} stay as they are")
