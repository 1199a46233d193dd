"""Recorded sessions of a QEMU, judged by the rows of the modern lifecycle."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from blockjob_fsm.declaration import release
from blockjob_fsm.lifecycles.modern import modern
from blockjob_fsm.lifecycles.modern_words import RELEASES
from blockjob_fsm.trace.explain import Finding
from blockjob_fsm.trace.judge import judge
from blockjob_fsm.trace.moves import Moves
from blockjob_fsm.trace.recording import Unreadable, read

__all__ = ["Finding", "Unreadable", "Verdict", "check"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a recording is worth: `finding` None if some legal order explains all of it.

    `lines` is how many lines it has, `profile` the release by whose rows it was judged.
    """

    profile: str
    lines: int
    finding: Finding | None

    @property
    def accepted(self) -> bool:
        """Whether every line is legal."""
        return self.finding is None

    def to_json(self) -> dict[str, object]:
        """The verdict as JSON; `legal_up_to` is the last line of the longest legal prefix."""
        head: dict[str, object] = {
            "verdict": "accepted" if self.finding is None else "rejected",
            "profile": self.profile,
            "lines": self.lines,
        }
        if self.finding is None:
            return head
        found = self.finding
        return head | {
            "line": found.line,
            "what": found.what,
            "seen": found.seen,
            "legal_up_to": found.line - 1,
            "because": list(found.because),
            "legal": list(found.legal),
        }


def check(text: Iterable[str], profile: str | None = None) -> Verdict:
    """Judge a recording, given line by line, by the rows of a release.

    Without `profile` by those of the newest one that is not newer than the QEMU that was recorded.
    Raises Unreadable if the text is no recording.
    """
    recording = read(text)
    name = profile or profile_of(recording.qemu)
    return Verdict(name, recording.lines[-1].number, judge(recording, _moves(name)))


def profile_of(version: str) -> str:
    """The profile that a QEMU version falls under; 7.2 if there is none, or it is no version."""
    try:
        number = release(version)
    except ValueError:
        return "7.2"
    return next((name for name in reversed(RELEASES) if release(name) <= number), "7.2")


@lru_cache(maxsize=len(RELEASES))
def _moves(profile: str) -> Moves:
    return Moves(modern(profile))
