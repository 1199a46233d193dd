"""Clusters that are free, but not yet for others: requests in flight may still use them.

A request looks up a place in the file and then reads or writes there with no lock held. The place
must not be given to others meanwhile. No table and no file may enter here, and the caller holds the
lock of the image's metadata.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field


@dataclass(slots=True)
class Epochs:
    """Requests by the epoch they began in; each retirement of clusters begins a new epoch."""

    _now: int = 0
    _active: dict[int, int] = field(default_factory=dict)
    _retired: deque[tuple[int, int, int]] = field(default_factory=deque)

    def enter(self) -> int:
        """A request begins; returns what `leave` wants."""
        self._active[self._now] = self._active.get(self._now, 0) + 1
        return self._now

    def leave(self, epoch: int) -> None:
        """A request has ended."""
        self._active[epoch] -= 1
        if not self._active[epoch]:
            del self._active[epoch]

    def retire(self, offset: int, length: int) -> None:
        """Nothing refers to these bytes of the file any more, but requests in flight may."""
        self._retired.append((self._now, offset, length))
        self._now += 1

    @property
    def waiting(self) -> bool:
        """Whether anything is retired and not yet taken."""
        return bool(self._retired)

    def take(self) -> list[tuple[int, int]]:
        """(offset, length) of what no request uses any more; it is the caller's now."""
        oldest = min(self._active, default=self._now)
        taken: list[tuple[int, int]] = []
        while self._retired and self._retired[0][0] < oldest:
            _, offset, length = self._retired.popleft()
            taken.append((offset, length))
        return taken
