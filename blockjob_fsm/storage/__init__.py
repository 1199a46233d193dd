"""Disk images as jobs see them: devices, backing chains, copying, dirty tracking, faults, drives.

What a lifecycle decides does not belong here, nor does anything that knows of jobs beyond the two
calls a drive makes on its own job.
"""

from blockjob_fsm.storage.chains import backing_path, find_layer, open_chain
from blockjob_fsm.storage.copy import CopyResult, copy_range
from blockjob_fsm.storage.device import BlockDevice, Extent, allocation_above, chain, read_chain
from blockjob_fsm.storage.dirty import DirtyBitmap
from blockjob_fsm.storage.drive import Drive
from blockjob_fsm.storage.faults import Fault, FaultyDevice, Gate
from blockjob_fsm.storage.image_error import ImageError
from blockjob_fsm.storage.memory import MemoryDevice
from blockjob_fsm.storage.qcow2 import Qcow2File
from blockjob_fsm.storage.raw import RawFile

__all__ = [
    "BlockDevice",
    "Extent",
    "chain",
    "read_chain",
    "allocation_above",
    "MemoryDevice",
    "RawFile",
    "Qcow2File",
    "ImageError",
    "open_chain",
    "find_layer",
    "backing_path",
    "CopyResult",
    "copy_range",
    "DirtyBitmap",
    "Drive",
    "Fault",
    "FaultyDevice",
    "Gate",
]
