"""Images made by QEMU read as QEMU reads them."""

from collections.abc import Callable
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from blockjob_fsm.storage import BlockDevice, chain, read_chain
from blockjob_fsm.storage.chains import open_chain
from blockjob_fsm.storage.qcow2 import Qcow2File
from tests.storage.qcow2.qemu import Qemu, merged
from tests.storage.qcow2.strategies import Plan, build, plans

Fresh = Callable[[str], Path]
KIB, MIB, TIB = 1 << 10, 1 << 20, 1 << 40


def close_chain(top: BlockDevice) -> None:
    for layer in list(chain(top)):
        layer.close()


def extents(device: BlockDevice) -> list[tuple[int, int, str]]:
    """(start, length, kind) of each extent from first to last byte."""
    found: list[tuple[int, int, str]] = []
    offset = 0
    while offset < device.length():
        extent = device.allocation(offset, device.length() - offset)
        kind = "none" if not extent.allocated else "zero" if extent.zero else "data"
        found.append((offset, extent.length, kind))
        offset += extent.length
    return found


@settings(max_examples=40)
@given(plan=plans(subclusters=True), data=st.data())
def test_a_chain_made_by_qemu_reads_as_qemu_reads_it(
    qemu: Qemu, fresh: Fresh, plan: Plan, data: st.DataObject
) -> None:
    path = build(plan, qemu, fresh)
    expected = qemu.contents(path)
    top = open_chain(path, path.suffix[1:])
    try:
        assert top.length() == len(expected)
        assert read_chain(top, 0, len(expected)) == expected
        offset = data.draw(st.integers(0, len(expected)))
        length = data.draw(st.integers(0, len(expected) - offset))
        assert read_chain(top, offset, length) == expected[offset : offset + length]
    finally:
        close_chain(top)


@settings(max_examples=30)
@given(plan=plans(subclusters=True))
def test_allocation_is_what_qemu_maps(qemu: Qemu, fresh: Fresh, plan: Plan) -> None:
    path = build(plan, qemu, fresh)
    with Qcow2File.open(path, read_only=True) as device:
        found = extents(device)
        assert found == merged(found), "an extent was cut short"
        assert found == qemu.stored(path)
