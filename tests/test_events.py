"""Every event goes out with exactly the payload of QEMU 1.3."""

import errno as codes
import os

import pytest

from blockjob_fsm.errno_text import ERRNO_TEXT, errno_text
from blockjob_fsm.events import (
    BlockIoError,
    BlockJobCancelled,
    BlockJobCompleted,
    BlockJobError,
    BlockJobReady,
    QmpEvent,
    Stop,
)

PROGRESS = {"type": "mirror", "device": "virtio0", "len": 4096, "offset": 512, "speed": 7}
FAILED = {**PROGRESS, "error": "No space left on device"}
ENDED = [BlockJobCompleted, BlockJobCancelled]
EVERY_EVENT = [BlockIoError, BlockJobError, BlockJobReady, *ENDED, Stop]
JOB = ("mirror", "virtio0", 4096, 512, 7)


@pytest.mark.parametrize(
    ("event", "sent"),
    [
        (
            BlockJobError("virtio0", True, "stop"),
            {
                "event": "BLOCK_JOB_ERROR",
                "data": {"device": "virtio0", "operation": "read", "action": "stop"},
            },
        ),
        (
            BlockJobError("virtio0", False, "report"),
            {
                "event": "BLOCK_JOB_ERROR",
                "data": {"device": "virtio0", "operation": "write", "action": "report"},
            },
        ),
        (
            BlockIoError("ide0-hd0", False, "ignore"),
            {
                "event": "BLOCK_IO_ERROR",
                "data": {"device": "ide0-hd0", "operation": "write", "action": "ignore"},
            },
        ),
        (BlockJobReady(*JOB), {"event": "BLOCK_JOB_READY", "data": PROGRESS}),
        (BlockJobCompleted(*JOB), {"event": "BLOCK_JOB_COMPLETED", "data": PROGRESS}),
        (
            BlockJobCompleted(*JOB, ret=-codes.ENOSPC),
            {"event": "BLOCK_JOB_COMPLETED", "data": FAILED},
        ),
        (BlockJobCancelled(*JOB), {"event": "BLOCK_JOB_CANCELLED", "data": PROGRESS}),
        (
            BlockJobCancelled(*JOB, ret=-codes.ENOSPC),
            {"event": "BLOCK_JOB_CANCELLED", "data": FAILED},
        ),
        (Stop(), {"event": "STOP"}),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, QmpEvent) else "",
)
def test_an_event_is_sent_with_its_payload(event: QmpEvent, sent: dict[str, object]) -> None:
    assert event.to_qmp() == sent


@pytest.mark.parametrize("code", sorted({*codes.errorcode, *ERRNO_TEXT}))
def test_an_errno_is_worded_as_the_system_words_it(code: int) -> None:
    assert errno_text(code) == os.strerror(code)


@pytest.mark.parametrize("code", [41, 58, 133, 4095])
def test_a_number_that_is_no_errno_is_named(code: int) -> None:
    assert errno_text(code) == f"Unknown error {code}"


@pytest.mark.parametrize("ended", ENDED)
def test_a_job_that_says_nothing_of_its_result_succeeded(ended: type[BlockJobCompleted]) -> None:
    assert ended(*JOB) == ended(*JOB, ret=0)


@pytest.mark.parametrize("kind", EVERY_EVENT)
def test_what_happened_cannot_change(kind: type) -> None:
    assert vars(kind)["__dataclass_params__"].frozen
    assert "__slots__" in vars(kind)


@pytest.mark.parametrize("kind", [BlockJobCompleted, BlockJobCancelled])
def test_an_ended_job_is_not_taken_for_a_ready_one(kind: type) -> None:
    assert not issubclass(kind, BlockJobReady)
