"""control.db, and the cut-offs in it: written by the command line, read by the gateway, never deleted."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from weighlock.errors import ConfigError
from weighlock.identity.cutoffs import Cutoff

_SCHEMA = """
CREATE TABLE IF NOT EXISTS cutoffs (
    id INTEGER PRIMARY KEY,
    claim TEXT NOT NULL,
    value TEXT NOT NULL,
    issuer TEXT NOT NULL,
    before REAL,
    reason TEXT NOT NULL,
    by TEXT NOT NULL,
    added_at REAL NOT NULL,
    lifted_at REAL,
    lifted_by TEXT
) STRICT;
"""
_CURRENT = """
SELECT id, claim, value, reason, by, added_at, issuer, before FROM cutoffs WHERE lifted_at IS NULL ORDER BY id
"""


def connect(state: Path, schema: str, probe: str, name: str = "control.db") -> Database:
    """The database *name* in *state*, made where it is missing, with the tables of *schema*; autocommit.

    Raises ConfigError, also where the query *probe* fails: tables of another shape are not ours.
    """
    path = state / name
    try:
        path.touch(mode=0o600)
        connection = sqlite3.connect(path, timeout=2, isolation_level=None, check_same_thread=False)
        try:
            connection.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;" + schema)
            connection.execute(probe).fetchall()
        except sqlite3.Error:
            connection.close()
            raise
    except (OSError, sqlite3.Error) as error:
        raise ConfigError(f"cannot be opened: {error}", str(path)) from None
    return Database(connection)


class Control:
    """One connection, usable from any one thread at a time."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._version = -1
        self._current: tuple[Cutoff, ...] = ()

    @classmethod
    def open(cls, state: Path) -> Control:
        """Open or create control.db in *state*. Raises ConfigError where that cannot be done."""
        return cls(connect(state, _SCHEMA, _CURRENT))

    def close(self) -> None:
        self._db.close()

    def add(
        self, claim: str, value: str, *, issuer: str, before: float | None, reason: str, by: str, now: float
    ) -> Cutoff:
        row = {
            "claim": claim,
            "value": value,
            "issuer": issuer,
            "before": before,
            "reason": reason,
            "by": by,
            "added_at": now,
        }
        self._version = -1
        id = self._db.table("cutoffs").insert(row).last_pk
        return Cutoff(id=int(id), **row)  # type: ignore[arg-type]

    def lift(self, id: int, *, by: str, now: float) -> bool:
        """Whether there was such a cut-off in force."""
        self._version = -1
        with self._db.atomic():  # also within a transaction of the caller's
            done = self._db.execute(
                "UPDATE cutoffs SET lifted_at = ?, lifted_by = ? WHERE id = ? AND lifted_at IS NULL", [now, by, id]
            )
        return bool(done.rowcount)

    def list(self) -> list[dict[str, Any]]:
        """Every cut-off there ever was, oldest first."""
        return list(self._db.query("SELECT * FROM cutoffs ORDER BY id"))

    def current(self) -> tuple[Cutoff, ...]:
        """Those in force. Cheap while nothing changed; sqlite3.Error where they cannot be read."""
        version = self._db.execute("PRAGMA data_version").fetchone()[0]
        if version != self._version:
            rows = self._db.execute(_CURRENT).fetchall()
            self._current = tuple(Cutoff(*row) for row in rows)
            self._version = version
        return self._current
