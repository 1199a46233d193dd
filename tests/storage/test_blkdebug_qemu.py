"""blkdebug beside QEMU's: the same files are read, and the same requests fail.

QEMU is asked through qemu-io on a raw image; of a flush it tells nothing but its consequences.
"""

import errno
import os
import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blockjob_fsm.storage.blkdebug import BlkdebugDevice
from blockjob_fsm.storage.blkdebug_config import (
    EVENTS,
    IO_TYPES,
    RAISED_EVENTS,
    ConfigError,
    InjectError,
    Rule,
    SetState,
    parse_config,
)
from blockjob_fsm.storage.memory import MemoryDevice
from tests.qsd import Qsd

LENGTH = 1 << 20
INJECT = '[inject-error]\nevent = "read_aio"\n'

Command = tuple[str, int, int]
ANSWER = re.compile(r"^(?:(?:read|wrote) \d+/\d+ bytes|(?:read|write) failed: (.*))", re.MULTILINE)


def config_of(rules: tuple[Rule, ...]) -> str:
    """The rules as a configuration file."""
    lines = []
    for rule in rules:
        lines.append("[inject-error]" if isinstance(rule, InjectError) else "[set-state]")
        for key in rule.__slots__:
            value = getattr(rule, key)
            if value is not None:
                text = {True: "on", False: "off"}[value] if isinstance(value, bool) else value
                lines.append(f'{key} = "{text}"')
    return "\n".join(lines) + "\n"


def by_qemu(qemu_io: Path, folder: Path, config: str, commands: list[Command]) -> list[str]:
    """What QEMU says of each command but flushes: "fine" or the error's words."""
    (folder / "faults.conf").write_text(config)
    with open(folder / "disk.img", "wb") as image:
        image.truncate(LENGTH)
    argv = [str(qemu_io), "-f", "raw", "-t", "writeback"]
    for kind, offset, length in commands:
        argv += ["-c", kind if kind == "flush" else f"{kind} {offset} {length}"]
    name = "blkdebug:faults.conf:disk.img"
    ended = subprocess.run([*argv, name], cwd=folder, capture_output=True, text=True, check=False)
    said = ended.stdout + ended.stderr
    found = re.findall(
        r"^(?:(?:read|wrote) \d+/\d+ bytes|(?:read|write) failed: (.*))", said, re.MULTILINE
    )
    return [words or "fine" for words in found]


def by_us(rules: tuple[Rule, ...], commands: list[Command]) -> list[str]:
    """The same of our device."""
    broken = BlkdebugDevice(MemoryDevice(LENGTH), rules)
    said = []
    for kind, offset, length in commands:
        words = "fine"
        try:
            match kind:
                case "read":
                    broken.read(offset, length)
                case "write":
                    broken.write(offset, bytes(length))
                case "write -z":
                    broken.write_zeroes(offset, length)
                case "flush":
                    broken.flush()
        except OSError as error:
            words = os.strerror(error.errno or 0)
        said += [] if kind == "flush" else [words]
    return said


R, W, Z = ("read", 0, 512), ("write", 0, 512), ("write -z", 0, 512)
FLUSH = ("flush", 0, 0)
NOSPC = errno.ENOSPC
#: Rules, commands, and the answer to each but flushes: 0 for fine.
SEEN: dict[str, tuple[tuple[Rule, ...], list[Command], list[int]]] = {
    "the first of two errors counts": (
        (InjectError("read_aio", NOSPC), InjectError("read_aio")),
        [R, R],
        [NOSPC, NOSPC],
    ),
    "once is once": (
        (InjectError("read_aio", NOSPC, once=True), InjectError("read_aio", once=True)),
        [R, R, R],
        [NOSPC, errno.EIO, 0],
    ),
    "an error of 0 is in the way of the next": (
        (InjectError("read_aio", 0, once=True), InjectError("read_aio")),
        [R, R],
        [0, 0],
    ),
    "of two new states the first counts": (
        (
            *(SetState("read_aio", 2, 1), SetState("read_aio", 3, 1)),
            *(InjectError("read_aio", NOSPC, state=2), InjectError("read_aio", state=3)),
        ),
        [R, R],
        [0, NOSPC],
    ),
    "an event arms its errors in place of others": (
        (InjectError("read_aio", NOSPC, sector=8), InjectError("write_aio", iotype="write")),
        [R, W, ("read", 4096, 512), W, Z, R, ("write -z", 4096, 512)],
        [0, errno.EIO, NOSPC, errno.EIO, 0, 0, NOSPC],
    ),
    "a request has the sector or has not": (
        (InjectError("read_aio", sector=8),),
        [("read", 0, 4096), ("read", 0, 4608), ("read", 4608, 512), ("read", 4096, 512)],
        [0, errno.EIO, 0, errno.EIO],
    ),
    "a write raises pwritev": ((InjectError("pwritev"),), [R, Z, W, R], [0, 0, 5, 5]),
    "zeros raise pwritev_zero": ((InjectError("pwritev_zero"),), [R, W, Z, R], [0, 0, 5, 5]),
    "zeros raise no write_aio": ((InjectError("write_aio"),), [Z, R, W, R], [0, 0, 5, 5]),
    "a write is over before pwritev_done": ((InjectError("pwritev_done"),), [R, W, W], [0, 0, 5]),
    "zeros raise pwritev_done": ((InjectError("pwritev_done"),), [Z, R], [0, 5]),
    "a failed write raises pwritev_done": (
        (InjectError("write_aio", iotype="write"), InjectError("pwritev_done", NOSPC)),
        [W, R],
        [errno.EIO, NOSPC],
    ),
    "a flush of nothing stops half-way": (
        (InjectError("flush_to_disk"),),
        [FLUSH, R, W, R, FLUSH, R],
        [0, 0, 0, errno.EIO],
    ),
    "a second flush does not reach the disk": (
        (SetState("flush_to_disk", 2), InjectError("read_aio", state=2)),
        [FLUSH, R, W, FLUSH, R],
        [0, 0, errno.EIO],
    ),
    "after a good flush there is nothing to flush": (
        (
            *(SetState("flush_to_disk", 2, 1), SetState("flush_to_disk", 3, 2)),
            InjectError("read_aio", state=3),
        ),
        [W, FLUSH, FLUSH, R, W, FLUSH, R],
        [0, 0, 0, errno.EIO],
    ),
    "a flush of nothing raises flush_to_os": ((InjectError("flush_to_os"),), [FLUSH, R], [5]),
    "once may be used up by a flush": (
        (InjectError("flush_to_disk", once=True),),
        [W, FLUSH, R, W, FLUSH, R],
        [0, 0, 0, 0],
    ),
    "after a good flush once is not used up": (
        (SetState("write_aio", 2), InjectError("flush_to_os", once=True, state=2)),
        [W, FLUSH, FLUSH, R],
        [0, 0],
    ),
}


