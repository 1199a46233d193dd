"""Stream and commit at work on memory chains: every byte, before and after."""

import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockjob_fsm.error_action import OnError
from blockjob_fsm.errors import BaseNotFound, DeviceInUse, InvalidMerge, TopIsActive, TopNotFound
from blockjob_fsm.jobs import commit, stream
from blockjob_fsm.lifecycles.classic_words import Phase
from blockjob_fsm.storage import BlockDevice, Drive, Fault, FaultyDevice, MemoryDevice, chain
from tests.live.world import MIB, STOPS, UNIT, Bench, Notes, chain_of, contents, filled
from tests.storage.strategies import layers

COMPLETED, CANCELLED, ERROR = "BLOCK_JOB_COMPLETED", "BLOCK_JOB_CANCELLED", "BLOCK_JOB_ERROR"


# ---- what a guest sees does not change


@given(made=layers(), data=st.data())
def test_a_stream_changes_nothing_a_guest_sees(
    made: list[MemoryDevice], data: st.DataObject
) -> None:
    bench, top = Bench(), made[0]
    base = data.draw(st.sampled_from([None, *made[1:]]), label="base")
    before = contents(top)
    assert bench.finish(stream(Drive("d", top), base=base, executor=bench.executor)) == 0
    assert contents(top) == before
    assert (top.backing, top.backing_name) == (base, base.name if base else None)


@given(made=layers(), data=st.data())
def test_a_commit_changes_nothing_a_guest_sees(
    made: list[MemoryDevice], data: st.DataObject
) -> None:
    bench, active = Bench(), MemoryDevice(12_345, backing=made[0], granularity=512)
    layers_below = [*made, MemoryDevice(7_000)]
    made[-1].backing = layers_below[-1]
    top = data.draw(st.sampled_from(layers_below[:-1]), label="top")
    below = layers_below[layers_below.index(top) + 1 :]
    base = data.draw(st.sampled_from([None, *below]), label="base")
    before = contents(active)
    job = commit(Drive("d", active), top=top, base=base, executor=bench.executor)
    assert bench.finish(job) == 0
    assert contents(active) == before
    assert top not in chain(active)


def test_a_commit_into_a_longer_base_still_reads_as_zeros_past_the_top(bench: Bench) -> None:
    base = filled(4 * MIB)
    top = filled(2 * MIB, salt=2, backing=base)
    active = MemoryDevice(3 * MIB, backing=top)
    bench.finish(commit(Drive("d", active), top=top, executor=bench.executor))
    assert contents(active) == contents(filled(2 * MIB, salt=2)) + bytes(MIB)
    assert contents(base)[3 * MIB :] == contents(filled(4 * MIB))[3 * MIB :]


def test_a_stream_leaves_the_images_below_its_base_alone(bench: Bench) -> None:
    deepest, base, middle, top = chain_of(5 * MIB, layers=4)
    before = [contents(layer) for layer in (deepest, base)]
    bench.finish(stream(Drive("d", top), base=base, executor=bench.executor))
    assert [contents(layer) for layer in (deepest, base)] == before
    assert list(chain(top)) == [top, base, deepest]
    assert middle not in chain(top)


def test_a_stream_cancelled_between_units_keeps_the_chain(bench: Bench, notes: Notes) -> None:
    base, top = chain_of(4 * MIB)
    job = stream(Drive("d", top), executor=bench.executor, **notes.options(speed=1))
    bench.settle()
    before = contents(top)
    assert job.cancel_sync() == -errno.ECANCELED
    assert (top.backing, contents(top), notes.names) == (base, before, [CANCELLED])
    assert 0 < job.offset < job.len


def test_a_guest_reading_beside_a_whole_stream_pulls_data_up(bench: Bench) -> None:
    drive = Drive("d", MemoryDevice(4 * MIB, backing=filled(4 * MIB)))
    job = stream(drive, executor=bench.executor, speed=1)
    bench.settle()
    assert drive.copy_on_read == 1
    drive.guest_read(3 * MIB, 1)
    assert drive.medium is not None
    assert drive.medium.allocation(3 * MIB, 1).allocated
    job.cancel_sync()
    assert drive.copy_on_read == 0


def test_a_stream_onto_a_base_does_not_make_the_guest_copy(bench: Bench) -> None:
    base, _, top = chain_of(4 * MIB, layers=3)
    drive = Drive("d", top)
    stream(drive, base=base, executor=bench.executor, speed=1)
    bench.settle()
    assert drive.copy_on_read == 0


# ---- the header that cannot be rewritten


def test_what_was_pulled_is_on_the_disk_before_the_header_lets_go(
    bench: Bench, notes: Notes
) -> None:
    base = filled(4 * MIB)
    top = FaultyDevice(MemoryDevice(4 * MIB, backing=base), Fault("flush", errno.EIO))
    job = stream(Drive("d", top), executor=bench.executor, **notes.options())
    assert bench.finish(job) == -errno.EIO
    assert (top.backing, top.struck()) == (base, (1,))


def test_a_header_that_cannot_be_rewritten_keeps_the_chain(bench: Bench, notes: Notes) -> None:
    base = filled(MIB)
    top = FaultyDevice(MemoryDevice(MIB, backing=base), Fault("change_backing", errno.EROFS))
    bench.finish(stream(Drive("d", top), executor=bench.executor, **notes.options()))
    assert (notes.results, top.backing) == ([-errno.EROFS], base)
    assert notes.names == [COMPLETED]


# ---- commit's own rules


