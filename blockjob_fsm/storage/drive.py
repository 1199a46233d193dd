"""The named device of 2012: a medium, its users, its error policy and the guest's requests.

Guest threads come in here while a job works on the same medium. What a job decides does not belong
here: a drive calls its job only to reset its io-status and to cancel it before closing.
"""

from __future__ import annotations

import errno as errno_codes
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from blockjob_fsm.error_action import DevicePolicy, ErrorAction, IoStatus, first_error, io_status_of
from blockjob_fsm.errors import DeviceInUse, DeviceNotActive
from blockjob_fsm.events import BlockIoError
from blockjob_fsm.storage.copy import borrowed_buffer
from blockjob_fsm.storage.device import (
    BlockDevice,
    Data,
    chain,
    locate,
    read_chain,
    read_chain_into,
)
from blockjob_fsm.storage.dirty import CHUNK_BYTES, DirtyBitmap
from blockjob_fsm.storage.in_flight import InFlight, RequestKind

#: Most that a copy-on-read moves at a time.
COPY_UP_BYTES = 512 << 10

#: Called with the offset and length of a guest's write that is about to change the disk.
BeforeWrite: TypeAlias = Callable[[int, int], object]


class DriveJob(Protocol):
    """What a drive asks of the job that runs on it."""

    def iostatus_reset(self) -> object:
        """Forget the job's first error."""

    def cancel_sync(self) -> object:
        """Cancel the job and return when it is gone."""


@dataclass(frozen=True, slots=True)
class QueuedRequest:
    """A guest's request that failed under "stop": tried again by `cont`. `data` None is a read."""

    offset: int
    length: int
    data: bytes | None


