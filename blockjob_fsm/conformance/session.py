"""A session as a value and as a shell script that anybody can play: images, nodes, commands.

The script needs QEMU's own tools and nothing of ours, and `blockjob conform --script` reads the
same text. Which images there are, and what they hold, is fixed; what is done is the session's.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from blockjob_fsm.conformance.nodes import IMAGE_BYTES, RUN_BYTES, stored_runs
from blockjob_fsm.conformance.subject import Arguments

Command = tuple[str, Arguments]
#: commands that build the world; what they answer is not compared
BUILDING = ("object-add", "blockdev-add")
#: what a filename begins with: the folder that the images are in
FOLDER = "@DIR@/"
#: how long the shell script waits after each command, in seconds
PAUSE_S = 0.2
_FILENAME = '"filename": "'


@dataclass(frozen=True, slots=True)
class Session:
    """Commands that build a world, and commands that are compared."""

    setup: tuple[Command, ...]
    script: tuple[Command, ...]

    def __str__(self) -> str:
        """The session as QMP commands, one to a line, with file names in the current folder."""
        lines = (
            json.dumps({"execute": command, "arguments": arguments})
            for command, arguments in (*self.setup, *self.script)
        )
        return "\n".join(lines).replace(_FILENAME + FOLDER, _FILENAME)


class Unreadable(Exception):
    """A script that does not hold a session; the text says which line and why."""


def shell_script(session: Session, remarks: Iterable[str] = ()) -> str:
    """The session as a shell script: it makes the images and plays the commands to QEMU."""
    lines = ["#!/bin/sh", *(f"# {line}" for line in remarks)]
    lines += ['cd "$(mktemp -d)" || exit', *image_lines(session)]
    lines += [f'qmp() {{ echo "$1"; sleep {PAUSE_S}; }}', "{", 'qmp \'{"execute": ']
    lines[-1] += '"qmp_capabilities"}\''
    lines += [f"qmp {shlex.quote(line)}" for line in str(session).splitlines()]
    # No command of the session's: it is not read again.
    lines += ['echo \'{"execute": "quit"}\''] if not ends(session) else []
    lines.append("} | qemu-storage-daemon --chardev stdio,id=qmp --monitor chardev=qmp")
    return "\n".join(lines) + "\n"


def ends(session: Session) -> bool:
    """Whether the last command ends the daemon."""
    return bool(session.script) and session.script[-1][0] == "quit"


def image_lines(session: Session) -> Iterator[str]:
    """Shell commands that make the images of a session's nodes."""
    text = str(session)
    for name in ("src", "src2", "src3", "dst", "dst2", "dst3"):
        if f'"{name}.raw"' in text:
            yield f"qemu-img create -q -f raw {name}.raw {IMAGE_BYTES}"
        if f'"{name}.raw"' in text and name.startswith("src"):
            yield f"qemu-io -f raw -c 'write -q -P {ord('s')} 0 {IMAGE_BYTES}' {name}.raw"
    below = ""
    for name in ("base", "mid", "top"):
        if f'"{name}.qcow2"' not in text:
            continue
        yield f"qemu-img create -q -f qcow2 {below}{name}.qcow2 {IMAGE_BYTES}"
        step = stored_runs(name).step
        yield f"for run in $(seq 0 {step} {stored_runs(name)[-1]}); do"
        yield f'  echo "write -q -P $((run + 1)) $((run * {RUN_BYTES})) {RUN_BYTES}"'
        yield f"done | qemu-io -f qcow2 {name}.qcow2 > /dev/null"
        below = f"-b {name}.qcow2 -F qcow2 "


def read_session(text: str) -> Session:
    """The session of a shell script, or of bare QMP commands, one to a line. Raises Unreadable."""
    commands: list[Command] = []
    for number, line in enumerate(text.splitlines(), 1):
        word = line.strip().removeprefix("qmp ")
        if word.startswith(("'{", '{"')):
            commands += _command(number, word)
    if not commands:
        raise Unreadable("no QMP command in it")
    setup = tuple(command for command in commands if command[0] in BUILDING)
    return Session(setup, tuple(command for command in commands if command not in setup))


def _command(number: int, word: str) -> Iterator[Command]:
    try:
        text = shlex.split(word)[0] if word.startswith("'") else word
        request = json.loads(text.replace(_FILENAME, _FILENAME + FOLDER))
        name, arguments = request["execute"], request.get("arguments", {})
    except (ValueError, KeyError) as error:
        raise Unreadable(f"line {number} is no QMP command: {error}") from None
    if name != "qmp_capabilities":
        yield name, arguments
