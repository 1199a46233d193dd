"""The verb matrix: every command in every condition, what comes of it, and where others disagree.

A cell begins in a world of its own, but for commands that are refused: those change nothing, which
is looked at after each, so that all refusals of a condition can share a world.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from blockjob_fsm.conformance.canonical import Ignored
from blockjob_fsm.conformance.conditions import GUEST_WRITE, JOB, Asked, Command, Condition, ending
from blockjob_fsm.conformance.replay import Difference, Record, Step
from blockjob_fsm.conformance.subject import Subject

Build = Callable[[], Subject]


@dataclass(frozen=True, slots=True)
class Cell:
    """A command in a condition: the step that it was, and those from there to the job's end."""

    condition: Condition
    asked: Asked
    steps: tuple[Record, ...]

    @property
    def error(self) -> Record | None:
        """The refusal's class and text; None: the command was accepted."""
        refused: Record | None = self.steps[0]["error"]
        return refused

    @property
    def statuses(self) -> tuple[str, ...]:
        """The statuses that the job went through because of the command."""
        told = self.steps[0]["events"].get(JOB, ())
        changes = (word.partition(" status=") for word in told)
        return tuple(status for name, _, status in changes if name == "JOB_STATUS_CHANGE")


@dataclass(frozen=True, slots=True)
class Differing:
    """A cell in which a second subject did otherwise."""

    cell: Cell
    difference: Difference

    def __str__(self) -> str:
        return f"{self.cell.condition.name}, {self.cell.asked.name}: {self.difference}"


class _World:
    """A subject that was taken to a condition."""

    def __init__(self, subject: Subject, condition: Condition) -> None:
        self._subject, self._ignored = subject, Ignored()
        for command, arguments in condition.setup:
            reply = subject.execute(command, arguments)
            assert "error" not in reply, reply
        for on_the_way in condition.lead:
            self.step(on_the_way)

    def step(self, given: Command) -> Record:
        command, arguments = given
        reply: Record = {}
        if command == GUEST_WRITE:
            self._subject.guest_write(**arguments)
        else:
            reply = self._subject.execute(command, arguments)
        self._subject.settle()
        jobs, block_jobs = self._subject.query()
        events = self._subject.take_events()
        step = Step(command, arguments, reply.get("error"), events, jobs, block_jobs)
        return step.canonical(self._ignored)


@contextmanager
def _world(condition: Condition, build: Build) -> Iterator[_World]:
    subject = build()
    try:
        yield _World(subject, condition)
    finally:
        subject.close()


def cells_of(condition: Condition, forms: Sequence[Asked], build: Build) -> tuple[Cell, ...]:
    """Every form in a condition."""
    cells: list[Cell] = []
    left = list(forms)
    while left:
        with _world(condition, build) as world:
            cells += _until_accepted(condition, left, world)
    return tuple(cells)


def _until_accepted(condition: Condition, left: list[Asked], world: _World) -> Iterator[Cell]:
    """Ask forms until one changes something; they are taken from the list."""
    while left:
        asked = left.pop(0)
        step = world.step((asked.command, asked.arguments))
        if step["error"] is None:
            yield Cell(condition, asked, (step, *map(world.step, ending(condition))))
            return
        yield Cell(condition, asked, (step,))


def differing(cells: Sequence[Cell], build: Build) -> tuple[Differing, ...]:
    """Play cells of one condition to another subject: where it does otherwise."""
    refused = [cell for cell in cells if cell.error is not None]
    worlds = [refused] if refused else []
    worlds += [[cell] for cell in cells if cell.error is None]
    return tuple(one for world in worlds for one in _differing(world, build))


def _differing(cells: Sequence[Cell], build: Build) -> list[Differing]:
    """Cells that can share a world: refused ones, or one that is accepted."""
    found = []
    with _world(cells[0].condition, build) as world:
        for cell in cells:
            commands = ((cell.asked.command, cell.asked.arguments), *ending(cell.condition))
            for number, (command, expected) in enumerate(zip(commands, cell.steps, strict=False)):
                done = world.step(command)
                if done != expected:
                    told = f"{command[0]} {json.dumps(command[1])}"
                    difference = Difference(number, told, done, expected)
                    found.append(Differing(cell, difference))
                    break
    return found