class Drive:
    """A device with a name, empty or holding a medium. Every method runs on its caller's thread.

    `on_event` gets a BlockIoError for each failed guest request; `on_vm_stop` is called when policy
    stops the machine. Both run on the guest's thread, with no lock held and the failed request no
    longer in flight, so they may drain. `job` is who claimed the device, if it was a job.
    """

    def __init__(
        self,
        name: str,
        medium: BlockDevice | None = None,
        *,
        policy: DevicePolicy | None = None,
        on_event: Callable[[BlockIoError], object] = lambda _: None,
        on_vm_stop: Callable[[], object] = lambda: None,
    ) -> None:
        self.name = name
        self.medium = medium
        self.policy = policy or DevicePolicy()
        self.job: DriveJob | None = None
        self.dirty: DirtyBitmap | None = None
        self._on_event = on_event
        self._on_vm_stop = on_vm_stop
        self._in_use = False
        self._io_status = IoStatus.OK
        self._copy_on_read = 0
        self._before_write: tuple[BeforeWrite, ...] = ()
        self._queued: list[QueuedRequest] = []
        self._requests = InFlight()
        # Guards in_use, the status and the queue; never held during I/O or a call to others.
        self._lock = threading.RLock()

    # Who uses the device.

    @property
    def in_use(self) -> bool:
        """Whether a job, or somebody else, has taken the device."""
        return self._in_use

    @in_use.setter
    def in_use(self, value: bool) -> None:
        with self._lock:
            assert self._in_use != value, f"{self.name}: in_use is {value} already"
            self._in_use = value

    def claim(self, job: DriveJob | None = None) -> None:
        """Take the device, for `job` or another user; raises DeviceInUse if somebody has it."""
        with self._lock:
            if self._in_use:
                raise DeviceInUse(self.name)
            self.in_use = True
            self.job = job

    def release(self) -> None:
        """Give the device back."""
        with self._lock:
            self.job = None
            self.in_use = False

    # Io-status.

    @property
    def io_status(self) -> IoStatus:
        """The first error since the last reset, as far as policy published it."""
        return self._io_status

    def iostatus_set_error(self, errno: int) -> None:
        """Publish a failure (errno positive) unless one is published; the predicate must hold."""
        assert self.policy.reports_io_status, f"{self.name}: publishes no io-status"
        with self._lock:
            self._io_status = first_error(self._io_status, io_status_of(errno))

    def iostatus_reset(self) -> None:
        """Forget the first error, the job's too; does nothing unless the predicate holds."""
        if not self.policy.reports_io_status:
            return
        with self._lock:
            self._io_status = IoStatus.OK
            job = self.job
        if job is not None:
            # A job that ended just now has no status left to reset.
            with suppress(DeviceNotActive):
                job.iostatus_reset()

    # The guest.

    def guest_read(self, offset: int, length: int) -> Data | None:
        """Bytes of the disk; None if the machine was stopped and the request is queued.

        Zeros where policy ignores the failure; raises OSError where it reports it.
        """
        try:
            if self._copy_on_read:
                self.copy_up(offset, length)
            with self._request(RequestKind.READ, offset, length) as medium:
                return read_chain(medium, offset, length)
        except OSError as error:
            request = QueuedRequest(offset, length, None)
            return bytes(length) if self._guest_failed(request, error) else None

    def guest_write(self, offset: int, data: Data) -> bool:
        """Write; False if the machine was stopped and the request is queued.

        True too where policy ignores the failure; raises OSError where it reports it. The bytes are
        marked dirty when the write has ended, however it ended. What a hook of `add_before_write`
        raises is the write's own failure, and nothing has been written then.
        """
        length = memoryview(data).nbytes
        try:
            with self._request(RequestKind.WRITE, offset, length) as medium:
                for hook in self._before_write:
                    hook(offset, length)
                try:
                    medium.write(offset, data)
                finally:
                    if self.dirty is not None:
                        self.dirty.set(offset, length)
        except OSError as error:
            return self._guest_failed(QueuedRequest(offset, length, bytes(data)), error)
        return True

    @property
    def queued(self) -> tuple[QueuedRequest, ...]:
        """The guest's requests that wait for the machine to go on."""
        return tuple(self._queued)

    def cont(self) -> bool:
        """The machine goes on: reset io-status and try queued requests again, in their order.

        False if one of them stopped the machine again; the ones after it stay queued.
        """
        self.iostatus_reset()
        with self._lock:
            waiting, self._queued = self._queued, []
        while waiting:
            request = waiting.pop(0)
            if not self._retry(request):
                with self._lock:
                    self._queued.extend(waiting)
                return False
        return True

    def _retry(self, request: QueuedRequest) -> bool:
        try:
            if request.data is None:
                return self.guest_read(request.offset, request.length) is not None
            return self.guest_write(request.offset, request.data)
        except OSError:
            return True  # Reported to the guest; the machine runs.

    def _guest_failed(self, request: QueuedRequest, error: OSError) -> bool:
        """Apply rerror or werror: True if ignored, False if stopped, or raise what is reported."""
        errno = error.errno or errno_codes.EIO
        is_read = request.data is None
        action = self.policy.action(is_read=is_read, errno=errno)
        if action is ErrorAction.STOP:
            with self._lock:
                self._queued.append(request)
        self._on_event(BlockIoError(self.name, is_read, action.value))
        if action is ErrorAction.REPORT:
            raise error
        if action is ErrorAction.STOP:
            self._on_vm_stop()
            if self.policy.reports_io_status:
                self.iostatus_set_error(errno)
        return action is ErrorAction.IGNORE

    # Before writes.

    def add_before_write(self, hook: BeforeWrite) -> None:
        """Have `hook` called before each guest's write, on the guest's thread.

        The writes that came before have ended when this returns; every later one calls the hook.
        A hook may wait, and may raise the OSError that the write is to fail with. A copy-up calls
        none: it changes no byte that anybody reads, and a read must not fail for such a reason.
        """
        with self.drained():
            self._before_write = (*self._before_write, hook)

    def remove_before_write(self, hook: BeforeWrite) -> None:
        """Forget a hook; no call of it is under way when this returns."""
        assert hook in self._before_write, f"{self.name}: no such hook"
        with self.drained():
            self._before_write = tuple(kept for kept in self._before_write if kept != hook)

    # Copy-on-read.

    @property
    def copy_on_read(self) -> int:
        """How many want the guest's reads to pull data up; see `add_copy_on_read`."""
        return self._copy_on_read

    def add_copy_on_read(self, change: int) -> None:
        """Count one more (1) or one less (-1) who wants it."""
        with self._lock:
            self._copy_on_read += change
            assert self._copy_on_read >= 0, f"{self.name}: copy_on_read was given back twice"

    def copy_up(self, offset: int, length: int) -> int:
        """Copy what only lower layers store into the top one; returns how many bytes that was.

        A guest's write of the same bytes goes wholly before or wholly after. Raises OSError.
        """
        with self._request(RequestKind.COPY_UP, offset, length) as top:
            end, copied = offset + length, 0
            while offset < end:
                extent = top.allocation(offset, end - offset)
                step = extent.length
                if not extent.allocated:
                    step = _pull(top, offset, min(step, COPY_UP_BYTES))
                    copied += step
                offset += step
            return copied

    # Requests in flight.

    @property
    def in_flight(self) -> int:
        """How many requests have come and not ended."""
        return self._requests.count

    @property
    def draining(self) -> bool:
        """Whether new requests have to wait for the end of a drain."""
        return self._requests.is_held_back

    def drain(self) -> None:
        """Return when every request that came before has ended; later ones wait meanwhile."""
        with self.drained():
            pass

    def drained(self) -> AbstractContextManager[None]:
        """Keep requests out: none is in flight inside the block, and new ones wait for its end.

        The thread inside must make no request of its own; it may nest and may swap the medium.
        """
        return self._requests.held_back()

    @contextmanager
    def _request(self, kind: RequestKind, offset: int, length: int) -> Iterator[BlockDevice]:
        with self._requests.entered(kind, offset, length):
            # The medium changes only while no request is in flight.
            if self.medium is None:
                raise OSError(errno_codes.ENOMEDIUM, "no medium", self.name)
            yield self.medium

    # The medium.

    def start_dirty_tracking(self, granularity: int = CHUNK_BYTES) -> DirtyBitmap:
        """Note from now on which chunks guest writes touch; the bitmap starts clean."""
        assert self.dirty is None, f"{self.name}: dirty tracking is on already"
        assert self.medium is not None, f"{self.name}: nothing to track without a medium"
        self.dirty = DirtyBitmap(self.medium.length(), granularity)
        return self.dirty

    def stop_dirty_tracking(self) -> None:
        """Forget the bitmap."""
        assert self.dirty is not None, f"{self.name}: dirty tracking is off"
        with self.drained():
            self.dirty = None

    def swap_medium(self, other: BlockDevice | None) -> BlockDevice | None:
        """Put `other` in and return what was there; no request sees both."""
        with self.drained():
            before, self.medium = self.medium, other
        return before

    def close(self) -> None:
        """Cancel the job and wait for it, drain, flush, close the chain; may be called again.

        Raises the OSError of the flush, with everything closed all the same.
        """
        job = self.job  # it may end, and be gone, at any moment
        if job is not None:
            job.cancel_sync()
        medium = self.swap_medium(None)
        if medium is None:
            return
        try:
            medium.flush()
        finally:
            for layer in list(chain(medium)):
                layer.close()

    def query(self) -> dict[str, object]:
        """The drive's part of BlockInfo: io-status and dirty only while there is one."""
        info: dict[str, object] = {"device": self.name}
        if (medium := self.medium) is not None:
            info["inserted"] = {"file": medium.name, "ro": medium.read_only}
        if self.policy.reports_io_status:
            info["io-status"] = self._io_status.value
        if (dirty := self.dirty) is not None:
            info["dirty"] = {"count": dirty.count * dirty.granularity}
        return info


def _pull(top: BlockDevice, offset: int, length: int) -> int:
    """Store in `top` what the chain reads at `offset`; returns how many bytes it did."""
    _, below = locate(top, offset, length)
    if below.zero:
        top.write_zeroes(offset, below.length)
    else:
        with borrowed_buffer() as buffer:
            data = buffer[: below.length]
            read_chain_into(top, offset, data)
            top.write(offset, data)
    return below.length
