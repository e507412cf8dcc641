"""anchors.db: what anchors gave for checkpoints, and which of them fail. Beside the ledger, and no part of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlite_utils import Database

from weighlock.adapters.stores import control

NAME = "anchors.db"
SCHEMA = """
CREATE TABLE IF NOT EXISTS receipts (
    anchor TEXT NOT NULL,
    size INTEGER NOT NULL,
    at REAL NOT NULL,
    note TEXT NOT NULL,
    receipt BLOB NOT NULL,
    PRIMARY KEY (anchor, size)
) STRICT;
CREATE TABLE IF NOT EXISTS failures (
    anchor TEXT PRIMARY KEY,
    since REAL NOT NULL,
    why TEXT NOT NULL,
    contradicts INTEGER NOT NULL
) STRICT;
"""
_PROBE = "SELECT anchor, size, at, note, receipt, since, why, contradicts FROM receipts JOIN failures USING (anchor)"
_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Receipt:
    anchor: str
    size: int
    """Of the checkpoint."""
    at: float
    """Unix seconds at which it was had."""
    note: str
    """The checkpoint."""
    receipt: bytes
    """A witness's signature lines, an authority's response; nothing for a file, which has the checkpoint itself."""


@dataclass(frozen=True, slots=True)
class Failure:
    anchor: str
    since: float
    why: str
    contradicts: bool
    """Whether it saw another log: nothing that it keeps counts any more."""


class Receipts:
    """One connection, usable from any one thread at a time. All raise sqlite3.Error."""

    def __init__(self, database: Database) -> None:
        self._db: sqlite3.Connection = database.conn

    @classmethod
    def open(cls, state: Path) -> Receipts:
        """Raises ConfigError where it cannot be opened."""
        return cls(control.connect(state, SCHEMA, f"{_PROBE} LIMIT 0", NAME))

    def close(self) -> None:
        self._db.close()

    def keep(self, receipt: Receipt) -> None:
        """Durably. Of each anchor the newest of every hour is kept."""
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute("DELETE FROM failures WHERE anchor = ?", (receipt.anchor,))
            self._db.execute(
                "DELETE FROM receipts WHERE anchor = ? AND at >= ?",
                (receipt.anchor, receipt.at // _HOUR * _HOUR),
            )
            self._db.execute(
                "INSERT OR REPLACE INTO receipts (anchor, size, at, note, receipt) VALUES (?, ?, ?, ?, ?)",
                (receipt.anchor, receipt.size, receipt.at, receipt.note, receipt.receipt),
            )

    def fail(self, failure: Failure) -> None:
        """It fails; since when, the first says that finds it so."""
        with self._db:
            self._db.execute(
                "INSERT INTO failures (anchor, since, why, contradicts) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (anchor) DO UPDATE SET why = excluded.why, contradicts = excluded.contradicts",
                (failure.anchor, failure.since, failure.why, failure.contradicts),
            )

    def mend(self, anchor: str) -> None:
        """It does not fail any more."""
        self._db.execute("DELETE FROM failures WHERE anchor = ?", (anchor,))

    def newest(self) -> dict[str, Receipt]:
        """By anchor."""
        biggest = "(anchor, size) IN (SELECT anchor, max(size) FROM receipts GROUP BY anchor)"
        return {found.anchor: found for found in self._found(f"WHERE {biggest}")}

    def all(self) -> Iterator[Receipt]:
        """By anchor and size."""
        return self._found("ORDER BY anchor, size")

    def _found(self, which: str) -> Iterator[Receipt]:
        for row in self._db.execute(f"SELECT anchor, size, at, note, receipt FROM receipts {which}"):  # noqa: S608 ours
            yield Receipt(*row)

    def failures(self) -> dict[str, Failure]:
        """By anchor: those that fail now."""
        rows = self._db.execute("SELECT anchor, since, why, contradicts FROM failures")
        return {row[0]: Failure(row[0], row[1], row[2], bool(row[3])) for row in rows}
