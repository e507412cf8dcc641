"""What was counted, in counters.db: sums by bucket of time, and when each value, as a fingerprint, was seen last."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sqlite_utils import Database

from weighlock.adapters.stores import control
from weighlock.errors import ConfigError
from weighlock.policy.counting import DAY, HOUR, MINUTE, Scope
from weighlock.policy.tally import Amount, Tally

NAME = "counters.db"
SCHEMA = """
CREATE TABLE IF NOT EXISTS sums (
    scope TEXT NOT NULL,
    key TEXT NOT NULL,
    width INTEGER NOT NULL,
    start INTEGER NOT NULL,
    requests INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    tokens INTEGER NOT NULL,
    PRIMARY KEY (scope, key, width, start)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS seen (
    scope TEXT NOT NULL,
    key TEXT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    at REAL NOT NULL,
    PRIMARY KEY (scope, key, name, value)
) STRICT, WITHOUT ROWID;
"""
_PROBE = "SELECT requests, at FROM sums, seen LIMIT 0"
PAGES = 1 << 16
"""Most pages of 4 KB that the file may have; over it nothing can be counted, and what asks to be counted is refused."""
_ADD = """
INSERT INTO sums VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
    requests = requests + excluded.requests, bytes = bytes + excluded.bytes, tokens = tokens + excluded.tokens
"""
_SEE = "INSERT INTO seen VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET at = excluded.at"


@dataclass(frozen=True, slots=True)
class Step:
    """One addition to what was counted under *key*. *values* and those *gone* are pairs of name and fingerprint."""

    scope: Scope
    key: str
    at: float
    amount: Amount
    values: tuple[tuple[str, str], ...]
    gone: tuple[tuple[str, str], ...] = ()


class CounterStore:
    """One connection, usable from any one thread at a time. All raise sqlite3.Error."""

    def __init__(self, database: Database) -> None:
        self._db = database

    @classmethod
    def open(cls, state: Path, pages: int = PAGES) -> CounterStore:
        """Raises ConfigError where it cannot be opened."""
        database = control.connect(state, SCHEMA, _PROBE, NAME)
        database.execute(f"PRAGMA max_page_count = {pages:d}")
        return cls(database)

    @classmethod
    def existing(cls, state: Path) -> CounterStore:
        """Of a gateway that has run: raises ConfigError where none has."""
        if not (state / NAME).is_file():
            raise ConfigError("no gateway has used this state folder; name its own with --state", str(state))
        return cls.open(state)

    def close(self) -> None:
        self._db.close()

    def add(self, steps: Iterable[Step]) -> None:
        """Durably; all of them or none."""
        sums, seen, gone = [], [], []
        for step in steps:
            place = (step.scope.value, step.key)
            amount = step.amount
            for width in (MINUTE, HOUR):
                start = int(step.at // width) * width
                sums.append((*place, width, start, amount.requests, amount.bytes, amount.tokens))
            seen += [(*place, *value, step.at) for value in step.values]
            gone += [(*place, *value) for value in step.gone]
        with self._db.conn:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.conn.executemany(_ADD, sums)
            self._db.conn.executemany(_SEE, seen)
            self._db.conn.executemany("DELETE FROM seen WHERE scope = ? AND key = ? AND name = ? AND value = ?", gone)

    def load(self, scope: Scope, key: str) -> Tally:
        place = [scope.value, key]
        tally = Tally()
        for width, start, *sums in self._db.execute(
            "SELECT width, start, requests, bytes, tokens FROM sums WHERE scope = ? AND key = ?", place
        ):
            tally.sums[width, start] = (sums[0], sums[1], sums[2])
        for name, value, at in self._db.execute(
            "SELECT name, value, at FROM seen WHERE scope = ? AND key = ? ORDER BY at", place
        ):
            tally.seen.setdefault(name, {})[value] = at
        return tally

    def places(self) -> list[tuple[Scope, str]]:
        """All under which something was counted, in order."""
        rows = self._db.execute("SELECT DISTINCT scope, key FROM sums ORDER BY scope, key")
        return [(Scope(scope), key) for scope, key in rows]

    def prune(self, before: float, now: float) -> None:
        """Forget what is older than any window that is asked for."""
        with self._db.conn:
            self._db.execute("DELETE FROM sums WHERE start + width <= ?", [before])
            self._db.execute("DELETE FROM sums WHERE width = ? AND start + width <= ?", [MINUTE, now - DAY])
            self._db.execute("DELETE FROM seen WHERE at <= ?", [before])
