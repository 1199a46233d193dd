"""Which modern jobs and transactions are explored, and which claims are made of each.

Every kind of job is explored alone under everything that can happen to it; groups are kept small by
leaving out what a lone job has shown already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import product

from blockjob_fsm.check.liveness import Fairness
from blockjob_fsm.check.modern_group import OF_TRANSACTION, GroupModel
from blockjob_fsm.declaration import EventKind, Lifecycle
from blockjob_fsm.error_action import ErrorAction, IoStatus
from blockjob_fsm.guards import Value
from blockjob_fsm.lifecycles import modern_words as words
from blockjob_fsm.lifecycles.modern_drivers import ACTIVE_COMMIT, BACKUP, CREATE, MIRROR
from blockjob_fsm.lifecycles.modern_words import ModernControl
from blockjob_fsm.lifecycles.transaction import Transaction
from blockjob_fsm.properties import Property
from blockjob_fsm.properties.modern import claims_with

Walk = Callable[[tuple[str, ...]], Transaction]
_FAIR = (
    *OF_TRANSACTION,
    words.IO_DONE,
    words.TIMER,
    words.PAUSE_POINT,
    words.RETURN,
    words.COMPLETION,
)
#: the world, the transaction and pause points go on, of every member; users need not
FAIR = Fairness(frozenset(f"{whose}{kind}" for kind in _FAIR for whose in ("", "other-")))

#: a backup stands for all that only end by themselves, an active commit for all that do not
_AUTO, _MANUAL = BACKUP.control(), BACKUP.control(auto_finalize=False, auto_dismiss=False)
_MIRROR = ACTIVE_COMMIT.control()
#: of groups: one speed, one error, sleeps with a timer
_FEW: dict[str, tuple[Value, ...]] = {
    "new_speed": (-1,),
    "action": (ErrorAction.STOP,),
    "status": (IoStatus.FAILED,),
    "timed": (True,),
    "to_write_blocking": (True,),
}
_STOPS = ("stops", "stops-twice", "resumes-stopped", "cancels-stopped")
_UNLIMITED = frozenset({words.SET_SPEED, words.CHANGE, words.DISCARD})
_UNPAUSED = _UNLIMITED | {words.PAUSE, words.RESUME, words.ERROR}


@dataclass(frozen=True, slots=True)
class ModernScenario:
    """Jobs of one transaction, what can happen to them, and the claims."""

    name: str
    starts: tuple[tuple[ModernControl, ...], ...]
    claims: tuple[Property, ...]
    domains: dict[str, tuple[Value, ...]] = field(default_factory=dict)
    left_out: frozenset[EventKind] = frozenset()
    most_drains: int = 2
    dutiful: bool = False
    watched: int = 0

    @property
    def is_alone(self) -> bool:
        """Whether a transaction has one member."""
        return all(len(start) == 1 for start in self.starts)

    @property
    def takes_every_edge(self) -> bool:
        """Whether each change of status is to be expected that its kind of job can go through."""
        return self.is_alone or words.PAUSE not in self.left_out

    def model(self, lifecycle: Lifecycle[ModernControl], walk: Walk = Transaction) -> GroupModel:
        """The scenario under a release's rows, its transaction walked in this way."""
        return GroupModel(
            lifecycle,
            self.starts,
            self.domains,
            self.left_out,
            self.most_drains,
            self.dutiful,
            walk,
            self.watched,
        )


def modern_scenarios() -> tuple[ModernScenario, ...]:
    """Every scenario, lone jobs first."""
    return (*_lone_jobs(), *_groups())


def _lone_jobs() -> Iterator[ModernScenario]:
    yield ModernScenario(
        "plain",
        ((CREATE.control(),),),
        claims_with("automatic", "kept", but=("told", "told-cancelled", "passes", *_STOPS)),
        left_out=frozenset({words.ERROR}),
    )
    flags = tuple(
        (BACKUP.control(auto_finalize=finalizes, auto_dismiss=dismisses),)
        for finalizes, dismisses in product((True, False), repeat=2)
    )
    speeds: dict[str, tuple[Value, ...]] = {"new_speed": (-1, 0, 1, 2)}
    yield ModernScenario("job", flags, claims_with("automatic", "manual", "kept"), speeds)
    mirrors = (_MIRROR, MIRROR.control(auto_finalize=False, auto_dismiss=False))
    told = ("manual", "kept", "in-step", "softly", "completes", "completes-late", "pivots", "holds")
    claims = claims_with(*told, "softly-parked", "automatic", "soft-late", "writes-block")
    yield ModernScenario("mirror", tuple((one,) for one in mirrors), claims)
    reached = ("in-step", "softly", "softly-parked", "completes", "completes-late", "pivots")
    unseen = ("limits-parked", "drained", "passes", *_STOPS)
    yield ModernScenario(
        "completable",
        ((replace(_MIRROR, mirrors=False),),),
        claims_with(*reached, "automatic", "soft-late", but=unseen),
        left_out=frozenset({words.SET_SPEED, words.CHANGE, words.ERROR}),
        most_drains=1,
    )


_COMMON = ("waits", "told-off", "revised")
_LONE = ("cancelled-sleeps", "drained", "drained-parked", "limits-parked", "resumes-in-drain")
_PAUSES = ("pauses", "parks", "late-pause", "busy-paused", "resumes-parked", "takes-pause")
_QUIET = (*_LONE, *_STOPS, "passes", *_PAUSES)


def _groups() -> Iterator[ModernScenario]:
    for watched, who in enumerate(("newest", "oldest")):
        yield from _pairs(watched, who)
    unseen = (*_LONE, *_STOPS, "passes")
    mirrored = claims_with(*_COMMON, "in-step", "holds", "kicked", but=unseen, dutiful=True)
    yield _group("pair-mirror", ((_MIRROR, _AUTO),), mirrored, _UNLIMITED | {words.ERROR}, 0)
    three = _UNPAUSED | {words.SUBMIT, words.IO_DONE}
    trio = claims_with(*_COMMON, but=(*_QUIET, "does-io"), dutiful=True)
    yield _group("trio", ((_AUTO, _AUTO, _MANUAL),), trio, three, 1)


def _pairs(watched: int, who: str) -> Iterator[ModernScenario]:
    # The oldest is prepared last: nobody is left who could fail after it.
    common = (*_COMMON, *(() if watched else ("prepared-and-aborted",)))
    for name, start, more in (
        ("auto", (_AUTO, _AUTO), ("automatic",)),
        ("manual", (_MANUAL, _MANUAL), ("manual", "kept")),
        ("mixed", (_AUTO, _MANUAL), ()),
    ):
        claims = _quietly(*common, *more)
        yield _group(f"pair-{name}-{who}", (start,), claims, _UNPAUSED, watched)
    paused = claims_with(*common, "automatic", "kicked", but=(*_LONE, "passes"), dutiful=True)
    yield _group(f"pair-pauses-{who}", ((_AUTO, _AUTO),), paused, _UNLIMITED, watched)


def _quietly(*witnesses: str) -> tuple[Property, ...]:
    return claims_with(*witnesses, but=_QUIET, dutiful=True)


def _group(
    name: str,
    starts: tuple[tuple[ModernControl, ...], ...],
    claims: tuple[Property, ...],
    left_out: frozenset[EventKind],
    watched: int,
) -> ModernScenario:
    return ModernScenario(
        name, starts, claims, _FEW, left_out, most_drains=0, dutiful=True, watched=watched
    )
