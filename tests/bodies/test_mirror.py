"""Mirror as a value, against the loop of QEMU 1.3's mirror."""

import errno
from dataclasses import replace

import pytest

from blockjob_fsm.bodies.copying import BATCH_CHUNKS, IDLE_NS
from blockjob_fsm.bodies.mirror import CHUNK_BYTES, Mirror
from blockjob_fsm.bodies.requests import (
    Act,
    CopyDirty,
    Drain,
    Flush,
    GetLength,
    InitialBitmap,
    IoRequest,
    Sync,
)
from blockjob_fsm.error_action import IoStatus, OnError
from blockjob_fsm.job import Perform, StopTarget
from blockjob_fsm.lifecycles import classic_words as words
from blockjob_fsm.lifecycles.classic_words import Phase
from tests.bodies.run import Disk, Script

CHUNK, LENGTH = 100, 950
EIO, ENOSPC = errno.EIO, errno.ENOSPC
REPORT, IGNORE, STOP, ENOSPC_STOP = OnError.REPORT, OnError.IGNORE, OnError.STOP, OnError.ENOSPC
BATCHES = pytest.mark.parametrize("batch", [1, 3, 64])


def mirrored(batch: int = 64, source: OnError = REPORT, target: OnError = REPORT) -> Mirror:
    """A mirror of small chunks."""
    return Mirror(on_source_error=source, on_target_error=target, chunk=CHUNK, batch=batch)


def script_of(body: Mirror, disk: Disk | None = None, *, profile: str = "safe") -> Script:
    """A started mirror."""
    disk = disk or Disk(LENGTH)
    disk.chunk = CHUNK
    return Script(body, disk, profile=profile, completable=True)


def in_step(body: Mirror | None = None, disk: Disk | None = None) -> Script:
    """A mirror that has announced READY and rests."""
    script = script_of(body or mirrored(), disk)
    return script.run_until(lambda s: s.control.synced and s.control.phase is Phase.ASLEEP)


def cleaned_up(script: Script) -> bool:
    """Whether tracking was ended and the target's status switched off, once."""
    performed = [e.acts for e in script.effects if isinstance(e, Perform)]
    return performed == [(Act.STOP_DIRTY_TRACKING, Act.TARGET_STATUS_OFF)]


# ---- the loop


def test_the_sizes_are_qemus() -> None:
    assert (CHUNK_BYTES, IDLE_NS) == (1 << 20, 100_000_000)
    assert BATCH_CHUNKS > 1


@BATCHES
def test_every_chunk_is_copied_then_flushed_then_ready(batch: int) -> None:
    script = in_step(mirrored(batch))
    assert (script.names, script.offset, script.disk.dirty) == (["READY"], LENGTH, set())
    assert script.requests[-1] == Flush()


def test_an_unlimited_mirror_sleeps_for_nothing_between_iterations() -> None:
    script = in_step(mirrored(1))
    assert script.slept[:-1] == [0] * 9
    assert script.slept[-1] == IDLE_NS


@BATCHES
def test_the_offset_is_the_length_less_what_is_dirty(batch: int) -> None:
    script = script_of(mirrored(batch))
    script.run_until(lambda s: s.control.phase is Phase.ASLEEP)
    left = len(script.disk.dirty) * CHUNK
    assert script.offset == (LENGTH - left if left else LENGTH)


def test_a_failed_only_chunk_makes_the_offset_negative() -> None:
    script = script_of(mirrored(source=STOP), Disk(30, bad={0: [EIO]})).run()
    assert (script.control.phase, script.offset) == (Phase.PARKED, 30 - CHUNK)


@BATCHES
@pytest.mark.parametrize(("bad", "offset"), [(0, 0), (3 * CHUNK, LENGTH - 7 * CHUNK)])
def test_the_offset_tells_what_was_copied_before_an_error_that_is_reported(
    batch: int, bad: int, offset: int
) -> None:
    script = script_of(mirrored(batch), Disk(LENGTH, bad={bad: [EIO]})).run()
    assert (script.names, script.offset) == (["report", "COMPLETED"], offset)


def test_a_disk_of_no_length_is_ready_after_its_flush_and_then_completes() -> None:
    script = in_step(disk=Disk(0))
    assert script.names == ["READY"]
    script.give(words.COMPLETE())
    script.run()
    assert script.names == ["READY", "COMPLETED"]


@pytest.mark.parametrize("sync", list(Sync))
def test_the_bitmap_is_asked_for_by_the_sync_mode(sync: Sync) -> None:
    script = in_step(replace(mirrored(), sync=sync))
    assert script.asked(InitialBitmap) == [InitialBitmap(sync)]


