"""What is explored: the control for everybody, and each kind of job on devices small enough.

A scenario names a model and the claims about it. Sizes are chosen so that everything that can
happen between two units happens, and so that all scenarios together take seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import product

from blockjob_fsm.bodies.backup import Backup
from blockjob_fsm.bodies.commit import Commit
from blockjob_fsm.bodies.linear import LinearBody
from blockjob_fsm.bodies.mirror import Mirror
from blockjob_fsm.bodies.requests import Body, Sync
from blockjob_fsm.bodies.stream import Stream
from blockjob_fsm.check import backup_world as saving
from blockjob_fsm.check import job_claims as claims
from blockjob_fsm.check.jobs import JobModel
from blockjob_fsm.check.linear_worlds import Chain
from blockjob_fsm.check.liveness import Fairness
from blockjob_fsm.check.mirror_world import Pair
from blockjob_fsm.check.worlds import Devices
from blockjob_fsm.declaration import Event, Lifecycle
from blockjob_fsm.error_action import OnError
from blockjob_fsm.lifecycles import classic_words as words
from blockjob_fsm.lifecycles.classic_words import QEMU_1_3, ClassicControl
from blockjob_fsm.properties import Property
from blockjob_fsm.throttle import Limiter

VERBS: tuple[Event, ...] = (
    words.PAUSE(),
    words.RESUME(),
    words.CANCEL(),
    words.USER_CANCEL(),
    words.IOSTATUS_RESET(),
)
SPEED_VERBS: tuple[Event, ...] = (words.SET_SPEED(0), words.SET_SPEED(1))
#: the world and the job go on; no user has to, and no guest has to begin anything
FAIR = Fairness(
    frozenset(
        {
            "start",
            "io_done",
            "io_step",
            "guest_write_ends",
            "timer",
            "returned",
            "backing_opened",
            *("submit", "sleep", "test", "completed"),
            *saving.GUEST_GOES_ON,
        }
    )
)


@dataclass(frozen=True, slots=True)
class Alteration:
    """What a mutant changes beside the rows: the body, the devices, or the limiter."""

    body: Callable[[Body], Body] = field(default=lambda body: body)
    devices: Callable[[Devices], Devices] = field(default=lambda devices: devices)
    limiter: Limiter = field(default_factory=Limiter)


@dataclass(frozen=True, slots=True)
class Scenario:
    """A job, its devices, what the user may ask for, and the claims."""

    name: str
    body: Body
    devices: Devices
    claims: tuple[Property, ...]
    speeds: tuple[int, ...] = (0,)
    verbs: tuple[Event, ...] = VERBS

    def model(
        self, lifecycle: Lifecycle[ClassicControl], alteration: Alteration | None = None
    ) -> JobModel:
        """The scenario under a lifecycle; in 1.3 the bodies too are as they were."""
        altered = alteration or Alteration()
        return JobModel(
            lifecycle=lifecycle,
            body=altered.body(_as_in(lifecycle.profile, self.body)),
            devices=altered.devices(self.devices),
            speeds=self.speeds,
            verbs=self.verbs,
            notes_failures=isinstance(self.body, LinearBody),
            limiter=altered.limiter,
        )


def _as_in(profile: str, body: Body) -> Body:
    if profile != QEMU_1_3:
        return body
    if isinstance(body, Stream):
        return replace(body, drop_on_failure=True)
    return replace(body, leak_on_bad_length=True) if isinstance(body, Mirror) else body


def scenarios() -> tuple[Scenario, ...]:
    """Every scenario, the quick ones first."""
    return (*_commits(), *_streams(), *_backups(), *_quiet_mirrors(), *_mirrors())


def _streams() -> Iterator[Scenario]:
    for policy, speed in product(OnError, (0, 1)):
        body = Stream(unit=1, batch=2, on_error=policy)
        yield Scenario(
            f"stream-{policy.value}{_limit(speed)}",
            body,
            Chain(),
            _of_stream(policy, speed),
            (speed,),
        )
    kept = Stream(unit=1, batch=2, has_base=True)
    yield Scenario("stream-base", kept, Chain(), _of_stream(OnError.REPORT, 0))
    stopping = Stream(unit=1, batch=2, on_error=OnError.STOP)
    skipping = replace(kept, has_base=False, on_error=OnError.IGNORE)
    alone = (*claims.EVERY_JOB_ALONE, *claims.ENDS_ALONE)
    yield Scenario("stream-unattended-limited", skipping, Chain(), alone, (1,), ())
    yield Scenario(
        "stream-speeds", stopping, Chain(), _of_stream(OnError.STOP, 1), (0, 1), VERBS + SPEED_VERBS
    )


def _of_stream(policy: OnError, speed: int) -> tuple[Property, ...]:
    stops = policy in (OnError.STOP, OnError.ENOSPC)
    return (
        *claims.EVERY_JOB,
        *claims.STREAM,
        *(claims.STOPS if stops else claims.STREAM_WITHOUT_STOP),
        *claims.ENDS_WHEN_CANCELLED,
        *claims.PAUSES,
        *(() if speed else claims.ENDS_ALONE),
    )


def _commits() -> Iterator[Scenario]:
    told = (*claims.EVERY_JOB, *claims.COMMIT, *claims.ENDS_WHEN_CANCELLED, *claims.PAUSES)
    for policy, speed in product(OnError, (0, 1)):
        body = Commit(unit=1, batch=2, on_error=policy)
        name = f"commit-{policy.value}{_limit(speed)}"
        yield Scenario(name, body, Chain(guest_writes=False), told, (speed,))


def _backups() -> Iterator[Scenario]:
    """Guests that may write at any time, one or two at once, and fail to save what they change."""
    told = (*claims.EVERY_JOB, *saving.BACKUP, *claims.ENDS_WHEN_CANCELLED, *claims.PAUSES)
    for policy in OnError:
        stops = claims.STOPS if policy in (OnError.STOP, OnError.ENOSPC) else ()
        body = Backup(chunk=1, batch=2, on_source_error=policy, on_target_error=policy)
        devices = saving.PointInTime(guests=1)
        yield Scenario(f"backup-{policy.value}", body, devices, (*told, *stops))
    reports, one_unit = Backup(chunk=1, batch=2), saving.PointInTime(units=1, to_copy=1)
    left_out = saving.PointInTime(to_copy=0b01, guests=1)
    yield Scenario("backup-top", replace(reports, sync=Sync.TOP), left_out, told)
    endless = replace(reports, sync=Sync.NONE)
    yield Scenario("backup-none", endless, one_unit, _without("ends-well", told))
    sure = replace(one_unit, saves_fail=False)
    yield Scenario("backup-busy-guests", reports, sure, (*told, *saving.GETS_DONE))
    yield Scenario("backup-speeds", reports, one_unit, told, (0, 1), VERBS + SPEED_VERBS)


def _quiet_mirrors() -> Iterator[Scenario]:
    """A guest that does not write: every pair of policies, and what needs an end of writing."""
    told = (*claims.EVERY_JOB, *claims.MIRROR, *claims.NO_GUEST)
    told += (*claims.ENDS_WHEN_CANCELLED, *claims.PAUSES)
    for source, target in product(OnError, OnError):
        body = Mirror(chunk=1, batch=2, on_source_error=source, on_target_error=target)
        name = f"mirror-quiet-{source.value}-{target.value}"
        yield _mirror(name, body, Pair(units=3, to_copy=0b111, guest_writes=False), told)
    stops = Mirror(chunk=1, batch=2, on_source_error=OnError.STOP, on_target_error=OnError.STOP)
    quiet = Pair(guest_writes=False)
    alone = (*claims.EVERY_JOB_ALONE, *claims.GETS_READY)
    yield Scenario("mirror-unattended-limited", Mirror(chunk=1), quiet, alone, (1,), ())
    yield _mirror("mirror-quiet-speeds", stops, quiet, told, (0, 1), SPEED_VERBS)


def _mirrors() -> Iterator[Scenario]:
    """A guest that may write at any time, for ever."""
    told = (*claims.EVERY_JOB, *claims.MIRROR, *claims.GUEST, *claims.PAUSES)
    for policy in OnError:
        stops = claims.STOPS if policy in (OnError.STOP, OnError.ENOSPC) else ()
        body = Mirror(chunk=1, batch=2, on_source_error=policy, on_target_error=policy)
        yield _mirror(f"mirror-{policy.value}", body, Pair(), told + stops)
    reports = Mirror(chunk=1, batch=2)
    yield _mirror("mirror-none", replace(reports, sync=Sync.NONE), Pair(), told)
    yield _mirror("mirror-report-limited", reports, Pair(), told, (1,))


def _mirror(
    name: str,
    body: Mirror,
    devices: Pair,
    told: tuple[Property, ...],
    speeds: tuple[int, ...] = (0,),
    more: tuple[Event, ...] = (),
) -> Scenario:
    return Scenario(name, body, devices, told, speeds, (*VERBS, words.COMPLETE(), *more))


def _without(witness: str, told: tuple[Property, ...]) -> tuple[Property, ...]:
    """What can be claimed where a witness is never reached: neither it, nor what needs it."""
    return tuple(claim for claim in told if getattr(claim, "witness", claim.name) != witness)


def _limit(speed: int) -> str:
    return "-limited" if speed else ""
