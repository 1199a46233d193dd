"""blkdebug: the files and names it reads, and what its rules do."""

import errno
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockjob_fsm.storage.blkdebug import BlkdebugDevice, Rules
from blockjob_fsm.storage.blkdebug_config import (
    EVENTS,
    ConfigError,
    InjectError,
    Name,
    Rule,
    SetState,
    parse_config,
    read_config,
    split_name,
)
from blockjob_fsm.storage.memory import MemoryDevice

LENGTH = 1 << 20
INJECT = '[inject-error]\nevent = "read_aio"\n'

# ---- what is written


def test_a_section_is_a_rule_in_the_files_order() -> None:
    text = """
# fails the second write
[set-state]
event = "write_aio"
state = "1"
new_state = "2"

[inject-error]
event = "write_aio"
state = "2"
errno = "28"
sector = "0x10"
once = "on"
immediately = "off"
iotype = "write"
"""
    second = InjectError("write_aio", 28, 16, once=True, iotype="write", state=2)
    assert parse_config(text) == (SetState("write_aio", 2, 1), second)


def test_what_is_left_out_has_qemus_default() -> None:
    assert parse_config(INJECT) == (
        InjectError("read_aio", errno.EIO, None, False, False, None, 0),
    )


@pytest.mark.parametrize(
    ("line", "attribute", "value"),
    [
        ('errno = "010"', "errno", 8),
        ('errno = "0"', "errno", 0),
        ('  errno   =    "5"  # why', "errno", 5),
        ('errno = "28"\r', "errno", 28),
        ('once = "yes"', "once", True),
        ('once = "n"', "once", False),
        ('immediately = "true"', "immediately", True),
        ('iotype = "write-zeroes"', "iotype", "write-zeroes"),
        ('errno = "1"\nerrno = "2"', "errno", 2),
    ],
)
def test_an_attribute_is_read_as_qemu_reads_it(line: str, attribute: str, value: object) -> None:
    [rule] = parse_config(INJECT + line)
    assert getattr(rule, attribute) == value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nonsense", "faults:1: begin with [inject-error] or [set-state]"),
        ('event = "read_aio"', "faults:1: begin with"),
        ("[inject]", "faults:1: [inject]: no such section: write [inject-error]"),
        ("[inject-error", "faults:1: [inject-error: no such section"),
        ("[inject-error]", "faults:1: [inject-error] needs an event"),
        ('[set-state]\nnew_state = "1"', "faults:1: [set-state] needs an event"),
        (
            '[inject-error]\nevent = "read_iao"',
            'faults:2: event = "read_iao": no such event; did you mean read_aio?',
        ),
        ('[inject-error]\nevent = "???"', 'faults:2: event = "???": no such event'),
        ("[inject-error]\nevent = read_aio", "faults:2: event = read_aio: not an attribute: write"),
        ('[inject-error]\nevent="read_aio"', 'faults:2: event="read_aio": not an attribute'),
        (INJECT + 'errno = "x"', 'faults:3: errno = "x": give a number from 0 to 4095'),
        (INJECT + 'errno = ""', 'faults:3: errno = "": give a number'),
        (INJECT + 'errno = "-5"', 'faults:3: errno = "-5": give a number'),
        (INJECT + 'errno = "4096"', 'faults:3: errno = "4096": too large: at most 4095'),
        (INJECT + f'sector = "{2**55}"', "too large"),
        (INJECT + 'once = "maybe"', 'faults:3: once = "maybe": give on or off'),
        (INJECT + 'iotype = "reed"', 'iotype = "reed": no such iotype; did you mean read?'),
        (INJECT + 'new_state = "2"', "faults:3: new_state: [inject-error] has no such attribute"),
        (
            '[set-state]\nevent = "read_aio"\nerrno = "5"',
            "faults:3: errno: [set-state] has no such",
        ),
        (INJECT + 'errno = "5" and more', "not an attribute"),
        (INJECT + "x" * 5000, f"faults:3: {'x' * 60}...: not an attribute"),
        (INJECT + "\0\x1b[2J", "faults:3: '\\x00\\x1b[2J': not an attribute"),
    ],
)
def test_a_bad_file_is_refused_in_one_line_with_the_place(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(text, "faults")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@given(st.text(alphabet='[]"=#\n \tinject-error set-stateevent0x8', max_size=60))
def test_any_text_is_read_or_refused_in_one_line(text: str) -> None:
    said = ""
    try:
        parse_config(text)
    except ConfigError as refused:
        said = str(refused)
    assert "\n" not in said


def test_a_file_is_named_in_the_refusal(tmp_path: Path) -> None:
    path = tmp_path / "faults.conf"
    path.write_bytes(b"\xff\xfe\n")
    with pytest.raises(ConfigError, match=r"faults\.conf:1: begin with"):
        read_config(path)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("blkdebug:faults.conf:disk.img", Name("faults.conf", "disk.img")),
        ("blkdebug::disk.img", Name(None, "disk.img")),
        ("blkdebug:c:nbd:unix:x", Name("c", "nbd:unix:x")),
        ("blkdebug::blkdebug:c:i", Name(None, "blkdebug:c:i")),
        ("disk.img", None),
        ("./blkdebug:c:i", None),
    ],
)
def test_a_name_is_taken_apart_at_its_first_two_colons(name: str, parts: Name | None) -> None:
    assert split_name(name) == parts