def test_ready_is_said_once_however_long_the_mirror_stays_in_step() -> None:
    script = in_step()
    for _ in range(5):
        script.disk.dirty.add(3)
        assert script.step()
        script.run_until(lambda s: s.control.phase is Phase.ASLEEP)
    assert script.names == ["READY"]


def test_a_mirror_in_step_with_dirty_chunks_sleeps_for_nothing() -> None:
    script = in_step(mirrored(1))
    script.disk.dirty |= {2, 5}
    script.slept.clear()
    script.give(words.RESUME())
    script.run_until(lambda s: s.disk.dirty == set() and s.control.phase is Phase.ASLEEP)
    assert script.slept == [0, IDLE_NS]


# ---- errors


SIDES = pytest.mark.parametrize("is_read", [True, False], ids=["source", "target"])


@BATCHES
@SIDES
@pytest.mark.parametrize(
    ("policy", "error", "names"),
    [
        (REPORT, EIO, ["report", "COMPLETED"]),
        (REPORT, ENOSPC, ["report", "COMPLETED"]),
        (ENOSPC_STOP, EIO, ["report", "COMPLETED"]),
        (ENOSPC_STOP, ENOSPC, ["stop", "READY"]),
        (STOP, EIO, ["stop", "READY"]),
        (STOP, ENOSPC, ["stop", "READY"]),
        (IGNORE, EIO, ["ignore", "READY"]),
        (IGNORE, ENOSPC, ["ignore", "READY"]),
    ],
)
def test_a_failed_chunk(
    batch: int, is_read: bool, policy: OnError, error: int, names: list[str]
) -> None:
    body = mirrored(batch, *((policy, REPORT) if is_read else (REPORT, policy)))
    script = script_of(body, Disk(LENGTH, bad={350: [error]}, is_read=is_read))
    script.run_until(stopped_or_at_rest)
    if script.control.phase is Phase.PARKED:
        script.give(words.RESUME())
        script.run_until(stopped_or_at_rest)
    assert script.names == names
    assert script.control.ret == (-error if names[-1] == "COMPLETED" else 0)
    assert script.events[0].data()["operation"] == ("read" if is_read else "write")


def stopped_or_at_rest(script: Script) -> bool:
    """Parked, over, or in step with nothing to do."""
    control = script.control
    return control.phase in (Phase.PARKED, Phase.FREED) or (
        control.synced and control.phase is Phase.ASLEEP
    )


@BATCHES
def test_a_chunk_that_failed_is_tried_again_after_all_others(batch: int) -> None:
    script = script_of(mirrored(batch, IGNORE), Disk(LENGTH, bad={350: [EIO] * 3}))
    script.run_until(stopped_or_at_rest)
    assert script.names == ["ignore"] * 3 + ["READY"]
    first = [request for request in script.requests if isinstance(request, CopyDirty)]
    assert next(r.cursor for r in first if r.cursor > 3) == 4


@pytest.mark.parametrize(("policy", "on_target"), [(STOP, True), (REPORT, False), (IGNORE, False)])
def test_only_a_stop_of_the_target_is_published_there(policy: OnError, on_target: bool) -> None:
    body = mirrored(1, target=policy)
    script = script_of(body, Disk(LENGTH, bad={350: [ENOSPC]}, is_read=False))
    script.run_until(stopped_or_at_rest)
    stops = [effect for effect in script.effects if isinstance(effect, StopTarget)]
    assert stops == ([StopTarget(ENOSPC)] if on_target else [])
    assert script.control.io_status is (IoStatus.NOSPACE if on_target else IoStatus.OK)


@pytest.mark.parametrize("policy", [REPORT, STOP, IGNORE])
def test_a_failed_flush_is_a_write_error_of_the_target(policy: OnError) -> None:
    script = script_of(mirrored(target=policy), Disk(LENGTH, failing={Flush: [EIO]}))
    script.run_until(stopped_or_at_rest)
    assert script.events[0].data() == {"device": "d", "operation": "write", "action": policy.value}
    assert script.control.phase is {REPORT: Phase.FREED, STOP: Phase.PARKED}.get(
        policy, Phase.ASLEEP
    )


@pytest.mark.parametrize("kind", [GetLength, InitialBitmap, Drain])
def test_what_has_no_policy_ends_the_job_without_an_error_event(kind: type[IoRequest]) -> None:
    script = script_of(mirrored(), Disk(LENGTH, failing={kind: [EIO]}))
    script.run_until(stopped_or_at_rest)
    if script.control.synced:
        script.give(words.COMPLETE())
        script.run()
    assert (script.names[-1], script.control.ret) == ("COMPLETED", -EIO)
    assert "report" not in script.names
    assert cleaned_up(script)


