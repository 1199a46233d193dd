"""Standard streams in the place of images: they go through a temporary file.

An image must have a length and holes that can be found, and a copy that is not whole must not be
written. No job may enter this file.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from blockjob_fsm.cli.problems import Problem, Status, because, cannot_write, shown

STREAM = "-"
_BLOCK_BYTES = 1 << 20


def spooled_input(target: str, stack: ExitStack) -> str:
    """Copy standard input into a temporary file beside the target; zeros become holes."""
    if sys.stdin is None or sys.stdin.isatty():
        raise Problem("SOURCE -: standard input is a terminal: pipe an image into it")
    path = os.path.join(_spool_folder(target, stack), "input")
    try:
        with open(path, "wb") as spool:
            while block := sys.stdin.buffer.read(_BLOCK_BYTES):
                if block.count(0) == len(block):
                    spool.seek(len(block), os.SEEK_CUR)
                else:
                    spool.write(block)
            spool.truncate()
    except OSError as error:
        message = f"standard input: {because(error)} while spooling it beside {shown(target)}"
        raise Problem(message, Status.FAILED) from None
    return path


def spooled_output(stack: ExitStack) -> str:
    """The path of a temporary file that `pour` can write out; it is not there yet."""
    if sys.stdout.isatty():
        raise Problem("TARGET -: standard output is a terminal: redirect it")
    return os.path.join(_spool_folder(tempfile.gettempdir(), stack), "output")


def pour(path: str) -> None:
    """Write a file to standard output."""
    with open(path, "rb") as image:
        shutil.copyfileobj(image, sys.stdout.buffer, _BLOCK_BYTES)
    sys.stdout.buffer.flush()


def _spool_folder(beside: str, stack: ExitStack) -> str:
    folder = beside if Path(beside).is_dir() else os.path.dirname(beside) or "."
    try:
        return stack.enter_context(tempfile.TemporaryDirectory(prefix=".blockjob-", dir=folder))
    except OSError as error:
        raise cannot_write(folder, error) from None
