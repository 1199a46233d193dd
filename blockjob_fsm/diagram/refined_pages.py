"""The generated page about QEMU 1.3 and modern jobs: the map, the steps, the named differences.

Only the sentences between are written here; everything else is what the refinement says.
"""

from __future__ import annotations

from blockjob_fsm.diagram.markdown import fenced, rows, section, table
from blockjob_fsm.diagram.pages import page
from blockjob_fsm.diagram.refined import (
    differences_table,
    picture,
    statuses_table,
    steps_table,
    variables_table,
)
from blockjob_fsm.lifecycles.differences import CHAPTERS


def refinement_page(newest: str) -> str:
    """What a modern step is to those who know 1.3, and every difference there has been."""
    return page(
        "From QEMU 1.3 to modern jobs",
        _OPENING,
        section(
            "The map",
            _MAP_TEXT,
            fenced(picture("modern statuses and the phases of 1.3")),
            rows(statuses_table()),
            rows(variables_table(newest)),
        ),
        section("The steps", _STEPS_TEXT, rows(steps_table())),
        section(
            "The differences",
            _DIFFERENCES_TEXT,
            *(table(differences_table(title, some)) for title, some in CHAPTERS.items()),
        ),
        section("What is not compared", _NOT_COMPARED),
    )


_OPENING = (
    "Each step of a modern job is a step of a job of QEMU 1.3, or changes nothing that 1.3 knows, "
    "or is one of the differences named here. `blockjob check --lifecycle modern` judges every "
    "step that it explores (`refines-classic`), and shows that each difference is needed "
    "(`differs-` and its name). `blockjob diagram --lifecycle modern --profile 1.3 --diff 6.0` "
    "shows the differences of one release."
)
_MAP_TEXT = (
    "The phase is given by the status, or where that leaves it open by where the coroutine is; "
    "every other variable of 1.3 is a term over the modern ones. A cancelled job at work may be "
    "running or leaving: which, depends on whether it has slept since, and is followed."
)
_STEPS_TEXT = (
    "What a modern event is in 1.3, if it is not a difference. Events that are not listed are "
    "nothing in 1.3, and change nothing there. After any event a timer may fire, and a woken job "
    "look whether it is cancelled. The job must be as the map says before and after; a verb must "
    "be refused where 1.3 refuses it, and nowhere else; BLOCK_JOB_READY, BLOCK_JOB_ERROR, "
    "BLOCK_JOB_COMPLETED and BLOCK_JOB_CANCELLED must be sent where 1.3 sends them."
)
_DIFFERENCES_TEXT = (
    "A step at one of these events in one of these statuses, of a job for which *when* holds, is "
    "in the words of 1.3 what stands under *as if*, one after the other: events, and assignments "
    "to variables of 1.3; or it is refused, with such an error, where 1.3 would take it. Releases "
    "between 1.3 and 2.12 are not told apart: what is new in 2.12 here may be older."
)
_NOT_COMPARED = (
    "The words of a refusal. Time: when a timer fires, and so that a modern pause ends a sleep at "
    "once. The events that 1.3 has not, JOB_STATUS_CHANGE and BLOCK_JOB_PENDING. When the device "
    "is switched to the target: in 1.3 that is done in the step that ends the job, in modern ones "
    "by the prepare step before it. That a job comes to its end at all: that is claimed of each "
    "lifecycle by itself. Members of a transaction are followed one by one."
)
