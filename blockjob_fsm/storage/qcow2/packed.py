"""Compressed clusters: where their bytes lie, and unpacking them without trusting their size.

Pure. Reading the bytes is the caller's.
"""

from __future__ import annotations

import importlib
import io
import zlib
from types import ModuleType

from blockjob_fsm.storage.qcow2.layout import COMPRESSED, SECTOR_BYTES

ZLIB, ZSTD = 0, 1
# QEMU compresses with this window; the minus says that there is no zlib header.
_WINDOW_BITS = -12
_ZSTD_WINDOW_BYTES = 8 << 20


class CannotUnpack(Exception):
    """The bytes are no compressed cluster; `str()` says why."""


def _load_zstd() -> ModuleType | None:
    try:
        return importlib.import_module("zstandard")
    except ImportError:
        return None


_zstd = _load_zstd()


def can_unpack(method: int) -> bool:
    """Whether what unpacks this method is installed."""
    return method == ZLIB or (method == ZSTD and _zstd is not None)


def packed_range(entry: int, cluster_bits: int) -> tuple[int, int]:
    """Offset and length in the file of what a compressed cluster's L2 entry describes."""
    size_bits = cluster_bits - 8
    offset_bits = 62 - size_bits
    offset = entry & ((1 << offset_bits) - 1)
    sectors = (entry & (COMPRESSED - 1)) >> offset_bits
    return offset, (sectors + 1) * SECTOR_BYTES - offset % SECTOR_BYTES


def unpack(method: int, packed: bytes, cluster_bytes: int) -> bytes:
    """The cluster's bytes; raises CannotUnpack unless there are exactly `cluster_bytes`.

    What follows the compressed bytes is ignored: they end somewhere in their last sector.
    """
    try:
        data = (
            _inflate(packed, cluster_bytes) if method == ZLIB else _from_zstd(packed, cluster_bytes)
        )
    except (zlib.error, ValueError) as error:
        raise CannotUnpack(str(error)) from None
    if len(data) != cluster_bytes:
        raise CannotUnpack(f"{len(data)} bytes instead of {cluster_bytes}")
    return data


def _inflate(packed: bytes, cluster_bytes: int) -> bytes:
    return zlib.decompressobj(_WINDOW_BITS).decompress(packed, cluster_bytes)


def _from_zstd(packed: bytes, cluster_bytes: int) -> bytes:
    if _zstd is None:
        raise CannotUnpack("the Python package zstandard is not installed")
    unpacker = _zstd.ZstdDecompressor(max_window_size=_ZSTD_WINDOW_BYTES)
    try:
        data: bytes = unpacker.stream_reader(io.BytesIO(packed)).read(cluster_bytes)
    except _zstd.ZstdError as error:
        raise CannotUnpack(str(error)) from None
    return data
