"""A lifecycle that is no block job, to show that pictures know nothing of block jobs."""

from dataclasses import dataclass
from enum import Enum

from blockjob_fsm.declaration import Actor, EventKind, Lifecycle, Output, Refusal, Rule
from blockjob_fsm.errors import NotSupported
from blockjob_fsm.guards import Choice, Control, Flag, Number


class Light(Enum):
    """The lamp's phases, one of them named like a keyword of Mermaid."""

    OFF = "off"
    ON = "on"
    END = "end"


@dataclass(frozen=True, slots=True)
class LampControl(Control):
    """`dim` chooses nothing but brightness; `worn` counts the times it was switched on."""

    phase: Light = Light.OFF
    locked: bool = False
    dim: bool = False
    worn: int = 0


LOCKED, DIM, WORN = Flag("locked"), Flag("dim"), Number("worn")
PRESS = EventKind("press", Actor.USER)
LOCK = EventKind("lock", Actor.USER)
FADE = EventKind("fade", Actor.WORLD)
CLICK = Output("click", "make a noise")

LAMP: Lifecycle[LampControl] = Lifecycle(
    name="lamp",
    profile="desk",
    initial=LampControl(),
    phases=Light,
    variables=(Choice("phase", Light), LOCKED, DIM, WORN),
    events=(PRESS, LOCK, FADE),
    rules=(
        Rule((PRESS,), (Light.OFF,), Light.ON, "light", does=(CLICK,), sets=(WORN.set(1),)),
        Rule((PRESS,), (Light.ON,), Light.OFF, "dark again", when=~LOCKED),
        Rule((PRESS,), (Light.ON,), Light.END, "a lock breaks", when=LOCKED),
        Rule((LOCK,), (Light.ON,), None, "kept on", sets=(LOCKED.on,)),
        Rule((FADE,), (Light.ON,), None, "bulbs age", sets=(DIM.on,)),
    ),
    refusals=(
        Refusal((LOCK,), (Light.OFF,), NotSupported, "nothing to keep on"),
        Refusal((PRESS, LOCK), (Light.END,), NotSupported, "broken"),
    ),
)
