"""`--inject`: what is typed, which side it strikes, and what a job makes of it."""

import errno
from pathlib import Path

import pytest

from blockjob_fsm.cli.injecting import READ_EVENTS, WRITE_EVENTS, Injected, injected
from blockjob_fsm.storage.blkdebug_config import EVENTS, InjectError
from tests.cli.conftest import Blockjob, contents, seen

COMMIT = "commit top.qcow2 --top middle.qcow2"


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


@pytest.mark.parametrize(
    ("typed", "part"),
    [
        ("stream top.qcow2 --inject l2_load:EIO", "Input/output error while pulling up what"),
        ("stream top.qcow2 --inject l2_update:ENOSPC", "No space left on device while pulling up"),
        ("stream top.qcow2 --inject cluster_alloc:ENOSPC", "No space left on device while pulling"),
        (f"{COMMIT} --inject read_aio:EIO", "middle.qcow2: Input/output error while merging"),
        (f"{COMMIT} --inject l2_update:EIO", "middle.qcow2: Input/output error while merging"),
        ("mirror top.qcow2 b --inject l2_load:EIO", "-> b: Input/output error while looking for"),
        (
            "mirror top.qcow2 b --inject cluster_alloc:ENOSPC",
            "b: No space left on device while wri",
        ),
        (
            "backup top.qcow2 b --inject cluster_alloc:ENOSPC",
            "b: No space left on device while wri",
        ),
    ],
)
@pytest.mark.usefixtures("layers")
def test_events_of_qcow2_strike_at_their_steps(blockjob: Blockjob, typed: str, part: str) -> None:
    before = seen("top.qcow2")
    result = blockjob(*typed.split())
    assert (result.status, part in result.err, seen("top.qcow2")) == (1, True, before), result.err


@pytest.fixture
def named(layers: Path) -> Path:
    """The chain, and blkdebug configurations beside it."""
    (layers / "read.conf").write_text('[inject-error]\nevent = "read_aio"\nerrno = "5"\n')
    (layers / "write.conf").write_text('[inject-error]\nevent = "write_aio"\nerrno = "28"\n')
    (layers / "wrong.conf").write_text('[inject-error]\nevent = "write_iao"\n')
    return layers


@pytest.mark.parametrize(
    ("typed", "part"),
    [
        ("mirror blkdebug:read.conf:a.img b", "a.img: Input/output error while reading the 1 MiB"),
        (
            "backup blkdebug:read.conf:top.qcow2 b",
            "top.qcow2: Input/output error while reading the",
        ),
        ("mirror a.img blkdebug:write.conf:b", "; b.partial is incomplete and unusable: make room"),
        ("backup top.qcow2 blkdebug:write.conf:b", "; b.partial is incomplete and unusable: make"),
        ("stream blkdebug:write.conf:top.qcow2", "No space left on device while pulling up what"),
        ("stream blkdebug:write.conf:top.qcow2 --base base.qcow2", "No space left on device while"),
    ],
)
def test_a_blkdebug_name_is_an_image_that_fails(
    named: Path, blockjob: Blockjob, typed: str, part: str
) -> None:
    before = seen("top.qcow2")
    result = blockjob(*typed.split())
    assert (result.status, part in result.err, seen("top.qcow2")) == (1, True, before), result.err
    assert (named / "read.conf").exists()


@pytest.mark.parametrize("typed", ["mirror a.img blkdebug::b", "mirror blkdebug::a.img b"])
def test_a_blkdebug_name_without_a_configuration_is_its_image(
    blockjob: Blockjob, workplace: Path, typed: str
) -> None:
    assert blockjob(*typed.split()).status == 0
    assert (workplace / "b").read_bytes() == (workplace / "a.img").read_bytes()


@pytest.mark.parametrize(
    ("typed", "status", "part"),
    [
        ("mirror a.img blkdebug:gone.conf:b", 2, "gone.conf: No such file or directory"),
        ("mirror a.img blkdebug:wrong.conf:b", 2, "wrong.conf:2: event = "),
        ("mirror a.img blkdebug:b", 2, "write blkdebug:CONFIG:IMAGE"),
        ("mirror blkdebug:gone.conf:a.img b", 4, "'gone.conf' cannot be read (No such file"),
        ("stream blkdebug:wrong.conf:top.qcow2", 4, "did you mean write_aio?"),
        ("mirror blkdebug:read.conf:top.qcow2 b --inject read_aio:EIO", 2, "put it in there"),
        ("mirror a.img blkdebug:write.conf:b --inject write_aio:EIO", 2, "put it in there"),
        ("mirror a.img nbd:b", 2, "protocol 'nbd': for a file of that name write ./nbd:b"),
    ],
)
def test_a_blkdebug_name_that_says_nothing_is_refused(
    named: Path, blockjob: Blockjob, typed: str, status: int, part: str
) -> None:
    before = contents(named)
    result = blockjob(*typed.split())
    assert (result.status, part in result.err, result.err.count("\n")) == (status, True, 1)
    assert contents(named) == before


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
