"""What a live job asks of its operations, and the answer for jobs that do their work by hand."""

from __future__ import annotations

import errno as errno_codes
from collections.abc import Callable
from typing import Protocol, runtime_checkable

from blockjob_fsm.bodies.requests import Act, Failed, IoOutcome, IoRequest
from blockjob_fsm.storage.device import BlockDevice, chain
from blockjob_fsm.storage.drive import Drive
from blockjob_fsm.storage.qcow2.layout import whole_sectors

Stop = Callable[[], bool]


@runtime_checkable
class HasClusters(Protocol):
    """An image that stores whole clusters of so many bytes; no format is loaded to ask."""

    @property
    def cluster_bytes(self) -> int:
        """The size of a cluster."""


def layers_above(top: BlockDevice | None, base: BlockDevice | None) -> list[BlockDevice]:
    """The layers from `top` down to, not including, `base`; None is the end of the chain."""
    layers = list(chain(top))
    return layers if base is None else layers[: layers.index(base)]


def fills(target: BlockDevice, source: BlockDevice) -> bool:
    """Whether a target has the source's size, or that in whole sectors.

    A raw disk may end within a sector, which a qcow2 image cannot.
    """
    return target.length() in {source.length(), whole_sectors(source.length())}


def clear_last_sector(target: BlockDevice, source: BlockDevice) -> None:
    """Zero what follows the source's end in its last sector: it belongs to the disk in QEMU."""
    end, length = source.length(), target.length() - source.length()
    if length > 0 and fills(target, source) and not target.allocation(end, length).zero:
        target.write_zeroes(end, length)


class Operations:
    """Base of all operations; by itself it serves a job whose body is somebody else's code."""

    def __init__(self, target: Drive | None = None) -> None:
        self.target = target

    def begin(self) -> None:
        """The device is the job's from now on; an OSError means that it is given back."""

    def carry_out(self, request: IoRequest, stop: Stop) -> IoOutcome:
        """Do a request's I/O; between units `stop` says whether to come back early."""
        try:
            return self.answer(request, stop)
        except OSError as error:
            return Failed(error.errno or errno_codes.EIO)

    def answer(self, request: IoRequest, stop: Stop) -> IoOutcome:
        """The outcome of a request; may raise the disk's OSError instead."""
        raise AssertionError(f"no body asks for {request}")

    def perform(self, act: Act) -> None:
        """Do what neither waits nor fails."""
        raise AssertionError(f"no body asks for {act}")

    def stop_target(self, errno: int) -> None:
        """Publish a failure (errno positive) on the target."""
        if self.target is not None and self.target.policy.reports_io_status:
            self.target.iostatus_set_error(errno)

    def reset_target(self) -> None:
        """Reset the target's io-status."""
        if self.target is not None:
            self.target.iostatus_reset()

    def open_backing(self) -> None:
        """Open what completion needs; raises CouldNotOpen."""

    def pivot(self) -> None:
        """Put the target's contents into the device; who works by hand does it by hand."""

    def undrain(self) -> None:
        """End the drained section, if the job is in one."""

    def close(self) -> None:
        """Give up what the job alone held; the last call."""
