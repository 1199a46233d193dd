"""The words of the modern lifecycle: statuses, control state, events and outputs.

A job's status is what clients see; where its coroutine is, is `place`. What may happen when is not
said here; the rows in `modern` say it.
"""

from __future__ import annotations

import errno as errno_codes
from dataclasses import dataclass
from enum import Enum

from blockjob_fsm.declaration import Actor, EventKind, Output
from blockjob_fsm.error_action import ErrorAction, IoStatus
from blockjob_fsm.guards import Argument, Choice, Control, Flag, Number, Variable


class Status(Enum):
    """JobStatus, as on the wire."""

    UNDEFINED = "undefined"  #: not created yet; never seen
    CREATED = "created"  #: created, not started
    RUNNING = "running"  #: at work
    PAUSED = "paused"  #: parked out of running
    READY = "ready"  #: source and target are in step
    STANDBY = "standby"  #: parked out of ready
    WAITING = "waiting"  #: succeeded; other members of its transaction have not ended
    PENDING = "pending"  #: all of the transaction succeeded; not finalized
    ABORTING = "aborting"  #: failed or cancelled; not cleaned up
    CONCLUDED = "concluded"  #: over, and kept for a last query
    NULL = "null"  #: gone


class Place(Enum):
    """Where the job's coroutine is."""

    UNSTARTED = "unstarted"  #: there is none, and perhaps never will be
    RUNNING = "running"  #: runs the body
    WAITING = "waiting"  #: suspended on its own I/O
    ASLEEP = "asleep"  #: suspended on a timer
    IDLE = "idle"  #: suspended with no timer, until somebody enters it
    WOKEN = "woken"  #: runs, and is at a pause point
    PARKED = "parked"  #: suspended in a pause point
    RETURNED = "returned"  #: has returned; its completion has not run
    COMPLETED = "completed"  #: its completion has run


@dataclass(frozen=True, slots=True)
class ModernControl(Control):
    """The control state. `ret` is the job's result (0 or -errno), speed is in bytes per second.

    The first six flags never change: whether the job is a block job, whether its type can be asked
    to complete and be softly cancelled, whether it can be changed, whether it keeps a target in
    step and so ends only when asked to, finalizes and dismisses itself.
    `drains` counts the drained sections of others that the job's nodes are in; its own is
    `holds_drain`.
    """

    phase: Status = Status.UNDEFINED
    block_job: bool = True
    completable: bool = False
    changeable: bool = False
    mirrors: bool = False
    auto_finalize: bool = True
    auto_dismiss: bool = True
    place: Place = Place.UNSTARTED
    busy: bool = False
    pause_count: int = 1
    user_paused: bool = False
    drains: int = 0
    holds_drain: bool = False
    cancelled: bool = False
    force_cancelled: bool = False
    should_complete: bool = False
    prepared: bool = False
    write_blocking: bool = False
    io_status: IoStatus = IoStatus.OK
    speed: int = 0
    ret: int = 0

    @property
    def synced(self) -> bool:
        """Whether the job is ready, parked or not."""
        return self.phase in (Status.READY, Status.STANDBY)

    @property
    def leaving(self) -> bool:
        """Whether the job is to end with its work undone."""
        return self.force_cancelled


STATUS = Choice("phase", Status)
BLOCK_JOB = Flag("block_job")
COMPLETABLE = Flag("completable")
CHANGEABLE = Flag("changeable")
MIRRORS = Flag("mirrors")
AUTO_FINALIZE = Flag("auto_finalize")
AUTO_DISMISS = Flag("auto_dismiss")
PLACE = Choice("place", Place)
BUSY = Flag("busy")
PAUSE_COUNT = Number("pause_count")
USER_PAUSED = Flag("user_paused")
DRAINS = Number("drains")
HOLDS_DRAIN = Flag("holds_drain")
CANCELLED = Flag("cancelled")
FORCE_CANCELLED = Flag("force_cancelled")
SHOULD_COMPLETE = Flag("should_complete")
PREPARED = Flag("prepared")
WRITE_BLOCKING = Flag("write_blocking")
IO_STATUS = Choice("io_status", IoStatus)
SPEED = Number("speed")
RET = Number("ret")
VARIABLES: tuple[Variable, ...] = (
    STATUS,
    BLOCK_JOB,
    COMPLETABLE,
    CHANGEABLE,
    MIRRORS,
    AUTO_FINALIZE,
    AUTO_DISMISS,
    PLACE,
    BUSY,
    PAUSE_COUNT,
    USER_PAUSED,
    DRAINS,
    HOLDS_DRAIN,
    CANCELLED,
    FORCE_CANCELLED,
    SHOULD_COMPLETE,
    PREPARED,
    WRITE_BLOCKING,
    IO_STATUS,
    SPEED,
    RET,
)

NEW_SPEED = Argument("new_speed", int)
RESULT = Argument("result", int)
TO_WRITE_BLOCKING = Argument("to_write_blocking", bool)
TIMED = Argument("timed", bool)
ACTION = Argument("action", ErrorAction, 0)
IO_ERROR = Argument("status", IoStatus, 1)

