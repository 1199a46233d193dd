"""Stream and commit as values, against the tables of QEMU 1.3's bodies."""

import errno
from dataclasses import replace

import pytest

from blockjob_fsm.bodies.commit import Commit
from blockjob_fsm.bodies.linear import BATCH_BYTES, UNIT_BYTES, LinearBody, Stage
from blockjob_fsm.bodies.requests import (
    Act,
    ChangeBacking,
    Charge,
    Copy,
    Extent,
    GetLength,
    PrepareCommit,
    QueryCopy,
)
from blockjob_fsm.bodies.stream import Stream
from blockjob_fsm.error_action import IoStatus, OnError
from blockjob_fsm.job import Perform
from blockjob_fsm.lifecycles import classic_words as words
from blockjob_fsm.lifecycles.classic_words import ClassicControl, Phase
from tests.bodies.run import Disk, Script

UNIT = 100
LENGTH = 10 * UNIT
EIO, ENOSPC = errno.EIO, errno.ENOSPC
REPORT, IGNORE, STOP, ENOSPC_STOP = OnError.REPORT, OnError.IGNORE, OnError.STOP, OnError.ENOSPC
BATCHES = pytest.mark.parametrize("batch", [UNIT, 3 * UNIT, 64 * UNIT])
BODIES = pytest.mark.parametrize(
    "body", [Stream(unit=UNIT), Commit(unit=UNIT)], ids=["stream", "commit"]
)


def streamed(batch: int, on_error: OnError = REPORT) -> Stream:
    """A stream of small units."""
    return Stream(on_error=on_error, unit=UNIT, batch=batch)


def acts(script: Script) -> list[Act]:
    """What was done at once, in order."""
    return [act for e in script.effects if isinstance(e, Perform) for act in e.acts]


# ---- sizes


def test_the_units_are_qemus() -> None:
    assert (UNIT_BYTES, BATCH_BYTES % UNIT_BYTES) == (512 * 1024, 0)


@BODIES
@BATCHES
@pytest.mark.parametrize("length", [1, UNIT - 1, UNIT, UNIT + 1, LENGTH, LENGTH + 37])
def test_every_byte_is_processed_once(body: LinearBody, batch: int, length: int) -> None:
    script = Script(replace(body, batch=batch), Disk(length)).run()
    at = 0
    for copy in script.copies():
        assert copy.offset == at
        at += copy.length
    assert (at, script.offset, script.names) == (length, length, ["COMPLETED"])


@BODIES
def test_a_job_of_no_length_goes_straight_to_its_verdict(body: LinearBody) -> None:
    script = Script(body, Disk(0)).run()
    assert (script.slept, script.asked(QueryCopy, Copy)) == ([], [])
    assert (script.names, len(script.asked(ChangeBacking))) == (["COMPLETED"], 1)


@BODIES
def test_a_length_that_cannot_be_read_ends_the_job_with_its_errno(body: LinearBody) -> None:
    disk = Disk(LENGTH, failing={GetLength: [EIO], PrepareCommit: [EIO]})
    script = Script(body, disk).run()
    assert (script.names, script.control.ret, script.slept) == (["COMPLETED"], -EIO, [])


@BODIES
def test_the_first_wait_after_the_length_is_a_sleep_of_nothing(body: LinearBody) -> None:
    script = Script(body, Disk(LENGTH))
    script.step()
    assert (script.control.phase, script.slept) == (Phase.ASLEEP, [0])
    assert (script.offset, script.job.progress.length) == (0, LENGTH)


@BATCHES
def test_what_needs_no_copy_is_skipped(batch: int) -> None:
    disk = Disk(LENGTH, skips=((0, 250), (500, 700)))
    script = Script(streamed(batch), disk).run()
    assert {copy.offset for copy in script.copies()} >= {250, 700}
    assert script.offset == LENGTH


def test_there_is_no_sleep_after_the_last_unit() -> None:
    script = Script(streamed(UNIT), Disk(2 * UNIT)).run()
    assert script.slept == [0, 0]


@BODIES
def test_a_limit_younger_than_the_query_is_charged_one_unit(body: LinearBody) -> None:
    limited = ClassicControl(speed=1)
    queried = replace(body, stage=Stage.QUERY, length=LENGTH)
    asked = queried.on_outcome(Extent(True, LENGTH), limited).next_request(limited)
    assert asked == Charge(UNIT)


# ---- policies


CASES = [
    (REPORT, EIO, ["report", "COMPLETED"], EIO, 300, False),
    (REPORT, ENOSPC, ["report", "COMPLETED"], ENOSPC, 300, False),
    (IGNORE, EIO, ["ignore", "COMPLETED"], EIO, LENGTH, False),
    (IGNORE, ENOSPC, ["ignore", "COMPLETED"], ENOSPC, LENGTH, False),
    (ENOSPC_STOP, EIO, ["report", "COMPLETED"], EIO, 300, False),
    (ENOSPC_STOP, ENOSPC, ["stop", "COMPLETED"], 0, LENGTH, True),
    (STOP, EIO, ["stop", "COMPLETED"], 0, LENGTH, True),
    (STOP, ENOSPC, ["stop", "COMPLETED"], 0, LENGTH, True),
]


@BATCHES
@pytest.mark.parametrize(("policy", "error", "names", "ret", "offset", "dropped"), CASES)
def test_a_failed_unit_of_a_stream(
    batch: int, policy: OnError, error: int, names: list[str], ret: int, offset: int, dropped: bool
) -> None:
    disk = Disk(LENGTH, bad={350: [error]})
    script = Script(streamed(batch, policy), disk).run()
    if script.control.phase is Phase.PARKED:
        assert script.offset == 300
        script.give(words.RESUME())
        script.run()
    assert (script.names, script.control.ret, script.offset) == (names, -ret, offset)
    assert bool(script.asked(ChangeBacking)) is dropped


