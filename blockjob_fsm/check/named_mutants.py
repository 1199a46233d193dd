"""The broken variants that deserve a name: the classic mistakes, and what no deletion can break.

Each names the claim it is there to break. Rows of effects here are added to rows of the lifecycle.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from blockjob_fsm.bodies.backup import Backup
from blockjob_fsm.bodies.commit import Commit
from blockjob_fsm.bodies.mirror import Mirror
from blockjob_fsm.bodies.stream import Stream
from blockjob_fsm.check import broken_bodies as broken
from blockjob_fsm.check import row_changes as changes
from blockjob_fsm.check.backup_world import Wrong
from blockjob_fsm.check.mutants import Mutant
from blockjob_fsm.check.scenarios import Alteration
from blockjob_fsm.declaration import EventKind, Lifecycle, Output
from blockjob_fsm.error_action import IoStatus
from blockjob_fsm.guards import Assignment
from blockjob_fsm.lifecycles import classic_words as words
from blockjob_fsm.lifecycles.classic_words import QEMU_1_3, SAFE, ClassicControl, Phase


@dataclass(frozen=True, slots=True)
class Named:
    """A named mutant before it meets a lifecycle: how the rules at some events change."""

    name: str
    what: str
    breaks: str
    events: tuple[EventKind, ...] = ()
    change: changes.Change = lambda rule: (rule,)
    alteration: Alteration = field(default_factory=Alteration)
    only: tuple[str, ...] = ()

    def of(self, lifecycle: Lifecycle[ClassicControl]) -> Mutant:
        """The mutant of a lifecycle."""
        rules = tuple(
            new
            for rule in lifecycle.rules
            for new in (self.change(rule) if set(rule.events) & set(self.events) else (rule,))
        )
        events = frozenset(
            str(kind) for rule in lifecycle.rules if rule not in rules for kind in rule.events
        )
        return Mutant(self.name, self.what, rules, lifecycle.refusals, events, self.alteration)


def named_mutants(lifecycle: Lifecycle[ClassicControl]) -> Iterator[Mutant]:
    """The named mutants of a lifecycle's profile."""
    for named in NAMED:
        if not named.only or lifecycle.profile in named.only:
            yield named.of(lifecycle)


_STATUS = words.IO_STATUS
_FAILED = _STATUS.set(IoStatus.FAILED)
_CANCELS = (words.CANCEL, words.USER_CANCEL)

