"""What each event must do, said a second time: plain Python, from the specification of 2012.

One function per event: given the state before it, whether it is refused, impossible, or what it
changes and outputs. Not written from the rows, of which only names are used here. What holds of
several events at once is a property and belongs in `blockjob_fsm.properties`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from blockjob_fsm.check.control import Place
from blockjob_fsm.check.space import Move
from blockjob_fsm.error_action import ErrorAction, IoStatus
from blockjob_fsm.guards import Value, Values
from blockjob_fsm.lifecycles.classic_words import QEMU_1_3, ClassicControl, Phase


@dataclass(frozen=True, slots=True)
class Answer:
    """What must come of an event: a refusal, nothing known, or changes and outputs in order."""

    refused: str = ""
    impossible: bool = False
    changes: tuple[tuple[str, Value], ...] = ()
    outputs: tuple[str, ...] = ()


IMPOSSIBLE = Answer(impossible=True)


def taken(*outputs: str, **changes: Value) -> Answer:
    """The answer of a step that is taken."""
    return Answer(outputs=outputs, changes=tuple(changes.items()))


@dataclass(frozen=True, slots=True)
class Before:
    """The state before an event, the event's values, and the questions the specification asks."""

    job: ClassicControl
    values: Values
    is_1_3: bool

    def at(self, *phases: str) -> bool:
        """Whether the phase is one of these."""
        return self.job.phase.value in phases

    @property
    def lives(self) -> bool:
        return not self.at("absent", "freed")

    @property
    def working(self) -> bool:
        """Whether it has control, or waits for its own I/O: nobody may enter it."""
        return self.at("created", "running", "waiting", "woken", "leaving")

    @property
    def number(self) -> int:
        """The event's first value, which is a number."""
        number = self.values[0]
        assert isinstance(number, int), "speeds and results are numbers"
        return number


def _claim(b: Before) -> Answer:
    if b.at("absent") and not b.job.in_use:
        return taken(in_use=True)
    if b.at("freed") or b.is_1_3:
        return IMPOSSIBLE
    return Answer(refused="DeviceInUse")


def _unclaim(b: Before) -> Answer:
    return taken(in_use=False) if b.at("absent") and b.job.in_use else IMPOSSIBLE


def _create(b: Before) -> Answer:
    """Section 3.1: in use, then the speed; 0 never asks the type's hook."""
    if b.job.in_use:
        return Answer(refused="DeviceInUse")
    if not b.at("absent"):
        return IMPOSSIBLE
    refused = _bad_speed(b) if b.number != 0 else None
    if refused is not None:
        return refused
    changes: dict[str, Any] = {"in_use": True, "busy": True, "speed": b.number}
    return taken("claim_device", "set_limit", phase=Phase.CREATED, **changes)


def _set_speed(b: Before) -> Answer:
    """Section 3.4: allowed in every state."""
    if not b.lives:
        return Answer(refused="DeviceNotActive")
    return _bad_speed(b) or taken("set_limit", speed=b.number)


def _bad_speed(b: Before) -> Answer | None:
    if not b.job.settable:
        return Answer(refused="NotSupported")
    return Answer(refused="InvalidParameter") if b.number < 0 else None


def _pause(b: Before) -> Answer:
    """Section 3.5: a flag, idempotent; nobody is woken."""
    if not b.lives:
        return Answer(refused="DeviceNotActive")
    return taken() if b.at("ending") else taken(paused=True)


def _entered(b: Before, **changes: Value) -> Answer:
    """Sections 3.2 and 3.6: flags first; then a job that is not busy is entered."""
    changes = {"paused": False, "io_status": IoStatus.OK, **changes}
    if b.working:
        return taken("reset_target", **changes)
    timer = ("cancel_timer",) if b.at("asleep") else ()
    return taken("reset_target", *timer, "wake", phase=Phase.WOKEN, busy=True, **changes)


def _resume(b: Before) -> Answer:
    if not b.lives:
        return Answer(refused="DeviceNotActive")
    return taken() if b.at("ending") else _entered(b)


def _cancel(b: Before) -> Answer:
    """Section 3.7: resume with the flag set; past the point of no return it is too late."""
    if not b.lives:
        return Answer(refused="DeviceNotActive")
    return taken() if b.at("ending") else _entered(b, cancelled=not b.job.decided)


def _user_cancel(b: Before) -> Answer:
    """Section 7: without force a paused job is not cancelled."""
    if b.lives and not b.at("ending") and b.job.paused:
        return Answer(refused="JobPaused")
    return _cancel(b)


def _complete(b: Before) -> Answer:
    """Section 3.9, then the mirror's hook of 9.3: at once, or in 1.3 after opening the files."""
    job = b.job
    if not b.lives:
        return Answer(refused="DeviceNotActive")
    barred = job.paused or job.cancelled or not job.completable
    if barred or b.at("parked", "leaving", "ending"):
        return Answer(refused="CannotComplete")
    if b.is_1_3:
        return taken("open_backing")
    if not job.synced or (job.decided and not job.should_complete):
        return Answer(refused="CannotComplete")
    return _entered(b, should_complete=True)


def _backing_opened(b: Before) -> Answer:
    if not b.lives:
        return IMPOSSIBLE
    if not b.job.synced:
        return Answer(refused="CannotComplete")
    if b.working or b.at("asleep"):
        return _entered(b, should_complete=True)
    return IMPOSSIBLE


