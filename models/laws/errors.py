"""The laws of error actions, io-status and admission."""

from __future__ import annotations

import errno as codes

from blockjob_fsm.error_action import (
    DevicePolicy,
    ErrorAction,
    IoStatus,
    OnError,
    admit,
    choose_action,
    first_error,
    io_status_of,
)
from blockjob_fsm.errors import InvalidParameter


def action(on_error: OnError, errno: int) -> None:
    """Report and ignore do as they say, stop stops, enospc stops for a full disk alone."""
    assert errno > 0
    chosen = choose_action(on_error, errno)
    full = errno == codes.ENOSPC
    if on_error is OnError.ENOSPC:
        assert chosen is (ErrorAction.STOP if full else ErrorAction.REPORT)
    else:
        assert chosen.value == on_error.value


def status(errno: int) -> None:
    """A full disk is told apart, and no error is ever published as ok."""
    assert errno > 0
    published = io_status_of(errno)
    assert published is not IoStatus.OK
    assert (published is IoStatus.NOSPACE) == (errno == codes.ENOSPC)


def first(current: IoStatus, new: IoStatus, later: IoStatus) -> None:
    """The first error stays, whatever comes later."""
    assert new is not IoStatus.OK
    kept = first_error(current, new)
    assert kept is (new if current is IoStatus.OK else current)
    assert first_error(kept, later) is kept


def device(on_read: OnError, on_write: OnError, enabled: bool, is_read: bool, errno: int) -> None:
    """A device acts by its own policy for the direction, as a job with that policy would."""
    assert errno > 0
    assert on_read is not OnError.ENOSPC
    policy = DevicePolicy(on_read, on_write, enabled)
    chosen = policy.action(is_read=is_read, errno=errno)
    assert chosen is choose_action(on_read if is_read else on_write, errno)
    if chosen is ErrorAction.STOP and enabled:
        assert policy.reports_io_status


def admission(on_error: OnError, on_read: OnError, on_write: OnError, enabled: bool) -> None:
    """What can stop a job is admitted exactly where the stop can be seen."""
    assert on_read is not OnError.ENOSPC
    may_stop = on_error is OnError.STOP or on_error is OnError.ENOSPC
    seen = enabled and (
        on_read is OnError.STOP or on_write is OnError.STOP or on_write is OnError.ENOSPC
    )
    named = None
    try:
        admit(on_error, DevicePolicy(on_read, on_write, enabled), "on-error")
    except InvalidParameter as refusal:
        named = refusal.subject
    assert named == ("on-error" if may_stop and not seen else None)