#: the mistakes that were made, or nearly
MISTAKES = (
    Named(
        "sleep-without-test",
        "a sleep does not look at cancelled before it clears busy",
        "3-no-wait",
        (words.SLEEP,),
        changes.guarded(changes.sleep_without_test),
    ),
    Named(
        "timer-looks-at-paused",
        "a timer that finds the job paused parks it",
        "5-run",
        (words.TIMER,),
        changes.parks_if_paused,
    ),
    Named(
        "enter-while-busy",
        "resume enters a job that is busy",
        "5-busy-not-entered",
        (words.RESUME,),
        changes.also(words.WAKE, where=Phase.WAITING, to=Phase.WOKEN),
    ),
    Named(
        "cancel-keeps-pause",
        "a cancel does not undo the pause",
        "8-cancel",
        _CANCELS,
        changes.without(words.PAUSED),
    ),
    Named(
        "free-before-callback",
        "job and device are freed before the callback runs",
        "1-held",
        (words.COMPLETED,),
        changes.also(words.RELEASE_DEVICE),
    ),
    Named(
        "release-before-callback",
        "the device is no longer in use while the callback runs",
        "1-owned",
        (words.COMPLETED,),
        changes.also(words.IN_USE.off),
    ),
    Named(
        "last-error-wins",
        "a later error replaces the published one",
        "12-first-wins",
        (words.ERROR,),
        changes.changed_if(changes.stops, changes.also(_STATUS.set(words.STATUS))),
    ),
    Named(
        "status-without-stop",
        "an error that is ignored or reported is published in the io-status",
        "12-pass",
        (words.ERROR,),
        changes.changed_if(changes.passes, changes.also(_FAILED)),
    ),
    Named(
        "limiter-without-first",
        "the limiter lets nothing through that is larger than a slice's quota",
        "23-progress",
        alteration=Alteration(limiter=broken.ClosedLimiter()),
    ),
    Named(
        "mirror-reads-before-clearing",
        "a mirror clears the dirty marks after it has read",
        "18-no-lost-write",
        alteration=Alteration(devices=changes.reads_first),
    ),
    Named(
        "mirror-without-drain",
        "a mirror ends with guest writes in flight",
        "18-no-lost-write",
        alteration=changes.body(broken.UndrainedMirror, Mirror),
    ),
    Named(
        "mirror-stays-cancelled",
        "a clean mirror that was cancelled reports CANCELLED",
        "8-clean-exit",
        (words.DECIDE,),
        changes.without(words.CANCELLED),
    ),
    Named(
        "pivot-on-success",
        "the device is swapped after every success, asked for or not",
        "20-pivot",
        (words.COMPLETED,),
        changes.guarded(changes.pivot_on_success),
    ),
    Named(
        "pivot-although-cancelled",
        "the device is swapped on request, even by a job that was cancelled since",
        "H1-no-lost-data",
        (words.COMPLETED,),
        changes.pivot_although_cancelled,
        only=(SAFE,),
    ),
    Named(
        "cancel-after-decision",
        "a cancel changes the verdict of a job that has done all its work",
        "decided",
        _CANCELS,
        changes.changed_if(changes.has_effects, changes.also(words.CANCELLED.on)),
        only=(SAFE,),
    ),
    Named(
        "deaf-to-pause",
        "a sleep does not look at paused",
        "6-sleep",
        (words.SLEEP,),
        changes.guarded(changes.deaf_to_pause),
    ),
)

#: bodies that break a promise the rows cannot keep for them
BODIES = (
    Named(
        "stream-never-sleeps",
        "a stream copies unit after unit without a sleep",
        "23-rounds",
        alteration=changes.body(broken.SleeplessStream, Stream),
    ),
    Named(
        "stream-stops-early",
        "a stream takes its first unit for the last",
        "16-data",
        alteration=changes.body(broken.HastyStream, Stream),
    ),
    Named(
        "stream-keeps-backing",
        "a stream completes without dropping the backing file",
        "16-success",
        alteration=changes.body(broken.KeepingStream, Stream),
    ),
    Named(
        "stream-forgets-errors",
        "a stream forgets an error that it ignored",
        "16-errors",
        alteration=changes.body(broken.ForgetfulStream, Stream),
    ),
    Named(
        "stream-leaves-copy-on-read",
        "a stream ends with copy-on-read still on",
        "17-copy-on-read",
        alteration=changes.body(broken.LeakyStream, Stream),
    ),
    Named(
        "stream-drops-on-failure",
        "a stream forgets its backing file although the header still names it",
        "H3-header",
        alteration=Alteration(body=changes.drops_on_failure),
        only=(SAFE,),
    ),
    Named(
        "commit-reports-errors",
        "a commit sends BLOCK_JOB_ERROR",
        "14-silent",
        alteration=changes.body(broken.TalkativeCommit, Commit),
    ),
    Named(
        "commit-stays-writable",
        "a commit leaves base and overlay open for writing",
        "H6-flags",
        alteration=changes.body(broken.LeakyCommit, Commit),
    ),
    Named(
        "mirror-never-sleeps",
        "a mirror goes round without a sleep",
        "23-rounds",
        alteration=changes.body(broken.SleeplessMirror, Mirror),
    ),
    Named(
        "mirror-hides-its-offset",
        "a mirror in step does not publish that it has reached the end",
        "19-offset",
        alteration=changes.body(broken.StuckMirror, Mirror),
    ),
    Named(
        "mirror-keeps-tracking",
        "a mirror ends with dirty tracking on",
        "clean-up",
        alteration=changes.body(broken.LeakyMirror, Mirror),
    ),
    Named(
        "backup-never-sleeps",
        "a backup goes round without a sleep",
        "23-rounds",
        alteration=changes.body(broken.SleeplessBackup, Backup),
    ),
    Named(
        "backup-stops-early",
        "a backup takes its first copy for the last",
        "backup-true",
        alteration=changes.body(broken.HastyBackup, Backup),
    ),
    Named(
        "backup-hides-errors",
        "a backup ends on an error as if there had been none",
        "backup-true",
        alteration=changes.body(broken.SilentBackup, Backup),
    ),
    Named(
        "backup-keeps-hook",
        "a backup ends with guests' writes still saving first",
        "clean-up",
        alteration=changes.body(broken.LeakyBackup, Backup),
    ),
    Named(
        "backup-is-ready",
        "a backup says that it is ready, as only a mirror may",
        "legal",
        alteration=changes.body(broken.ReadyBackup, Backup),
    ),
    Named(
        "backup-never-decides",
        "a backup begins again when everything is saved",
        "23-progress",
        alteration=changes.body(broken.EndlessBackup, Backup),
    ),
)
#: devices that do not keep what a backup relies on
DEVICES = tuple(
    Named(
        f"backup-{wrong.name.lower()}-devices",
        wrong.value,
        "saved-first",
        alteration=changes.saves_wrongly(wrong),
    )
    for wrong in Wrong
    if wrong is not Wrong.NOTHING
)


