"""Pictures and tables of a lifecycle, drawn from its rows.

    render(CLASSIC)                                  the lifecycle as Mermaid
    render(CLASSIC, "cancel", "svg")                 what cancel does, drawn by Graphviz
    render(CLASSIC, "error-actions", "markdown")     tables for a page
    render_changes(modern("3.0"), MODERN, "dot")     what changed since a release

Rows become one plain graph value (`graph.py`), and renderers turn that into text; nothing is
drawn that no row says. Equal rows give equal bytes. Regenerate the pages of the manual with
`python -m blockjob_fsm.diagram docs README.md`.
"""

from __future__ import annotations

from blockjob_fsm.declaration import Lifecycle
from blockjob_fsm.diagram import gallery
from blockjob_fsm.diagram.dot import GraphvizMissing
from blockjob_fsm.diagram.gallery import FORMATS, PICTURES, pictures, render_changes
from blockjob_fsm.diagram.graph import Edge, Graph, Node
from blockjob_fsm.guards import Control

__all__ = [
    "render",
    "render_changes",
    "pictures",
    "PICTURES",
    "FORMATS",
    "GraphvizMissing",
    "Graph",
    "Node",
    "Edge",
]


def render(
    lifecycle: Lifecycle[Control],
    picture: str = "lifecycle",
    format: str = "mermaid",  # noqa: A002 - the word a user types
) -> str:
    """A picture of a lifecycle as text.

    `picture` is one of `pictures(lifecycle)`: a name in PICTURES, or an event's; `format` is one
    of FORMATS, svg included as the document's text. Raises ValueError, listing the choices, for
    another name, and GraphvizMissing, naming the remedy, for svg without Graphviz.
    """
    return gallery.render(lifecycle, picture, format)
