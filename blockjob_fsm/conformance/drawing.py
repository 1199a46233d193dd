"""Random sessions as Hypothesis draws them: a world with faults and limits, then steps in it.

What comes first in a list of choices is the simplest, which a difference is shrunk to: no fault, no
option, no step at all. What is not drawn, and why, is in `left_out`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from blockjob_fsm.conformance.session import FOLDER, Command, Session
from blockjob_fsm.conformance.subject import Arguments

#: sessions have so many commands, and as many jobs' names
STEPS, SLOTS = (10, 30), (1, 3)
PAIRS = {"j0": "", "j1": "2", "j3": "3"}
CHAIN = "j2"
RUN_SECTORS = 128
#: command, and the member that names the job
VERBS = (
    ("job-pause", "id"),
    ("block-job-pause", "device"),
    ("job-resume", "id"),
    ("block-job-resume", "device"),
    ("block-job-resume", "device"),
    ("job-complete", "id"),
    ("block-job-complete", "device"),
    ("job-finalize", "id"),
    ("block-job-finalize", "id"),
    ("job-dismiss", "id"),
    ("block-job-dismiss", "id"),
    ("block-job-cancel", "device"),
    ("block-job-cancel", "device"),
    ("job-cancel", "id"),
    ("block-job-set-speed", "device"),
)
#: what jobs on the chain may be: after a stream a commit of the active layer has long extents
CHAIN_KINDS = (("block-stream", "block-commit"), ("active", "block-commit"))
SMALL = {"x-perf": {"max-chunk": 65536, "max-workers": 1, "use-copy-range": False}}
POLICIES = ("report", "stop", "enospc", "auto")


@dataclass(frozen=True, slots=True)
class World:
    """What all steps of a session share. `limits` are the speeds that set-speed may ask for."""

    slots: tuple[str, ...]
    kinds: tuple[str, ...]
    faults: dict[str, Arguments]
    throttled: tuple[str, ...]
    limits: tuple[int, ...]

    @property
    def pairs(self) -> list[str]:
        return [slot for slot in self.slots if slot in PAIRS]


def sessions() -> st.SearchStrategy[Session]:
    """Sessions; when a difference is shrunk, with fewer steps than `STEPS` says."""
    return _sessions()


@st.composite
def _sessions(draw: st.DrawFn) -> Session:
    world = draw(_worlds())
    steps: list[Command | None] = []
    if len(world.pairs) > 1 and draw(_chance(35)):
        steps.append(draw(_transactions(world)))
    steps += [
        draw(_starts(world, slot)) if draw(_chance(85)) else None
        for slot in world.slots
        if slot not in world.pairs or not steps
    ]
    steps += draw(st.lists(_steps(world), min_size=STEPS[0], max_size=STEPS[1] - len(steps) - 1))
    script = [step for step in steps if step is not None]
    if draw(_chance(10)):
        script.append(("quit", {}))
    return Session(tuple(_setup(world, script)), tuple(script))


def _chance(percent: int) -> st.SearchStrategy[bool]:
    """True so often; False is the simpler."""
    return st.integers(0, 99).map(lambda number: number >= 100 - percent)


@st.composite
def _worlds(draw: st.DrawFn) -> World:
    slots = st.lists(
        st.sampled_from((*PAIRS, CHAIN)), min_size=SLOTS[0], max_size=SLOTS[1], unique=True
    )
    is_throttled = draw(_chance(12))
    chosen = [draw(st.sampled_from(tuple(PAIRS)))] if is_throttled else draw(slots)
    nodes = [name for slot in chosen if slot in PAIRS for name in pair(slot)]
    failing = () if is_throttled else tuple(slot for slot in chosen if slot in PAIRS)
    faulty = [draw(st.sampled_from(pair(slot))) for slot in failing if draw(_chance(45))]
    faults = {name: draw(_faults(name)) for name in faulty}
    throttled = tuple(nodes[1:]) if is_throttled else ()
    limits = (0, -1) if faults or is_throttled else (0, 0, 1, 2, -1)
    return World(tuple(chosen), draw(st.sampled_from(CHAIN_KINDS)), faults, throttled, limits)


def _faults(node: str) -> st.SearchStrategy[Arguments]:
    return st.fixed_dictionaries(
        {
            "event": st.just("none"),
            "errno": st.sampled_from((5, 28)),
            "iotype": st.just("read" if node.startswith("src") else "write"),
            "sector": st.integers(1, 4).map(lambda run: run * RUN_SECTORS),
            "once": st.booleans(),
            "immediately": st.just(False),
        }
    ).map(lambda rule: {"inject-error": [rule]})


def pair(slot: str) -> tuple[str, str]:
    """The source and the target of a slot's jobs."""
    return f"src{PAIRS[slot]}", f"dst{PAIRS[slot]}"