def said_of(answers: list[int]) -> list[str]:
    """Answers in the words of QEMU."""
    return [os.strerror(answer) if answer else "fine" for answer in answers]


@pytest.mark.parametrize("row", SEEN)
def test_a_device_answers_as_was_seen_of_qemu(row: str) -> None:
    rules, commands, answers = SEEN[row]
    assert by_us(rules, commands) == said_of(answers)


@pytest.mark.parametrize("row", SEEN)
def test_qemu_still_answers_as_was_seen(row: str, qemu_io: Path, tmp_path: Path) -> None:
    rules, commands, answers = SEEN[row]
    assert by_qemu(qemu_io, tmp_path, config_of(rules), commands) == said_of(answers)


LENGTHS = st.sampled_from((512, 1024))
KINDS = ("read", "write", "write -z", "flush")
ERRORS = st.sampled_from((0, errno.EIO, errno.ENOSPC, errno.EACCES))
STATES = st.integers(0, 3)
RAISED = st.sampled_from(RAISED_EVENTS)
RULES = st.lists(
    st.one_of(
        st.builds(SetState, RAISED, STATES, STATES),
        st.builds(
            InjectError,
            RAISED,
            ERRORS,
            st.none() | st.integers(0, 3),
            once=st.booleans(),
            immediately=st.booleans(),
            iotype=st.none() | st.sampled_from(IO_TYPES),
            state=STATES,
        ),
    ),
    max_size=6,
).map(tuple)
COMMANDS = st.lists(
    st.tuples(
        st.sampled_from(KINDS), st.sampled_from((0, 512, 1024)), st.sampled_from((512, 1024))
    ),
    min_size=1,
    max_size=12,
)


@pytest.mark.slow
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rules=RULES, commands=COMMANDS)
def test_qemu_reads_the_same_rules_and_fails_the_same_requests(
    rules: tuple[Rule, ...], commands: list[Command], qemu_io: Path, tmp_path: Path
) -> None:
    config = config_of(rules)
    assert parse_config(config) == rules
    assert by_us(rules, commands) == by_qemu(qemu_io, tmp_path, config, commands)


@pytest.mark.parametrize(
    "text",
    [
        "nonsense",
        "[nonsense]",
        "[inject-error]",
        '[inject-error]\nevent = "bogus"',
        '[inject-error]\nevent = "read_aio"\niotype = "bogus"',
        '[inject-error]\nevent = "read_aio"\nerrno = "x"',
        '[inject-error]\nevent = "read_aio"\nerrno = ""',
        '[inject-error]\nevent = "read_aio"\nonce = "maybe"',
        '[inject-error]\nevent = "read_aio"\nnew_state = "1"',
        '[set-state]\nevent = "read_aio"\nerrno = "5"',
        '[inject-error]\nevent="read_aio"',
        "[inject-error]\nevent = read_aio",
        ' # a comment begins its line\n[inject-error]\nevent = "read_aio"',
    ],
)
def test_what_qemu_refuses_we_refuse(text: str, qemu_io: Path, tmp_path: Path) -> None:
    assert by_qemu(qemu_io, tmp_path, f"{text}\n", [("read", 0, 512)]) == []
    with pytest.raises(ConfigError):
        parse_config(text)


@pytest.mark.parametrize(
    "text",
    [
        INJECT + 'errno = "0x1c"',
        INJECT + 'errno = "034"',
        INJECT + 'once = "yes"\nerrno = "28"',
        '[inject-error "mine"]\n\n  event   = "read_aio"   # of all\nerrno = "28"',
        '[inject-error]\nevent = "write_aio"\nevent = "read_aio"\nerrno = "28"\r',
        '# first\n[inject-error] \nevent = "none"\nerrno = "28"\niotype = "read"',
    ],
)
def test_what_qemu_reads_we_read_alike(text: str, qemu_io: Path, tmp_path: Path) -> None:
    commands = [("read", 0, 512)]
    assert by_us(parse_config(text), commands) == ["No space left on device"]
    assert by_qemu(qemu_io, tmp_path, f"{text}\n", commands) == ["No space left on device"]


@pytest.mark.slow
@pytest.mark.usefixtures("qemu_storage_daemon")
def test_qemu_knows_the_same_events_and_iotypes() -> None:
    with Qsd() as qemu:
        schema = qemu.execute("query-qmp-schema")
    assert isinstance(schema, list)
    enums = [set(entry["values"]) for entry in schema if entry["meta-type"] == "enum"]
    assert set(EVENTS) in enums
    assert set(IO_TYPES) in enums
