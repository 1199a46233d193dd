"""The `blockjob` command: the library's jobs, checks and pictures for a shell.

    app        the commands with their options, and what a run's end means for the exit status
    problems   exit statuses, and errors as one line
    options    what is typed as text: speeds, sizes
    images     images named on the command line, and their layers
    streams    standard streams in the place of images
    targets    what a copy goes to, and when it gets its name
    injecting  failures asked for on the command line
    following  what reaches the main thread while a job runs
    running    a job from start to end, whatever it does
    copying    a mirror's or a backup's errors, and what becomes of its target
    merging    a stream's or a commit's errors, and what they leave
    progress   how far a job is, for eyes and for programs
    copies     mirror and backup
    stream, commit, demo, check, diagram: one command each

No rule of a lifecycle may enter here. The only package that prints, and that needs `typer`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

_run: Callable[[Sequence[str] | None], int] | None
try:
    from blockjob_fsm.cli.app import run as _run
except ModuleNotFoundError as missing:
    if (missing.name or "").partition(".")[0] not in {"typer", "rich"}:
        raise
    _run = None

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with these arguments (None: the process's own); returns the exit status."""
    if _run is None:
        print(
            "blockjob: typer or rich is missing: pip install 'blockjob-fsm[cli]'", file=sys.stderr
        )
        return 2
    return _run(argv)
