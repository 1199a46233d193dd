"""The renderers, each shown a graph made by hand: layout, and text that could break its syntax."""

import re
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest

from blockjob_fsm.diagram import pictures, render
from blockjob_fsm.diagram.dot import dot as dot_source
from blockjob_fsm.diagram.dot import svg
from blockjob_fsm.diagram.graph import Edge, Graph, Kind, Node
from blockjob_fsm.diagram.markdown import cell_text, rows
from blockjob_fsm.diagram.mermaid import mermaid
from blockjob_fsm.diagram.plantuml import plantuml
from blockjob_fsm.diagram.tables import Code, Table
from blockjob_fsm.lifecycles.classic import CLASSIC

NODES = (Node("a", "a"), Node("b", "b", ("x",)), Node("c", "no", kind=Kind.REFUSAL))
GRAPH = Graph("two", NODES, (Edge("a", "b", ("go", "run")),), "a", ("b",), across=True)
# Whatever some format reads as its own, blanks and brackets included.
HOSTILE = 'a := "b"; {c|d} <e> [f] %% g --> h \\n `i` # j & **k** // l &lt;'

MERMAID_LINE = re.compile(
    r"(%% .+|stateDiagram-v2|    direction LR"
    r'|    state "[^":;*&]+" as \w+'
    r"|    \w+ : [^:;*&\n]+"
    r"|    (\[\*\]|\w+) --> (\[\*\]|\w+)( : [^:;*&\n]+)?"
    r"|    classDef \w+ [\w#:,\- ]+|    class [\w,]+ \w+)"
)


def hostile() -> Graph:
    """A graph with such a text in each place."""
    nodes = (Node("a", HOSTILE, (HOSTILE,)), Node("b", "b"))
    return Graph("hostile", nodes, (Edge("a", "b", (HOSTILE,)),))


def test_mermaid_of_a_small_graph() -> None:
    assert mermaid(GRAPH).splitlines() == [
        "%% two",
        "stateDiagram-v2",
        "    direction LR",
        '    state "b" as b',
        "    b : x",
        '    state "no" as c',
        "    [*] --> a",
        "    a --> b : go<br/>run",
        "    b --> [*]",
        "    classDef refusal stroke:#d33,stroke-width:2px,stroke-dasharray:5 3",
        "    class c refusal",
    ]


@pytest.mark.parametrize("graph", [GRAPH, hostile()], ids=["plain", "hostile"])
def test_mermaid_lines_are_of_the_few_known_forms(graph: Graph) -> None:
    strange = [line for line in mermaid(graph).splitlines() if not MERMAID_LINE.fullmatch(line)]
    assert strange == []


@pytest.mark.parametrize("picture", pictures(CLASSIC))
def test_mermaid_of_the_lifecycle_is_of_the_few_known_forms(picture: str) -> None:
    lines = render(CLASSIC, picture).splitlines()
    assert [line for line in lines if not MERMAID_LINE.fullmatch(line)] == []


@pytest.mark.parametrize("word", ["end", "state", "null", "Note"])
def test_a_keyword_of_mermaid_is_no_name(word: str) -> None:
    assert f'state "{word}" as {word}_' in mermaid(Graph("g", (Node(word, word),), ()))


def test_names_that_mermaid_cannot_tell_apart_are_a_bug() -> None:
    with pytest.raises(AssertionError, match="clash"):
        mermaid(Graph("g", (Node("a b", ""), Node("a_b", "")), ()))


def test_plantuml_of_a_small_graph() -> None:
    assert plantuml(GRAPH).splitlines() == [
        "@startuml",
        "title two",
        "left to right direction",
        "hide empty description",
        'state "a" as a',
        'state "b" as b',
        "b : x",
        'state "no" as c #FDECEA',
        "[*] --> a",
        "a --> b : go\\nrun",
        "b --> [*]",
        "@enduml",
    ]


def test_plantuml_has_no_backslash_but_its_line_ends() -> None:
    assert re.findall(r"\\(?!n)|\\n `i`", plantuml(hostile())) == []


def test_plantuml_keeps_quotes_out_of_names() -> None:
    assert all(line.count('"') in (0, 2) for line in plantuml(hostile()).splitlines())


def test_dot_reads_hostile_text(dot: Path) -> None:
    source = dot_source(hostile())
    drawn = subprocess.run([dot, "-Tdot"], input=source, capture_output=True, text=True, check=True)
    assert drawn.stderr == ""


@pytest.mark.usefixtures("dot")
def test_svg_shows_hostile_text_as_it_is() -> None:
    shown = " ".join("".join(ElementTree.fromstring(svg(hostile())).itertext()).split())
    assert shown.count(HOSTILE) == 3


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("a|b", "a\\|b"),
        ("in_use", "in\\_use"),
        ("<br> & *", "&lt;br> &amp; \\*"),
        (Code("a|b < c_d"), "`a\\|b < c_d`"),
        (Code(""), ""),
    ],
)
def test_a_cell_cannot_break_its_table(cell: str | Code, text: str) -> None:
    assert cell_text(cell) == text


def test_a_table_in_markdown() -> None:
    table = Table("T", ("x", "y"), (("1", Code("2")),))
    assert rows(table) == "| x | y |\n|---|---|\n| 1 | `2` |"


def test_a_ragged_table_is_a_bug() -> None:
    with pytest.raises(AssertionError, match="ragged table T"):
        Table("T", ("x", "y"), (("1",),))