@pytest.mark.parametrize("leaks", [True, False])
def test_a_source_without_a_length_is_cleaned_up_unless_1_3_is_wanted(leaks: bool) -> None:
    body = replace(mirrored(), leak_on_bad_length=leaks)
    script = script_of(body, Disk(LENGTH, failing={GetLength: [EIO]})).run()
    assert (script.control.ret, cleaned_up(script)) == (-EIO, not leaks)


def test_an_error_in_step_ends_the_step_and_the_next_clean_flush_is_ready_again() -> None:
    script = in_step(mirrored(1, IGNORE))
    script.disk.dirty.add(3)
    script.disk.bad = {300: [EIO]}
    script.step()
    script.run_until(lambda s: len(s.names) > 1)
    assert (script.names[1:], script.control.synced) == (["ignore"], False)
    script.run_until(stopped_or_at_rest)
    assert script.names == ["READY", "ignore", "READY"]


# ---- the end


def test_completing_drains_cleans_up_swaps_and_tells_in_this_order() -> None:
    script = in_step()
    script.effects.clear()
    script.give(words.COMPLETE())
    script.run()
    assert script.requests[-1] == Drain()
    assert script.signals[-3:] == ["pivot", "undrain", "release_device"]
    kinds = [type(effect).__name__ for effect in script.effects]
    assert kinds.index("Perform") < kinds.index("Emit") < kinds.index("CallBack")
    assert cleaned_up(script)


def test_a_mirror_that_is_to_end_does_not_sleep_before_it_is_clean() -> None:
    script = in_step(mirrored(1))
    script.disk.dirty |= {1, 2, 3}
    script.slept.clear()
    script.give(words.COMPLETE())
    script.run()
    assert (script.slept, script.names) == ([], ["READY", "COMPLETED"])


def test_cancelling_in_step_ends_without_a_swap() -> None:
    script = in_step()
    script.give(words.CANCEL())
    script.run()
    assert script.names == ["READY", "COMPLETED"]
    assert "pivot" not in script.signals
    assert script.control.ret == 0


@pytest.mark.parametrize("policy", [STOP, IGNORE])
def test_a_cancelled_mirror_that_fails_falls_out_of_step_and_is_cancelled(policy: OnError) -> None:
    script = in_step(mirrored(1, policy))
    script.disk.dirty.add(3)
    script.disk.bad = {300: [EIO]}
    script.give(words.CANCEL())
    script.run()
    assert (script.names, script.control.ret) == (["READY", policy.value, "CANCELLED"], 0)


def test_a_cancelled_mirror_that_reports_an_error_is_cancelled_with_it() -> None:
    script = in_step(mirrored(1))
    script.disk.dirty.add(3)
    script.disk.bad = {300: [EIO]}
    script.give(words.CANCEL())
    script.run()
    assert (script.names, script.control.ret) == (["READY", "report", "CANCELLED"], -EIO)


@pytest.mark.parametrize(("profile", "swaps"), [("safe", False), ("1.3", True)])
def test_asked_to_complete_then_failed_then_cancelled(profile: str, swaps: bool) -> None:
    script = script_of(mirrored(1, STOP), Disk(LENGTH), profile=profile)
    script.run_until(stopped_or_at_rest)
    script.disk.dirty.add(3)
    script.disk.bad = {300: [EIO]}
    script.give(words.COMPLETE())
    if profile == "1.3":
        script.give(words.BACKING_OPENED())
    script.run()
    assert script.control.phase is Phase.PARKED
    script.give(words.CANCEL())
    assert (script.names[-1], script.control.ret) == ("CANCELLED", 0)
    assert ("pivot" in script.signals, script.disk.dirty) == (swaps, {3})


# ---- the limit


def test_the_limiter_is_asked_only_until_the_mirror_is_in_step() -> None:
    disk = Disk(LENGTH)
    disk.chunk = CHUNK
    script = Script(mirrored(), disk, speed=1, completable=True)
    script.run_until(stopped_or_at_rest)
    limited = list(script.slept)
    script.disk.dirty |= {1, 2, 3}
    script.slept.clear()
    script.give(words.RESUME())
    script.run_until(lambda s: not s.disk.dirty and s.control.phase is Phase.ASLEEP)
    assert max(limited[:-1]) > 0
    assert script.slept == [0, 0, IDLE_NS]


def test_a_limited_mirror_asks_for_one_chunk_at_a_time() -> None:
    disk = Disk(LENGTH)
    disk.chunk = CHUNK
    script = Script(mirrored(), disk, speed=1, completable=True)
    script.run_until(stopped_or_at_rest)
    assert {r.chunks for r in script.requests if isinstance(r, CopyDirty)} == {1}