def _adds(
    breaks: str,
    event: EventKind,
    *added: Assignment | Output,
    where: Phase | None = None,
    to: Phase | None = None,
    only: tuple[str, ...] = (),
) -> Named:
    told = [str(item) for item in added] + ([f"going to {to.value}"] if to else [])
    place = f" in {where.value}" if where else ""
    what = f"{event}{place} also has {', '.join(told)}"
    change = changes.also(*added, where=where, to=to)
    return Named(f"also-{breaks}", what, breaks, (event,), change, only=only)


#: what only an effect too many can break
ADDITIONS = (
    _adds("type", words.PAUSE, words.SETTABLE.become(~words.SETTABLE)),
    _adds("clean-birth", words.CLAIM, words.PAUSED.on),
    _adds("3-test", words.TEST, to=Phase.RUNNING),
    _adds("4-io-only", words.TIMER, words.SUBMIT_IO),
    _adds("5-io-wait", words.PAUSE, where=Phase.WAITING, to=Phase.RUNNING),
    _adds("5-no-stale-timer", words.PAUSE, where=Phase.ASLEEP, to=Phase.PARKED),
    _adds("7-paused-by", words.SET_SPEED, words.PAUSED.on),
    _adds("8-cancelled-by", words.PAUSE, words.CANCELLED.on),
    _adds("8-monotone", words.PAUSE, words.CANCELLED.off),
    _adds("decided-final", words.PAUSE, words.DECIDED.off, only=(SAFE,)),
    _adds("decided-by-job", words.PAUSE, words.DECIDED.on, only=(SAFE,)),
    _adds("undecided", words.PAUSE, words.DECIDED.on, only=(QEMU_1_3,)),
    _adds("22-speed-kept", words.PAUSE, words.SPEED.set(0)),
    _adds("12-cleared-by", words.PAUSE, _STATUS.set(IoStatus.OK)),
    _adds("12-set-by", words.PAUSE, _FAILED),
    _adds("12-source", words.ERROR, words.STOP_TARGET),
    _adds("14-only-errors", words.SUBMIT, words.EMIT_ERROR),
    _adds("10-once", words.SUBMIT, words.CALL_BACK),
    _adds("10-over", words.PAUSE, where=Phase.ENDING, to=Phase.RUNNING),
    _adds("11-fixed", words.PAUSE, words.CANCELLED.on, where=Phase.ENDING),
    _adds("15-ready", words.SUBMIT, words.EMIT_READY),
    _adds("19-synced-by", words.SLEEP, words.SYNCED.on),
    _adds("19-kept", words.PAUSE, words.SYNCED.off),
    _adds("20-asked-in-step", words.PAUSE, words.SHOULD_COMPLETE.on),
    _adds("20-remembered", words.PAUSE, words.SHOULD_COMPLETE.off),
)

NAMED = (*MISTAKES, *BODIES, *DEVICES, *ADDITIONS)
