"""Starting the jobs of 2012: the checks of each command in QEMU's order, then the job itself.

Each function makes a job and enters it; what it refuses, it refuses with nothing changed.
"""

from __future__ import annotations

from typing import TypedDict, Unpack

from blockjob_fsm.block_job import BlockJob, BlockJobType
from blockjob_fsm.bodies.backup import Backup
from blockjob_fsm.bodies.commit import Commit
from blockjob_fsm.bodies.mirror import CHUNK_BYTES, Mirror
from blockjob_fsm.bodies.requests import Body, Sync
from blockjob_fsm.bodies.stream import Stream
from blockjob_fsm.declaration import Lifecycle
from blockjob_fsm.error_action import DevicePolicy, OnError, admit
from blockjob_fsm.errors import (
    BaseNotFound,
    DeviceInUse,
    InvalidMerge,
    InvalidParameter,
    NoMedium,
    TopIsActive,
    TopNotFound,
)
from blockjob_fsm.executor import Executor
from blockjob_fsm.lifecycles.classic_words import ClassicControl
from blockjob_fsm.live_job import Callback, Listener
from blockjob_fsm.operations.backup import BackupOperations, chunk_bytes_for
from blockjob_fsm.operations.base import Operations, fills
from blockjob_fsm.operations.commit import CommitOperations
from blockjob_fsm.operations.lanes import Lanes
from blockjob_fsm.operations.mirror import MirrorOperations
from blockjob_fsm.operations.stream import StreamOperations
from blockjob_fsm.storage.device import BlockDevice, chain
from blockjob_fsm.storage.drive import Drive


def _limit(job: BlockJob) -> None:
    """The limiter is part of the job's value and is set already."""


def _target_is_open(job: BlockJob) -> None:
    """The target's chain is opened with the target."""


STREAM = BlockJobType("stream", set_speed=_limit)
COMMIT = BlockJobType("commit", set_speed=_limit)
MIRROR = BlockJobType("mirror", set_speed=_limit, complete=_target_is_open)
BACKUP = BlockJobType("backup", set_speed=_limit)


class Options(TypedDict, total=False):
    """What every kind of job can be given; see `BlockJob.create`."""

    speed: int
    callback: Callback | None
    opaque: object
    on_event: Listener | None
    lifecycle: Lifecycle[ClassicControl]


def stream(
    drive: Drive,
    *,
    executor: Executor,
    base: BlockDevice | None = None,
    base_name: str | None = None,
    on_error: OnError = OnError.REPORT,
    **options: Unpack[Options],
) -> BlockJob:
    """Pull everything above `base` (None: the whole chain) into the drive's top image.

    The header will name `base_name` as the backing file. Raises BaseNotFound,
    InvalidParameter('on-error'), DeviceInUse, InvalidParameter('speed').
    """
    if base is not None and base not in list(chain(drive.medium))[1:]:
        raise BaseNotFound(base_name or base.name)
    admit(on_error, drive.policy, "on-error")
    body = Stream(on_error=on_error, has_base=base is not None)
    operations = StreamOperations(drive, base, base_name or (base.name if base else None))
    return _enter(STREAM, drive, executor, body, operations, options)


def commit(
    drive: Drive,
    *,
    executor: Executor,
    top: BlockDevice,
    base: BlockDevice | None = None,
    base_name: str | None = None,
    **options: Unpack[Options],
) -> BlockJob:
    """Write everything from `top` down into `base` (None: the deepest image), then drop it.

    `top` must be below the active layer. Raises TopNotFound, BaseNotFound, TopIsActive,
    InvalidMerge, DeviceInUse, InvalidParameter('speed'), or the OSError of reopening an image.
    """
    layers = list(chain(drive.medium))
    if top not in layers:
        raise TopNotFound(top.name)
    base = base or layers[-1]
    if base not in layers[layers.index(top) :]:
        raise BaseNotFound(base_name or base.name)
    if top is drive.medium:
        raise TopIsActive
    if top is base:
        raise InvalidMerge
    overlay = layers[layers.index(top) - 1]
    operations = CommitOperations(drive, overlay, top, base, base_name or base.name)
    return _enter(COMMIT, drive, executor, Commit(), operations, options)


