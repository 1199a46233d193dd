"""The mistakes that QEMU's job code has had, as broken variants of the modern rows and walk.

Each is named after what goes wrong and says which claim it is there to break. Mistakes that need
bytes, locks or threads to show are not here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from blockjob_fsm.check import modern_changes as changes
from blockjob_fsm.check.modern_changes import also, deaf, leading, reading, split, where, without
from blockjob_fsm.check.mutants import Mutant, row_mutants
from blockjob_fsm.declaration import EventKind, Lifecycle, Output, Refusal, Rule
from blockjob_fsm.errors import CannotAcceptVerb
from blockjob_fsm.guards import Assignment, Choose
from blockjob_fsm.lifecycles import modern_words as words
from blockjob_fsm.lifecycles.modern_words import ModernControl, Place, Status
from blockjob_fsm.lifecycles.transaction import Transaction

Refusals = tuple[Refusal, ...]
_PLACE, _BUSY, _WAKE = words.PLACE, words.BUSY, words.WAKE
_COUNT = words.PAUSE_COUNT
_WOKEN = (_PLACE.set(Place.WOKEN), _BUSY.on, _WAKE)
_SECTION = (
    words.HOLDS_DRAIN.off,
    _COUNT.set(Choose(words.HOLDS_DRAIN, _COUNT.plus(-1), _COUNT)),
    words.UNDRAIN,
)


@dataclass(frozen=True, slots=True)
class ModernMutant(Mutant):
    """A broken variant; `walk` is its transaction, `year` when the mistake was mended."""

    walk: type[Transaction] = Transaction
    year: int = 0


@dataclass(frozen=True, slots=True)
class Mistake:
    """A mistake before it meets a release's rows. `front` are refusals tried before all others."""

    name: str
    what: str
    breaks: str
    year: int = 0
    events: tuple[EventKind, ...] = ()
    change: changes.Change = field(default=lambda rule: (rule,))
    walk: type[Transaction] = Transaction
    front: Refusals = ()
    gone: tuple[Status, ...] = words.GONE

    def of(self, lifecycle: Lifecycle[ModernControl]) -> ModernMutant:
        """The mutant of a release."""
        rules = tuple(
            new
            for rule in lifecycle.rules
            for new in (self.change(rule) if set(rule.events) & set(self.events) else (rule,))
        )
        refusals = (*self.front, *map(self._narrowed, lifecycle.refusals))
        return ModernMutant(
            self.name,
            self.what,
            rules,
            refusals,
            frozenset(map(str, self.events)),
            walk=self.walk,
            breaks=self.breaks,
            year=self.year,
        )

    def _narrowed(self, refusal: Refusal) -> Refusal:
        is_of_gone = refusal.phases == words.GONE
        return replace(refusal, phases=self.gone) if is_of_gone else refusal


def modern_mutants(lifecycle: Lifecycle[ModernControl]) -> Iterator[ModernMutant]:
    """Every mutant of a release: the mistakes, then each change of one row."""
    for mistake in MISTAKES:
        yield mistake.of(lifecycle)
    for one in row_mutants(lifecycle):
        yield ModernMutant(one.name, one.what, one.rules, one.refusals, one.events)


def _is_at(place: Place, *added: Assignment | Output) -> changes.Change:
    """More effects where the coroutine is at this place, for the rules of whoever works."""
    guard = _PLACE.equals(place)
    return where(_is_of_work, split(guard, *added))


def _is_of_work(rule: Rule) -> bool:
    return Status.RUNNING in rule.phases and rule.to is None


def _wakes(rule: Rule) -> bool:
    return _WAKE in rule.does


def _ends_well(rule: Rule) -> bool:
    return rule.to is Status.WAITING


