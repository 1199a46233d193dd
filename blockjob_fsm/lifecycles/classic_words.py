"""The words of the 2012 lifecycle: phases, control state, events and outputs.

What may happen when is not said here; the rows in `classic` say it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from blockjob_fsm.declaration import Actor, EventKind, Output
from blockjob_fsm.error_action import ErrorAction, IoStatus
from blockjob_fsm.guards import Argument, Choice, Control, Flag, Number, Variable


class Phase(Enum):
    """Where the job's coroutine is."""

    ABSENT = "absent"  #: not created yet
    CREATED = "created"  #: created, not entered
    RUNNING = "running"  #: the body runs
    WAITING = "waiting"  #: suspended on its own I/O
    ASLEEP = "asleep"  #: suspended on a timer
    PARKED = "parked"  #: suspended with no timer
    WOKEN = "woken"  #: back from a sleep, cancelled not tested yet
    LEAVING = "leaving"  #: found itself cancelled; may only end
    ENDING = "ending"  #: inside the completion callback
    FREED = "freed"  #: over


@dataclass(frozen=True, slots=True)
class ClassicControl(Control):
    """The control state. `ret` is the body's result (0 or -errno), speed is in bytes per second.

    The first two flags belong to the job type: whether it has the set_speed and complete hooks.
    """

    phase: Phase = Phase.ABSENT
    settable: bool = True
    completable: bool = False
    in_use: bool = False
    busy: bool = False
    paused: bool = False
    cancelled: bool = False
    io_status: IoStatus = IoStatus.OK
    synced: bool = False
    should_complete: bool = False
    decided: bool = False
    speed: int = 0
    ret: int = 0

    @property
    def leaving(self) -> bool:
        """Whether the job is to end with its work undone."""
        return self.phase is Phase.LEAVING


PHASE = Choice("phase", Phase)
SETTABLE = Flag("settable")
COMPLETABLE = Flag("completable")
IN_USE = Flag("in_use")
BUSY = Flag("busy")
PAUSED = Flag("paused")
CANCELLED = Flag("cancelled")
IO_STATUS = Choice("io_status", IoStatus)
SYNCED = Flag("synced")
SHOULD_COMPLETE = Flag("should_complete")
DECIDED = Flag("decided")
SPEED = Number("speed")
RET = Number("ret")
VARIABLES: tuple[Variable, ...] = (
    PHASE,
    SETTABLE,
    COMPLETABLE,
    IN_USE,
    BUSY,
    PAUSED,
    CANCELLED,
    IO_STATUS,
    SYNCED,
    SHOULD_COMPLETE,
    DECIDED,
    SPEED,
    RET,
)

NEW_SPEED = Argument("new_speed", int)
RESULT = Argument("result", int)
ACTION = Argument("action", ErrorAction, 0)
STATUS = Argument("status", IoStatus, 1)
ON_TARGET = Argument("on_target", bool, 2)

CREATE = EventKind("create", Actor.WORLD, (NEW_SPEED,))
SET_SPEED = EventKind("set_speed", Actor.USER, (NEW_SPEED,))
PAUSE = EventKind("pause", Actor.USER)
RESUME = EventKind("resume", Actor.USER)
CANCEL = EventKind("cancel", Actor.USER)
USER_CANCEL = EventKind("user_cancel", Actor.USER)
COMPLETE = EventKind("complete", Actor.USER)
IOSTATUS_RESET = EventKind("iostatus_reset", Actor.USER)
START = EventKind("start", Actor.WORLD)
IO_DONE = EventKind("io_done", Actor.WORLD)
TIMER = EventKind("timer", Actor.WORLD)
RETURNED = EventKind("returned", Actor.WORLD)
CLAIM = EventKind("claim", Actor.WORLD)
UNCLAIM = EventKind("unclaim", Actor.WORLD)
BACKING_OPENED = EventKind("backing_opened", Actor.WORLD)
SUBMIT = EventKind("submit", Actor.JOB)
SLEEP = EventKind("sleep", Actor.JOB)
TEST = EventKind("test", Actor.JOB)
ERROR = EventKind("error", Actor.JOB, (ACTION, STATUS, ON_TARGET))
READY = EventKind("ready", Actor.JOB)
DECIDE = EventKind("decide", Actor.JOB)
COMPLETED = EventKind("completed", Actor.JOB, (RESULT,))
EVENTS = (
    CREATE,
    SET_SPEED,
    PAUSE,
    RESUME,
    CANCEL,
    USER_CANCEL,
    COMPLETE,
    IOSTATUS_RESET,
    START,
    IO_DONE,
    TIMER,
    RETURNED,
    CLAIM,
    UNCLAIM,
    BACKING_OPENED,
    SUBMIT,
    SLEEP,
    TEST,
    ERROR,
    READY,
    DECIDE,
    COMPLETED,
)

CLAIM_DEVICE = Output("claim_device", "mark the device as in use by this job")
RELEASE_DEVICE = Output("release_device", "free the job and the device")
SET_LIMIT = Output("set_limit", "reprogram the limiter")
WAKE = Output("wake", "run the body")
ARM_TIMER = Output("arm_timer", "start the sleep's timer")
CANCEL_TIMER = Output("cancel_timer", "delete the sleep's timer")
SUBMIT_IO = Output("submit_io", "hand the body's request to the device")
OPEN_BACKING = Output("open_backing", "open the target's backing chain")
EMIT_ERROR = Output("emit_error", "send BLOCK_JOB_ERROR")
EMIT_READY = Output("emit_ready", "send BLOCK_JOB_READY")
EMIT_COMPLETED = Output("emit_completed", "send BLOCK_JOB_COMPLETED")
EMIT_CANCELLED = Output("emit_cancelled", "send BLOCK_JOB_CANCELLED")
CALL_BACK = Output("call_back", "call the completion function")
PIVOT = Output("pivot", "swap the device's contents with the target's")
UNDRAIN = Output("undrain", "let the guest's requests in again")
STOP_TARGET = Output("stop_target", "store the error in the target's io-status")
RESET_TARGET = Output("reset_target", "reset the target's io-status")

#: the profiles: ours, and QEMU 1.3 as it was
SAFE = "safe"
QEMU_1_3 = "1.3"

OVER = (Phase.ABSENT, Phase.FREED)
ENTERABLE = (Phase.ASLEEP, Phase.PARKED)
LIVE = tuple(phase for phase in Phase if phase not in OVER)
BUSY_PHASES = tuple(phase for phase in LIVE if phase not in (*ENTERABLE, Phase.ENDING))
