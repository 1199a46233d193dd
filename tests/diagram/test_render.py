"""What `render` promises: names, formats, the same bytes every time."""

import hashlib
import subprocess
import sys
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import pytest

from blockjob_fsm.declaration import Lifecycle
from blockjob_fsm.diagram import FORMATS, PICTURES, GraphvizMissing, pictures, render
from blockjob_fsm.guards import Control
from blockjob_fsm.lifecycles.classic import CLASSIC, CLASSIC_1_3
from tests.diagram.lamp import LAMP
from tests.tidy.sources import ROOT

LIFECYCLES: dict[str, Lifecycle[Control]] = {"safe": CLASSIC, "1.3": CLASSIC_1_3, "lamp": LAMP}
EVERY = [
    pytest.param(lifecycle, picture, id=f"{name}-{picture}")
    for name, lifecycle in LIFECYCLES.items()
    for picture in pictures(lifecycle)
]
TEXTS = tuple(name for name in FORMATS if name != "svg")
SVG = "{http://www.w3.org/2000/svg}"
DIGEST = """
import hashlib
from blockjob_fsm.diagram import pictures, render
from blockjob_fsm.lifecycles.classic import CLASSIC
text = "".join(render(CLASSIC, p, f) for p in pictures(CLASSIC) for f in {formats})
print(hashlib.sha256(text.encode()).hexdigest())
"""


@cache
def digest() -> str:
    """Of all texts of our profile, drawn in this process."""
    texts = (render(CLASSIC, p, f) for p in pictures(CLASSIC) for f in TEXTS)
    return hashlib.sha256("".join(texts).encode()).hexdigest()


@pytest.mark.slow
@pytest.mark.parametrize("seed", ["0", "1", "2", "3", "4294967295"])
def test_the_bytes_do_not_depend_on_the_hash_seed(seed: str) -> None:
    drawn = subprocess.check_output(
        [sys.executable, "-c", DIGEST.format(formats=TEXTS)],
        cwd=ROOT,
        env={"PYTHONHASHSEED": seed},
        text=True,
    )
    assert drawn.strip() == digest()


def test_the_lifecycle_in_mermaid_is_what_one_gets_without_asking() -> None:
    assert render(CLASSIC) == render(CLASSIC, "lifecycle", "mermaid")


def test_every_event_has_a_picture() -> None:
    names = tuple(kind.name for kind in CLASSIC.events)
    assert pictures(CLASSIC) == (*PICTURES, *names)


@pytest.mark.parametrize(("lifecycle", "picture"), EVERY)
def test_every_picture_ends_in_one_newline_in_every_format(
    lifecycle: Lifecycle[Control], picture: str
) -> None:
    texts = [render(lifecycle, picture, name) for name in TEXTS]
    assert [text for text in texts if not text.strip() or text != text.rstrip("\n") + "\n"] == []


@pytest.mark.parametrize(("lifecycle", "picture"), EVERY)
def test_real_dot_draws_every_picture_without_complaint(
    dot: Path, lifecycle: Lifecycle[Control], picture: str
) -> None:
    source = render(lifecycle, picture, "dot")
    drawn = subprocess.run([dot, "-Tdot"], input=source, capture_output=True, text=True, check=True)
    assert drawn.stderr == ""


@pytest.mark.usefixtures("dot")
@pytest.mark.parametrize("picture", PICTURES)
def test_svg_is_well_formed(picture: str) -> None:
    assert ElementTree.fromstring(render(CLASSIC, picture, "svg")).tag == f"{SVG}svg"


@pytest.mark.usefixtures("dot")
def test_svg_shows_every_phase() -> None:
    drawn = ElementTree.fromstring(render(CLASSIC, "overview", "svg"))
    texts = {text.text for text in drawn.iter(f"{SVG}text")}
    assert texts >= {phase.value for phase in CLASSIC.phases}


def test_svg_without_graphviz_names_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(GraphvizMissing, match=r"apt-get install graphviz.*the format dot"):
        render(CLASSIC, format="svg")


def test_an_unknown_picture_lists_the_choices() -> None:
    choices = "lifecycle, overview, product, error-actions, press, lock, fade"
    with pytest.raises(ValueError, match=f"no picture 'imaginary'; choose from {choices}$"):
        render(LAMP, "imaginary")


def test_an_unknown_format_lists_the_choices() -> None:
    choices = "mermaid, dot, svg, plantuml, markdown"
    with pytest.raises(ValueError, match=f"no format 'gif'; choose from {choices}$"):
        render(LAMP, format="gif")
