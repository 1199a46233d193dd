"""The `blockjob` command: the library's jobs, checks and pictures for a shell.

    app        the commands with their options, and what a run's end means for the exit status
    problems   exit statuses, and errors as one line
    options    what is typed as text: speeds, faults
    files      images named on the command line, and standard streams in their place
    following  what reaches the main thread while a job runs
    running    a job from start to end, whatever it does
    copying    a mirror's errors, and what becomes of its target
    progress   how far a job is, for eyes and for programs
    mirror, demo, check, diagram: one command each

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
