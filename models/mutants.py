"""Who must notice each mutant, and why some are noticed by nobody.

`mutants.json` beside this file names for each mutant of the rows the first property it breaks,
`contract` where only the contract sees it, `load` where it is refused before anything runs, or
`equivalent`: then no reachable step differs, and EQUIVALENT says why.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from blockjob_fsm.check.kill import Killed, Killer
from blockjob_fsm.check.mutants import row_mutants
from blockjob_fsm.check.named_mutants import named_mutants
from blockjob_fsm.check.run import LIFECYCLES, manifest
from blockjob_fsm.properties import CLASSIC_PROPERTIES, claimed_for

LOAD = "load"
NOBODY = "equivalent"

_REFUSED_BEFORE = "a refusal that is tried before it has the same guard"
_NEVER_ASLEEP = "a job whose io-status is not ok is paused, and a paused job parks: it never sleeps"
_NEVER_PAUSED = "a paused job refuses to complete, so paused is off already"
_OK_ALREADY = "a job whose io-status is not ok is paused, and a paused job refuses to complete"
_ALREADY_0 = "the guard says that the result is 0, and ret is 0 until a job ends"

#: why no reachable step of these mutants differs from the original's
EQUIVALENT: dict[str, str] = {
    "refuse-complete-1.guard-5-dropped": "a job that cannot complete is never in step either, and "
    "being out of step is refused with the same error",
    "rule-claim-1.guard-1-dropped": _REFUSED_BEFORE,
    "rule-completed-2.sets-ret-dropped": _ALREADY_0,
    "rule-completed-4.sets-ret-dropped": _ALREADY_0,
    "rule-resume-2.sets-io_status-dropped": _NEVER_ASLEEP,
    "rule-cancel+user_cancel-2.sets-io_status-dropped": _NEVER_ASLEEP,
    "rule-complete-1.sets-paused-dropped": _NEVER_PAUSED,
    "rule-complete-2.sets-paused-dropped": _NEVER_PAUSED,
    "rule-complete-1.sets-io_status-dropped": _OK_ALREADY,
    "rule-complete-2.sets-io_status-dropped": _OK_ALREADY,
    "rule-backing_opened-1.guard-1-dropped": _REFUSED_BEFORE,
    "rule-backing_opened-2.guard-1-dropped": _REFUSED_BEFORE,
    "rule-backing_opened-2.sets-paused-dropped": "while files are being opened nobody can pause a "
    "job, and one that an error pauses parks",
    "rule-backing_opened-2.sets-io_status-dropped": _NEVER_ASLEEP,
}


@cache
def killed(lifecycle: str) -> tuple[Killed, ...]:
    """Every mutant of a lifecycle's rows, and who notices it.

    Claims that are VIOLATED already notice nothing, so they are left out.
    """
    rows = LIFECYCLES[lifecycle]
    known = manifest()[lifecycle]["control"]["violated"]
    assert isinstance(known, list), "the manifest lists what is violated"
    claims = claimed_for(CLASSIC_PROPERTIES, rows.profile)
    killer = Killer(rows, tuple(claim for claim in claims if claim.name not in known))
    of_rows = (m for m in (*named_mutants(rows), *row_mutants(rows)) if m.events)
    return tuple(killer.kill(mutant) for mutant in of_rows)


def killers(lifecycle: str) -> dict[str, str]:
    """For each mutant of a lifecycle's rows by name, who notices it."""
    return {one.mutant: _by(one) for one in killed(lifecycle)}


def expected(lifecycle: str) -> dict[str, str]:
    """What `mutants.json` says."""
    text = Path(__file__).with_suffix(".json").read_text(encoding="utf-8")
    stored: dict[str, dict[str, str]] = json.loads(text)
    return stored[lifecycle]


def _by(one: Killed) -> str:
    if one.by is not None:
        return one.by
    return LOAD if one.malformed else NOBODY
