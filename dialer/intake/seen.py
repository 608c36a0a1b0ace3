"""Which order ids a file has shown already, without holding a million of them in memory."""

from __future__ import annotations

import sqlite3
from types import TracebackType
from typing import Self


class SeenIds:
    """A set of strings that SQLite keeps in a temporary file of its own, deleted at the end."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        for statement in (
            "PRAGMA journal_mode = OFF",
            "PRAGMA synchronous = OFF",
            "PRAGMA cache_size = -8000",
            "CREATE TABLE seen (id TEXT PRIMARY KEY) WITHOUT ROWID",
            "BEGIN",
        ):
            self._database.execute(statement)

    def add(self, order_id: str) -> bool:
        """Remember an id; False if it was there."""
        return self._database.execute("INSERT OR IGNORE INTO seen VALUES (?)", (order_id,)).rowcount == 1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()
