"""Who must notice each mutant of the modern rows, and why some are noticed by nobody.

`modern_mutants.json` beside this file names for each mutant of the newest release the first claim
it breaks, `load` where it is refused before anything runs, or `equivalent`: then no step that any
model reaches differs, and EQUIVALENT says why. `python -m models.modern_mutants` writes it anew; it
takes some ten minutes.
"""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from pathlib import Path

from blockjob_fsm.check.modern_kill import ModernKiller
from blockjob_fsm.check.mutants import Mutant, row_mutants
from blockjob_fsm.lifecycles.modern import MODERN
from models.mutants import LOAD, NOBODY

FILE = Path(__file__).with_suffix(".json")
#: what is found of a model as a whole, beside its claims
OF_MODELS = ("1-every-edge",)

_AWAITED = "the world answers only what the job has asked for, and the job waits for it"
_WALKED = "the transaction asks this only of a member for which it is so"
_BEGUN = "only a section that has begun ends"
_NOBODY_RESTS = "nobody sleeps or waits where a pause is wanted"
_REFUSED = "a soft cancel of what the user has paused is refused"
_NO_ERROR_YET = "a job that has not started has met no error"
_TIMED = "in the models of groups who sleeps has a timer: its row is the same, and is noticed"
_UNPAUSED = ("user_paused", "pause_count", "io_status")

#: patterns of mutants' names -> why no step of any model differs from the original's
EQUIVALENT: dict[str, str] = {
    "refuse-complete-2.guard-3-dropped": "what cannot be completed never gets ready",
    "rule-io_done-1.guard-1-dropped": _AWAITED,
    "rule-timer-1.guard-1-dropped": _AWAITED,
    "rule-completion-[12].guard-1-dropped": _AWAITED,
    "rule-completion-3.guard-1-dropped": _WALKED,
    "rule-revise-1.guard-1-dropped": _WALKED,
    "rule-conclude-[12].guard-[13]-dropped": _WALKED,
    "rule-prepare-[123].guard-1-dropped": _WALKED,
    "rule-sleep-[34].guard-3-dropped": "whoever holds a section has a reason to pause",
    "rule-pend-1.guard-3-dropped": "what is no block job always finalizes itself",
    "rule-resume-1.sets-io_status-dropped": _NO_ERROR_YET,
    "rule-cancel+soft_cancel-1.sets-io_status-dropped": _NO_ERROR_YET,
    "rule-resume-3.sets-*": _NOBODY_RESTS,
    "rule-resume-3.does-*": _NOBODY_RESTS,
    "rule-drain_end-[1345].guard-1-dropped": _BEGUN,
    "rule-drain_end-2.deleted": _NOBODY_RESTS,
    "rule-drain_end-2.guard-1-dropped": _NOBODY_RESTS,
    "rule-drain_end-2.guard-2-negated": _NOBODY_RESTS,
    "rule-drain_end-2.sets-*": _NOBODY_RESTS,
    "rule-drain_end-2.does-*": _NOBODY_RESTS,
    **{
        f"rule-{row}.sets-{name}-dropped": why
        for rows, why in (
            (("cancel+soft_cancel-[34]", "cancel-[23]"), _NOBODY_RESTS),
            (("soft_cancel-[1234]",), _REFUSED),
        )
        for row in rows
        for name in _UNPAUSED
    },
    "rule-sibling_cancel-2.sets-io_status-dropped": "no errors happen in the model of a mirror and "
    "its sibling; that of others' siblings is noticed",
    "rule-kick-3.deleted": _TIMED,
    "rule-kick-3.sets-*": _TIMED,
    "rule-kick-3.does-*": _TIMED,
}


def reasons(mutant: str) -> list[str]:
    """Why nobody notices a mutant."""
    return [why for pattern, why in EQUIVALENT.items() if fnmatchcase(mutant, pattern)]


def about(pattern: str) -> list[str]:
    """The mutants that a reason is about."""
    return [name for name in expected() if fnmatchcase(name, pattern)]


def noticed(killer: ModernKiller, mutant: Mutant) -> str:
    """Who notices a mutant; AssertionError if a step differs, and nobody minds."""
    found = killer.kill(mutant)
    if found.by is not None:
        return found.by
    if found.malformed:
        return LOAD
    assert not found.differing, (
        f"{mutant.name} changes {found.differing} steps, and breaks no claim"
    )
    return NOBODY


def expected() -> dict[str, str]:
    """What `modern_mutants.json` says."""
    stored: dict[str, str] = json.loads(FILE.read_text(encoding="utf-8"))
    return stored


def main() -> None:
    """Rewrite the file."""
    killer = ModernKiller(MODERN)
    found = {mutant.name: noticed(killer, mutant) for mutant in row_mutants(MODERN)}
    FILE.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
