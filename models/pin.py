"""Write down what the checks find now, for the tests to compare with: `python -m models.pin`.

Run it after a deliberate change of the rows, the bodies or the claims, and read the difference.
"""

from __future__ import annotations

import json
from pathlib import Path

from blockjob_fsm.check.run import EVERYTHING, LIFECYCLES, NAMES, run, summary
from models import breakers
from models.mutants import killers

ROOT = Path(__file__).resolve().parent.parent
MANIFEST = ROOT / "blockjob_fsm" / "check" / "manifest.json"
KILLERS = ROOT / "models" / "mutants.json"


def pinned(value: object) -> str:
    """A value as the pinned files hold it."""
    return json.dumps(value, indent=1, sort_keys=False) + "\n"


def main() -> None:
    """Rewrite the three files; it takes a few minutes."""
    every = (name for name in NAMES if name != EVERYTHING)
    found = {name: summary(run(name).rows) for name in every}
    MANIFEST.write_text(pinned(found), encoding="utf-8")
    KILLERS.write_text(pinned({name: killers(name) for name in LIFECYCLES}), encoding="utf-8")
    breakers.FILE.write_text(pinned(list(breakers.find())), encoding="utf-8")


if __name__ == "__main__":
    main()
