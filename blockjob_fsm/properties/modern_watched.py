"""What claims about the modern lifecycle read: a job's control state, its past, and its siblings.

The past is what the outputs so far have come to, as far as a claim needs it; the siblings' part is
filled in where a state is looked at. Claims, and how states are found, may not enter here.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from enum import Enum

from blockjob_fsm.guards import Choice, Flag, Number
from blockjob_fsm.lifecycles.modern_words import ModernControl, Status


class Told(Enum):
    """Which event has told of the job's end."""

    NOTHING = "nothing"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    TWICE = "twice"  #: a second one, of either sort


class Driver(Enum):
    """Which of its last steps the driver has been asked for."""

    NOTHING = "nothing"
    COMMITTED = "committed"
    ABORTED = "aborted"
    TWICE = "twice"  #: a second one, of either sort


@dataclass(frozen=True, slots=True)
class Watched(ModernControl):
    """A control state and what claims need beside it.

    From the past: `said` is the status in the last event of a change, `repeated` that one came
    without a change; `timer`, `io` and `deferred` what the world has still to bring; the rest what
    was done how often. Of the transaction: `settled` that no step is due, so that users are heard;
    of the siblings: whether all have ended their work, are pending, have been prepared, finalize
    themselves, or any has been committed or aborted, and of the newer ones whether any is left.
    """

    said: Status = Status.UNDEFINED
    repeated: bool = False
    timer: bool = False
    io: bool = False
    deferred: bool = False
    told: Told = Told.NOTHING
    driver: Driver = Driver.NOTHING
    prepares: int = 0
    cleaned: int = 0
    called_back: int = 0
    told_off: int = 0
    freed: int = 0
    pivoted: bool = False
    settled: bool = True
    finalizing: bool = False
    aborting: bool = False
    others_ended: bool = True
    others_pending: bool = True
    others_prepared: bool = True
    others_auto: bool = True
    other_committed: bool = False
    other_aborted: bool = False
    newer_left: bool = False
    newer_waiting: bool = False
    _hash: int = field(default=0, init=False, repr=False, compare=False)

    def __hash__(self) -> int:
        # Kept: with so many fields it takes longer than most of what it is asked for.
        if not self._hash:
            values = tuple(getattr(self, name) for name in _COMPARED)
            object.__setattr__(self, "_hash", hash(values))
        return self._hash


_COMPARED = tuple(one.name for one in fields(Watched) if one.compare)


SAID = Choice("said", Status)
REPEATED = Flag("repeated")
TIMER_SET = Flag("timer")
IO_OUT = Flag("io")
DEFERRED = Flag("deferred")
TOLD = Choice("told", Told)
DRIVER = Choice("driver", Driver)
PREPARES = Number("prepares")
CLEANED = Number("cleaned")
CALLED_BACK = Number("called_back")
TOLD_OFF = Number("told_off")
FREED = Number("freed")
PIVOTED = Flag("pivoted")
SETTLED = Flag("settled")
FINALIZING = Flag("finalizing")
GROUP_ABORTS = Flag("aborting")
OTHERS_ENDED = Flag("others_ended")
OTHERS_PENDING = Flag("others_pending")
OTHERS_PREPARED = Flag("others_prepared")
OTHERS_AUTO = Flag("others_auto")
OTHER_COMMITTED = Flag("other_committed")
OTHER_ABORTED = Flag("other_aborted")
NEWER_LEFT = Flag("newer_left")
NEWER_WAITING = Flag("newer_waiting")
