"""Every device behaves like a plain array of bytes."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockjob_fsm.storage import BlockDevice, FaultyDevice, MemoryDevice, RawFile, read_chain
from tests.storage.strategies import (
    GRANULARITY,
    LENGTH,
    Step,
    layers,
    perform,
    perform_on_model,
    steps,
)

Maker = Callable[[], BlockDevice]


@pytest.fixture(scope="module", params=["memory", "raw", "faulty memory", "faulty raw"])
def make(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Maker:
    folder: Path = tmp_path_factory.mktemp("model")
    numbers: Iterator[int] = itertools.count()
    kind: str = request.param

    def maker() -> BlockDevice:
        device: BlockDevice = (
            MemoryDevice(LENGTH, granularity=GRANULARITY)
            if kind.endswith("memory")
            else RawFile.create(folder / f"{next(numbers) % 8}.raw", LENGTH)
        )
        return FaultyDevice(device) if kind.startswith("faulty") else device

    return maker


@given(done=st.lists(steps(), max_size=12), seen=steps())
def test_a_device_reads_as_what_was_written(make: Maker, done: list[Step], seen: Step) -> None:
    model = bytearray(LENGTH)
    with make() as device:
        for step in done:
            perform(device, step)
            perform_on_model(model, step)
        part = slice(seen.offset, seen.offset + seen.length)
        assert device.read(seen.offset, seen.length) == model[part]
        assert device.read(0, LENGTH) == model


@given(done=st.lists(steps(), max_size=12))
def test_what_is_called_zero_reads_as_zeros(make: Maker, done: list[Step]) -> None:
    with make() as device:
        for step in done:
            perform(device, step)
        offset = 0
        while offset < LENGTH:
            extent = device.allocation(offset, LENGTH - offset)
            data = device.read(offset, extent.length)
            assert not extent.zero or not any(data)
            assert extent.allocated or not any(data)
            offset += extent.length


@given(images=layers(), data=st.data())
def test_an_overlay_reads_as_its_backing_chain_with_its_own_writes(
    images: list[MemoryDevice], data: st.DataObject
) -> None:
    top = images[0]
    model = bytearray(read_chain(top, 0, top.length()))
    for step in data.draw(st.lists(steps(top.length()), max_size=6)):
        perform(top, step)
        perform_on_model(model, step)
    assert read_chain(top, 0, top.length()) == model


@given(images=layers(), length=st.integers(0, 2 * LENGTH))
def test_a_resized_overlay_keeps_its_bytes_and_gains_zeros(
    images: list[MemoryDevice], length: int
) -> None:
    top = images[0]
    before = bytes(read_chain(top, 0, top.length()))
    top.resize(length)
    assert read_chain(top, 0, length) == before[:length].ljust(length, b"\0")


@given(images=layers(), short=st.integers(0, LENGTH))
def test_bytes_cut_off_do_not_come_back(images: list[MemoryDevice], short: int) -> None:
    top = images[0]
    long = top.length()
    short = min(short, long)
    kept = bytes(read_chain(top, 0, short))
    top.resize(short)
    top.resize(long)
    assert read_chain(top, 0, long) == kept.ljust(long, b"\0")