def _setup(world: World, script: list[Command]) -> list[Command]:
    """The nodes that the script names, and what they need."""
    text = str(script)
    commands: list[Command] = []
    for name in (name for slot in world.pairs for name in pair(slot)):
        if f"'{name}'" not in text and f"/tg-{name}'" not in text:
            continue
        file = _file(f"{name}.raw", name) | world.faults.get(name, {})
        if name in world.throttled:
            group = {"qom-type": "throttle-group", "id": f"tg-{name}", "limits": {"bps-write": 1}}
            commands.append(("object-add", group))
            thr = {"driver": "throttle", "throttle-group": f"tg-{name}", "node-name": f"{name}-thr"}
            file = {**thr, "file": file}
        commands.append(("blockdev-add", {"driver": "raw", "node-name": name, "file": file}))
    if "'top'" in text:
        commands += _chain()
    return commands


def _chain() -> list[Command]:
    found = []
    for name, below in (("base", None), ("mid", "base"), ("top", "mid")):
        node = {"driver": "qcow2", "node-name": name, "file": _file(f"{name}.qcow2", name)}
        found.append(("blockdev-add", node | ({"backing": below} if below else {})))
    return found


def _file(image: str, node: str) -> Arguments:
    below = {"driver": "file", "filename": f"{FOLDER}{image}", "node-name": f"{node}-file"}
    return {"driver": "blkdebug", "image": below, "node-name": f"{node}-dbg"}


@st.composite
def _steps(draw: st.DrawFn, world: World) -> Command | None:
    kind = draw(st.integers(0, 99))
    if kind == 0:
        return None
    slot = draw(st.sampled_from(world.slots))
    if kind < 72:
        return draw(_verbs(slot, world.limits))
    if kind < 82 and not world.throttled:
        return draw(_starts(world, slot))
    if kind < 87:
        return draw(_drains(world))
    if kind < 96 and world.pairs and not world.throttled:
        return draw(_transactions(world))
    return draw(_verbs(slot, world.limits))


@st.composite
def _verbs(draw: st.DrawFn, slot: str, limits: tuple[int, ...]) -> Command:
    command, name = draw(st.sampled_from(VERBS))
    arguments: Arguments = {name: slot}
    if command == "block-job-set-speed":
        arguments["speed"] = draw(st.sampled_from(limits))
    if command == "block-job-cancel" and draw(_chance(25)):
        arguments["force"] = not draw(_chance(30))
    return command, arguments


@st.composite
def _starts(draw: st.DrawFn, world: World, slot: str) -> Command:
    options = {"job-id": slot, **draw(_options(world))}
    if slot == CHAIN:
        kind = draw(st.sampled_from(world.kinds))
        if kind == "block-stream":
            return kind, {"device": "top", **options}
        middle = {"top-node": "mid"} if kind == "block-commit" else {}
        return "block-commit", {"device": "top", "base-node": "base", **middle, **options}
    if draw(_chance(50)):
        return "blockdev-backup", draw(_backups(world, slot))
    source, target = pair(slot)
    policy = draw(_policies())
    size = {"granularity": 65536, "buf-size": 65536}
    common = {"device": source, "target": target, "sync": "full"}
    return "blockdev-mirror", {**common, **options, **policy, **size}


@st.composite
def _options(draw: st.DrawFn, world: World) -> Arguments:
    options: Arguments = {}
    if draw(_chance(70)) and not world.throttled:
        options["speed"] = draw(st.sampled_from((0, 0, 0, 0, 1, 1, 1, 1, 2, -1)))
    for name in ("auto-finalize", "auto-dismiss"):
        if draw(_chance(50)):
            options[name] = draw(_chance(40))
    return options


@st.composite
def _backups(draw: st.DrawFn, world: World, slot: str) -> Arguments:
    source, target = pair(slot)
    common: Arguments = {"device": source, "target": target, "sync": "full", "job-id": slot}
    return {**common, **draw(_options(world)), **draw(_policies()), **SMALL}


@st.composite
def _policies(draw: st.DrawFn) -> Arguments:
    return {
        name: draw(st.sampled_from(POLICIES))
        for name in ("on-source-error", "on-target-error")
        if draw(_chance(50))
    }


def _drains(world: World) -> st.SearchStrategy[Command]:
    """A drained section of all nodes, and a limit lifted, which takes effect at the next one."""
    lifted: list[Command] = [
        (
            "qom-set",
            {"path": f"/objects/tg-{name}", "property": "limits", "value": {"bps-write": 0}},
        )
        for name in world.throttled
    ]
    drain: Command = ("transaction", {"actions": []})
    return st.sampled_from([drain, drain, *lifted])


@st.composite
def _transactions(draw: st.DrawFn, world: World) -> Command:
    racing = sum(not world.faults.keys().isdisjoint(pair(slot)) for slot in world.pairs) > 1
    mode = draw(st.sampled_from(("individual", "individual" if racing else "grouped")))
    aborts = draw(_chance(15))
    # A third action of a group must not fail: see `left_out`.
    room = len(PAIRS) if mode == "individual" else 1 if aborts else 2
    actions: list[dict[str, Any]] = [
        {"type": "blockdev-backup", "data": draw(_backups(world, slot))}
        for slot in world.pairs
        if not draw(_chance(15))
    ][:room]
    if aborts:
        actions.append({"type": "abort", "data": {}})
    return "transaction", {"actions": actions, "properties": {"completion-mode": mode}}