def mirror(
    drive: Drive,
    target: BlockDevice,
    *,
    executor: Executor,
    sync: Sync = Sync.FULL,
    on_source_error: OnError = OnError.REPORT,
    on_target_error: OnError = OnError.REPORT,
    chunk_bytes: int = CHUNK_BYTES,
    **options: Unpack[Options],
) -> BlockJob:
    """Copy the drive to `target` and keep it in step until completed or cancelled.

    The job owns `target` from here on: on completion it becomes the drive's medium, otherwise it is
    closed. Sync top without a backing file is full. Raises NoMedium, DeviceInUse,
    InvalidParameter('on-source-error'), InvalidParameter('speed').
    """
    if drive.medium is None:
        raise NoMedium(drive.name)
    if drive.in_use:
        raise DeviceInUse(drive.name)
    admit(on_source_error, drive.policy, "on-source-error")
    if sync is Sync.TOP and drive.medium.backing is None:
        sync = Sync.FULL
    body = Mirror(
        sync=sync,
        on_source_error=on_source_error,
        on_target_error=on_target_error,
        chunk=chunk_bytes,
    )
    side = _target_drive(target, on_target_error)
    operations = MirrorOperations(drive, side, chunk_bytes, Lanes(executor))
    return _enter(MIRROR, drive, executor, body, operations, options)


def backup(
    drive: Drive,
    target: BlockDevice,
    *,
    executor: Executor,
    sync: Sync = Sync.FULL,
    on_source_error: OnError = OnError.REPORT,
    on_target_error: OnError = OnError.REPORT,
    chunk_bytes: int | None = None,
    **options: Unpack[Options],
) -> BlockJob:
    """Save the drive as it is now on `target`, while the guest goes on writing.

    A guest's write waits until what it changes is saved, and fails if that fails. Sync top saves
    what the top image stores, and without a backing file is full; sync none saves only what guests
    change, until cancelled. `target` has the drive's size, or that in whole sectors; it is the
    job's, which closes it at its end. `chunk_bytes` None is 64 KiB, or the target's clusters if
    larger. Raises NoMedium, DeviceInUse,
    InvalidParameter('on-source-error', 'target' or 'speed'); the target is open still then.
    """
    if drive.medium is None:
        raise NoMedium(drive.name)
    if target in list(chain(drive.medium)):
        raise InvalidParameter("target", detail="source and target cannot be the same")
    if drive.in_use:
        raise DeviceInUse(drive.name)
    admit(on_source_error, drive.policy, "on-source-error")
    if not fills(target, drive.medium):
        sizes = f"{drive.medium.length()} and {target.length()} bytes"
        raise InvalidParameter("target", detail=f"source and target differ in size: {sizes}")
    if sync is Sync.TOP and drive.medium.backing is None:
        sync = Sync.FULL
    chunk = chunk_bytes or chunk_bytes_for(target)
    body = Backup(sync, on_source_error, on_target_error, chunk)
    operations = BackupOperations(drive, _target_drive(target, on_target_error), chunk)
    return _enter(BACKUP, drive, executor, body, operations, options)


def _target_drive(target: BlockDevice, on_target_error: OnError) -> Drive:
    """A nameless drive of a job's own; its io-status tells of the job's stops."""
    policy = DevicePolicy(
        # No drive has a policy of its own for reads that run out of space.
        OnError.STOP if on_target_error is OnError.ENOSPC else on_target_error,
        on_target_error,
    )
    return Drive("", target, policy=policy)


def _enter(
    job_type: BlockJobType,
    drive: Drive,
    executor: Executor,
    body: Body,
    operations: Operations,
    options: Options,
) -> BlockJob:
    job = BlockJob.create(
        job_type, drive, **options, executor=executor, body=body, operations=operations
    )
    job.start()
    return job
