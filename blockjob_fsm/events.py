"""The events a block job or its device emits, each with its exact QMP payload.

Source: QEMU 1.3, and 7.2 for those of the job API.

A value here is what happened, without a timestamp: whoever sends it adds the envelope's time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from blockjob_fsm.errno_text import errno_text

QmpData = dict[str, str | int | bool]


@dataclass(frozen=True, slots=True)
class QmpEvent:
    """One event; `name` is its QMP name and `data()` its payload."""

    name: ClassVar[str]

    def data(self) -> QmpData:
        """The `data` member."""
        raise NotImplementedError

    def to_qmp(self) -> dict[str, object]:
        """The event as sent, but for the timestamp: {event} and, where there is any, {data}."""
        data = self.data()
        return {"event": self.name, "data": data} if data else {"event": self.name}


@dataclass(frozen=True, slots=True)
class _IoError(QmpEvent):
    device: str
    is_read: bool
    action: str

    def data(self) -> QmpData:
        operation = "read" if self.is_read else "write"
        return {"device": self.device, "operation": operation, "action": self.action}


@dataclass(frozen=True, slots=True)
class BlockJobError(_IoError):
    """BLOCK_JOB_ERROR: an I/O error of a job; `device` is the job's even if its target failed."""

    name = "BLOCK_JOB_ERROR"


@dataclass(frozen=True, slots=True)
class BlockIoError(_IoError):
    """BLOCK_IO_ERROR: a guest's request failed."""

    name = "BLOCK_IO_ERROR"


@dataclass(frozen=True, slots=True)
class _Figures(QmpEvent):
    """What ready and ended jobs publish alike: bytes, and bytes per second."""

    type: str
    device: str
    len: int
    offset: int
    speed: int

    def data(self) -> QmpData:
        return {
            "type": self.type,
            "device": self.device,
            "len": self.len,
            "offset": self.offset,
            "speed": self.speed,
        }


@dataclass(frozen=True, slots=True)
class BlockJobReady(_Figures):
    """BLOCK_JOB_READY: source and target are in step. Bytes and bytes per second."""

    name = "BLOCK_JOB_READY"


@dataclass(frozen=True, slots=True)
class _Ended(_Figures):
    """A job's last event. `ret` is 0 or a negative errno, worded as `error` when negative."""

    ret: int = 0

    def data(self) -> QmpData:
        data = _Figures.data(self)
        return data | {"error": errno_text(-self.ret)} if self.ret < 0 else data


@dataclass(frozen=True, slots=True)
class BlockJobCompleted(_Ended):
    """BLOCK_JOB_COMPLETED: ended on its own; it failed if the payload has an `error`."""

    name = "BLOCK_JOB_COMPLETED"


@dataclass(frozen=True, slots=True)
class BlockJobCancelled(_Ended):
    """BLOCK_JOB_CANCELLED: ended because it was asked to."""

    name = "BLOCK_JOB_CANCELLED"


@dataclass(frozen=True, slots=True)
class JobStatusChange(QmpEvent):
    """JOB_STATUS_CHANGE: a job has another status, by its name on the wire."""

    name = "JOB_STATUS_CHANGE"

    id: str
    status: str

    def data(self) -> QmpData:
        return {"id": self.id, "status": self.status}


@dataclass(frozen=True, slots=True)
class BlockJobPending(QmpEvent):
    """BLOCK_JOB_PENDING: a job waits to be finalized; it calls `id` what others call `device`."""

    name = "BLOCK_JOB_PENDING"

    type: str
    id: str

    def data(self) -> QmpData:
        return {"type": self.type, "id": self.id}


@dataclass(frozen=True, slots=True)
class Stop(QmpEvent):
    """STOP: the machine was stopped, here by a device's error policy."""

    name = "STOP"

    def data(self) -> QmpData:
        return {}
