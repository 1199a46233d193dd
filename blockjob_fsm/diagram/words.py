"""How rows read in pictures and tables: conditions, effects, lists of names.

Only what several pictures share stands here; no markup of any format may enter it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import Enum
from textwrap import wrap

from blockjob_fsm.declaration import EventKind, Lifecycle, Refusal, Row, Rule
from blockjob_fsm.guards import ALWAYS, Control, word

DEVICE = "DEVICE"
STATUS = "STATUS"

_NO_BREAK = "\u00a0"
_TIED = re.compile(r" (?:[:=!<>]=|<) |\bnot |^[\d]+\. |/ ")


def title_of(lifecycle: Lifecycle[Control]) -> str:
    """The lifecycle's name and profile."""
    return f"{lifecycle.name} {lifecycle.profile}"


def listed(values: Iterable[Enum | EventKind]) -> str:
    """Phases or events as a list."""
    return ", ".join(word(value) if isinstance(value, Enum) else str(value) for value in values)


def condition(row: Row) -> str:
    """The row's guard, empty where it always holds."""
    return "" if row.when == ALWAYS else str(row.when)


def effects(rule: Rule) -> tuple[str, ...]:
    """What a rule changes, then what it has the world do."""
    return (*map(str, rule.sets), *map(str, rule.does))


def transition(rule: Rule) -> str:
    """A rule as a label: its events, then [guard], then / effects."""
    guard = f" [{condition(rule)}]" if condition(rule) else ""
    done = f" / {'; '.join(effects(rule))}" if effects(rule) else ""
    return f"{listed(rule.events)}{guard}{done}"


def error_text(refusal: Refusal) -> str:
    """The text on the wire, with DEVICE and STATUS standing for the job's."""
    subject = DEVICE if refusal.subject is None else refusal.subject
    kind = refusal.events[0]
    verb = kind.verb or kind.name.replace("_", "-")
    return refusal.error(subject, state=STATUS, verb=verb).desc


def in_event_order(lifecycle: Lifecycle[Control], rules: Iterable[Rule]) -> list[Rule]:
    """The rules in an order that does not depend on where they stand in the table."""
    place = {kind: number for number, kind in enumerate(lifecycle.events)}
    return sorted(rules, key=lambda rule: (place[rule.events[0]], transition(rule), rule.why))


def tried(lifecycle: Lifecycle[Control], kind: EventKind, phase: Enum) -> tuple[Row, ...]:
    """The rows that an event can meet in a phase: refusals as they are tried, then rules.

    A refusal without a guard is the last: nothing after it is looked at.
    """
    rules = in_event_order(lifecycle, lifecycle.rules_at(kind, phase))
    rows: tuple[Row, ...] = (*lifecycle.refusals_at(kind, phase), *rules)
    for number, row in enumerate(rows, 1):
        if isinstance(row, Refusal) and row.when == ALWAYS:
            return rows[:number]
    return rows


def wrapped(text: str, width: int) -> list[str]:
    """The text in lines of about this many characters, broken between operands, not around them."""
    tied = _TIED.sub(lambda found: found[0].replace(" ", _NO_BREAK), text)
    lines = wrap(tied, width, break_long_words=False, break_on_hyphens=False) or [""]
    return [line.replace(_NO_BREAK, " ") for line in lines]
