"""The jobs of a session: their groups, their ids, and in which order they were made."""

from __future__ import annotations

from dataclasses import dataclass, field

from blockjob_fsm.lifecycles import modern_words as words
from blockjob_fsm.trace.creation import JobKind
from blockjob_fsm.trace.worlds import Group


@dataclass(eq=False)
class Known:
    """Groups in the order in which they were made; an id belongs to the newest that has it."""

    groups: list[Group] = field(default_factory=list)
    _born: list[str] = field(default_factory=list)

    def group(self, member: str) -> Group | None:
        """The newest group with a job of that id."""
        return next((group for group in reversed(self.groups) if member in group.ids), None)

    def kind(self, member: str) -> JobKind:
        """What a job of a known id is."""
        group = self.group(member)
        assert group is not None, f"{member} is known"
        return next(wish.kind for wish in group.jobs if wish.id == member)

    def born(self, member: str) -> None:
        """A job has been created: it is the newest."""
        self._born = [*(name for name in self._born if name != member), member]

    def live(self) -> list[str]:
        """The ids in use, in the order of creation."""
        return [member for member in self._born if self._is_there(member)]

    def _is_there(self, member: str) -> bool:
        group = self.group(member)
        return group is not None and group.phases(member) <= set(words.THERE)
