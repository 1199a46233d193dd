"""`blockjob diagram`: a lifecycle's pictures and tables, to a file or to standard output."""

from __future__ import annotations

import sys
from collections.abc import Callable

from blockjob_fsm import diagram as pictures
from blockjob_fsm.cli.problems import Problem, Status, because, shown
from blockjob_fsm.cli.streams import STREAM
from blockjob_fsm.declaration import Lifecycle
from blockjob_fsm.guards import Control


def diagram(lifecycle: Lifecycle[Control], picture: str, format_name: str, output: str) -> Status:
    """Draw a picture; nothing is written unless it could be drawn."""
    return _drawn(lambda: pictures.render(lifecycle, picture, format_name), output)


def changes(
    older: Lifecycle[Control],
    newer: Lifecycle[Control],
    names: tuple[str, str],
    format_name: str,
    output: str,
) -> Status:
    """Draw what differs between two profiles, called by these names."""
    return _drawn(lambda: pictures.render_changes(older, newer, format_name, names), output)


def _drawn(draw: Callable[[], str], output: str) -> Status:
    try:
        text = draw()
    except ValueError as unknown:
        raise Problem(str(unknown)) from None
    except pictures.GraphvizMissing as missing:
        raise Problem(str(missing)) from None
    if output == STREAM:
        sys.stdout.write(text)
        return Status.FINE
    try:
        with open(output, "w", encoding="utf-8") as page:
            page.write(text)
    except OSError as error:
        message = f"{shown(output)}: {because(error)}: name a file that can be written, or -"
        raise Problem(message) from None
    return Status.FINE
