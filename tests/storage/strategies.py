"""Random images and requests for the storage tests; no claim is made here."""

from dataclasses import dataclass

from hypothesis import strategies as st

from blockjob_fsm.storage import BlockDevice, MemoryDevice

#: Small and odd: neither a multiple of a sector nor of a granule.
LENGTH = 12_345
GRANULARITY = 512


@dataclass(frozen=True)
class Step:
    """One request: `fill` None makes zeros."""

    offset: int
    length: int
    fill: int | None


@st.composite
def steps(draw: st.DrawFn, limit: int = LENGTH) -> Step:
    """A request inside a device of `limit` bytes, empty ones and the very last byte included."""
    offset = draw(st.integers(0, limit))
    length = draw(st.integers(0, limit - offset))
    return Step(offset, length, draw(st.one_of(st.none(), st.integers(1, 255))))


def perform(device: BlockDevice, step: Step) -> None:
    """Send the request to a device."""
    if step.fill is None:
        device.write_zeroes(step.offset, step.length)
    else:
        device.write(step.offset, bytes([step.fill]) * step.length)


def perform_on_model(model: bytearray, step: Step) -> None:
    """Do to plain bytes what `perform` does to a device."""
    model[step.offset : step.offset + step.length] = bytes([step.fill or 0]) * step.length


@st.composite
def layers(draw: st.DrawFn) -> list[MemoryDevice]:
    """A chain of one to four images of different lengths, the top first."""
    below: MemoryDevice | None = None
    made: list[MemoryDevice] = []
    for index in range(draw(st.integers(1, 4))):
        length = draw(st.integers(1, LENGTH))
        granularity = draw(st.sampled_from([64, 512]))
        name = f"layer {index}"
        below = MemoryDevice(length, name=name, backing=below, granularity=granularity)
        for step in draw(st.lists(steps(length), max_size=4)):
            perform(below, step)
        made.insert(0, below)
    return made
