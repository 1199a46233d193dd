"""The device protocol: one image layer, and what a chain of layers reads as.

Offsets and lengths are bytes. A disk's failure is an `OSError` with an errno; a range outside the
device is our own mistake and an assertion. No format, file or lock of its own may enter this file.
"""

from __future__ import annotations

import errno as errno_codes
from abc import ABC, abstractmethod
from collections.abc import Iterator
from types import TracebackType
from typing import NamedTuple, Self, TypeAlias

#: Bytes that may be read in place.
Data: TypeAlias = bytes | bytearray | memoryview


class Extent(NamedTuple):
    """One answer about a range: it holds for `length` bytes from the offset asked about.

    `allocated`: the layers asked about decide what is read here. `zero`: what is read here is known
    to be zeros (False means only that nobody knows).
    """

    allocated: bool
    zero: bool
    length: int


class BlockDevice(ABC):
    """One layer of an image: what this layer stores, not what lies below it.

    `name` is what messages call it. A layer whose `backing` is None ends its chain, and what it
    does not store reads as zeros. Reads and writes may come from several threads at once.
    """

    def __init__(
        self, name: str, *, backing: BlockDevice | None = None, read_only: bool = False
    ) -> None:
        self.name = name
        self._backing = backing
        self._read_only = read_only

    @property
    def format_name(self) -> str | None:
        """The format as headers record it, "raw" or "qcow2"; None for what is no image file."""
        return None

    @property
    def backing(self) -> BlockDevice | None:
        """The layer below; setting it changes the chain in memory and leaves the header alone."""
        return self._backing

    @backing.setter
    def backing(self, layer: BlockDevice | None) -> None:
        self._backing = layer

    @property
    def read_only(self) -> bool:
        """Whether writes are refused with EACCES; see `reopen`."""
        return self._read_only

    @abstractmethod
    def length(self) -> int:
        """Size of the device in bytes."""

    @abstractmethod
    def resize(self, length: int) -> None:
        """Make the device `length` bytes long; bytes gained read as zeros."""

    @abstractmethod
    def read(self, offset: int, length: int) -> Data:
        """Exactly `length` bytes of this layer; what it does not store reads as zeros."""

    def read_into(self, offset: int, view: memoryview) -> None:
        """Fill `view` with what `read` gives, without bytes in between where the device can.

        After an OSError nobody knows what `view` holds.
        """
        view[:] = self.read(offset, len(view))

    @abstractmethod
    def write(self, offset: int, data: Data) -> None:
        """Store all of `data` at `offset`."""

    @abstractmethod
    def write_zeroes(self, offset: int, length: int) -> None:
        """Make a range read as zeros whatever lies below, as a hole where the format has holes."""

    @abstractmethod
    def flush(self) -> None:
        """Return when all finished writes would survive a crash."""

    @abstractmethod
    def allocation(self, offset: int, length: int) -> Extent:
        """What this layer stores at `offset`: the whole extent, cut at `length`, never empty."""

    @abstractmethod
    def change_backing(self, base: BlockDevice | None, stored_name: str | None) -> None:
        """Rewrite the header so that it names `stored_name`, then use `base` as backing.

        Raises OSError(ENOTSUP) where the format stores no such name; nothing has changed then.
        """

    def fileno(self) -> int | None:
        """Descriptor whose bytes are this device's, for copies inside the kernel.

        None when the device must see each byte itself.
        """
        return None

    def reopen(self, *, read_only: bool) -> None:
        """Change between read-only and read-write; an OSError means that nothing changed."""
        self._read_only = read_only

    def close(self) -> None:  # noqa: B027 - most layers hold nothing
        """Give up what is held; may be called again. Layers below stay open."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}>"

    def _check_range(self, offset: int, length: int) -> None:
        end = offset + length
        assert 0 <= offset <= end <= self.length(), (
            f"{self.name}: range {offset}..{end} is outside 0..{self.length()}"
        )

    def _check_writable(self) -> None:
        if self.read_only:
            raise OSError(errno_codes.EACCES, "the image is open read-only", self.name)


def chain(device: BlockDevice | None) -> Iterator[BlockDevice]:
    """The layers from `device` down to the deepest."""
    while device is not None:
        yield device
        device = device.backing


def read_chain(device: BlockDevice, offset: int, length: int) -> Data:
    """What a guest reads: each byte from the first layer that decides it, else zeros.

    Raises the OSError of whichever layer failed.
    """
    if device.backing is None:
        return device.read(offset, length)
    pieces: list[Data] = []
    end = offset + length
    while offset < end:
        layer, extent = locate(device, offset, end - offset)
        if layer is None or extent.zero:
            pieces.append(bytes(extent.length))
        else:
            pieces.append(layer.read(offset, extent.length))
        offset += extent.length
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def read_chain_into(device: BlockDevice, offset: int, view: memoryview) -> None:
    """Fill `view` with what a guest reads; raises the OSError of whichever layer failed."""
    if device.backing is None:
        device.read_into(offset, view)
        return
    while view:
        layer, extent = locate(device, offset, len(view))
        part = view[: extent.length]
        if layer is None or extent.zero:
            part[:] = bytes(extent.length)
        else:
            layer.read_into(offset, part)
        view = view[extent.length :]
        offset += extent.length


def locate(
    top: BlockDevice, offset: int, length: int, base: BlockDevice | None = None
) -> tuple[BlockDevice | None, Extent]:
    """The layer above `base` that decides the bytes at `offset`, and how far that answer holds.

    The layer is None where no layer above `base` decides, or where one layer is too short: a short
    layer reads as zeros past its end and hides what is deeper. Those zeros count as allocated when
    something deeper would otherwise show once the short layer is taken out of the chain.
    """
    assert length > 0, "an empty range has no status"
    layer: BlockDevice | None = top
    while layer is not None and layer is not base:
        within = layer.length() - offset
        if within <= 0:
            return None, _past_the_end(layer, offset, length)
        status = layer.allocation(offset, min(length, within))
        assert 0 < status.length <= length, f"{layer.name}: status of no bytes, or of too many"
        if status.allocated:
            return layer, status
        length = status.length
        layer = layer.backing
    return None, Extent(allocated=False, zero=layer is None, length=length)


def _past_the_end(short: BlockDevice, offset: int, length: int) -> Extent:
    hidden = any(layer.length() > offset for layer in chain(short.backing))
    return Extent(allocated=hidden, zero=True, length=length)


def allocation_above(
    top: BlockDevice, base: BlockDevice | None, offset: int, length: int
) -> Extent:
    """Whether any layer from `top` down to, not including, `base` decides the bytes at `offset`.

    With `base` None the whole chain is asked, and what no layer stores is known to be zeros.
    """
    return locate(top, offset, length, base)[1]