def _iostatus_reset(b: Before) -> Answer:
    """Section 3.11: nobody is unpaused or woken."""
    if not b.lives:
        return Answer(refused="DeviceNotActive")
    return taken("reset_target", io_status=IoStatus.OK)


def _start(b: Before) -> Answer:
    return taken("wake", phase=Phase.RUNNING) if b.at("created") else IMPOSSIBLE


def _submit(b: Before) -> Answer:
    return taken("submit_io", phase=Phase.WAITING) if b.at("running") else IMPOSSIBLE


def _io_done(b: Before) -> Answer:
    return taken("wake", phase=Phase.RUNNING) if b.at("waiting") else IMPOSSIBLE


def _timer(b: Before) -> Answer:
    """Section 3.2: the pause that came meanwhile is not looked at again."""
    return taken("wake", phase=Phase.WOKEN, busy=True) if b.at("asleep") else IMPOSSIBLE


def _sleep(b: Before) -> Answer:
    """Section 3.2: cancelled first, then busy off, then parked or asleep."""
    if not b.at("running"):
        return IMPOSSIBLE
    if b.job.cancelled:
        return taken(phase=Phase.WOKEN)
    if b.job.paused:
        return taken(phase=Phase.PARKED, busy=False)
    return taken("arm_timer", phase=Phase.ASLEEP, busy=False)


def _test(b: Before) -> Answer:
    """Invariant 3, second half; 9.3 step 4b exempts a mirror in step."""
    if not b.at("woken"):
        return IMPOSSIBLE
    ends = b.job.cancelled and not b.job.synced
    return taken(phase=Phase.LEAVING if ends else Phase.RUNNING)


def _error(b: Before) -> Answer:
    """Section 3.12: the event for every action; flags only for stop; first error wins."""
    action, status, on_target = b.values
    assert isinstance(status, IoStatus), "an error has a status"
    if not b.at("running"):
        return IMPOSSIBLE
    if action is not ErrorAction.STOP:
        return taken("emit_error", synced=False)
    first = status if b.job.io_status is IoStatus.OK else b.job.io_status
    target = ("stop_target",) if on_target else ()
    return taken("emit_error", *target, synced=False, paused=True, io_status=first)


def _ready(b: Before) -> Answer:
    may = b.at("running") and b.job.completable and not b.job.synced
    return taken("emit_ready", synced=True) if may else IMPOSSIBLE


def _decide(b: Before) -> Answer:
    """9.3 step 4c clears cancelled for a clean mirror; ours gives every job such a point."""
    if not b.at("running"):
        return IMPOSSIBLE
    if not b.is_1_3:
        return taken(decided=True, cancelled=False)
    return taken(cancelled=False) if b.job.synced else taken()


def _completed(b: Before) -> Answer:
    """Section 3.3 and 5: the verdict by cancelled, the swap by request and result.

    1.3 swaps for a cancelled job too, which is hazard H1.
    """
    if not b.at("running", "leaving"):
        return IMPOSSIBLE
    swaps = b.job.should_complete and b.number == 0 and (b.is_1_3 or not b.job.cancelled)
    event = "emit_cancelled" if b.job.cancelled else "emit_completed"
    pivot = ("pivot",) if swaps else ()
    return taken(*pivot, "undrain", event, "call_back", phase=Phase.ENDING, ret=b.number)


def _returned(b: Before) -> Answer:
    if not b.at("ending"):
        return IMPOSSIBLE
    return taken("release_device", phase=Phase.FREED, busy=False, in_use=False)


CONTRACT: dict[str, Callable[[Before], Answer]] = {
    "claim": _claim,
    "unclaim": _unclaim,
    "create": _create,
    "set_speed": _set_speed,
    "pause": _pause,
    "resume": _resume,
    "cancel": _cancel,
    "user_cancel": _user_cancel,
    "complete": _complete,
    "backing_opened": _backing_opened,
    "iostatus_reset": _iostatus_reset,
    "start": _start,
    "submit": _submit,
    "io_done": _io_done,
    "timer": _timer,
    "sleep": _sleep,
    "test": _test,
    "error": _error,
    "ready": _ready,
    "decide": _decide,
    "completed": _completed,
    "returned": _returned,
}


def breach(profile: str, before: ClassicControl, move: Move[Place]) -> str:
    """How a move, taken or refused, differs from its contract, in words; empty if it does not."""
    answer = CONTRACT[move.kind](Before(before, move.values, profile == QEMU_1_3))
    if move.refused is None and not (answer.impossible or answer.refused):
        return _difference(before, answer, move)
    must, did = _word_of(answer), "taken"
    if move.refused is not None:
        refusal = move.refused.refusal
        did = "unknown" if refusal is None else refusal.error.__name__
    return "" if must == did else f"must be {must}, is {did}"


def _word_of(answer: Answer) -> str:
    return "unknown" if answer.impossible else answer.refused or "taken"


def _difference(before: ClassicControl, answer: Answer, move: Move[Place]) -> str:
    changes: dict[str, Any] = dict(answer.changes)
    expected = replace(before, **changes)
    wrong = [
        f"{name} must be {getattr(expected, name)}"
        for name in ClassicControl.__dataclass_fields__
        if getattr(move.after.control, name) != getattr(expected, name)
    ]
    outputs = tuple(str(output) for output in move.outputs)
    if outputs != answer.outputs:
        wrong.append(f"outputs must be {', '.join(answer.outputs) or 'none'}")
    return "; ".join(wrong)
