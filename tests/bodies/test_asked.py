"""What a body makes of the user's requests, whenever they come."""

import errno
from collections.abc import Callable
from itertools import product

import pytest

from blockjob_fsm.bodies.commit import Commit
from blockjob_fsm.bodies.mirror import Mirror
from blockjob_fsm.bodies.requests import (
    Body,
    ChangeBacking,
    Copy,
    CopyDirty,
    Drain,
    Flush,
    GetLength,
    InitialBitmap,
    IoRequest,
    PrepareCommit,
    QueryCopy,
)
from blockjob_fsm.bodies.stream import Stream
from blockjob_fsm.declaration import EventKind, Refused, step
from blockjob_fsm.error_action import OnError
from blockjob_fsm.errors import DeviceNotActive
from blockjob_fsm.lifecycles import classic_words as words
from blockjob_fsm.lifecycles.classic import CLASSIC
from blockjob_fsm.lifecycles.classic_words import ClassicControl, Phase
from tests.bodies.run import Disk, Meanwhile, Script

UNIT, LENGTH = 100, 1000
EIO = errno.EIO


def stream() -> Stream:
    """A stream of single units."""
    return Stream(unit=UNIT, batch=UNIT)


def mirror() -> Mirror:
    """A mirror of single chunks."""
    return Mirror(chunk=UNIT, batch=1)


BODIES: dict[str, Callable[[], Body]] = {
    "stream": stream,
    "commit": lambda: Commit(unit=UNIT, batch=UNIT),
    "mirror": mirror,
}
each_body = pytest.mark.parametrize("name", sorted(BODIES))


def asking(kind: type, *events: EventKind, at: int | None = None) -> Meanwhile:
    """Ask once, while a request of this kind (and offset) is under way."""
    left = list(events)

    def act(script: Script, request: IoRequest) -> None:
        if isinstance(request, kind) and at in (None, getattr(request, "offset", None)):
            while left:
                script.give(left.pop(0)())

    return act


def script_of(name: str, meanwhile: Meanwhile = lambda *_: None, profile: str = "safe") -> Script:
    """A script of a body on a sound disk."""
    disk = Disk(LENGTH, chunk=UNIT)
    return Script(
        BODIES[name](), disk, meanwhile=meanwhile, profile=profile, completable=name == "mirror"
    )


def asleep(name: str) -> Script:
    """A script at its first sleep."""
    return script_of(name).run_until(lambda script: script.control.phase is Phase.ASLEEP)


# ---- cancelled in each phase


def test_a_device_without_a_job_has_nothing_to_cancel() -> None:
    for phase in (Phase.ABSENT, Phase.FREED):
        refused = step(CLASSIC, ClassicControl(phase=phase), words.CANCEL())
        assert isinstance(refused, Refused)
        assert isinstance(refused.error("d"), DeviceNotActive)


@each_body
def test_a_job_cancelled_while_created_ends_at_its_first_sleep(name: str) -> None:
    control = ClassicControl(phase=Phase.CREATED, in_use=True, busy=True, cancelled=True)
    script = script_of(name)
    script.job = type(script.job)("job", "d", control, BODIES[name]())
    script.give(words.START())
    script.run()
    assert (script.names, script.control.ret) == (["CANCELLED"], 0)
    assert script.slept == []


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *product(["stream"], [GetLength, QueryCopy, Copy]),
        *product(["commit"], [PrepareCommit, QueryCopy, Copy]),
        *product(["mirror"], [GetLength, InitialBitmap, CopyDirty]),
    ],
)
def test_a_job_cancelled_while_waiting_ends_after_that_io(name: str, kind: type) -> None:
    script = script_of(name, asking(kind, words.CANCEL)).run()
    after = script.requests[script.requests.index(script.asked(kind)[0]) + 1 :]
    # A unit is queried before it is copied, a bitmap before its first chunk: no sleep lies between.
    assert {type(request) for request in after} <= {InitialBitmap, CopyDirty, Copy}
    assert script.names == ["CANCELLED"]
    assert script.offset < LENGTH


@each_body
def test_a_job_cancelled_while_asleep_ends_at_once(name: str) -> None:
    script = asleep(name)
    script.requests.clear()
    script.give(words.CANCEL())
    assert (script.control.phase, script.requests) == (Phase.FREED, [])
    assert "cancel_timer" in script.signals
    assert script.names == ["CANCELLED"]


@each_body
def test_a_job_cancelled_while_parked_ends_at_once(name: str) -> None:
    script = script_of(name, asking(Copy if name != "mirror" else CopyDirty, words.PAUSE)).run()
    assert script.control.phase is Phase.PARKED
    script.requests.clear()
    script.give(words.CANCEL())
    assert (script.control.phase, script.control.paused) == (Phase.FREED, False)
    assert (script.names, script.requests) == (["CANCELLED"], [])


@pytest.mark.parametrize("phase", [Phase.RUNNING, Phase.WOKEN, Phase.LEAVING])
def test_a_job_cancelled_while_it_runs_keeps_its_phase(phase: Phase) -> None:
    state = ClassicControl(phase=phase, in_use=True, busy=True, cancelled=phase is Phase.LEAVING)
    after = step(CLASSIC, state, words.CANCEL()).state
    assert (after.phase, after.cancelled, after.busy) == (phase, True, True)


