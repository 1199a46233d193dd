"""The generated pages about the modern lifecycle: its rows, its verbs, and what releases changed.

Only the sentences between are written here; everything else is drawn from the rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from blockjob_fsm.declaration import Actor, Lifecycle, Refusal, Row
from blockjob_fsm.diagram.changes import changes
from blockjob_fsm.diagram.gallery import picture_of, picture_of_changes
from blockjob_fsm.diagram.markdown import fenced, rows, section, table
from blockjob_fsm.diagram.pages import drawn, event_section, page
from blockjob_fsm.diagram.refined_pages import refinement_page
from blockjob_fsm.diagram.tables import Cell, Code, Table
from blockjob_fsm.diagram.words import listed
from blockjob_fsm.guards import Control
from blockjob_fsm.lifecycles.modern_drivers import DRIVERS, MIRROR, Driver

Lifecycles = tuple[Lifecycle[Control], ...]
#: what a release changed for clients without changing a row
_BEYOND_ROWS = {
    "7.2": "one lock guards the fields of all jobs: no client can tell",
    MIRROR.limit_kept_since: "a limited delay that was cut short is asked for again, see the kinds",
    "10.1": "block-job-pause, -resume, -complete, -finalize, -dismiss are deprecated for job-*",
}


def modern_pages(releases: Lifecycles) -> dict[str, str]:
    """File name -> page, for all releases of a lifecycle, oldest first."""
    return {
        "modern-lifecycle.md": modern_lifecycle_page(releases),
        "modern-verbs.md": modern_verbs_page(releases[-1]),
        "refinement.md": refinement_page(releases[-1].profile),
    }


def modern_lifecycle_page(releases: Lifecycles) -> str:
    """Every rule and refusal of the newest release, and what each release changed."""
    newest = releases[-1]
    return page(
        "The modern lifecycle",
        f"What a job can do in QEMU {newest.profile}, and why; what other releases do otherwise "
        "stands at the end. `blockjob diagram --lifecycle modern --profile 5.2 --diff 6.0` draws "
        "what changed between any two releases: a release between two of those listed here has "
        "the rules of the older one. How all of them differ from QEMU 1.3 is told in "
        "[refinement.md](refinement.md).",
        section("The statuses", fenced(picture_of(newest, "overview").graph)),
        section(
            "The kinds of job",
            "What of a job's lifecycle is its kind's. A kind that can be completed is the one that "
            "becomes ready, and the only one that a cancel without force does not end at once.",
            rows(_kinds()),
        ),
        section(
            "What releases changed",
            rows(_summary(releases)),
            "Rows are compared by what they say. Each release below is compared with the one "
            "before it in this table.",
            *(_release(older, newer) for older, newer in pairwise(releases)),
        ),
        section(
            "Every rule",
            "A label reads `event [guard] / what changes; what the world must do`. Rules that "
            "keep the status stand inside its box, or in a note if several statuses share them.",
            drawn(picture_of(newest, "lifecycle")),
        ),
    )


def modern_verbs_page(newest: Lifecycle[Control]) -> str:
    """Every verb of the user, with its picture, rules and refusals."""
    return page(
        "The verbs of the modern lifecycle",
        f"What QEMU {newest.profile} tests in which order, and what comes of it. `cancel` is the "
        "forced one, `soft_cancel` block-job-cancel without force. Boxes on the left are the "
        "statuses in which the job may be; numbered tests are made in that order, and the first "
        "that holds answers. The statuses that the verb table refuses are those where "
        "CannotAcceptVerb stands without a guard.",
        *(event_section(newest, kind, 2) for kind in newest.events if kind.actor is Actor.USER),
    )


def _kinds() -> Table:
    head = ("job", "does", "can be completed", "can be changed", "limit kept", "errors, by policy")
    return Table("Kinds", head, tuple(map(_kind, DRIVERS)))


def _kind(driver: Driver) -> tuple[Cell, ...]:
    since = driver.limit_kept_since
    policies = ", ".join(f"{word}: {policy}" for word, policy in driver.policies)
    return (
        Code(driver.type),
        driver.what,
        "yes" if driver.completable else "no",
        "yes" if driver.changeable else "no",
        (f"since {since}" if since else "always") if driver.block_job else "no limit",
        policies or "none",
    )


def _summary(releases: Lifecycles) -> Table:
    told = []
    for older, newer in pairwise(releases):
        reasons = dict.fromkeys(_reasons(older, newer))
        for events, sort, why in reasons:
            told.append((newer.profile, Code(events), sort, why))
        if not reasons:
            told.append((newer.profile, Code(""), "no row", _BEYOND_ROWS[newer.profile]))
    return Table("Releases", ("since", "events", "rows", "why"), tuple(told))


def _reasons(
    older: Lifecycle[Control], newer: Lifecycle[Control]
) -> Iterator[tuple[str, str, str]]:
    found = changes(older, newer)
    for output in found.outputs_new:
        yield "", "new output", f"{output}: {output.what}"
    for sort, some in (
        ("gone", found.gone),
        ("new", found.new),
        ("changed", tuple(row for _, row in found.changed)),
    ):
        for row in some:
            yield listed(row.events), f"{sort} {_noun(row)}", row.why


def _noun(row: Row) -> str:
    return "refusal" if isinstance(row, Refusal) else "rule"


def _release(older: Lifecycle[Control], newer: Lifecycle[Control]) -> str:
    told = picture_of_changes(older, newer).tables
    if not told:
        return ""
    title = f"From {older.profile} to {newer.profile}"
    return section(title, *(table(value, 4) for value in told), level=3)
