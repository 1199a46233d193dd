"""The hunt for a difference: sessions drawn by Hypothesis, played, and shrunk if two plays differ.

A seed makes a hunt repeatable, as far as the subjects are.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from hypothesis import HealthCheck, Phase, Verbosity, assume, given, seed, settings

from blockjob_fsm.conformance.drawing import STEPS, sessions
from blockjob_fsm.conformance.session import Session
from blockjob_fsm.conformance.walks import Outcome

#: a difference that is not as short as it gets by then is told as it is, in seconds
SHRINK_S = 60.0


class Differs(Exception):
    """Hypothesis is told by this that a session is one to shrink."""


@dataclass(slots=True)
class Hunt:
    """What a hunt plays its sessions with, and what it has found.

    `played` are the sessions as they were drawn, shrinking not counted; `shortest` is the one that
    differs. `unsteady` counts those that differed only at first. `is_bounded` says that the time
    for shrinking was up.
    """

    play: Callable[[Session], Outcome]
    heard: Callable[[Outcome], object]
    played: int = 0
    steps: int = 0
    unsteady: int = 0
    shortest: Outcome | None = None
    is_bounded: bool = False
    _known: dict[str, Outcome] = field(default_factory=dict)
    _until: float = 0.0

    def run(self, sequences: int, number: int) -> Outcome | None:
        """Play so many sessions of a seed; the shortest difference, or None."""

        @seed(number)
        @settings(
            max_examples=sequences,
            database=None,
            deadline=None,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
            report_multiple_bugs=False,
            print_blob=False,
            verbosity=Verbosity.quiet,
        )
        @given(sessions())
        def alike(session: Session) -> None:
            self._look(session)

        try:
            alike()
        except Differs:
            assert self.shortest is not None
        return self.shortest

    def _look(self, session: Session) -> None:
        if self.shortest is None:
            assume(len(session.script) >= STEPS[0])
        outcome = self._outcome(session)
        if outcome is None or outcome.difference is None:
            return
        if self.shortest is None:
            self._until = time.monotonic() + SHRINK_S
        self.shortest = outcome
        # One line raises, whatever the difference: all are one bug to shrink.
        raise Differs

    def _outcome(self, session: Session) -> Outcome | None:
        """How a session was, or is, played; None if there is no time left for one more."""
        text = str(session)
        if text not in self._known:
            if self.shortest is not None and time.monotonic() > self._until:
                self.is_bounded = True
                return None
            outcome = self.play(session)
            if self.shortest is None:
                self.played += 1
                self.steps += len(session.script)
                self.unsteady += outcome.is_unsteady
                self.heard(outcome)
            if outcome.difference is None:
                return outcome
            self._known[text] = outcome
        return self._known[text]
