"""Judging a recording: whether there is a way through the rows that shows what it shows.

Each line is laid against the worlds that the lines before it have left. A command acts somewhere
between the first event that came while it was carried out and its reply; that is all the order
there need be between replies and events.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

from blockjob_fsm.command_forms import FORM_OF, CommandForm
from blockjob_fsm.declaration import has_release
from blockjob_fsm.guards import word
from blockjob_fsm.lifecycles.modern_words import GONE, ModernControl, Status
from blockjob_fsm.trace import queries
from blockjob_fsm.trace.creation import DRAINING, makes_jobs, wishes
from blockjob_fsm.trace.explain import (
    Finding,
    found,
    next_events,
    no_such_event,
    no_such_query,
    no_such_reply,
    reply_text,
)
from blockjob_fsm.trace.known import Known
from blockjob_fsm.trace.making import unmade
from blockjob_fsm.trace.moves import EVENT_OF, Going, Moves
from blockjob_fsm.trace.recording import Fields, Line, Recording
from blockjob_fsm.trace.worlds import Error, Group, Verb, new_group, reply_of


def judge(recording: Recording, moves: Moves) -> Finding | None:
    """What is wrong with the first line that no way through the rows explains; None if all are."""
    session = _Session(moves)
    for line, command in _with_commands(recording):
        if command is not None:
            session.send(command)
        if finding := session.see(line):
            return finding
    return None


def _with_commands(recording: Recording) -> Iterator[tuple[Line, Line | None]]:
    """Each line, and the command that was sent just before it, if one was."""
    commands = {line.command: line for line in recording.lines if line.kind == "cmd"}
    current: int | None = None
    for line in recording.lines:
        number = line.command
        begins = number is not None and number != current
        yield line, commands.get(number) if begins else None
        current = current if number is None else number


@dataclass(eq=False)
class _Session:
    """The recording up to a line."""

    moves: Moves
    known: Known = field(default_factory=Known)
    quitting: bool = False

    def send(self, line: Line) -> None:
        """A command is on its way; it acts, if at all, before its reply is seen."""
        command, fields = line.fields["exec"], line.fields
        going = Going.DRAINS if command in DRAINING else Going.NOTHING
        if command == "quit":
            going |= Going.QUITS
            self.quitting = True
        verb = self.verb(fields)
        for group in self.known.groups:
            if Going.QUITS not in group.going:
                is_asked = verb is not None and self.known.group(verb.member) is group
                group.begin(going, verb if is_asked else None)
        if makes_jobs(command):
            self.make(fields, going)

    def make(self, fields: Fields, going: Going) -> None:
        """Jobs may appear, under ids that are free."""
        going |= Going.CREATES | (Going.FAILS if "err" in fields else Going.NOTHING)
        taken = set(self.known.live())
        for jobs in wishes(fields["exec"], fields.get("args", {})):
            free = tuple({wish.id: wish for wish in jobs if wish.id not in taken}.values())
            taken.update(wish.id for wish in free)
            if free:
                group = new_group(self.moves, free)
                self.known.groups.append(group)
                group.begin(going)

    def form(self, command: str) -> CommandForm | None:
        """The form of a command of jobs, if the release has it."""
        form = FORM_OF.get(command)
        has_it = form is not None and has_release(self.moves.lifecycle.profile, form.since)
        return form if has_it else None

    def verb(self, fields: Fields) -> Verb | None:
        """The verb that a command is, if its arguments fit."""
        form, arguments = self.form(fields["exec"]), fields.get("args", {})
        if form is None or form.problem(arguments) is not None:
            return None
        return Verb(arguments[form.member], form, form.event(arguments), error_in(fields))

    # ---- lines

    def see(self, line: Line) -> Finding | None:
        """Lay a line against what is known."""
        match line.kind:
            case "event":
                return self.event(line)
            case "cmd":
                return self.reply(line)
            case "snap":
                return self.snapshot(line)
            case "until":
                return self.awaited(line)
            case "end":
                return self.over(line)
        return None

    def event(self, line: Line) -> Finding | None:
        """An event; those that no job sends are not ours to judge."""
        name, data = line.fields["name"], line.fields["data"]
        if name not in EVENT_OF.values():
            return None
        member = str(data.get("id", data.get("device")))
        group = self.known.group(member)
        if group is None:
            legal = {text for group in self.known.groups for text in next_events(group)}
            return found(line, {f"there is no job {member}"}, legal)
        for _ in range(line.fields.get("rep", 1)):
            before = group.worlds
            if not group.see(member, name, data):
                return no_such_event(line, group, member)
            if group.worlds == before:
                break
        if Status.CREATED in group.phases(member):
            self.known.born(member)
        return None

    def reply(self, line: Line) -> Finding | None:
        """A command's reply: it has acted."""
        wanted = self.only_reply(line.fields)
        if wanted is not None and wanted != error_in(line.fields):
            because = "the command's form decides, or that there is no such job"
            return found(line, {because}, {reply_text(wanted)})
        for group in self.known.groups:
            before, verb = group.worlds, group.verb
            if not group.end():
                group.worlds = before
                return no_such_reply(line, group, verb)
        if makes_jobs(line.fields["exec"]):
            return unmade(line, error_in(line.fields), self.known)
        return None

    def only_reply(self, fields: Fields) -> Error | None:
        """The error that hangs on no job's state: of arguments, of unknown ids; else None."""
        command = fields["exec"]
        if command not in FORM_OF:
            return None
        form = self.form(command)
        if form is None:
            return "CommandNotFound", f"The command {command} has not been found"
        problem = form.problem(fields.get("args", {}))
        if problem is not None:
            return "GenericError", problem
        verb = self.verb(fields)
        if verb is not None and self.known.group(verb.member) is None:
            return reply_of(self.moves, ModernControl(), verb)
        return None

    def snapshot(self, line: Line) -> Finding | None:
        """Both queries; of jobs that never came to rest only the ids count."""
        jobs = {entry["id"]: entry for entry in line.fields["jobs"]}
        blocks = {entry["device"]: entry for entry in line.fields["block_jobs"]}
        live = self.known.live()[::-1]
        if list(jobs) != live:
            return found(line, {"query-jobs names all jobs, newest first"}, {", ".join(live)})
        listed = [name for name in live if self.known.kind(name).control.block_job]
        if list(blocks) != listed:
            because = "query-block-jobs names the block jobs, newest first"
            return found(line, {because}, {", ".join(listed)})
        if not line.fields.get("quiet", True):
            return None
        for group in self.known.groups:
            if not group.query(partial(self.shown, group, jobs, blocks)):
                return no_such_query(line, group)
        return None

    def awaited(self, line: Line) -> Finding | None:
        """The status at which a client, asking again and again, has stopped; `gone` for no job."""
        member, status = line.fields["job"], line.fields["status"]
        group = self.known.group(member)
        phases = set() if group is None else group.phases(member)
        legal = {"gone" if phase in GONE else word(phase) for phase in phases} or {"gone"}
        return None if status in legal else found(line, {"query-jobs tells the status"}, legal)

    def shown(
        self,
        group: Group,
        jobs: dict[str, Fields],
        blocks: dict[str, Fields],
        name: str,
        control: ModernControl,
    ) -> bool:
        """Whether queries showed a member as it is in this state."""
        if self.known.group(name) is not group:
            # The id is another job's by now.
            return control.phase is Status.NULL
        return queries.fits(control, self.known.kind(name).type, jobs.get(name), blocks.get(name))

    def over(self, line: Line) -> Finding | None:
        """The program's end: on request, with all jobs gone, or not at all."""
        if line.fields.get("alive", True):
            return None
        code = line.fields.get("code")
        if code != 0:
            return found(line, {f"QEMU itself failed: it ended with code {code}"}, {"code 0"})
        if self.known.live() or not self.quitting:
            return found(line, {"it ends when told to quit, when all jobs are gone"}, set())
        return None


def error_in(fields: Fields) -> Error | None:
    """The reply's error, None if it is a success."""
    error = fields.get("err")
    return None if error is None else (error["class"], error["desc"])
