"""The requests a body makes, and the outcomes it gets. Offsets and lengths are in bytes.

Three sorts of request: those the job answers itself at once (sleep, limiter, error, verdict), those
that change something outside without waiting (`Do`), and I/O, which suspends the job.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol, TypeVar

from blockjob_fsm.error_action import ErrorAction, OnError


class Sync(Enum):
    """Which part of the chain a mirror copies to begin with."""

    FULL = "full"
    TOP = "top"
    NONE = "none"


# ---- answered by the job itself


@dataclass(frozen=True, slots=True)
class Sleep:
    """Suspend for `ns` nanoseconds, or until resumed if paused. Answer: Woken."""

    ns: int


@dataclass(frozen=True, slots=True)
class Charge:
    """Ask the limiter for an operation of `length` bytes. Answer: Delay.

    `moved`: the bytes have been moved already, and the delay is before the next ones.
    """

    length: int
    moved: bool = False


@dataclass(frozen=True, slots=True)
class HandleError:
    """Put a failure through the error-action table. Answer: ErrorHandled."""

    on_error: OnError
    is_read: bool
    errno: int
    on_target: bool = False


@dataclass(frozen=True, slots=True)
class AnnounceReady:
    """Source and target are in step. Answer: Noted."""


@dataclass(frozen=True, slots=True)
class Decide:
    """All work is done: from here on the job completes. Answer: Noted."""


@dataclass(frozen=True, slots=True)
class Finish:
    """The body is over, with 0 or a negative errno. No answer."""

    ret: int


# ---- done outside, at once, without failing


class Act(Enum):
    """Something a body has done to its devices that neither waits nor fails."""

    COPY_ON_READ_ON = "copy_on_read_on"
    COPY_ON_READ_OFF = "copy_on_read_off"
    STOP_DIRTY_TRACKING = "stop_dirty_tracking"
    TARGET_STATUS_OFF = "target_status_off"
    RESTORE_FLAGS = "restore_flags"


@dataclass(frozen=True, slots=True)
class Do:
    """Perform the acts, in order; there may be none. Answer: Noted."""

    acts: tuple[Act, ...] = ()


# ---- I/O


@dataclass(frozen=True, slots=True)
class GetLength:
    """The device's length. Answer: Length or Failed."""


@dataclass(frozen=True, slots=True)
class PrepareCommit:
    """Grow the base to the top's length if it is shorter. Answer: Length of the top, or Failed."""


@dataclass(frozen=True, slots=True)
class QueryCopy:
    """Ask whether [offset, offset + length) needs copying, and how far that answer holds.

    `with_gaps`: the answer that copying is needed may span bytes that do not need it, which Copy
    leaves alone. Answer: Extent (1 <= its length <= length) or Failed.
    """

    offset: int
    length: int
    with_gaps: bool = False


@dataclass(frozen=True, slots=True)
class Copy:
    """Copy [offset, offset + length) in pieces of `unit` bytes. Answer: Copied.

    The executor may stop after any piece when the job has been asked for something, or when it has
    been at it for long.
    """

    offset: int
    length: int
    unit: int


@dataclass(frozen=True, slots=True)
class ChangeBacking:
    """Rewrite the header and drop the images between. Answer: Done or Failed.

    `drop_on_failure`: drop the images in memory even if the header could not be rewritten.
    """

    drop_on_failure: bool = False


@dataclass(frozen=True, slots=True)
class InitialBitmap:
    """Mark what the sync mode wants copied as dirty, in chunks. Answer: DirtyCount or Failed."""

    sync: Sync


@dataclass(frozen=True, slots=True)
class CopyDirty:
    """Copy the next dirty chunks at or after `cursor`, at most `chunks`, in rising order.

    Where there is none up to the device's end, they are those from its start. Each chunk's bit is
    cleared before it is read, and set again if it failed. Answer: Mirrored.
    """

    cursor: int
    chunks: int


