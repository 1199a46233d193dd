"""A cache of tables bounded in number: the least recently used one goes first.

Tables are written through, so dropping one loses nothing. Not for several threads at once.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

Table = TypeVar("Table")


class TableCache(Generic[Table]):
    """At most `budget_bytes // table_bytes` tables by number, and always one."""

    def __init__(self, budget_bytes: int, table_bytes: int) -> None:
        self._room = max(1, budget_bytes // table_bytes)
        self._tables: OrderedDict[int, Table] = OrderedDict()

    def get(self, number: int) -> Table | None:
        """The table if it is here, which makes it the last to go."""
        table = self._tables.get(number)
        if table is not None:
            self._tables.move_to_end(number)
        return table

    def put(self, number: int, table: Table) -> None:
        """Keep a table."""
        self._tables[number] = table
        self._tables.move_to_end(number)
        if len(self._tables) > self._room:
            self._tables.popitem(last=False)

    def drop(self, number: int) -> None:
        """Forget a table, so that it is read again."""
        self._tables.pop(number, None)

    def __len__(self) -> int:
        return len(self._tables)
