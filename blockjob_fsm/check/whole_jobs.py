"""Which whole modern jobs are explored, on which devices, and which claims are made of each.

Sizes are chosen so that all of them together take seconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from blockjob_fsm.bodies.backup import CopierBackup
from blockjob_fsm.bodies.commit import PolicyCommit
from blockjob_fsm.bodies.mirror import ModernMirror
from blockjob_fsm.bodies.requests import Body, Sync
from blockjob_fsm.bodies.stream import Stream
from blockjob_fsm.check.backup_world import GUEST_GOES_ON, PointInTime
from blockjob_fsm.check.linear_worlds import Chain
from blockjob_fsm.check.liveness import Fairness
from blockjob_fsm.check.mirror_world import Pair
from blockjob_fsm.check.modern_job_claims import (
    BACKUP,
    BUSY_GUEST,
    CHAIN,
    ENDS_SOFTLY,
    EVERY_JOB,
    FAILS,
    MIRROR,
    NEVER_STOPS,
    STOPS,
    STREAM_KEPT,
)
from blockjob_fsm.check.modern_jobs import ModernJobModel
from blockjob_fsm.check.worlds import Devices
from blockjob_fsm.declaration import Event, Lifecycle
from blockjob_fsm.error_action import OnError
from blockjob_fsm.lifecycles import modern_drivers as drivers
from blockjob_fsm.lifecycles import modern_words as words
from blockjob_fsm.lifecycles.modern_drivers import Driver
from blockjob_fsm.lifecycles.modern_words import ModernControl
from blockjob_fsm.properties import Property

VERBS: tuple[Event, ...] = (words.PAUSE(), words.RESUME(), words.CANCEL(), words.SOFT_CANCEL())
_MANUAL_VERBS = (*VERBS, words.FINALIZE(), words.DISMISS())
_SPEEDS = (words.SET_SPEED(0), words.SET_SPEED(1))
#: the world, the job and its transaction go on; no user has to, and no guest has to begin anything
WHOLE_JOBS_FAIR = Fairness(
    frozenset(
        {
            *("create", "start", "io_done", "io_step", "guest_write_ends"),
            *("timer", "completion", "prepare", *GUEST_GOES_ON),
        }
    )
)


@dataclass(frozen=True, slots=True)
class WholeJob:
    """A job, its devices, what the user may ask for, and the claims; `speed` is there at once."""

    name: str
    driver: Driver
    body: Body
    devices: Devices
    claims: tuple[Property, ...]
    verbs: tuple[Event, ...] = VERBS
    drains: int = 1
    speed: int = 0
    manual: bool = False

    def model(self, lifecycle: Lifecycle[ModernControl]) -> ModernJobModel:
        """The job under a release's rows, with that release's limiter."""
        automatic = not self.manual
        # Who never had a limit has none to get past.
        limited = bool(self.speed) or any(verb in self.verbs for verb in _SPEEDS)
        control = self.driver.control(auto_finalize=automatic, auto_dismiss=automatic)
        return ModernJobModel(
            lifecycle,
            replace(control, speed=self.speed),
            self.body,
            self.devices,
            self.verbs,
            self.drains,
            limited and self.driver.leaks(lifecycle.profile),
        )


def whole_jobs() -> tuple[WholeJob, ...]:
    """Every job that is explored."""
    return (*_chains(), *_mirrors(), *_backups())


def _ends(policy: OnError) -> tuple[Property, ...]:
    return (STOPS,) if policy is OnError.STOP else (NEVER_STOPS, FAILS)


def _chains() -> Iterator[WholeJob]:
    for policy in (OnError.REPORT, OnError.STOP):
        told = (*EVERY_JOB, *CHAIN, *_ends(policy))
        stream = Stream(unit=1, batch=2, on_error=policy)
        kept = () if policy is OnError.STOP else (STREAM_KEPT,)
        yield WholeJob(f"stream-{policy.value}", drivers.STREAM, stream, Chain(), (*told, *kept))
        commit, base = PolicyCommit(unit=1, batch=2, on_error=policy), Chain(guest_writes=False)
        yield WholeJob(f"commit-{policy.value}", drivers.COMMIT, commit, base, told)
    told = (*EVERY_JOB, *CHAIN, *_ends(OnError.IGNORE), STREAM_KEPT)
    skips, short = Stream(unit=1, batch=2, on_error=OnError.IGNORE), Chain(units=2, source=0b11)
    asked = (*VERBS, *_SPEEDS)
    yield WholeJob("stream-ignore-limited", drivers.STREAM, skips, short, told, asked, speed=1)
    reports = replace(skips, on_error=OnError.REPORT)
    yield WholeJob(
        "stream-manual", drivers.STREAM, reports, Chain(), told, _MANUAL_VERBS, manual=True
    )


def _mirrors() -> Iterator[WholeJob]:
    verbs = (*VERBS, words.COMPLETE())
    guest = Pair(units=1, to_copy=1, drains_at_once=True)
    alone = Pair(guest_writes=False)
    for policy in (OnError.REPORT, OnError.IGNORE, OnError.STOP):
        body = ModernMirror(chunk=1, batch=2, on_source_error=policy, on_target_error=policy)
        told = (*EVERY_JOB, *MIRROR, *_ends(policy))
        quiet = (*told, ENDS_SOFTLY) if policy is OnError.REPORT else told
        yield WholeJob(f"mirror-quiet-{policy.value}", drivers.MIRROR, body, alone, quiet, verbs)
        busy = (*told, BUSY_GUEST)
        # What a drained section does to a mirror does not depend on its policy.
        drains = int(policy is OnError.REPORT)
        yield WholeJob(f"mirror-{policy.value}", drivers.MIRROR, body, guest, busy, verbs, drains)
    body = ModernMirror(chunk=1, batch=2)
    told, asked = (*EVERY_JOB, *MIRROR, *_ends(OnError.REPORT)), (*verbs, *_SPEEDS)
    yield WholeJob("mirror-limited", drivers.MIRROR, body, alone, told, asked, 0, speed=1)
    asked = (*_MANUAL_VERBS, words.COMPLETE())
    yield WholeJob("mirror-manual", drivers.MIRROR, body, guest, told, asked, 0, manual=True)


def _backups() -> Iterator[WholeJob]:
    one_unit = PointInTime(units=1, to_copy=1, guests=1)
    for policy in (OnError.REPORT, OnError.STOP):
        body = CopierBackup(chunk=1, batch=2, on_source_error=policy, on_target_error=policy)
        told = (*EVERY_JOB, *BACKUP, *_ends(policy))
        yield WholeJob(f"backup-{policy.value}", drivers.BACKUP, body, one_unit, told)
    told, asked = (*EVERY_JOB, *BACKUP, *_ends(OnError.REPORT)), (*VERBS, *_SPEEDS)
    body, two_units = CopierBackup(chunk=1, batch=2), PointInTime(units=2, to_copy=0b11, guests=0)
    yield WholeJob("backup-limited", drivers.BACKUP, body, two_units, told, asked, speed=1)
    endless = replace(body, sync=Sync.NONE)
    never = tuple(claim for claim in told if _needs(claim) != "ends-well")
    yield WholeJob("backup-none", drivers.BACKUP, endless, one_unit, never)


def _needs(claim: Property) -> str:
    return str(getattr(claim, "witness", claim.name))


#: every claim once
WHOLE_PROPERTIES: tuple[Property, ...] = tuple(
    dict.fromkeys(claim for one in whole_jobs() for claim in one.claims)
)
