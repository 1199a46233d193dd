"""`--inject`: what is typed, which side it strikes, and what a job makes of it."""

import errno
from pathlib import Path

import pytest

from blockjob_fsm.cli.injecting import READ_EVENTS, WRITE_EVENTS, Injected, injected
from blockjob_fsm.storage.blkdebug_config import EVENTS, InjectError
from tests.cli.conftest import Blockjob, seen


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("read:EIO", InjectError("none", errno.EIO, iotype="read")),
        ("read:5", InjectError("none", errno.EIO, iotype="read")),
        ("write:ENOSPC:0", InjectError("none", errno.ENOSPC, 0, iotype="write")),
        ("write:ENOSPC:8", InjectError("none", errno.ENOSPC, 8, iotype="write")),
        ("write:EIO:8:once", InjectError("none", errno.EIO, 8, once=True, iotype="write")),
        ("write:EIO::once", InjectError("none", errno.EIO, once=True, iotype="write")),
        ("write_zeroes:EIO", InjectError("none", errno.EIO, iotype="write-zeroes")),
        ("allocation:EIO", InjectError("none", errno.EIO, iotype="block-status")),
        ("flush:EIO::once", InjectError("none", errno.EIO, once=True, iotype="flush")),
        ("read_aio:EIO", InjectError("read_aio", errno.EIO)),
        ("flush_to_disk:ENOSPC::once", InjectError("flush_to_disk", errno.ENOSPC, once=True)),
        ("l2_load:EIO:64", InjectError("l2_load", errno.EIO, 64)),
    ],
)
def test_a_failure_is_read_part_by_part(text: str, rule: InjectError) -> None:
    assert injected(text) == Injected(rule, text)


@pytest.mark.parametrize(
    ("event", "is_read"),
    [
        ("read", True),
        ("allocation", True),
        ("write", False),
        ("write_zeroes", False),
        ("flush", False),
        ("read_aio", True),
        ("l2_load", True),
        ("write_aio", False),
        ("flush_to_disk", False),
        ("cluster_alloc", False),
    ],
)
def test_a_failure_strikes_the_side_its_request_goes_to(event: str, is_read: bool) -> None:
    assert injected(f"{event}:EIO").is_read is is_read


def test_every_event_of_blkdebug_has_one_side() -> None:
    assert sorted((*READ_EVENTS, *WRITE_EVENTS, "none")) == sorted(EVENTS)


@pytest.mark.parametrize("command", ["mirror", "backup"])
@pytest.mark.parametrize(
    ("fault", "part"),
    [
        ("read_aio:EIO", "a.img: Input/output error while reading"),
        ("write_aio:ENOSPC", "b.img: No space left on device while writing"),
        ("flush_to_disk:EIO", "b.img: Input/output error while flushing"),
    ],
)
def test_blkdebugs_events_strike_raw_images(
    blockjob: Blockjob, command: str, fault: str, part: str
) -> None:
    result = blockjob(command, "a.img", "b.img", "--inject", fault)
    assert (result.status, part in result.err) == (1, True), result.err


@pytest.mark.usefixtures("layers")
def test_once_is_once_whichever_image_is_struck(blockjob: Blockjob) -> None:
    argv = ["--inject", "read:EIO::once", "--on-source-error", "ignore"]
    result = blockjob("mirror", "top.qcow2", "b.img", "--target-format", "raw", *argv)
    assert (result.status, result.err.count("reading failed, ignored")) == (0, 1)
    assert seen("b.img", "raw") == seen("top.qcow2")


@pytest.mark.parametrize("fault", ["write_zeroes:EIO", "vmstate_load:EIO", "read:EIO:7000"])
def test_a_failure_that_struck_nothing_is_named(blockjob: Blockjob, fault: str) -> None:
    result = blockjob("mirror", "a.img", "b.img", "--inject", fault)
    assert (result.status, Path("b.img").exists()) == (0, True)
    assert f"--inject {fault}: no such request came, so nothing failed" in result.err
