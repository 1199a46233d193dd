"""What an I/O failure does: policy x errno -> action, for jobs and for devices.

The tables are the 2012 rules (block_job_error_action and the device's own error handling of QEMU
1.3). Nothing here emits, pauses or stores: the rows of a lifecycle do that with the action chosen.
"""

from __future__ import annotations

import errno as errno_codes
from dataclasses import dataclass
from enum import Enum

from blockjob_fsm.errors import InvalidParameter


class OnError(Enum):
    """BlockdevOnError: the policy a user chose for failures."""

    REPORT = "report"
    IGNORE = "ignore"
    ENOSPC = "enospc"
    STOP = "stop"


class ErrorAction(Enum):
    """BlockErrorAction: what is done about one failure."""

    REPORT = "report"
    IGNORE = "ignore"
    STOP = "stop"


class IoStatus(Enum):
    """BlockDeviceIoStatus, as query-block-jobs publishes it."""

    OK = "ok"
    FAILED = "failed"
    NOSPACE = "nospace"


#: policy -> (action for ENOSPC, action for any other errno)
ERROR_ACTIONS: dict[OnError, tuple[ErrorAction, ErrorAction]] = {
    OnError.REPORT: (ErrorAction.REPORT, ErrorAction.REPORT),
    OnError.IGNORE: (ErrorAction.IGNORE, ErrorAction.IGNORE),
    OnError.ENOSPC: (ErrorAction.STOP, ErrorAction.REPORT),
    OnError.STOP: (ErrorAction.STOP, ErrorAction.STOP),
}


def choose_action(on_error: OnError, errno: int) -> ErrorAction:
    """The action for a failure with this positive errno under this policy."""
    assert errno > 0, "errno is positive; an absent error has no action"
    on_enospc, otherwise = ERROR_ACTIONS[on_error]
    return on_enospc if errno == errno_codes.ENOSPC else otherwise


def io_status_of(errno: int) -> IoStatus:
    """The io-status that a stop for this positive errno publishes."""
    assert errno > 0, "errno is positive; an absent error has no status"
    return IoStatus.NOSPACE if errno == errno_codes.ENOSPC else IoStatus.FAILED


def first_error(current: IoStatus, new: IoStatus) -> IoStatus:
    """The io-status after a stop: the first error stays until somebody resets it."""
    return new if current is IoStatus.OK else current


@dataclass(frozen=True, slots=True)
class DevicePolicy:
    """A device's own rerror/werror and whether its model publishes an io-status.

    The defaults are those of a 2012 drive: rerror=report, werror=enospc.
    Raises InvalidParameter for rerror=enospc, which no drive accepts.
    """

    on_read_error: OnError = OnError.REPORT
    on_write_error: OnError = OnError.ENOSPC
    io_status_enabled: bool = True

    def __post_init__(self) -> None:
        if self.on_read_error is OnError.ENOSPC:
            raise InvalidParameter("rerror", detail="a read cannot run out of space")

    @property
    def reports_io_status(self) -> bool:
        """The io-status predicate: switched on, and some policy can stop the machine."""
        return self.io_status_enabled and (
            self.on_write_error in (OnError.ENOSPC, OnError.STOP)
            or self.on_read_error is OnError.STOP
        )

    def action(self, *, is_read: bool, errno: int) -> ErrorAction:
        """The device-side action for a guest's failed read or write (errno positive)."""
        return choose_action(self.on_read_error if is_read else self.on_write_error, errno)


def admit(on_error: OnError, policy: DevicePolicy, parameter: str) -> None:
    """Refuse stop and enospc on a device that publishes no io-status.

    Raises InvalidParameter naming `parameter` ("on-error", "on-source-error"): a stop that nobody
    can see would be a hang. Source: the admission test of block-stream and drive-mirror, made
    before the device is found busy.
    """
    if on_error in (OnError.STOP, OnError.ENOSPC) and not policy.reports_io_status:
        raise InvalidParameter(
            parameter,
            detail=f"{on_error.value} needs a device whose io-status is published: "
            "werror=enospc|stop or rerror=stop",
        )