@pytest.mark.parametrize("broken", [True, False])
def test_a_commit_gives_base_and_overlay_their_flags_back(broken: bool, bench: Bench) -> None:
    base, top, active = chain_of(3 * MIB, layers=3)
    failing = FaultyDevice(base, *([Fault("write", errno.EIO)] if broken else []))
    top.backing = failing
    base.reopen(read_only=True)
    drive = Drive("d", active)
    job = commit(drive, top=top, executor=bench.executor)
    assert not base.read_only
    assert bench.finish(job) == (-errno.EIO if broken else 0)
    assert base.read_only


def test_a_commit_that_cannot_be_made_changes_no_flags(bench: Bench) -> None:
    base, top, active = chain_of(3 * MIB, layers=3)
    base.reopen(read_only=True)
    drive = Drive("d", active)
    drive.claim()
    with pytest.raises(DeviceInUse):
        commit(drive, top=top, executor=bench.executor)
    assert base.read_only


def test_a_commit_whose_base_cannot_be_reopened_gives_the_device_back(bench: Bench) -> None:
    base, top, active = chain_of(3 * MIB, layers=3)
    base.reopen(read_only=True)
    top.backing = FaultyDevice(base, Fault("reopen", errno.EACCES))
    drive = Drive("d", active)
    with pytest.raises(PermissionError):
        commit(drive, top=top, executor=bench.executor)
    assert (drive.in_use, drive.job) == (False, None)


def test_a_failing_commit_sends_no_error_event(bench: Bench, notes: Notes) -> None:
    base, top, active = chain_of(3 * MIB, layers=3)
    top.backing = FaultyDevice(base, Fault("write", errno.EIO))
    job = commit(Drive("d", active), top=top, executor=bench.executor, **notes.options())
    bench.finish(job)
    assert (notes.names, notes.results) == ([COMPLETED], [-errno.EIO])
    assert list(chain(active))[1] is top


def test_a_commit_grows_a_base_that_is_shorter(bench: Bench) -> None:
    base = filled(MIB)
    top = filled(2 * MIB, salt=2, backing=base)
    active = MemoryDevice(2 * MIB, backing=top)
    bench.finish(commit(Drive("d", active), top=top, executor=bench.executor))
    assert contents(base) == contents(filled(2 * MIB, salt=2))


# ---- refusals


def stranger() -> BlockDevice:
    """An image of no chain here."""
    return MemoryDevice(MIB, name="stranger")


def test_a_base_outside_the_chain_is_not_found(bench: Bench) -> None:
    drive = Drive("d", chain_of(MIB)[-1])
    with pytest.raises(BaseNotFound, match="Base 'stranger' not found"):
        stream(drive, base=stranger(), executor=bench.executor)
    assert not drive.in_use


def test_the_active_image_is_no_base_of_itself(bench: Bench) -> None:
    top = chain_of(MIB)[-1]
    with pytest.raises(BaseNotFound):
        stream(Drive("d", top), base=top, executor=bench.executor)


def test_a_commit_checks_in_the_order_of_the_command(bench: Bench) -> None:
    base, middle, active = chain_of(MIB, layers=3)
    drive = Drive("d", active)
    for top, base_of, error in (
        (stranger(), None, TopNotFound),
        (middle, active, BaseNotFound),
        (active, None, TopIsActive),
        (base, None, InvalidMerge),
    ):
        with pytest.raises(error):
            commit(drive, top=top, base=base_of, executor=bench.executor)
    assert not drive.in_use


# ---- policies


@pytest.mark.parametrize(
    ("policy", "error", "events", "ret", "offset", "kept"),
    [
        (OnError.REPORT, errno.EIO, ["report"], errno.EIO, 2 * UNIT, True),
        (OnError.IGNORE, errno.EIO, ["ignore"], errno.EIO, 8 * UNIT, True),
        (OnError.STOP, errno.EIO, ["stop"], 0, 8 * UNIT, False),
        (OnError.ENOSPC, errno.EIO, ["report"], errno.EIO, 2 * UNIT, True),
        (OnError.ENOSPC, errno.ENOSPC, ["stop"], 0, 8 * UNIT, False),
    ],
)
def test_a_stream_treats_one_failed_unit_as_its_policy_says(
    policy: OnError, error: int, events: list[str], ret: int, offset: int, kept: bool
) -> None:
    bench, notes = Bench(), Notes()
    base = FaultyDevice(filled(8 * UNIT), Fault("read", error, offset=2 * UNIT + 7, once=True))
    top = MemoryDevice(8 * UNIT, backing=base)
    job = stream(
        Drive("d", top, policy=STOPS), on_error=policy, executor=bench.executor, **notes.options()
    )
    bench.settle()
    if job.phase is Phase.PARKED:
        assert job.offset == 2 * UNIT
        job.resume()
    bench.finish(job)
    actions = [event.data()["action"] for event in notes.events[:-1]]
    assert (actions, notes.results, job.offset) == (events, [-ret], offset)
    assert (top.backing is base) is kept


def test_a_stream_that_ignored_two_errors_reports_the_first(bench: Bench, notes: Notes) -> None:
    faults = Fault("read", errno.EIO, offset=UNIT), Fault("read", errno.ENOSPC, offset=3 * UNIT)
    base = FaultyDevice(filled(4 * UNIT), *faults)
    top = MemoryDevice(4 * UNIT, backing=base)
    drive = Drive("d", top, policy=STOPS)
    stream(drive, on_error=OnError.IGNORE, executor=bench.executor, **notes.options())
    bench.settle()
    assert (notes.names, notes.results) == ([ERROR, ERROR, COMPLETED], [-errno.EIO])
