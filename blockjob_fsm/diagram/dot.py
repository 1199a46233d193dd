"""A graph as Graphviz source, and drawn by Graphviz as SVG."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator

from blockjob_fsm.diagram.graph import Edge, Graph, Kind, Node
from blockjob_fsm.diagram.words import wrapped

EDGE_CHARACTERS = 32
NODE_CHARACTERS = 52
DRAWING_SECONDS = 60

_LEFT = "\\l"
_CENTRED = "\\n"
# Blanks at the start of a line would be dropped.
_RECORD_MARKS = re.compile(r'[{}|<>"\\]|(?<!\S) ')
_STYLES = {
    Kind.PHASE: 'style="rounded,filled", fillcolor="#eef3fb"',
    Kind.OUTCOME: 'style="rounded,filled", fillcolor="#e8f5e9"',
    Kind.REFUSAL: 'style="rounded,filled", fillcolor="#fdecea", color="#c62828"',
    Kind.NOTE: 'style="dashed,filled", fillcolor="#fffde7"',
}


class GraphvizMissing(RuntimeError):
    """SVG was asked for where Graphviz's `dot` cannot be run; the message names the remedy."""


def dot(graph: Graph) -> str:
    """The graph's Graphviz source."""
    lines = [
        f"graph [label={_quoted(graph.title)}, labelloc=t, rankdir={_direction(graph)}]",
        'graph [fontname="Helvetica", nodesep=0.35, ranksep=0.5]',
        'node [shape=record, fontname="Helvetica", fontsize=11]',
        'edge [fontname="Helvetica", fontsize=10, arrowsize=0.7]',
        *map(_node, graph.nodes),
        *_ends(graph),
        *map(_edge, graph.edges),
    ]
    return "\n".join(["digraph {", *(f"    {line};" for line in lines), "}"]) + "\n"


def svg(graph: Graph) -> str:
    """The graph drawn by Graphviz: an SVG document.

    Raises GraphvizMissing if `dot` is not installed.
    """
    program = shutil.which("dot")
    if program is None:
        raise GraphvizMissing(
            "svg needs Graphviz's dot: install it (Debian: apt-get install graphviz), "
            "or ask for the format dot"
        )
    drawn = subprocess.run(
        [program, "-Tsvg"],
        input=dot(graph),
        capture_output=True,
        encoding="utf-8",
        check=True,
        timeout=DRAWING_SECONDS,
    )
    return drawn.stdout


def _direction(graph: Graph) -> str:
    return "LR" if graph.across else "TB"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;")
    return f'"{escaped}"'


def _hanging(lines: Iterable[str], width: int) -> Iterator[str]:
    """Lines wrapped, their later parts indented so that each line is seen to begin."""
    for line in lines:
        first, *rest = wrapped(line, width)
        yield from (first, *(f"   {part}" for part in rest))


def _field(lines: Iterable[str], line_end: str) -> str:
    """The text of one field of a record; `line_end` is Graphviz's code for it."""
    plain = (line.replace("&", "&amp;") for line in lines)
    return "".join(_RECORD_MARKS.sub(r"\\\g<0>", line) + line_end for line in plain)


def _node(node: Node) -> str:
    label = _field(wrapped(node.label, NODE_CHARACTERS), _CENTRED).removesuffix(_CENTRED)
    body = _field(_hanging(node.lines, NODE_CHARACTERS), _LEFT)
    text = f"{{{label}|{body}}}" if body else f"{{{label}}}"
    return f'{_quoted(node.name)} [label="{text}", {_STYLES[node.kind]}]'


def _edge(edge: Edge) -> str:
    parts = _hanging(edge.lines, EDGE_CHARACTERS)
    label = "".join(_quoted(part)[1:-1] + _LEFT for part in parts)
    return f'{_quoted(edge.source)} -> {_quoted(edge.target)} [label="{label}"]'


def _ends(graph: Graph) -> Iterator[str]:
    if graph.start is not None:
        yield '"(start)" [shape=circle, style=filled, fillcolor=black, width=0.15, label=""]'
        yield f'"(start)" -> {_quoted(graph.start)}'
    if graph.ends:
        yield '"(end)" [shape=doublecircle, style=filled, fillcolor=black, width=0.1, label=""]'
        yield from (f'{_quoted(end)} -> "(end)"' for end in graph.ends)
