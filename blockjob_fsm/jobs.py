"""Starting jobs: the checks of each command in QEMU's order, then the job itself.

Each function makes a job and enters it; what it refuses, it refuses with nothing changed. The
lifecycle among the options decides which job that is, and which of its bodies does the work. A job
that is made into a group is not entered: a transaction's members are, when all of them are made.
"""

from __future__ import annotations

from typing import Any, Required, TypedDict, Unpack, overload

from blockjob_fsm.block_job import BlockJob
from blockjob_fsm.bodies.backup import Backup, CopierBackup
from blockjob_fsm.bodies.commit import Commit, PolicyCommit
from blockjob_fsm.bodies.mirror import CHUNK_BYTES, Mirror, ModernMirror
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
from blockjob_fsm.job_type import (
    ACTIVE_COMMIT,
    BACKUP,
    COMMIT,
    MIRROR,
    STREAM,
    BlockJobType,
    Callback,
    Listener,
)
from blockjob_fsm.lifecycles.classic import CLASSIC
from blockjob_fsm.lifecycles.classic_words import ClassicControl
from blockjob_fsm.lifecycles.modern import is_modern
from blockjob_fsm.lifecycles.modern_words import ModernControl
from blockjob_fsm.modern_block_job import ModernBlockJob, ModernOptions
from blockjob_fsm.operations.active_commit import ActiveCommitOperations
from blockjob_fsm.operations.backup import BackupOperations, chunk_bytes_for
from blockjob_fsm.operations.base import Operations, fills
from blockjob_fsm.operations.commit import CommitOperations
from blockjob_fsm.operations.lanes import Lanes
from blockjob_fsm.operations.mirror import MirrorOperations
from blockjob_fsm.operations.stream import StreamOperations
from blockjob_fsm.storage.device import BlockDevice, chain
from blockjob_fsm.storage.drive import Drive

AnyJob = BlockJob | ModernBlockJob


class Options(TypedDict, total=False):
    """What every kind of job can be given; see `BlockJob.create`."""

    speed: int
    callback: Callback | None
    opaque: object
    on_event: Listener | None
    lifecycle: Lifecycle[ClassicControl]


class OptionsOfModern(ModernOptions, total=False):
    """What every kind of modern job can be given; see `BlockJob.create`."""

    speed: int
    callback: Callback | None
    opaque: object
    on_event: Listener | None
    lifecycle: Required[Lifecycle[ModernControl]]


@overload
def stream(
    drive: Drive,
    *,
    executor: Executor,
    base: BlockDevice | None = None,
    base_name: str | None = None,
    on_error: OnError = OnError.REPORT,
    **options: Unpack[Options],
) -> BlockJob: ...
@overload
def stream(
    drive: Drive,
    *,
    executor: Executor,
    base: BlockDevice | None = None,
    base_name: str | None = None,
    on_error: OnError = OnError.REPORT,
    **options: Unpack[OptionsOfModern],
) -> ModernBlockJob: ...
def stream(
    drive: Drive,
    *,
    executor: Executor,
    base: BlockDevice | None = None,
    base_name: str | None = None,
    on_error: OnError = OnError.REPORT,
    **options: Any,
) -> AnyJob:
    """Pull everything above `base` (None: the whole chain) into the drive's top image.

    The header will name `base_name` as the backing file; a modern job changes it when it is
    finalized. Raises BaseNotFound, DeviceInUse, and for a wrong policy or speed what the lifecycle
    has for it: InvalidParameter('on-error' or 'speed'), or NegativeSpeed.
    """
    if base is not None and base not in list(chain(drive.medium))[1:]:
        raise BaseNotFound(base_name or base.name)
    if not _are_modern(options):
        admit(on_error, drive.policy, "on-error")
    body = Stream(on_error=on_error, has_base=base is not None)
    operations = StreamOperations(drive, base, base_name or (base.name if base else None))
    return _enter(STREAM, drive, executor, body, operations, options)