@pytest.mark.parametrize("cancelled", [True, False])
def test_a_job_cancelled_in_its_callback_keeps_its_verdict(cancelled: bool) -> None:
    state = ClassicControl(phase=Phase.ENDING, in_use=True, busy=True, cancelled=cancelled)
    assert step(CLASSIC, state, words.CANCEL()).state == state


# ---- in the last I/O


LAST = LENGTH - UNIT


@pytest.mark.parametrize("name", ["stream", "commit"])
def test_a_cancel_in_the_last_copy_comes_too_late(name: str) -> None:
    script = script_of(name, asking(Copy, words.CANCEL, at=LAST)).run()
    assert (script.names, script.control.cancelled) == (["COMPLETED"], False)
    assert len(script.asked(ChangeBacking)) == 1


@pytest.mark.parametrize("name", ["stream", "commit"])
def test_under_1_3_a_cancel_in_the_last_copy_denies_the_finished_work(name: str) -> None:
    script = script_of(name, asking(Copy, words.CANCEL, at=LAST), profile="1.3").run()
    assert (script.names, script.control.ret, script.offset) == (["CANCELLED"], 0, LENGTH)
    assert script.asked(ChangeBacking) == []


@pytest.mark.parametrize("name", ["stream", "commit"])
@pytest.mark.parametrize(("profile", "verdict"), [("safe", "COMPLETED"), ("1.3", "CANCELLED")])
def test_a_cancel_while_the_chain_is_changed(name: str, profile: str, verdict: str) -> None:
    script = script_of(name, asking(ChangeBacking, words.CANCEL), profile=profile).run()
    assert (script.names, len(script.asked(ChangeBacking))) == ([verdict], 1)


@pytest.mark.parametrize("name", ["stream", "commit"])
@pytest.mark.parametrize("profile", ["safe", "1.3"])
def test_a_pause_in_the_last_copy_is_not_heard(name: str, profile: str) -> None:
    script = script_of(name, asking(Copy, words.PAUSE, at=LAST), profile=profile).run()
    assert (script.names, script.control.phase) == (["COMPLETED"], Phase.FREED)


def test_a_cancelled_job_keeps_an_error_as_its_result() -> None:
    body = Stream(on_error=OnError.IGNORE, unit=UNIT, batch=UNIT)
    disk = Disk(LENGTH, bad={0: [EIO]})
    script = Script(body, disk, meanwhile=asking(Copy, words.CANCEL, at=500)).run()
    assert (script.names, script.control.ret) == (["ignore", "CANCELLED"], -EIO)


def test_an_error_after_a_cancel_does_not_park_the_job() -> None:
    body = Stream(on_error=OnError.STOP, unit=UNIT, batch=UNIT)
    disk = Disk(LENGTH, bad={500: [EIO]})
    script = Script(body, disk, meanwhile=asking(Copy, words.CANCEL, at=500)).run()
    assert (script.names, script.control.ret) == (["stop", "CANCELLED"], 0)


# ---- pause and resume


@each_body
def test_a_pause_while_waiting_parks_at_the_next_sleep(name: str) -> None:
    kind = CopyDirty if name == "mirror" else Copy
    script = script_of(name, asking(kind, words.PAUSE)).run()
    assert (script.control.phase, len(script.asked(kind))) == (Phase.PARKED, 1)
    script.give(words.RESUME())
    script.run_until(lambda s: s.control.synced or s.control.phase is Phase.FREED)


@each_body
def test_a_pause_while_asleep_lets_one_unit_run(name: str) -> None:
    script = asleep(name)
    script.requests.clear()
    script.give(words.PAUSE())
    script.run()
    kind = CopyDirty if name == "mirror" else Copy
    assert (script.control.phase, len(script.asked(kind))) == (Phase.PARKED, 1)


@each_body
def test_a_resume_while_waiting_only_clears_the_flags(name: str) -> None:
    kind = CopyDirty if name == "mirror" else Copy
    script = script_of(name, asking(kind, words.PAUSE, words.RESUME))
    script.run_until(lambda s: s.control.synced or s.control.phase is Phase.FREED)
    assert not script.control.paused


def test_a_resume_after_a_cancel_does_not_undo_it() -> None:
    script = script_of("stream", asking(Copy, words.CANCEL, words.PAUSE, words.RESUME)).run()
    assert script.names == ["CANCELLED"]


# ---- a mirror that was asked to end


@pytest.mark.parametrize("kind", [Flush, CopyDirty])
def test_a_mirror_cancelled_in_its_last_io_before_ready_completes(kind: type) -> None:
    script = Script(
        Mirror(chunk=UNIT, batch=64),
        Disk(LENGTH, chunk=UNIT),
        meanwhile=asking(kind, words.CANCEL),
        completable=True,
    ).run()
    assert script.names == ["READY", "COMPLETED"]
    assert "pivot" not in script.signals


def test_a_drain_that_finds_the_guest_writing_goes_round_without_a_sleep() -> None:
    def write(script: Script, request: IoRequest) -> None:
        if isinstance(request, Drain) and len(script.asked(Drain)) < 3:
            script.disk.dirty.add(4)

    script = script_of("mirror", write).run_until(lambda s: s.control.synced)
    script.slept.clear()
    script.give(words.COMPLETE())
    script.run()
    assert (len(script.asked(Drain)), script.slept) == (3, [])
    assert script.signals[-3:] == ["pivot", "undrain", "release_device"]
