"""`blockjob trace` and its options; what it does is in `trace`."""

from __future__ import annotations

from typing import Annotated

import typer

from blockjob_fsm.cli.printing import Print, PrintOption
from blockjob_fsm.cli.trace import check_files

trace = typer.Typer(
    help="Judge what was recorded of a QEMU.",
    epilog="Example: blockjob trace check session.jsonl",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@trace.callback()
def _common() -> None:
    pass


@trace.command(epilog="Example: blockjob trace check --profile 7.2 session.jsonl")
def check(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE", help="Recordings; - is standard input.")
    ],
    profile: Annotated[
        str | None,
        typer.Option(metavar="RELEASE", help="Whose rows; else those of what was recorded."),
    ] = None,
    print_as: PrintOption = Print.TEXT,
) -> int:
    """Say whether the rows of the modern lifecycle explain what was recorded.

    The exit status is 0 if all are accepted, 1 if one is rejected, 4 if one cannot be read.
    """
    return check_files(files, profile, as_json=print_as is Print.JSON)
