"""Our live jobs as a subject: QMP commands in, replies and events out, as QEMU 7.2 answers them.

Nothing runs by itself: the clock stands still and I/O happens when the subject settles, so that a
session has one outcome. A job that its limit has put to sleep sleeps for ever, which is how the
recorded sessions hold a job too.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from blockjob_fsm.block_job import BlockJob
from blockjob_fsm.bodies.backup import CopierBackup
from blockjob_fsm.bodies.commit import PolicyCommit
from blockjob_fsm.bodies.copying import IDLE_NS
from blockjob_fsm.bodies.mirror import ModernMirror
from blockjob_fsm.bodies.requests import Body, CopyDirty, GetLength, IoOutcome, IoRequest, Length
from blockjob_fsm.bodies.stream import Stream
from blockjob_fsm.clock import ManualClock
from blockjob_fsm.command_forms import COMMAND_FORMS, CommandForm
from blockjob_fsm.conformance.arguments import Refusal, policy, sync
from blockjob_fsm.conformance.drained import drained
from blockjob_fsm.conformance.nodes import Node, Nodes, Unsupported
from blockjob_fsm.conformance.subject import Arguments, Reply
from blockjob_fsm.declaration import has_release
from blockjob_fsm.errors import CommandNotFound, JobIdInUse, QmpError
from blockjob_fsm.events import QmpEvent
from blockjob_fsm.executor import Executor, ThreadHost
from blockjob_fsm.job_type import ACTIVE_COMMIT, BACKUP, COMMIT, MIRROR, STREAM, BlockJobType
from blockjob_fsm.lifecycles.modern import modern
from blockjob_fsm.lifecycles.modern_words import Status
from blockjob_fsm.live_group import LiveGroup
from blockjob_fsm.modern_block_job import ModernBlockJob
from blockjob_fsm.operations.active_commit import ActiveCommitOperations
from blockjob_fsm.operations.backup import BackupOperations
from blockjob_fsm.operations.base import Operations, Stop
from blockjob_fsm.operations.commit import CommitOperations
from blockjob_fsm.operations.lanes import Lanes
from blockjob_fsm.operations.mirror import MirrorOperations
from blockjob_fsm.operations.stream import StreamOperations
from blockjob_fsm.storage.device import chain
from blockjob_fsm.storage.drive import Drive
from blockjob_fsm.trace.creation import BUSY, NOT_A_ROOT

CHUNK = 64 << 10
UNIT = 512 << 10
#: So many tasks in a row are a job that will never be done: an error that is ignored for ever.
FLOOD = 3_000


@dataclass(slots=True)
class _Known:
    """A job and the nodes it is on."""

    job: ModernBlockJob
    target: Node | None

    @property
    def is_gone(self) -> bool:
        return self.job.status is Status.NULL


class Ours:
    """A daemon without a socket. `events` holds what was sent and not taken yet: (name, data)."""

    def __init__(self, profile: str = "7.2") -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []
        self._lifecycle = modern(profile)
        self._clock = ManualClock()
        self._executor = Executor(workers=0, host=ThreadHost(self._clock))
        self._nodes = Nodes()
        self._jobs: list[_Known] = []  # newest first
        self._commands: dict[str, Callable[[Arguments], object]] = {
            "blockdev-add": self._nodes.add,
            "object-add": self._nodes.add_group,
            "qom-set": self._qom_set,
            "transaction": self._transaction,
            "human-monitor-command": self._monitor,
            "blockdev-mirror": self._blockdev_mirror,
            "blockdev-backup": self._blockdev_backup,
            "block-stream": self._block_stream,
            "block-commit": self._block_commit,
            "quit": self._quit,
            # Every node can be written to by a guest.
            "nbd-server-start": lambda _: None,
            "block-export-add": lambda _: None,
        }
        for form in COMMAND_FORMS:
            self._commands[form.name] = partial(self._verb, form)
            if not has_release(profile, form.since):
                self._commands[form.name] = partial(_unknown, form.name)

    def execute(self, command: str, arguments: Arguments) -> Reply:
        """The reply: {"return": ...} or {"error": {class, desc}}. Raises Unsupported."""
        if command not in self._commands:
            raise Unsupported(command)
        try:
            self._commands[command](arguments)
        except QmpError as refused:
            return {"error": refused.to_qmp()}
        return {"return": {}}

    def settle(self) -> None:
        """Let everything happen that happens without time passing."""
        self._executor.run_pending(at_most=FLOOD)

    def guest_write(self, node: str, offset: int, length: int) -> None:
        """Write bytes to a node; time goes on until a mirror in step would have looked again."""
        self._nodes.by_name[node].drive.guest_write(offset, b"g" * length)
        self._clock.advance(IDLE_NS)
        self.settle()

    def take_events(self) -> list[tuple[str, dict[str, Any]]]:
        """What was sent since last asked."""
        events, self.events = self.events, []
        return events

    def query(self) -> tuple[list[Reply], list[Reply]]:
        """What query-jobs and query-block-jobs answer."""
        known = self._there()
        block_jobs = [job.query_block_job() for job in known if job.control.block_job]
        return [job.query().to_qmp() for job in known], block_jobs

    def close(self) -> None:
        """End every job."""
        self._quit({})
        self._executor.close()
        self._nodes.forget()

    # Verbs.

    def _verb(self, form: CommandForm, arguments: Arguments) -> None:
        problem = form.problem(arguments)
        if problem is not None:
            raise Refusal(problem)
        job_id = arguments[form.member]
        for job in self._there():
            if job.id == job_id and (job.control.block_job or not form.block_jobs_only):
                job.verb(form.event(arguments))
                return
        raise form.not_found(job_id)

    # Commands that make jobs.

    def _blockdev_mirror(self, arguments: Arguments) -> None:
        source, target = self._node(arguments["device"]), self._node(arguments["target"])
        body = ModernMirror(
            sync=sync(arguments),
            on_source_error=policy(arguments, "on-source-error"),
            on_target_error=policy(arguments, "on-target-error"),
            chunk=CHUNK,
            batch=1,
        )
        self._refuse_in_use("mirror", source)
        self._refuse_busy(target)
        side = Drive("", target.device)
        operations = MirrorOperations(source.drive, side, CHUNK, Lanes(self._executor))
        self._create(MIRROR, source, target, body, operations, arguments).start()

    def _blockdev_backup(self, arguments: Arguments) -> None:
        with self._drained():
            self._backup(arguments, None).start()

    def _backup(self, arguments: Arguments, group: LiveGroup | None) -> ModernBlockJob:
        source, target = self._node(arguments["device"]), self._node(arguments["target"])
        body = CopierBackup(
            sync(arguments),
            policy(arguments, "on-source-error"),
            policy(arguments, "on-target-error"),
            CHUNK,
            1,
        )
        running = source.drive.job
        try:
            if isinstance(running, ModernBlockJob) and running.value.type != "backup":
                self._refuse_in_use("backup", source)
            self._refuse_busy(target)
        except Refusal:
            # The nodes themselves were drained once more, to put a filter there and take it away.
            self._bounce(source, target)
            raise
        if running is not None:
            # Any number of backups may have one source, and a drive has one job.
            source = replace(source, drive=Drive(source.name, source.device))
        operations = BackupOperations(source.drive, Drive("", target.device), CHUNK)
        job = self._create(BACKUP, source, target, body, operations, arguments, group)
        # Made inside a drained section, which it takes part in.
        job.drain_begin()
        return job

    def _block_stream(self, arguments: Arguments) -> None:
        top = self._node(arguments["device"])
        if {"base-node", "bottom"} & set(arguments):
            raise Unsupported("block-stream with a base")
        body = Stream(on_error=policy(arguments, "on-error"), unit=UNIT, batch=UNIT)
        operations = _Stream(top.drive)
        self._create(STREAM, top, None, body, operations, arguments).start()

    def _block_commit(self, arguments: Arguments) -> None:
        top, base = self._node(arguments["device"]), self._node(arguments["base-node"])
        on_error = policy(arguments, "on-error")
        middle = self._node(arguments["top-node"]) if "top-node" in arguments else top
        self._refuse_in_use("commit", top)
        for node in (middle, base):
            if node.device not in list(chain(top.device)):
                raise Refusal(f"'{node.name}' is not in this backing file chain")
        if middle is not top:
            body: Body = PolicyCommit(on_error=on_error, unit=UNIT, batch=UNIT)
            commit = CommitOperations(top.drive, top.device, middle.device, base.device)
            self._create(COMMIT, top, None, body, commit, arguments).start()
            return
        body = ModernMirror(
            on_source_error=on_error, on_target_error=on_error, chunk=CHUNK, batch=1
        )
        lanes = Lanes(self._executor)
        active = ActiveCommitOperations(top.drive, base.device, CHUNK, lanes)
        self._create(ACTIVE_COMMIT, top, base, body, active, arguments).start()

    def _transaction(self, arguments: Arguments) -> None:
        grouped = arguments.get("properties", {}).get("completion-mode") == "grouped"
        group = self._group() if grouped else None
        made: list[ModernBlockJob] = []
        with self._drained():
            try:
                for action in arguments["actions"]:
                    self._act(action, group, made)
            except QmpError:
                for job in reversed(made):
                    if job.status is Status.CREATED:
                        job.cancel()
                raise
            for job in made:
                job.start()

    def _act(self, action: Arguments, group: LiveGroup | None, made: list[ModernBlockJob]) -> None:
        if action["type"] == "abort":
            raise Refusal("Transaction aborted using Abort action")
        if action["type"] != "blockdev-backup":
            raise Unsupported(f"transaction of {action['type']}")
        made.append(self._backup(action["data"], group))

    def _create(
        self,
        kind: BlockJobType,
        node: Node,
        target: Node | None,
        body: Body,
        operations: Operations,
        arguments: Arguments,
        group: LiveGroup | None = None,
    ) -> ModernBlockJob:
        job_id = arguments.get("job-id")
        if job_id is None:
            raise Unsupported("a job without an id")
        self._refuse_in_use(kind.name, node)
        if any(known.job.id == job_id and not known.is_gone for known in self._jobs):
            raise JobIdInUse(job_id)
        job = BlockJob.create(
            kind,
            node.drive,
            executor=self._executor,
            body=body,
            operations=operations,
            lifecycle=self._lifecycle,
            job_id=job_id,
            group=group or self._group(),
            speed=arguments.get("speed", 0),
            auto_finalize=arguments.get("auto-finalize", True),
            auto_dismiss=arguments.get("auto-dismiss", True),
            on_event=self._hear,
        )
        self._jobs.insert(0, _Known(job, target))
        return job

    def _group(self) -> LiveGroup:
        return LiveGroup(self._executor, self._lifecycle, submit=self._submit)

    def _submit(self, member: str, request: IoRequest, task: Callable[[], None]) -> None:
        """Hand a request to its device, where a throttled one may have to wait."""
        if isinstance(request, CopyDirty):
            known = next(known for known in self._jobs if known.job.id == member)
            throttle = known.target.throttle if known.target else None
            dirty = known.job.device.dirty
            # A look at a clean bitmap writes nothing.
            if throttle and (dirty is None or dirty.count) and throttle.holds():
                throttle.held.append(partial(self._executor.submit, task))
                return
        self._executor.submit(task)

    # The others.

    def _quit(self, _: Arguments) -> None:
        self._nodes.lift_limits()
        # The section lasts until all jobs are gone: none goes on for a moment.
        with self._drained():
            for job in self._there():
                job.cancel_sync()

    def _qom_set(self, arguments: Arguments) -> None:
        self._nodes.set_limits(arguments["path"], arguments["value"])

    def _monitor(self, arguments: Arguments) -> None:
        raise Unsupported(f"human-monitor-command {arguments['command-line']}")

    def _node(self, name: str) -> Node:
        if name not in self._nodes.by_name:
            raise Refusal(f"Cannot find device='{name}' nor node-name='{name}'")
        node = self._nodes.by_name[name]
        if node.drive.job is None:
            # A job switches the users of a node and leaves the node; here nobody else uses it.
            node.drive = Drive(name, node.device)
        return node

    def _drained(self) -> AbstractContextManager[None]:
        return drained(self._there, self._nodes, self.settle)

    def _there(self) -> list[ModernBlockJob]:
        return [known.job for known in self._jobs if not known.is_gone]

    def _bounce(self, *nodes: Node) -> None:
        """A drained section of these nodes and no others, inside one of all."""
        for job in self._there():
            # The one of all nodes is over for a moment: this is what its end and begin show.
            if any(job.device is node.drive or self._is_target(job, node) for node in nodes):
                job.drain_end()
                self.settle()
                job.drain_begin()
        self.settle()

    def _is_target(self, job: ModernBlockJob, node: Node) -> bool:
        return any(known.job is job and known.target is node for known in self._jobs)

    def _refuse_busy(self, node: Node) -> None:
        for known in self._jobs:
            if known.target is node and known.job.device.job is known.job:
                kind = known.job.value.type
                raise Refusal(BUSY.format(node.name, kind))

    def _refuse_in_use(self, kind: str, node: Node) -> None:
        """Refuse what the job on this node keeps out; the texts depend on who asks."""
        running = self._keeper(node)
        if running is None:
            return
        if kind in ("mirror", "commit"):
            raise Refusal(NOT_A_ROOT)
        raise Refusal(BUSY.format(node.name, running.value.type))

    def _keeper(self, node: Node) -> ModernBlockJob | None:
        """The job that keeps others off a node.

        Stream does so until it is dismissed, and commit too unless it failed.
        """
        for known in self._jobs:
            job = known.job
            if job.device.name != node.name or known.is_gone:
                continue
            stays = job.value.type == "stream" or (
                job.value.type == "commit" and not (job.control.completable or job.control.ret)
            )
            if stays or node.drive.job is job:
                return job
        return None

    def _hear(self, event: QmpEvent) -> None:
        self.events.append((event.name, dict(event.data())))


def _unknown(command: str, _: Arguments) -> None:
    raise CommandNotFound(command)


class _Stream(StreamOperations):
    """A stream that finds nothing to do where nothing lies below, as QEMU does."""

    def answer(self, request: IoRequest, stop: Stop) -> IoOutcome:
        top = self.drive.medium
        if isinstance(request, GetLength) and top is not None and top.backing is None:
            return Length(0)
        return super().answer(request, stop)
