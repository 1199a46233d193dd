"""A graph as a PlantUML state diagram."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from blockjob_fsm.diagram.graph import Edge, Graph, Kind, Node
from blockjob_fsm.diagram.words import wrapped

LABEL_CHARACTERS = 44

_COLOURS = {
    Kind.PHASE: "",
    Kind.OUTCOME: " #E8F5E9",
    Kind.REFUSAL: " #FDECEA",
    Kind.NOTE: " #FFFDE7",
}
# Creole markup that must stay text.
_MARKUP = re.compile(r'["~<>*_/\-&]{2}|[<>~"&]')


def plantuml(graph: Graph) -> str:
    """The graph's PlantUML source."""
    names = {node.name: re.sub(r"\W", "_", node.name, flags=re.ASCII) for node in graph.nodes}
    assert len({*names.values()}) == len(names), f"names of {graph.title} clash in PlantUML"
    lines = [
        f"title {escaped(graph.title)}",
        *(["left to right direction"] if graph.across else []),
        "hide empty description",
        *(line for node in graph.nodes for line in _node(node, names[node.name])),
        *([f"[*] --> {names[graph.start]}"] if graph.start is not None else []),
        *(_edge(edge, names) for edge in graph.edges),
        *(f"{names[end]} --> [*]" for end in graph.ends),
    ]
    return "\n".join(["@startuml", *lines, "@enduml"]) + "\n"


def escaped(text: str) -> str:
    """The text with whatever PlantUML would read as markup written as character numbers.

    A backslash has a look-alike: written as its number it makes PlantUML 1.2020 fail.
    """
    numbered = _MARKUP.sub(lambda found: "".join(f"&#{ord(mark)};" for mark in found[0]), text)
    return numbered.replace("\\", "∖")


def _label(lines: Iterable[str]) -> str:
    return "\\n".join(escaped(part) for line in lines for part in wrapped(line, LABEL_CHARACTERS))


def _node(node: Node, name: str) -> Iterator[str]:
    yield f'state "{_label((node.label,))}" as {name}{_COLOURS[node.kind]}'
    yield from (f"{name} : {_label((line,))}" for line in node.lines)


def _edge(edge: Edge, names: dict[str, str]) -> str:
    label = f" : {_label(edge.lines)}" if edge.lines else ""
    return f"{names[edge.source]} --> {names[edge.target]}{label}"
