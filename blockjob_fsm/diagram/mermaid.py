"""A graph as a Mermaid stateDiagram-v2, in the dialect that GitHub draws.

Mermaid reads `:` `;` `%%` and HTML inside labels, and some words as keywords, so every label and
every name is made harmless here. Colours are left to the theme, which may be dark.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from blockjob_fsm.diagram.graph import Edge, Graph, Kind, Node
from blockjob_fsm.diagram.words import wrapped

NODE_CHARACTERS = 40
EDGE_CHARACTERS = 26

_KEYWORDS = {"as", "choice", "class", "classdef", "click", "default", "direction", "end", "fork"}
_KEYWORDS |= {"hide", "href", "join", "left", "note", "null", "of", "over", "right", "root"}
_KEYWORDS |= {"scale", "state", "style"}
# A state diagram shows Mermaid's entity codes as they are, so a look-alike stands in instead.
_LOOK_ALIKES = {
    ":=": "≔",
    ">=": "≥",
    "<=": "≤",
    "%%": "% %",
    "-->": "→",
    "*": "∗",
    "&": "+",
    ":": "∶",
    ";": ",",
    "<": "‹",
    ">": "›",
    '"': "'",
    "`": "'",
    "{": "(",
    "}": ")",
    "\\": "∖",
}
_SPECIAL = re.compile("|".join(map(re.escape, _LOOK_ALIKES)))
_CLASSES = {
    Kind.OUTCOME: "stroke-width:2px",
    Kind.REFUSAL: "stroke:#d33,stroke-width:2px,stroke-dasharray:5 3",
    Kind.NOTE: "stroke-dasharray:2 2",
}


def mermaid(graph: Graph) -> str:
    """The graph's Mermaid source, without the fence of a Markdown page."""
    names = {node.name: _name(node.name) for node in graph.nodes}
    assert len({*names.values()}) == len(names), f"names of {graph.title} clash in Mermaid"
    lines = [f"%% {graph.title}", "stateDiagram-v2", *(["direction LR"] if graph.across else [])]
    lines += [line for node in graph.nodes for line in _node(node, names[node.name])]
    if graph.start is not None:
        lines.append(f"[*] --> {names[graph.start]}")
    lines += [_edge(edge, names) for edge in graph.edges]
    lines += [f"{names[end]} --> [*]" for end in graph.ends]
    lines += _classes(graph.nodes, names)
    head, *rest = lines
    return "\n".join([head, rest[0], *(f"    {line}" for line in rest[1:])]) + "\n"


def escaped(text: str) -> str:
    """The text with a look-alike for whatever Mermaid would read as its own."""
    return _SPECIAL.sub(lambda found: _LOOK_ALIKES[found[0]], text)


def _name(name: str) -> str:
    plain = re.sub(r"\W", "_", name, flags=re.ASCII)
    return f"{plain}_" if plain.lower() in _KEYWORDS or plain[:1].isdigit() else plain


def _label(lines: Iterable[str], width: int = NODE_CHARACTERS) -> str:
    return "<br/>".join(escaped(part) for line in lines for part in wrapped(line, width))


def _node(node: Node, name: str) -> Iterator[str]:
    label = _label((node.label,))
    if label != name or node.lines:
        yield f'state "{label}" as {name}'
    yield from (f"{name} : {_label((line,))}" for line in node.lines)


def _edge(edge: Edge, names: dict[str, str]) -> str:
    label = f" : {_label(edge.lines, EDGE_CHARACTERS)}" if edge.lines else ""
    return f"{names[edge.source]} --> {names[edge.target]}{label}"


def _classes(nodes: Iterable[Node], names: dict[str, str]) -> Iterator[str]:
    for kind, style in _CLASSES.items():
        members = [names[node.name] for node in nodes if node.kind is kind]
        if members:
            yield f"classDef {kind.value} {style}"
            yield f"class {','.join(members)} {kind.value}"