@overload
def commit(
    drive: Drive,
    *,
    executor: Executor,
    top: BlockDevice,
    base: BlockDevice | None = None,
    base_name: str | None = None,
    **options: Unpack[Options],
) -> BlockJob: ...
@overload
def commit(
    drive: Drive,
    *,
    executor: Executor,
    top: BlockDevice | None = None,
    base: BlockDevice | None = None,
    base_name: str | None = None,
    on_error: OnError = OnError.REPORT,
    **options: Unpack[OptionsOfModern],
) -> ModernBlockJob: ...
def commit(
    drive: Drive,
    *,
    executor: Executor,
    top: BlockDevice | None = None,
    base: BlockDevice | None = None,
    base_name: str | None = None,
    on_error: OnError | None = None,
    **options: Any,
) -> AnyJob:
    """Write everything from `top` down into `base` (None: the deepest image), then drop it.

    `top` None is the active layer, which only a modern job commits: it becomes ready, and waits to
    be completed or cancelled. Only a modern job has a policy for its errors. Raises NoMedium,
    TopNotFound, BaseNotFound, TopIsActive, InvalidMerge, DeviceInUse, the speed's error as `stream`
    does, or the OSError of reopening an image.
    """
    modern = _are_modern(options)
    if on_error is not None and not modern:
        raise TypeError("a commit of the classic lifecycle has no on_error")
    layers = list(chain(drive.medium))
    top, base = _ends(drive, layers, top, base, base_name)
    if top is drive.medium and not modern:
        raise TopIsActive
    if top is base:
        raise InvalidMerge
    policy = on_error or OnError.REPORT
    if top is drive.medium:
        body: Body = ModernMirror(on_source_error=policy, on_target_error=policy)
        active = ActiveCommitOperations(drive, base, CHUNK_BYTES, Lanes(executor))
        return _enter(ACTIVE_COMMIT, drive, executor, body, active, options)
    body = PolicyCommit(on_error=policy) if modern else Commit()
    overlay = layers[layers.index(top) - 1]
    operations = CommitOperations(drive, overlay, top, base, base_name or base.name)
    return _enter(COMMIT, drive, executor, body, operations, options)


def _ends(
    drive: Drive,
    layers: list[BlockDevice],
    top: BlockDevice | None,
    base: BlockDevice | None,
    base_name: str | None,
) -> tuple[BlockDevice, BlockDevice]:
    """The images that a commit is to begin and to end with."""
    if top is None and not layers:
        raise NoMedium(drive.name)
    top = top or layers[0]
    if top not in layers:
        raise TopNotFound(top.name)
    base = base or layers[-1]
    if base not in layers[layers.index(top) :]:
        raise BaseNotFound(base_name or base.name)
    return top, base


@overload
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
) -> BlockJob: ...
@overload
def mirror(
    drive: Drive,
    target: BlockDevice,
    *,
    executor: Executor,
    sync: Sync = Sync.FULL,
    on_source_error: OnError = OnError.REPORT,
    on_target_error: OnError = OnError.REPORT,
    chunk_bytes: int = CHUNK_BYTES,
    **options: Unpack[OptionsOfModern],
) -> ModernBlockJob: ...
def mirror(
    drive: Drive,
    target: BlockDevice,
    *,
    executor: Executor,
    sync: Sync = Sync.FULL,
    on_source_error: OnError = OnError.REPORT,
    on_target_error: OnError = OnError.REPORT,
    chunk_bytes: int = CHUNK_BYTES,
    **options: Any,
) -> AnyJob:
    """Copy the drive to `target` and keep it in step until completed or cancelled.

    The job owns `target` from here on: on completion it becomes the drive's medium, otherwise it is
    closed. Sync top without a backing file is full. Raises NoMedium, DeviceInUse, and the policy's
    and the speed's errors as `stream` does.
    """
    if drive.medium is None:
        raise NoMedium(drive.name)
    if drive.in_use:
        raise DeviceInUse(drive.name)
    kind = ModernMirror if _are_modern(options) else Mirror
    body = kind(
        sync=_sync(drive.medium, sync),
        on_source_error=on_source_error,
        on_target_error=on_target_error,
        chunk=chunk_bytes,
    )
    side = _sides(drive, target, on_source_error, on_target_error, options)
    operations = MirrorOperations(drive, side, chunk_bytes, Lanes(executor))
    return _enter(MIRROR, drive, executor, body, operations, options)


