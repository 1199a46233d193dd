"""A session played to two subjects: what each did, step by step, and where they differ."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from blockjob_fsm.conformance.canonical import Ignored
from blockjob_fsm.conformance.replay import Difference, Step
from blockjob_fsm.conformance.session import Session
from blockjob_fsm.conformance.subject import Subject


@dataclass(frozen=True, slots=True)
class Outcome:
    """A session that was played to two subjects, the steps of each, and how they differ.

    `is_unsteady`: they differed at first, since one of them did not do the same twice.
    """

    session: Session
    difference: Difference | None
    plays: tuple[list[Step], list[Step]]
    is_unsteady: bool = False


def play(session: Session, subject: Subject) -> Iterator[Step]:
    """Play a session; the steps as they were."""
    for command, arguments in session.setup:
        reply = subject.execute(command, arguments)
        assert "error" not in reply, reply
    for command, arguments in session.script:
        reply = subject.execute(command, arguments)
        subject.settle()
        jobs, block_jobs = subject.query()
        yield Step(command, arguments, reply.get("error"), subject.take_events(), jobs, block_jobs)


def first_difference(one: list[Step], other: list[Step]) -> Difference | None:
    """The first step in which two plays of a session differ."""
    mine, yours = Ignored(), Ignored()
    for number, (first, second) in enumerate(zip(one, other, strict=True)):
        expected, found = first.canonical(mine), second.canonical(yours)
        if expected != found:
            command = f"{first.command} {json.dumps(first.arguments)}"
            return Difference(number, command, expected, found)
    return None


def compare(session: Session, one: Callable[[], Subject], other: Callable[[], Subject]) -> Outcome:
    """Play a session to two subjects, made for it and closed again."""
    first, second = (_played(session, build()) for build in (one, other))
    return Outcome(session, first_difference(first, second), (first, second))


def _played(session: Session, subject: Subject) -> list[Step]:
    try:
        return list(play(session, subject))
    finally:
        subject.close()
