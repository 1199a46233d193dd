"""What random sessions cannot show, do not draw and do not compare: each with its reason.

`NEVER_SEEN` is compared with the rows and with what sessions have met, by tests: a row that was met
is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass

from blockjob_fsm.lifecycles.modern_words import Status

#: of a verb, what the rows call being let through
ACCEPTED = "accepted"


@dataclass(frozen=True, slots=True)
class NeverSeen:
    """Cells of the verb table that no session shows; empty `verbs` or `answers`: all."""

    statuses: tuple[Status, ...]
    why: str
    verbs: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()

    def covers(self, verb: str, status: str, answer: str) -> bool:
        """Whether a cell is one of these."""
        return (
            status in {each.value for each in self.statuses}
            and (not self.verbs or verb in self.verbs)
            and (not self.answers or answer in self.answers)
        )


_PARKED = (Status.PAUSED, Status.STANDBY)
_NO_GUEST = "a ready mirror has requests under way only if a guest writes; no guest does"
_STALE = "it takes a pause that comes while the last request of all is under way"

NEVER_SEEN = (
    NeverSeen((Status.UNDEFINED,), "an id nobody has used looks like one whose job is gone"),
    NeverSeen((Status.CREATED,), "jobs are made and started, or discarded, within one command"),
    NeverSeen((Status.ABORTING,), "cleaned up before the next command is read"),
    NeverSeen(
        _PARKED,
        "a job that its user has not paused is parked by drains only, which end with the command",
        ("pause", "soft_cancel"),
        (ACCEPTED,),
    ),
    NeverSeen(_PARKED, "as for pause", ("resume",), ("JobNotPaused",)),
    NeverSeen((Status.READY,), _NO_GUEST, ("resume",), (ACCEPTED,)),
    NeverSeen((Status.READY,), _NO_GUEST, ("pause",), ("JobAlreadyPaused",)),
    NeverSeen((Status.READY,), _NO_GUEST, ("soft_cancel",), ("JobPaused",)),
    NeverSeen((Status.READY, Status.STANDBY), _NO_GUEST, ("complete",), ("CannotBeCompleted",)),
    NeverSeen((Status.WAITING, Status.PENDING), _STALE, ("resume",), ("CannotAcceptVerb",)),
    NeverSeen((Status.WAITING, Status.PENDING), _STALE, ("soft_cancel",), ("JobPaused",)),
)


@dataclass(frozen=True, slots=True)
class NotDrawn:
    """Commands, or combinations of them, that random sessions leave out."""

    what: str
    why: str


NOT_DRAWN = (
    NotDrawn("block-job-change", "the daemon compared with is older than the command"),
    NotDrawn("blockdev-create", "our live jobs are block jobs, and it makes one that is none"),
    NotDrawn("guest writes", "the storage daemon has no guest; an export and a client would"),
    NotDrawn("faults under a job on the chain", "what is asked for next depends on reading ahead"),
    NotDrawn("policy ignore", "a fault that is ignored for ever never comes to rest"),
    NotDrawn(
        "a new limit where there are faults",
        "a backup's copier keeps its delay before its failure is seen; in QEMU any new speed ends "
        "that delay, and a pause in it has the failure forgotten",
    ),
    NotDrawn(
        "a commit of the active layer after a stream",
        "the stream has joined the layers' extents, and the commit reads ahead in long ones",
    ),
    NotDrawn(
        "two failing jobs in a grouped transaction",
        "the disks decide which fails first, and is told of as failed and not as cancelled",
    ),
    NotDrawn(
        "a failing action after two jobs of a grouped transaction",
        "QEMU 7.2 hangs: it waits for a job that was never started",
    ),
    NotDrawn(
        "faults of both the source and the target of a job",
        "not understood: QEMU's copier has begun its next chunk when the first fails, and may "
        "tell of one failure where ours tells of two",
    ),
    NotDrawn(
        "faults where writes are held",
        "our subject holds a copy before its read, QEMU before its write; and how many writes a "
        "drained section lets go before the bad one is not understood",
    ),
    NotDrawn(
        "a job's own limit where writes are held",
        "not understood: a backup that both hold is busy in QEMU, and asleep in ours",
    ),
    NotDrawn(
        "a second job, or a transaction, beside a held write",
        "QEMU drains the nodes twice, and waits for a write that the limit holds",
    ),
)


@dataclass(frozen=True, slots=True)
class NotCompared:
    """What the canonical form removes."""

    what: str
    why: str


NOT_COMPARED = (
    NotCompared(
        "byte counts, but for nothing, a part and all",
        "they depend on how requests are cut, which QEMU does not promise",
    ),
    NotCompared("busy", "true while a request is under way, which depends on the disk"),
    NotCompared(
        "an ignored error told again in the same status",
        "a disk that always fails is asked as often as it can answer",
    ),
    NotCompared(
        "the order of events of different jobs",
        "jobs are independent; that of each job is compared, and recordings have that of groups",
    ),
    NotCompared(
        "whether an event comes before or after the reply to its command",
        "it depends on whether the job had to wait for its disk",
    ),
)
