"""What can be driven by QMP commands and compared: a daemon, however it is made."""

from __future__ import annotations

from typing import Any, Protocol

Arguments = dict[str, Any]
Reply = dict[str, Any]
Happening = tuple[str, dict[str, Any]]


class Subject(Protocol):
    """A daemon and its jobs. One thread calls all methods."""

    def execute(self, command: str, arguments: Arguments) -> Reply:
        """The reply: {"return": ...} or {"error": {class, desc}}."""

    def settle(self) -> None:
        """Return when nothing happens any more by itself."""

    def guest_write(self, node: str, offset: int, length: int) -> None:
        """Write bytes to a node that is exported, as a guest that uses it."""

    def take_events(self) -> list[Happening]:
        """The name and the data of each event since last asked."""

    def query(self) -> tuple[list[Reply], list[Reply]]:
        """What query-jobs and query-block-jobs answer."""

    def close(self) -> None:
        """End it."""