@dataclass(frozen=True, slots=True)
class Flush:
    """Flush the target. Answer: DirtyCount or Failed."""


@dataclass(frozen=True, slots=True)
class Drain:
    """Wait until no request is in flight on the source. Answer: DirtyCount."""


IoRequest = (
    GetLength
    | PrepareCommit
    | QueryCopy
    | Copy
    | ChangeBacking
    | InitialBitmap
    | CopyDirty
    | Flush
    | Drain
)
IO_REQUESTS = (
    GetLength,
    PrepareCommit,
    QueryCopy,
    Copy,
    ChangeBacking,
    InitialBitmap,
    CopyDirty,
    Flush,
    Drain,
)
Request = Sleep | Charge | HandleError | AnnounceReady | Decide | Finish | Do | IoRequest


# ---- outcomes


@dataclass(frozen=True, slots=True)
class Woken:
    """A sleep is over; `leaving`: the job found itself cancelled and may only end."""

    leaving: bool


@dataclass(frozen=True, slots=True)
class Delay:
    """The limiter's answer in nanoseconds; 0 is go on."""

    ns: int


@dataclass(frozen=True, slots=True)
class ErrorHandled:
    """What the table chose."""

    action: ErrorAction


@dataclass(frozen=True, slots=True)
class Noted:
    """Done; there is nothing to say about it."""


@dataclass(frozen=True, slots=True)
class Length:
    """A length in bytes."""

    length: int


@dataclass(frozen=True, slots=True)
class Failed:
    """An I/O failed, with a positive errno."""

    errno: int


@dataclass(frozen=True, slots=True)
class Done:
    """An I/O without a result succeeded."""


@dataclass(frozen=True, slots=True)
class Extent:
    """`length` bytes that need copying, some of them if the query was `with_gaps`, or do not."""

    needs_copy: bool
    length: int


@dataclass(frozen=True, slots=True)
class Copied:
    """`length` bytes are good; errno 0, or why the next piece failed and on which side.

    `failed` is the size of that piece in bytes, 0 for what is left of a unit.
    """

    length: int
    errno: int = 0
    is_read: bool = True
    failed: int = 0


@dataclass(frozen=True, slots=True)
class DirtyCount:
    """How many chunks are dirty."""

    chunks: int


@dataclass(frozen=True, slots=True)
class Mirrored:
    """The `copied` chunks from chunk `first` are good: copied now, or not dirty before.

    `dirty` remain; if one failed it is among them, and follows the good ones. `moved` were copied
    now, where the operations count them.
    """

    first: int
    copied: int
    dirty: int
    errno: int = 0
    is_read: bool = True
    moved: int = 0


IoOutcome = Length | Failed | Done | Extent | Copied | DirtyCount | Mirrored
Outcome = Woken | Delay | ErrorHandled | Noted | IoOutcome


# ---- the body's interface


class JobView(Protocol):
    """What a body may know of the job's control state, in whichever lifecycle.

    `speed` is in bytes per second, 0 for no limit; `cancelled`: the job was asked to end;
    `synced`: it is in step with its target; `should_complete`: the user asked it to complete;
    `leaving`: it is to end with its work undone.
    """

    @property
    def speed(self) -> int: ...
    @property
    def cancelled(self) -> bool: ...
    @property
    def synced(self) -> bool: ...
    @property
    def should_complete(self) -> bool: ...
    @property
    def leaving(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Progress:
    """What query-block-jobs publishes, in bytes."""

    offset: int = 0
    length: int = 0


Self = TypeVar("Self", bound="Body")


class Body(Protocol):
    """What a kind of job does. Implementations are frozen dataclasses."""

    @property
    def progress(self) -> Progress:
        """The published offset and length."""

    def next_request(self, control: JobView) -> Request:
        """What the body wants now."""

    def on_outcome(self: Self, outcome: Outcome, control: JobView) -> Self:
        """The body once its request has been answered."""
