"""The canaries of error actions, io-status and admission."""

from __future__ import annotations

import errno as codes

from blockjob_fsm.error_action import IoStatus, OnError
from models.laws import errors


def action(on_error: OnError, errno: int) -> None:
    """Wrong: enospc never meets a full disk."""
    assert errno > 0
    errors.action(on_error, errno)
    assert on_error is not OnError.ENOSPC or errno != codes.ENOSPC


def status(errno: int) -> None:
    """Wrong: no disk is ever full."""
    assert errno > 0
    errors.status(errno)
    assert errno != codes.ENOSPC


def first(current: IoStatus, new: IoStatus, later: IoStatus) -> None:
    """Wrong: all errors are alike."""
    assert new is not IoStatus.OK
    errors.first(current, new, later)
    assert current is IoStatus.OK or new is current


def device(on_read: OnError, on_write: OnError, enabled: bool, is_read: bool, errno: int) -> None:
    """Wrong: a device that publishes nothing never stops."""
    assert errno > 0
    assert on_read is not OnError.ENOSPC
    errors.device(on_read, on_write, enabled, is_read, errno)
    assert enabled or is_read or on_write is not OnError.STOP


def admission(on_error: OnError, on_read: OnError, on_write: OnError, enabled: bool) -> None:
    """Wrong: a read that stops is not enough."""
    assert on_read is not OnError.ENOSPC
    errors.admission(on_error, on_read, on_write, enabled)
    stops = on_error is OnError.STOP and on_read is OnError.STOP
    assert not (stops and on_write is OnError.REPORT and enabled)
