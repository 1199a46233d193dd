"""What is done to a device under test; without Hypothesis, for processes that start often."""

from dataclasses import dataclass

from blockjob_fsm.storage import BlockDevice
from blockjob_fsm.storage.device import Data


@dataclass(frozen=True)
class Change:
    """What is done to a device: `fill` None makes zeros; `resized` gives the new length instead."""

    offset: int = 0
    length: int = 0
    fill: int | None = None
    resized: int | None = None

    def perform(self, device: BlockDevice) -> None:
        """Do it."""
        if self.resized is not None:
            device.resize(self.resized)
        elif self.fill is None:
            device.write_zeroes(self.offset, self.length)
        else:
            device.write(self.offset, bytes([self.fill]) * self.length)

    def perform_on_model(self, model: bytearray) -> None:
        """Do the same to plain bytes."""
        if self.resized is not None:
            model.extend(bytes(max(0, self.resized - len(model))))
            del model[self.resized :]
        else:
            model[self.offset : self.offset + self.length] = bytes([self.fill or 0]) * self.length


def difference(found: Data, expected: Data) -> str:
    """Where two long pieces of data differ first, in few words; empty if they do not."""
    if found == expected:
        return ""
    if len(found) != len(expected):
        return f"{len(found)} bytes instead of {len(expected)}"
    at = next(at for at in range(len(found)) if found[at] != expected[at])
    return f"byte {at} is {found[at]:#x} instead of {expected[at]:#x}"