@overload
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
) -> BlockJob: ...
@overload
def backup(
    drive: Drive,
    target: BlockDevice,
    *,
    executor: Executor,
    sync: Sync = Sync.FULL,
    on_source_error: OnError = OnError.REPORT,
    on_target_error: OnError = OnError.REPORT,
    chunk_bytes: int | None = None,
    **options: Unpack[OptionsOfModern],
) -> ModernBlockJob: ...
def backup(
    drive: Drive,
    target: BlockDevice,
    *,
    executor: Executor,
    sync: Sync = Sync.FULL,
    on_source_error: OnError = OnError.REPORT,
    on_target_error: OnError = OnError.REPORT,
    chunk_bytes: int | None = None,
    **options: Any,
) -> AnyJob:
    """Save the drive as it is now on `target`, while the guest goes on writing.

    A guest's write waits until what it changes is saved, and fails if that fails. Sync top saves
    what the top image stores, and without a backing file is full; sync none saves only what guests
    change, until cancelled. `target` has the drive's size, or that in whole sectors; it is the
    job's, which closes it at its end. `chunk_bytes` None is 64 KiB, or the target's clusters if
    larger. Raises NoMedium, DeviceInUse, InvalidParameter('target'), and the policy's and the
    speed's errors as `stream` does; the target is open still then.
    """
    if drive.medium is None:
        raise NoMedium(drive.name)
    if target in list(chain(drive.medium)):
        raise InvalidParameter("target", detail="source and target cannot be the same")
    if drive.in_use:
        raise DeviceInUse(drive.name)
    side = _sides(drive, target, on_source_error, on_target_error, options)
    if not fills(target, drive.medium):
        sizes = f"{drive.medium.length()} and {target.length()} bytes"
        raise InvalidParameter("target", detail=f"source and target differ in size: {sizes}")
    chunk = chunk_bytes or chunk_bytes_for(target)
    kind = CopierBackup if _are_modern(options) else Backup
    body = kind(_sync(drive.medium, sync), on_source_error, on_target_error, chunk)
    operations = BackupOperations(drive, side, chunk)
    return _enter(BACKUP, drive, executor, body, operations, options)


def _sync(medium: BlockDevice, sync: Sync) -> Sync:
    """Without a backing file, top is full."""
    return Sync.FULL if sync is Sync.TOP and medium.backing is None else sync


def _are_modern(options: dict[str, Any]) -> bool:
    return is_modern(options.get("lifecycle", CLASSIC))


def _sides(
    drive: Drive,
    target: BlockDevice,
    on_source_error: OnError,
    on_target_error: OnError,
    options: dict[str, Any],
) -> Drive:
    """A nameless drive of the job's own around the target, once the source's policy is admitted.

    Its io-status tells of the job's stops; since the job API only the job's own does, and any
    policy is admitted.
    """
    if not _are_modern(options):
        admit(on_source_error, drive.policy, "on-source-error")
    # No drive has a policy of its own for reads that run out of space.
    reads = OnError.STOP if on_target_error is OnError.ENOSPC else on_target_error
    return Drive("", target, policy=DevicePolicy(reads, on_target_error))


def _enter(
    job_type: BlockJobType,
    drive: Drive,
    executor: Executor,
    body: Body,
    operations: Operations,
    options: dict[str, Any],
) -> AnyJob:
    job: AnyJob = BlockJob.create(
        job_type, drive, **options, executor=executor, body=body, operations=operations
    )
    if options.get("group") is None:
        job.start()
    return job