@pytest.mark.parametrize("name", ["blkdebug:", "blkdebug:disk.img", "blkdebug:c:", "blkdebug:\n"])
def test_a_name_without_an_image_is_refused_in_one_line(name: str) -> None:
    with pytest.raises(ConfigError, match="write blkdebug:CONFIG:IMAGE") as caught:
        split_name(name)
    assert "\n" not in str(caught.value)


def test_no_event_is_listed_twice() -> None:
    assert len(set(EVENTS)) == len(EVENTS) == 48


# ---- what it does


def device(*rules: Rule) -> BlkdebugDevice:
    """A device of "o" that fails as the rules say."""
    inner = MemoryDevice(LENGTH)
    inner.write(0, b"o" * LENGTH)
    return BlkdebugDevice(inner, rules)


def test_a_failed_write_stores_nothing() -> None:
    broken = device(InjectError("write_aio", errno.ENOSPC, iotype="write"))
    with pytest.raises(OSError, match="No space left on device"):
        broken.write(0, b"new")
    assert (broken.read(0, 3), broken.struck()) == (b"ooo", (1,))


def test_an_armed_error_strikes_requests_of_other_kinds_too() -> None:
    broken = device(InjectError("read_aio", once=True, iotype="flush"))
    broken.write(0, b"new")
    broken.read(0, 1)
    with pytest.raises(OSError, match="Input/output error"):
        broken.flush()
    broken.flush()


def test_a_flush_with_nothing_to_flush_is_not_tried() -> None:
    broken = device(InjectError("none"))
    broken.flush()
    with pytest.raises(OSError, match="Input/output error"):
        broken.write(0, b"x")
    with pytest.raises(OSError, match="Input/output error"):
        broken.flush()


def test_only_an_error_of_that_iotype_fails_a_status_query() -> None:
    device(InjectError("none")).allocation(0, LENGTH)
    with pytest.raises(OSError, match="Input/output error"):
        device(InjectError("none", iotype="block-status")).allocation(0, LENGTH)


def test_two_devices_may_share_rules_and_their_state() -> None:
    rules = Rules([SetState("read_aio", 2), InjectError("write_aio", state=2)])
    one, other = BlkdebugDevice(MemoryDevice(512), rules), BlkdebugDevice(MemoryDevice(512), rules)
    other.write(0, b"x")
    one.read(0, 1)
    with pytest.raises(OSError, match="Input/output error"):
        other.write(0, b"x")


def test_a_device_without_rules_is_the_device() -> None:
    plain = device()
    plain.write(3, b"new")
    plain.write_zeroes(0, 3)
    plain.flush()
    assert plain.read(0, 7) == b"\0\0\0newo"
    assert (plain.length(), plain.fileno(), plain.struck()) == (LENGTH, None, ())
