"""Starting the jobs of the modern lifecycle: as `jobs` does it for that of 2012.

Each function makes a job and enters it, unless it is given a group: a transaction's members are
entered when all of them are made. What is refused is refused with nothing changed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypedDict, Unpack

from blockjob_fsm.bodies.backup import CopierBackup
from blockjob_fsm.bodies.commit import PolicyCommit
from blockjob_fsm.bodies.mirror import CHUNK_BYTES, Mirror
from blockjob_fsm.bodies.requests import Body, Sync
from blockjob_fsm.bodies.stream import Stream
from blockjob_fsm.declaration import Lifecycle
from blockjob_fsm.error_action import DevicePolicy, OnError
from blockjob_fsm.errors import BaseNotFound, InvalidMerge, InvalidParameter, NoMedium, TopNotFound
from blockjob_fsm.events import QmpEvent
from blockjob_fsm.executor import Executor
from blockjob_fsm.lifecycles.modern import MODERN
from blockjob_fsm.lifecycles.modern_words import ModernControl
from blockjob_fsm.live_group import LiveGroup
from blockjob_fsm.modern_block_job import ModernBlockJob
from blockjob_fsm.operations.active_commit import ActiveCommitOperations
from blockjob_fsm.operations.backup import BackupOperations, chunk_bytes_for
from blockjob_fsm.operations.base import Operations
from blockjob_fsm.operations.commit import CommitOperations
from blockjob_fsm.operations.lanes import Lanes
from blockjob_fsm.operations.mirror import MirrorOperations
from blockjob_fsm.operations.stream import StreamOperations
from blockjob_fsm.storage.device import BlockDevice, chain
from blockjob_fsm.storage.drive import Drive


class ModernOptions(TypedDict, total=False):
    """What every kind of job can be given; see `ModernBlockJob.create`."""

    job_id: str
    group: LiveGroup
    speed: int
    auto_finalize: bool
    auto_dismiss: bool
    callback: Callable[[Any, int], object]
    opaque: object
    on_event: Callable[[QmpEvent], object]


def transaction(executor: Executor, lifecycle: Lifecycle[ModernControl] = MODERN) -> LiveGroup:
    """An empty transaction: jobs made with it as their `group` succeed together or not at all."""
    return LiveGroup(executor, lifecycle)


def stream(
    drive: Drive,
    *,
    executor: Executor,
    base: BlockDevice | None = None,
    base_name: str | None = None,
    on_error: OnError = OnError.REPORT,
    **options: Unpack[ModernOptions],
) -> ModernBlockJob:
    """Pull everything above `base` (None: the whole chain) into the drive's top image.

    The header is changed when the job is finalized. Raises BaseNotFound, DeviceInUse,
    NegativeSpeed.
    """
    if base is not None and base not in list(chain(drive.medium))[1:]:
        raise BaseNotFound(base_name or base.name)
    body = Stream(on_error=on_error, has_base=base is not None)
    operations = StreamOperations(drive, base, base_name or (base.name if base else None))
    return _enter("stream", drive, executor, body, operations, options)


def commit(
    drive: Drive,
    *,
    executor: Executor,
    top: BlockDevice | None = None,
    base: BlockDevice | None = None,
    base_name: str | None = None,
    on_error: OnError = OnError.REPORT,
    **options: Unpack[ModernOptions],
) -> ModernBlockJob:
    """Write everything from `top` (None: the active layer) down into `base` (None: the deepest).

    A commit of the active layer becomes ready, and waits to be completed or cancelled. Raises
    TopNotFound, BaseNotFound, InvalidMerge, DeviceInUse, NegativeSpeed, or the OSError of reopening
    an image.
    """
    layers = list(chain(drive.medium))
    if not layers:
        raise NoMedium(drive.name)
    top = top or layers[0]
    if top not in layers:
        raise TopNotFound(top.name)
    base = base or layers[-1]
    if base not in layers[layers.index(top) :]:
        raise BaseNotFound(base_name or base.name)
    if top is base:
        raise InvalidMerge
    if top is layers[0]:
        body: Body = Mirror(on_source_error=on_error, on_target_error=on_error)
        active = ActiveCommitOperations(drive, base, CHUNK_BYTES, Lanes(executor))
        return _enter("commit", drive, executor, body, active, options, completable=True)
    overlay = layers[layers.index(top) - 1]
    operations = CommitOperations(drive, overlay, top, base, base_name or base.name)
    return _enter("commit", drive, executor, PolicyCommit(on_error=on_error), operations, options)


def mirror(
    drive: Drive,
    target: BlockDevice,
    *,
    executor: Executor,
    sync: Sync = Sync.FULL,
    on_source_error: OnError = OnError.REPORT,
    on_target_error: OnError = OnError.REPORT,
    chunk_bytes: int = CHUNK_BYTES,
    **options: Unpack[ModernOptions],
) -> ModernBlockJob:
    """Copy the drive to `target` and keep it in step until completed or cancelled.

    The job owns `target` from here on: on completion it becomes the drive's medium, otherwise it is
    closed. Raises NoMedium, DeviceInUse, NegativeSpeed.
    """
    if drive.medium is None:
        raise NoMedium(drive.name)
    body = Mirror(
        sync=_sync(drive.medium, sync),
        on_source_error=on_source_error,
        on_target_error=on_target_error,
        chunk=chunk_bytes,
    )
    operations = MirrorOperations(drive, _side(target), chunk_bytes, Lanes(executor))
    return _enter("mirror", drive, executor, body, operations, options)


def backup(
    drive: Drive,
    target: BlockDevice,
    *,
    executor: Executor,
    sync: Sync = Sync.FULL,
    on_source_error: OnError = OnError.REPORT,
    on_target_error: OnError = OnError.REPORT,
    chunk_bytes: int | None = None,
    **options: Unpack[ModernOptions],
) -> ModernBlockJob:
    """Save the drive as it is now on `target`, while the guest goes on writing.

    The job owns `target` and closes it at its end. Raises NoMedium, DeviceInUse, NegativeSpeed,
    InvalidParameter('target') for a target that is in the chain or of another size.
    """
    if drive.medium is None:
        raise NoMedium(drive.name)
    if target in list(chain(drive.medium)):
        raise InvalidParameter("target", detail="source and target cannot be the same")
    if target.length() != drive.medium.length():
        raise InvalidParameter("target", detail="source and target differ in size")
    chunk = chunk_bytes or chunk_bytes_for(target)
    body = CopierBackup(_sync(drive.medium, sync), on_source_error, on_target_error, chunk)
    operations = BackupOperations(drive, _side(target), chunk)
    return _enter("backup", drive, executor, body, operations, options)


def _sync(medium: BlockDevice, sync: Sync) -> Sync:
    """Without a backing file, top is full."""
    return Sync.FULL if sync is Sync.TOP and medium.backing is None else sync


def _side(target: BlockDevice) -> Drive:
    """A nameless drive of a job's own; only the job publishes an io-status."""
    return Drive("", target, policy=DevicePolicy(OnError.REPORT, OnError.REPORT))


def _enter(
    job_type: str,
    drive: Drive,
    executor: Executor,
    body: Body,
    operations: Operations,
    options: ModernOptions,
    *,
    completable: bool | None = None,
) -> ModernBlockJob:
    job = ModernBlockJob.create(
        job_type,
        drive,
        executor=executor,
        body=body,
        operations=operations,
        completable=completable,
        **options,
    )
    if "group" not in options:
        job.start()
    return job
