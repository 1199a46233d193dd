"""The verified reference for QEMU block jobs.

The lifecycle is declared once, as rows; `step` and `Job` are pure, `BlockJob` is alive. What each
name is for stands in the manual's reference page.
"""

from blockjob_fsm.block_job import BlockJob
from blockjob_fsm.bodies.requests import Sync
from blockjob_fsm.clock import ManualClock
from blockjob_fsm.declaration import Event, Lifecycle, Refused, Stepped, step
from blockjob_fsm.error_action import DevicePolicy, ErrorAction, IoStatus, OnError, choose_action
from blockjob_fsm.errors import QmpError
from blockjob_fsm.events import QmpEvent
from blockjob_fsm.executor import Executor
from blockjob_fsm.job import BlockJobInfo, Job, advance
from blockjob_fsm.job_type import BlockJobType
from blockjob_fsm.jobs import backup, commit, mirror, stream
from blockjob_fsm.lifecycles.classic import CLASSIC, CLASSIC_1_3
from blockjob_fsm.lifecycles.modern import MODERN
from blockjob_fsm.storage.drive import Drive
from blockjob_fsm.storage.memory import MemoryDevice
from blockjob_fsm.storage.raw import RawFile

__all__ = [
    # Live jobs, and what they work on
    "stream",
    "commit",
    "mirror",
    "backup",
    "BlockJob",
    "BlockJobType",
    "BlockJobInfo",
    "Sync",
    "Executor",
    "ManualClock",
    "Drive",
    "RawFile",
    "MemoryDevice",
    # The declaration
    "CLASSIC",
    "CLASSIC_1_3",
    "MODERN",
    "Lifecycle",
    "Event",
    "step",
    "Stepped",
    "Refused",
    "Job",
    "advance",
    # Errors and events
    "OnError",
    "ErrorAction",
    "IoStatus",
    "DevicePolicy",
    "choose_action",
    "QmpError",
    "QmpEvent",
]