@BATCHES
@pytest.mark.parametrize(("policy", "error", "names", "ret", "offset", "dropped"), CASES)
def test_a_failed_query_of_a_stream_is_an_error_like_any_other(
    batch: int, policy: OnError, error: int, names: list[str], ret: int, offset: int, dropped: bool
) -> None:
    disk = Disk(LENGTH, failing={QueryCopy: [error]})
    script = Script(streamed(batch, policy), disk).run()
    if script.control.phase is Phase.PARKED:
        script.give(words.RESUME())
        script.run()
    at = 0 if offset == 300 else offset
    assert (script.names, script.control.ret, script.offset) == (names, -ret, at)
    assert bool(script.asked(ChangeBacking)) is dropped


@BATCHES
@pytest.mark.parametrize("position", [0, 350, LENGTH - 1])
@pytest.mark.parametrize("policy", list(OnError))
def test_a_batch_fails_where_single_units_fail(batch: int, position: int, policy: OnError) -> None:
    def outcome(size: int) -> tuple[object, ...]:
        disk = Disk(LENGTH, bad={position: [ENOSPC, EIO], 777: [EIO]})
        script = Script(streamed(size, policy), disk)
        offsets = []
        while script.run().control.phase is Phase.PARKED:
            offsets.append(script.offset)
            script.give(words.RESUME())
        return offsets, script.names, script.control, script.offset

    assert outcome(batch) == outcome(UNIT)


def test_of_two_ignored_errors_the_first_is_reported() -> None:
    disk = Disk(LENGTH, bad={0: [ENOSPC], 500: [EIO]})
    script = Script(streamed(UNIT, IGNORE), disk).run()
    assert (script.names, script.control.ret) == (["ignore", "ignore", "COMPLETED"], -ENOSPC)


def test_an_ignored_error_before_a_reported_one_is_the_result() -> None:
    disk = Disk(LENGTH, bad={0: [EIO]}, failing={ChangeBacking: [EIO]})
    script = Script(streamed(UNIT, IGNORE), disk).run()
    assert (script.control.ret, script.asked(ChangeBacking)) == (-EIO, [])


def test_a_stop_publishes_the_first_error_and_a_resume_clears_it() -> None:
    script = Script(streamed(UNIT, STOP), Disk(LENGTH, bad={350: [ENOSPC, EIO]})).run()
    seen = [(script.control.io_status, script.control.paused)]
    script.give(words.RESUME())
    seen.append((script.control.io_status, script.control.paused))
    script.run()
    seen.append((script.control.io_status, script.control.paused))
    assert seen == [(IoStatus.NOSPACE, True), (IoStatus.OK, False), (IoStatus.FAILED, True)]


def test_a_stopped_unit_is_tried_again_from_its_query() -> None:
    script = Script(streamed(UNIT, STOP), Disk(LENGTH, bad={350: [EIO]})).run()
    script.requests.clear()
    script.give(words.RESUME())
    assert script.requests == [QueryCopy(300, UNIT, with_gaps=True)]


def test_every_error_of_a_stream_is_called_a_read() -> None:
    script = Script(streamed(UNIT), Disk(LENGTH, bad={350: [ENOSPC]})).run()
    assert script.events[0].data()["operation"] == "read"


@pytest.mark.parametrize(
    ("policy", "error", "ends"),
    [
        (REPORT, EIO, True),
        (STOP, EIO, True),
        (ENOSPC_STOP, ENOSPC, True),
        (ENOSPC_STOP, EIO, False),
        (IGNORE, ENOSPC, False),
    ],
)
def test_a_commit_ends_or_tries_again_without_an_event(
    policy: OnError, error: int, ends: bool
) -> None:
    body = Commit(on_error=policy, unit=UNIT, batch=UNIT)
    script = Script(body, Disk(LENGTH, bad={350: [error] * 3})).run()
    assert script.names == ["COMPLETED"]
    assert script.control.ret == (-error if ends else 0)
    assert script.control.io_status is IoStatus.OK


@pytest.mark.parametrize("failing", [{}, {ChangeBacking: [EIO]}, {PrepareCommit: [EIO]}])
def test_a_commit_gives_the_flags_back_last_however_it_ends(failing: dict[type, list[int]]) -> None:
    script = Script(Commit(unit=UNIT), Disk(LENGTH, failing=failing)).run()
    assert acts(script) == [Act.RESTORE_FLAGS]


# ---- the end of a stream


@pytest.mark.parametrize("has_base", [True, False])
@pytest.mark.parametrize("bad", [{}, {350: [EIO]}])
def test_copy_on_read_is_given_back_as_often_as_it_was_taken(
    has_base: bool, bad: dict[int, list[int]]
) -> None:
    script = Script(replace(streamed(UNIT), has_base=has_base), Disk(LENGTH, bad=bad)).run()
    expected = [] if has_base else [Act.COPY_ON_READ_ON, Act.COPY_ON_READ_OFF]
    assert acts(script) == expected


def test_a_header_that_cannot_be_rewritten_is_the_result() -> None:
    script = Script(streamed(UNIT), Disk(LENGTH, failing={ChangeBacking: [errno.ENOTSUP]})).run()
    assert (script.names, script.control.ret) == (["COMPLETED"], -errno.ENOTSUP)
    assert script.offset == LENGTH


@pytest.mark.parametrize("drop", [True, False])
def test_the_1_3_profile_may_forget_the_chain_before_the_header_is_written(drop: bool) -> None:
    script = Script(replace(streamed(UNIT), drop_on_failure=drop), Disk(LENGTH)).run()
    assert script.asked(ChangeBacking) == [ChangeBacking(drop_on_failure=drop)]
