"""Drained sections as our subject makes them, around commands that have QEMU drain all nodes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from blockjob_fsm.conformance.nodes import Nodes
from blockjob_fsm.modern_block_job import ModernBlockJob

Jobs = Callable[[], Iterable[ModernBlockJob]]


@contextmanager
def drained(jobs: Jobs, nodes: Nodes, settle: Callable[[], None]) -> Iterator[None]:
    """All nodes in a drained section: each job there is parks, or is waited for.

    `jobs` are those there are, at the begin as at the end: one made inside has counted the section.
    """
    for job in jobs():
        job.drain_begin()
    nodes.let_go()
    settle()
    try:
        yield
    finally:
        settle()
        for job in jobs():
            if job.control.drains:
                job.drain_end()
