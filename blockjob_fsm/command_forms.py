"""The commands that act on a job: which verb each is, how its members are called, who knows it.

What the verb does, and when it is refused, is not said here; the rows of the lifecycles say it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from blockjob_fsm.declaration import Event, EventKind
from blockjob_fsm.errors import BlockJobNotFound, JobNotFound, QmpError
from blockjob_fsm.lifecycles import modern_words as words

#: JSON types of members, as QMP's errors call them
_TYPES: dict[str, type] = {"string": str, "integer": int, "boolean": bool}


@dataclass(frozen=True, slots=True)
class CommandForm:
    """A command's name, verb and members.

    `member` names the job. `needed` and `optional` are further members with their JSON types.
    `since` is the first release that has the command. `block_jobs_only`: other jobs look like none.
    """

    name: str
    verb: EventKind
    member: str
    needed: tuple[tuple[str, str], ...] = ()
    optional: tuple[tuple[str, str], ...] = ()
    since: str = "2.12"
    block_jobs_only: bool = True

    @property
    def not_found(self) -> type[QmpError]:
        """How it refuses an id that no job has."""
        return BlockJobNotFound if self.block_jobs_only else JobNotFound

    def problem(self, arguments: Mapping[str, object]) -> str | None:
        """The text that refuses these arguments before any job is looked up; None if they fit."""
        needed = ((self.member, "string"), *self.needed)
        members = {**dict(needed), **dict(self.optional)}
        for name in (*dict(sorted(needed)),):
            if name not in arguments:
                return f"Parameter '{name}' is missing"
        for name, kind in sorted(members.items()):
            if name in arguments and not _fits(arguments[name], kind):
                return f"Invalid parameter type for '{name}', expected: {kind}"
        extra = next((name for name in arguments if name not in members), None)
        return None if extra is None else f"Parameter '{extra}' is unexpected"

    def event(self, arguments: Mapping[str, object]) -> Event:
        """The step that arguments which fit ask for."""
        if self.verb is words.SOFT_CANCEL and arguments.get("force"):
            return words.CANCEL()
        if self.verb is words.SET_SPEED:
            speed = arguments["speed"]
            assert isinstance(speed, int), "checked before"
            return words.SET_SPEED(speed)
        if self.verb is words.CHANGE:
            return words.CHANGE(arguments.get("copy-mode") == "write-blocking")
        return self.verb()


def _fits(value: object, kind: str) -> bool:
    is_bool = isinstance(value, bool)
    return isinstance(value, _TYPES[kind]) and is_bool == (kind == "boolean")


def _of_jobs(verb: EventKind) -> CommandForm:
    return CommandForm(f"job-{verb.name}", verb, "id", since="3.0", block_jobs_only=False)


_FORCE = (("force", "boolean"),)
_COPY_MODE = (("copy-mode", "string"), ("type", "string"))

COMMAND_FORMS = (
    # Never soft: a user who wants the target as it is asks by the older name.
    *map(_of_jobs, (words.CANCEL, words.PAUSE, words.RESUME, words.COMPLETE)),
    *map(_of_jobs, (words.FINALIZE, words.DISMISS)),
    CommandForm("block-job-cancel", words.SOFT_CANCEL, "device", optional=_FORCE),
    CommandForm("block-job-pause", words.PAUSE, "device"),
    CommandForm("block-job-resume", words.RESUME, "device"),
    CommandForm("block-job-complete", words.COMPLETE, "device"),
    CommandForm("block-job-set-speed", words.SET_SPEED, "device", (("speed", "integer"),)),
    CommandForm("block-job-finalize", words.FINALIZE, "id"),
    CommandForm("block-job-dismiss", words.DISMISS, "id"),
    CommandForm("block-job-change", words.CHANGE, "id", _COPY_MODE, since="8.2"),
)
FORM_OF = {form.name: form for form in COMMAND_FORMS}