# The user's verbs.
PAUSE = EventKind("pause", Actor.USER)
RESUME = EventKind("resume", Actor.USER)
SET_SPEED = EventKind("set_speed", Actor.USER, (NEW_SPEED,))
COMPLETE = EventKind("complete", Actor.USER)
CANCEL = EventKind("cancel", Actor.USER)
SOFT_CANCEL = EventKind("soft_cancel", Actor.USER, verb="cancel")
FINALIZE = EventKind("finalize", Actor.USER)
DISMISS = EventKind("dismiss", Actor.USER)
CHANGE = EventKind("change", Actor.USER, (TO_WRITE_BLOCKING,))
VERBS = (PAUSE, RESUME, SET_SPEED, COMPLETE, CANCEL, SOFT_CANCEL, FINALIZE, DISMISS, CHANGE)

# The world: who made the job, its nodes, its disks, and the main loop.
CREATE = EventKind("create", Actor.WORLD)
DISCARD = EventKind("discard", Actor.WORLD)
START = EventKind("start", Actor.WORLD)
IO_DONE = EventKind("io_done", Actor.WORLD)
TIMER = EventKind("timer", Actor.WORLD)
KICK = EventKind("kick", Actor.WORLD)
DRAIN_BEGIN = EventKind("drain_begin", Actor.WORLD)
DRAIN_END = EventKind("drain_end", Actor.WORLD)
COMPLETION = EventKind("completion", Actor.WORLD)

# The transaction, walking over its members.
PEND = EventKind("pend", Actor.WORLD)
PREPARE = EventKind("prepare", Actor.WORLD, (RESULT,))
SIBLING_CANCEL = EventKind("sibling_cancel", Actor.WORLD)
REVISE = EventKind("revise", Actor.WORLD)
CONCLUDE = EventKind("conclude", Actor.WORLD)
AUTO_DISMISSAL = EventKind("auto_dismissal", Actor.WORLD)

# The job's own code.
SUBMIT = EventKind("submit", Actor.JOB)
SLEEP = EventKind("sleep", Actor.JOB, (TIMED,))
PAUSE_POINT = EventKind("pause_point", Actor.JOB)
ERROR = EventKind("error", Actor.JOB, (ACTION, IO_ERROR))
IN_STEP = EventKind("in_step", Actor.JOB)
HOLD_DRAIN = EventKind("hold_drain", Actor.JOB)
DROP_DRAIN = EventKind("drop_drain", Actor.JOB)
RETURN = EventKind("return", Actor.JOB, (RESULT,))

EVENTS = (
    *VERBS,
    CREATE,
    DISCARD,
    START,
    IO_DONE,
    TIMER,
    KICK,
    DRAIN_BEGIN,
    DRAIN_END,
    COMPLETION,
    PEND,
    PREPARE,
    SIBLING_CANCEL,
    REVISE,
    CONCLUDE,
    AUTO_DISMISSAL,
    SUBMIT,
    SLEEP,
    PAUSE_POINT,
    ERROR,
    IN_STEP,
    HOLD_DRAIN,
    DROP_DRAIN,
    RETURN,
)

EMIT_STATUS = Output("emit_status", "send JOB_STATUS_CHANGE", since="3.0")
EMIT_READY = Output("emit_ready", "send BLOCK_JOB_READY")
EMIT_PENDING = Output("emit_pending", "send BLOCK_JOB_PENDING")
EMIT_ERROR = Output("emit_error", "send BLOCK_JOB_ERROR")
EMIT_COMPLETED = Output("emit_completed", "send BLOCK_JOB_COMPLETED")
EMIT_CANCELLED = Output("emit_cancelled", "send BLOCK_JOB_CANCELLED")
WAKE = Output("wake", "enter the coroutine")
ARM_TIMER = Output("arm_timer", "start the sleep's timer")
CANCEL_TIMER = Output("cancel_timer", "delete the sleep's timer")
SUBMIT_IO = Output("submit_io", "hand the body's request to the device")
SET_LIMIT = Output("set_limit", "reprogram the limiter")
DEFER = Output("defer", "have the main loop run the completion")
COMPLETE_NOW = Output("complete_now", "run the completion at once")
SUCCEEDED = Output("succeeded", "tell the transaction that this member has succeeded")
FINALIZE_ALL = Output("finalize_all", "have the transaction finalize its members")
ABORT_ALL = Output("abort_all", "have the transaction cancel the others and finalize all")
PIVOT = Output("pivot", "switch the device's users to the target")
COMMIT = Output("commit", "run the driver's commit step")
ABORT = Output("abort", "run the driver's abort step")
CLEAN = Output("clean", "run the driver's clean step")
UNDRAIN = Output("undrain", "end the drained section that the job itself holds, if any")
CALL_BACK = Output("call_back", "call the completion function")
RELEASE = Output("release", "free the job and its id")

#: -errno of a job that was cancelled and has no other result
ECANCELED = -errno_codes.ECANCELED

#: the profiles, by the release whose rules they are
RELEASES = ("2.12", "3.0", "6.0", "6.2", "7.2", "8.1", "8.2", "10.1")

GONE = (Status.UNDEFINED, Status.NULL)
THERE = tuple(status for status in Status if status not in GONE)
#: at work or about to be, in the order of the specification's tables
WORKING = (Status.CREATED, Status.RUNNING, Status.PAUSED, Status.READY, Status.STANDBY)
ACTIVE = (Status.RUNNING, Status.READY)
IS_READY = (Status.READY, Status.STANDBY)
ENDED = (Status.WAITING, Status.PENDING, Status.ABORTING, Status.CONCLUDED, Status.NULL)
#: not busy: whoever finds the coroutine here may enter it
ENTERABLE = (Place.ASLEEP, Place.IDLE, Place.PARKED)
BUSY_PLACES = (Place.RUNNING, Place.WOKEN, Place.WAITING, Place.RETURNED)
