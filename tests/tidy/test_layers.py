"""The layer rules catch each forbidden import, and allow the ones the manual allows."""

import pytest

from tests.tidy import layers
from tests.tidy.sources import Source


def library(module: str, text: str) -> Source:
    """A file of the library with this text."""
    return Source(f"blockjob_fsm/{module.replace('.', '/')}.py", text)


FORBIDDEN = [
    ("errors", "from blockjob_fsm.job import Job"),
    ("errors", "import blockjob_fsm.job"),
    ("job", "from .machine import build"),
    ("job", "from . import machine"),
    ("machine", "from blockjob_fsm.check import explore"),
    ("check.explore", "from ..diagram import graph"),
    ("diagram.graph", "from blockjob_fsm.trace.read import Trace"),
    ("check", "from blockjob_fsm import storage"),
    ("storage.raw", "from blockjob_fsm.machine import build"),
    ("job", "from blockjob_fsm import BlockJob"),
    ("__init__", "from blockjob_fsm.cli import main"),
    ("__init__", "from .qmp import Session"),
    ("qmp.session", "from blockjob_fsm.qmp.server import Server"),
    ("job", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .block_job import A"),
]

ALLOWED = [
    ("job", "from blockjob_fsm.errors import JobError"),
    ("job", "from .bodies import mirror"),
    ("lifecycles.classic", "from ..declaration import Rule"),
    ("lifecycles.refinement", "from .classic import CLASSIC"),
    ("storage.raw", "from blockjob_fsm.clock import Clock"),
    ("machine", "import transitions"),
    ("__init__", "from .block_job import BlockJob"),
    ("qmp.server", "from . import session"),
    ("conformance.run", "from blockjob_fsm import BlockJob"),
    ("cli", "from blockjob_fsm.qmp.server import Server"),
]

IMPURE = [
    ("job", "import os.path"),
    ("errors", "from time import monotonic"),
    ("bodies.mirror", "import threading"),
    ("lifecycles.classic", "import random"),
    ("throttle", "import transitions"),
]

PURE = [
    ("job", "import errno"),
    ("declaration", "from __future__ import annotations"),
    ("clock", "import threading"),
    ("storage.raw", "import os"),
]

UNFENCED = [
    ("block_job", "import transitions.core"),
    ("diagram", "import z3"),
    ("block_job", "from rich import print"),
    ("qmp.session", "import socket"),
]

FENCED = [
    ("machine", "from transitions import Machine"),
    ("check.induction", "import z3"),
    ("cli", "import typer"),
    ("qmp.server", "import socket"),
]


@pytest.mark.parametrize(("module", "text"), FORBIDDEN)
def test_an_import_upwards_or_sideways_is_caught(module: str, text: str) -> None:
    assert list(layers.imports_go_down(library(module, text)))


@pytest.mark.parametrize(("module", "text"), ALLOWED)
def test_an_import_downwards_or_within_the_group_is_allowed(module: str, text: str) -> None:
    assert list(layers.imports_go_down(library(module, text))) == []


@pytest.mark.parametrize(("module", "text"), IMPURE)
def test_a_pure_module_that_knows_the_world_is_caught(module: str, text: str) -> None:
    assert list(layers.only_the_standard_library(library(module, text)))


@pytest.mark.parametrize(("module", "text"), PURE)
def test_a_harmless_import_is_allowed(module: str, text: str) -> None:
    assert list(layers.only_the_standard_library(library(module, text))) == []


@pytest.mark.parametrize(("module", "text"), UNFENCED)
def test_a_dependency_outside_its_fence_is_caught(module: str, text: str) -> None:
    assert list(layers.dependencies_are_fenced(library(module, text)))


@pytest.mark.parametrize(("module", "text"), FENCED)
def test_a_dependency_inside_its_fence_is_allowed(module: str, text: str) -> None:
    assert list(layers.dependencies_are_fenced(library(module, text))) == []


@pytest.mark.parametrize("module", ["helpers", "utils.text"])
def test_a_module_outside_the_table_is_caught(module: str) -> None:
    assert list(layers.known_place(library(module, "")))


@pytest.mark.parametrize("module", ["__init__", "errors", "storage.qcow2.table", "qmp.server"])
def test_a_module_of_the_table_has_a_place(module: str) -> None:
    assert list(layers.known_place(library(module, ""))) == []


def test_an_import_cycle_is_named() -> None:
    one = library("bodies.one", "from blockjob_fsm.bodies.two import Two")
    two = library("bodies.two", "from .one import One")
    assert set(layers.import_cycle([one, two])) == {one.module, two.module}


def test_a_chain_of_imports_is_no_cycle() -> None:
    one = library("bodies.one", "from blockjob_fsm.bodies.two import Two")
    two = library("bodies.two", "from blockjob_fsm import errors")
    assert layers.import_cycle([one, two, library("errors", "")]) == []
