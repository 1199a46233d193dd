"""Why a line is not legal: the row or refusal in its way, and what would have been legal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from blockjob_fsm.declaration import Refusal, Rule, Stepped
from blockjob_fsm.guards import word
from blockjob_fsm.lifecycles import modern_words as words
from blockjob_fsm.lifecycles.modern_words import ModernControl
from blockjob_fsm.trace.moves import EVENT_OF, error_of
from blockjob_fsm.trace.recording import Fields, Line
from blockjob_fsm.trace.worlds import Error, Group, Verb

#: kind of line -> what a finding calls it
WHAT = {"event": "event", "cmd": "reply", "snap": "query", "until": "query", "end": "end"}


@dataclass(frozen=True, slots=True)
class Finding:
    """A line that nothing explains: its number, what is wrong with it, and what it says.

    `what` is event, reply, query or end. `because`: the rows and refusals in its way. `legal`: what
    could have stood there instead.
    """

    line: int
    what: str
    seen: str
    because: tuple[str, ...]
    legal: tuple[str, ...]


def found(line: Line, because: set[str], legal: set[str]) -> Finding:
    """A finding, its texts in order."""
    return Finding(
        line.number, WHAT[line.kind], str(line), tuple(sorted(because)), tuple(sorted(legal))
    )


def next_events(group: Group) -> set[str]:
    """Every event that the jobs could send next."""
    return {f"{world.owed[0][0]}: {world.owed[0][1]}" for world in group.sending()}


def no_such_event(line: Line, group: Group, member: str) -> Finding:
    """An event that no world sends."""
    if all(world.owed for world in group.worlds):
        because = {"a step sends all its events in order, and nothing comes between them"}
    else:
        because = set(_ways_to(group, member, line.fields["name"], line.fields["data"]))
    return found(line, because, next_events(group))


def _ways_to(group: Group, member: str, name: str, data: Fields) -> Iterator[str]:
    """The rows that would send the event, with what they need; or that there is none."""
    phases, status = group.phases(member), data.get("status")
    rows = [
        rule
        for rule in group.moves.lifecycle.rules
        if phases & set(rule.phases) and _sends(rule, name, status)
    ]
    if not rows:
        names = "/".join(sorted(map(word, phases)))
        yield f"no row leads from {names} to {name if status is None else f'status {status}'}"
    yield from (f"not now: {told(rule)}" for rule in rows)


def _sends(rule: Rule, name: str, status: object) -> bool:
    sent = {EVENT_OF.get(output) for output in rule.does}
    return name in sent and (status is None or (rule.to is not None and word(rule.to) == status))


def no_such_reply(line: Line, group: Group, verb: Verb | None) -> Finding:
    """A reply that no world gives; `verb` None: it came before the command had done its work."""
    too_early = found(
        line, {"before its reply a command does all that it does"}, next_events(group)
    )
    if verb is None or any(world.answered for world in group.worlds):
        return too_early
    controls = _states(group, verb.member)
    legal = {reply_text(group.reply(control, verb)) for control in controls}
    if reply_text(verb.error) in legal:
        return too_early
    return found(line, {_answer(group, verb, control) for control in controls}, legal)


def _answer(group: Group, verb: Verb, control: ModernControl) -> str:
    """The row or refusal that answers a verb."""
    if verb.form.block_jobs_only and not control.block_job:
        return f"refused: {verb.form.name} finds block jobs only"
    stepped = group.moves.step(control, verb.event)
    if isinstance(stepped, Stepped):
        return f"allowed: {told(stepped.rule)}"
    assert stepped.refusal is not None, "a verb is answered in every status"
    return f"refused: {told(stepped.refusal)}"


def no_such_query(line: Line, group: Group) -> Finding:
    """An answer of the queries that shows no state that the jobs can be in."""
    legal = {
        f"{member}: {query_text(control)}"
        for member in group.ids
        for control in group.controls(member)
    }
    return found(line, {"no state that the lines before allow is shown so"}, legal)


def query_text(control: ModernControl) -> str:
    """What the queries show of a job."""
    if control.phase in words.GONE:
        return "gone"
    shown = {
        "status": word(control.phase),
        "paused": word(control.pause_count > 0),
        "busy": word(control.busy),
        "io-status": word(control.io_status),
        "speed": str(control.speed),
        "error": error_of(control) or ("none" if control.ret == 0 else "another text"),
    }
    return ", ".join(f"{name} {value}" for name, value in shown.items())


def reply_text(error: Error | None) -> str:
    """A reply: `ok`, or the error's class and text."""
    return "ok" if error is None else f"{error[0]}: {error[1]}"


def told(row: Rule | Refusal) -> str:
    """A row with its reason."""
    return f"{row} ({row.why})"


def _states(group: Group, member: str) -> list[ModernControl]:
    """The states the job may be in while QEMU answers; if there are none, those it may pass."""
    if found_there := list(group.controls(member)):
        return found_there
    index = group.ids.index(member)
    numbers = {number for world in group.worlds for number in world.states[index]}
    return [group.moves.controls[number] for number in sorted(numbers)]
