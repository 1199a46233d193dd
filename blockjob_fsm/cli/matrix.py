"""`blockjob conform --matrix`: the verb matrix of our jobs, and where the real QEMU disagrees."""

from __future__ import annotations

import json
import time

from blockjob_fsm.cli.conform import need_daemon
from blockjob_fsm.cli.problems import Status, say
from blockjob_fsm.conformance.conditions import conditions, forms
from blockjob_fsm.conformance.matrix import Cell, Differing, cells_of, differing
from blockjob_fsm.conformance.ours import Ours
from blockjob_fsm.conformance.theirs import Theirs
from blockjob_fsm.conformance.verb_table import legend, refused_arguments, tables
from blockjob_fsm.diagram.markdown import table

TOLD_EVERY_S = 10.0


def compare_matrix(*, as_json: bool) -> Status:
    """Play every cell to ours and to the real daemon; tell the table and where they differ."""
    need_daemon()
    cells: list[Cell] = []
    found: list[Differing] = []
    next_line_at = time.monotonic() + TOLD_EVERY_S
    for number, condition in enumerate(conditions()):
        here = cells_of(condition, forms(), Ours)
        cells += here
        found += differing(here, Theirs)
        if time.monotonic() >= next_line_at:
            next_line_at = time.monotonic() + TOLD_EVERY_S
            say(f"{number + 1} of {len(conditions())} conditions, {len(found)} cells differ")
    (_print_json if as_json else _print_tables)(cells, found)
    return Status.FAILED if found else Status.FINE


def _print_json(cells: list[Cell], found: list[Differing]) -> None:
    differ = {(one.cell.condition.name, one.cell.asked): str(one.difference) for one in found}
    told = [
        {
            "condition": cell.condition.what,
            "kind": cell.condition.kind,
            "command": cell.asked.command,
            "arguments": cell.asked.arguments,
            "error": cell.error,
            "statuses": cell.statuses,
            "difference": differ.get((cell.condition.name, cell.asked)),
        }
        for cell in cells
    ]
    print(json.dumps({"cells": told, "differing": len(found)}))


def _print_tables(cells: list[Cell], found: list[Differing]) -> None:
    for one in (legend(), *tables(cells, found), refused_arguments(cells)):
        print(f"{table(one, level=2)}\n")
    for differs in found:
        print(f"{differs}\n")
    refused = sum(cell.error is not None for cell in cells)
    print(f"{len(cells)} cells, {refused} of them refusals: {len(found)} differ from QEMU's")