_ENTERING = (
    Mistake(
        "entered-during-io",
        "a pause enters a job that waits for its own I/O",
        "14-io",
        2015,
        (words.PAUSE,),
        where(lambda rule: not _wakes(rule), _is_at(Place.WAITING, *_WOKEN)),
    ),
    Mistake(
        "entered-twice",
        "the end of a section enters a job that runs",
        "14-entered",
        2017,
        (words.DRAIN_END,),
        where(lambda rule: not _wakes(rule), _is_at(Place.RUNNING, _WAKE)),
    ),
    Mistake(
        "entered-after-return",
        "the end of a section enters a job whose body has returned",
        "14-after-return",
        2017,
        (words.DRAIN_END,),
        where(lambda rule: not _wakes(rule), _is_at(Place.RETURNED, *_WOKEN)),
    ),
    Mistake(
        "timer-left",
        "who is entered out of a sleep keeps the sleep's timer",
        "15-timer",
        2017,
        (words.PAUSE, words.CANCEL, words.DRAIN_BEGIN),
        without(words.CANCEL_TIMER),
    ),
    Mistake(
        "scheduled-twice",
        "a kick goes to a job that was woken and has not run yet",
        "14-entered",
        2018,
        (words.PAUSE,),
        where(lambda rule: not _wakes(rule), _is_at(Place.WOKEN, _WAKE)),
    ),
    Mistake(
        "speed-enters-anyone",
        "a new speed enters a job that waits for something else than its limit",
        "16-speed",
        2018,
        (words.SET_SPEED,),
        where(lambda rule: not _wakes(rule), _is_at(Place.IDLE, *_WOKEN)),
    ),
    Mistake(
        "complete-unparks",
        "completing a parked job takes it out of its park",
        "8-parked",
        2021,
        (words.COMPLETE,),
        where(
            lambda rule: rule.phases == (Status.STANDBY,),
            leading(Status.READY, _PLACE.set(Place.RUNNING), _BUSY.on, words.EMIT_STATUS, _WAKE),
        ),
    ),
)
_DRAINING = (
    Mistake(
        "drain-only-counts",
        "a section begins while its job still sleeps, and will do I/O",
        "17-no-rest",
        2018,
        (words.DRAIN_BEGIN,),
        where(_wakes, without(_PLACE, _BUSY, words.CANCEL_TIMER, _WAKE)),
    ),
    Mistake(
        "drained-twice-over",
        "a drain of the job's own beside the common one: a section counts twice",
        "9-reasons",
        2019,
        (words.DRAIN_BEGIN,),
        also(_COUNT.set(_COUNT.plus(2))),
    ),
    Mistake(
        "idle-before-completion",
        "a job counts as idle before its completion has run",
        "13-busy",
        2018,
        (words.RETURN,),
        also(_BUSY.off),
    ),
    Mistake(
        "completion-stays-busy",
        "a job that completes drains its own nodes, and waits for itself",
        "18-itself",
        2018,
        (words.COMPLETION,),
        without(_BUSY),
    ),
    Mistake(
        "idle-between-units",
        "a job counts as idle between two units of its work",
        "13-busy",
        2019,
        (words.IO_DONE,),
        also(_BUSY.off),
    ),
    Mistake(
        "undrained-before-switch",
        "guests are let in between the decision to end and the change of the graph",
        "36-kept",
        2019,
        (words.COMPLETION,),
        where(_ends_well, also(*_SECTION)),
    ),
    Mistake(
        "section-never-ends",
        "clean-up leaves the job's own section open",
        "36-dropped",
        2020,
        (words.CONCLUDE,),
        without(words.UNDRAIN),
    ),
)
_PAUSING = (
    Mistake(
        "cancel-keeps-io-status",
        "a cancel takes the user's pause back, and leaves the error that caused it",
        "22-cancel",
        2018,
        (words.CANCEL, words.SOFT_CANCEL, words.SIBLING_CANCEL),
        without(words.IO_STATUS),
    ),
    Mistake(
        "every-error-counts",
        "each of several errors asks for a pause of its own, and one resume is not enough",
        "41-stop",
        2018,
        (words.ERROR,),
        where(
            lambda rule: words.IO_STATUS in {a.variable for a in rule.sets},
            also(_COUNT.set(_COUNT.plus(1))),
        ),
    ),
    Mistake(
        "softly-cancelled-never-pauses",
        "a job that is cancelled softly does not park, and spins on errors that should stop it",
        "21-softly",
        2021,
        (words.PAUSE_POINT,),
        reading(words.CANCELLED),
    ),
    Mistake(
        "cancelled-parks",
        "a job that is cancelled with force still parks in a section",
        "20-no-park",
        2019,
        (words.PAUSE_POINT,),
        deaf(),
    ),
    Mistake(
        "no-complete-in-standby",
        "a section that parks a ready job makes complete fail",
        "1.3-takes-complete",
        2021,
        front=(
            Refusal((words.COMPLETE,), (Status.STANDBY,), CannotAcceptVerb, "as it was before 6.0"),
        ),
    ),
    Mistake(
        "verb-off-the-table",
        "a status beyond the last is looked up in the verb table",
        "1.3-answered",
        2018,
        gone=(Status.UNDEFINED,),
    ),
)
_ENDING = (
    Mistake(
        "freed-while-walked",
        "a job is freed while the list of its transaction is walked",
        "37-freed",
        2017,
        (words.CONCLUDE,),
        also(words.RELEASE),
    ),
    Mistake(
        "freed-twice",
        "the end of a section frees a job that has concluded, and so does its dismissal",
        "37-freed",
        2018,
        (words.DRAIN_END,),
        split(words.STATUS.equals(Status.CONCLUDED), words.RELEASE),
    ),
    Mistake(
        "cancelled-commits",
        "a cancelled job whose body returned no error is committed",
        "20-ends",
        2018,
        (words.COMPLETION,),
        deaf(),
    ),
    Mistake(
        "soft-cancel-too-late",
        "a soft cancel turns a mirror that has finished into a cancelled one",
        "44-soft-late",
        2021,
        (words.SOFT_CANCEL,),
        where(
            lambda rule: rule.phases == (Status.READY,) and not rule.sets,
            also(words.CANCELLED.on, words.ABORT_ALL),
        ),
    ),
    Mistake(
        "completion-not-scheduled",
        "the completion waits in a queue that nobody looks at",
        "43-completes",
        2024,
        (words.RETURN,),
        without(words.DEFER),
    ),
    Mistake(
        "unstarted-never-completes",
        "a job that is cancelled because a later action was refused never ends",
        "43-unstarted",
        2020,
        (words.CANCEL, words.SOFT_CANCEL),
        without(words.COMPLETE_NOW),
    ),
)
_WALKING = (
    Mistake(
        "sibling-asked-softly",
        "a ready sibling is asked softly, and goes on copying",
        "25-sibling",
        2021,
        (words.SIBLING_CANCEL,),
        where(lambda rule: rule.phases == words.IS_READY, without(words.FORCE_CANCELLED)),
    ),
    Mistake(
        "waits-without-entering",
        "whoever waits for a job's end looks at the wrong queue, and enters nobody",
        "43-all-end",
        2018,
        walk=changes.NeverKicks,
    ),
    Mistake(
        "ended-member-stays",
        "a member that is over stays in the list of its transaction",
        "26-walk",
        2016,
        walk=changes.KeepsEnded,
    ),
    Mistake(
        "walk-hangs",
        "the walk over the members never comes back from the first one's callback",
        "25-aborts",
        2018,
        walk=changes.StopsAfterOne,
    ),
    Mistake(
        "waits-before-telling",
        "an abort waits for one member before it has cancelled the others",
        "25-aborts",
        2018,
        walk=changes.WaitsFirst,
    ),
    Mistake(
        "commits-before-all-prepared",
        "a member is committed while another may still fail to prepare",
        "25-all-prepared",
        walk=changes.PreparesAlone,
    ),
    Mistake(
        "oldest-first",
        "members are walked in the order they were made",
        "33-conclude",
        walk=changes.OldestFirst,
    ),
    Mistake(
        "finalizes-unasked",
        "a member that waits for its user is finalized",
        "30-nobody-manual",
        walk=changes.IgnoresManual,
    ),
)
MISTAKES = (*_ENTERING, *_DRAINING, *_PAUSING, *_ENDING, *_WALKING)
