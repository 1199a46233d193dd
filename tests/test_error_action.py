"""What an I/O failure does: every cell of the table, admission, and the device's own policy."""

import errno as codes
from enum import Enum

import pytest

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

REPORT, IGNORE, ENOSPC, STOP = OnError.REPORT, OnError.IGNORE, OnError.ENOSPC, OnError.STOP
ALL_POLICIES = tuple(OnError)
OTHER_ERRORS = tuple(code for code in codes.errorcode if code != codes.ENOSPC)

#: rerror, werror -> whether an enabled device publishes its io-status
PUBLISHES = [
    (REPORT, REPORT, False),
    (REPORT, IGNORE, False),
    (REPORT, ENOSPC, True),
    (REPORT, STOP, True),
    (IGNORE, REPORT, False),
    (IGNORE, IGNORE, False),
    (IGNORE, ENOSPC, True),
    (IGNORE, STOP, True),
    (STOP, REPORT, True),
    (STOP, IGNORE, True),
    (STOP, ENOSPC, True),
    (STOP, STOP, True),
]
SILENT = DevicePolicy(REPORT, REPORT)


@pytest.mark.parametrize(
    ("words", "spelt"),
    [
        (OnError, ["report", "ignore", "enospc", "stop"]),
        (ErrorAction, ["report", "ignore", "stop"]),
        (IoStatus, ["ok", "failed", "nospace"]),
    ],
)
def test_words_are_spelt_and_numbered_as_on_the_wire(words: type[Enum], spelt: list[str]) -> None:
    assert [word.value for word in words] == spelt


@pytest.mark.parametrize(
    ("on_error", "action"),
    [
        (REPORT, ErrorAction.REPORT),
        (IGNORE, ErrorAction.IGNORE),
        (ENOSPC, ErrorAction.STOP),
        (STOP, ErrorAction.STOP),
    ],
)
def test_a_full_disk_is_answered_by_policy(on_error: OnError, action: ErrorAction) -> None:
    assert choose_action(on_error, codes.ENOSPC) is action


@pytest.mark.parametrize(
    ("on_error", "action"),
    [
        (REPORT, ErrorAction.REPORT),
        (IGNORE, ErrorAction.IGNORE),
        (ENOSPC, ErrorAction.REPORT),
        (STOP, ErrorAction.STOP),
    ],
)
def test_every_other_errno_is_answered_by_policy(on_error: OnError, action: ErrorAction) -> None:
    assert {choose_action(on_error, code) for code in OTHER_ERRORS} == {action}


def test_a_full_disk_alone_is_published_as_nospace() -> None:
    assert io_status_of(codes.ENOSPC) is IoStatus.NOSPACE
    assert {io_status_of(code) for code in OTHER_ERRORS} == {IoStatus.FAILED}


@pytest.mark.parametrize("errno", [0, -codes.EIO])
def test_an_error_that_is_none_has_no_action(errno: int) -> None:
    with pytest.raises(AssertionError, match="positive"):
        choose_action(REPORT, errno)


@pytest.mark.parametrize("errno", [0, -codes.EIO])
def test_an_error_that_is_none_has_no_status(errno: int) -> None:
    with pytest.raises(AssertionError, match="positive"):
        io_status_of(errno)


@pytest.mark.parametrize("first", [IoStatus.FAILED, IoStatus.NOSPACE])
@pytest.mark.parametrize("later", list(IoStatus))
def test_the_first_error_wins(first: IoStatus, later: IoStatus) -> None:
    assert first_error(first, later) is first


@pytest.mark.parametrize("new", list(IoStatus))
def test_an_error_is_published_where_there_was_none(new: IoStatus) -> None:
    assert first_error(IoStatus.OK, new) is new


@pytest.mark.parametrize(("rerror", "werror", "published"), PUBLISHES)
def test_a_device_publishes_where_something_can_stop(
    rerror: OnError, werror: OnError, published: bool
) -> None:
    assert DevicePolicy(rerror, werror).reports_io_status is published


@pytest.mark.parametrize(("rerror", "werror"), [row[:2] for row in PUBLISHES])
def test_a_device_that_is_not_enabled_publishes_nothing(rerror: OnError, werror: OnError) -> None:
    assert not DevicePolicy(rerror, werror, io_status_enabled=False).reports_io_status


def test_a_drive_publishes_by_default() -> None:
    assert DevicePolicy().reports_io_status


def test_a_policy_cannot_change() -> None:
    assert vars(DevicePolicy)["__dataclass_params__"].frozen


def test_no_drive_takes_enospc_for_reads() -> None:
    with pytest.raises(InvalidParameter) as refused:
        DevicePolicy(ENOSPC, REPORT)
    assert refused.value.desc == "Invalid parameter 'rerror'"


@pytest.mark.parametrize(
    ("is_read", "errno", "action"),
    [
        (True, codes.EIO, ErrorAction.IGNORE),
        (True, codes.ENOSPC, ErrorAction.IGNORE),
        (False, codes.EIO, ErrorAction.REPORT),
        (False, codes.ENOSPC, ErrorAction.STOP),
    ],
)
def test_a_device_has_a_policy_for_each_direction(
    is_read: bool, errno: int, action: ErrorAction
) -> None:
    assert DevicePolicy(IGNORE, ENOSPC).action(is_read=is_read, errno=errno) is action


@pytest.mark.parametrize("on_error", [STOP, ENOSPC])
@pytest.mark.parametrize("parameter", ["on-error", "on-source-error"])
def test_a_stop_that_nobody_could_see_is_not_admitted(on_error: OnError, parameter: str) -> None:
    with pytest.raises(InvalidParameter) as refused:
        admit(on_error, SILENT, parameter)
    assert refused.value.desc == f"Invalid parameter '{parameter}'"


def test_the_refusal_says_what_would_help() -> None:
    with pytest.raises(InvalidParameter, match=r"werror=enospc\|stop or rerror=stop"):
        admit(STOP, SILENT, "on-error")


@pytest.mark.parametrize("on_error", [REPORT, IGNORE])
def test_a_policy_that_cannot_stop_is_always_admitted(on_error: OnError) -> None:
    admit(on_error, SILENT, "on-error")


@pytest.mark.parametrize("on_error", ALL_POLICIES)
@pytest.mark.parametrize(("rerror", "werror"), [row[:2] for row in PUBLISHES if row[2]])
def test_any_one_stop_of_the_device_admits_every_policy(
    on_error: OnError, rerror: OnError, werror: OnError
) -> None:
    admit(on_error, DevicePolicy(rerror, werror), "on-error")
