"""How the demo is told: lines of at most 80 columns, or one JSON object at the end."""

from __future__ import annotations

import json
import textwrap
import time
from collections.abc import Sequence

from blockjob_fsm.cli.following import Happened
from blockjob_fsm.cli.options import size
from blockjob_fsm.lifecycles.classic_words import Phase

COLUMNS = 80
_INDENT = " " * 12


class Story:
    """Told by the demo's main thread; `as_json` holds everything back until the end."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._started = time.time_ns()
        self._log: list[dict[str, object]] = []
        self._went: list[list[str]] = []

    def scene(self, *lines: str) -> None:
        """What comes next."""
        self._print("")
        for line in lines:
            self._print(f"== {line}")

    def event(self, happened: Happened) -> None:
        """An event as it came."""
        self._log.append(happened.to_qmp())
        self._stamped(json.dumps(happened.event.to_qmp()), happened.at_ns)

    def told(self, command: str, answer: object) -> None:
        """A command and what it returned."""
        self._log.append({"execute": command, "return": answer})
        self._stamped(f"{command}: {json.dumps(answer)}", time.time_ns())

    def say(self, line: str) -> None:
        """What the user does."""
        self._stamped(line, time.time_ns())

    def phases(self, phases: Sequence[Phase]) -> None:
        """Where the job was, suspension by suspension."""
        names = [phase.value for phase in phases]
        self._went.append(names)
        self._wrapped(f"{'lifecycle':>10}  {shortened(names)}")

    def verdict(self, what: str, length: int, *, identical: bool) -> None:
        """What comparing every byte found."""
        word = "identical" if identical else "DIFFERENT"
        self._wrapped(f"{'compared':>10}  {what}: all {size(length)}: {word}")

    def end(self, *, identical: bool) -> None:
        """The last line."""
        self._print("")
        self._print("identical" if identical else "NOT identical")
        if self._as_json:
            went = dict(zip(("stream", "mirror"), self._went, strict=True))
            print(json.dumps({"identical": identical, "log": self._log, "phases": went}))

    def _stamped(self, text: str, at_ns: int) -> None:
        self._wrapped(f"{(at_ns - self._started) / 1e9:8.3f} s  {text}")

    def _wrapped(self, text: str) -> None:
        self._print(
            textwrap.fill(
                text,
                COLUMNS,
                subsequent_indent=_INDENT,
                break_on_hyphens=False,
                drop_whitespace=True,
            )
        )

    def _print(self, line: str) -> None:
        if not self._as_json:
            print(line, flush=True)


def shortened(names: Sequence[str]) -> str:
    """The names in order, with pairs that repeat written once: "a, b, 3 x (c, d), e"."""
    parts: list[str] = []
    index = 0
    while index < len(names):
        pair, times = list(names[index : index + 2]), 1
        while names[index + 2 * times : index + 2 * times + 2] == pair and len(pair) == 2:
            times += 1
        if times > 1:
            parts.append(f"{times} x ({', '.join(pair)})")
            index += 2 * times
        else:
            parts.append(names[index])
            index += 1
    return ", ".join(parts)
