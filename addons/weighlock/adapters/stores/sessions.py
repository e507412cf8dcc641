"""The sessions in control.db, and which tokens were exchanged for one. Written by the gateway alone."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

from sqlite_utils import Database

from weighlock.adapters.stores import control
from weighlock.identity.sessions import Session

SCHEMA = """
CREATE TABLE IF NOT EXISTS sessions (
    digest TEXT PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    workload TEXT NOT NULL,
    issuer TEXT NOT NULL,
    claims TEXT NOT NULL,
    token_id TEXT NOT NULL,
    opened_at REAL NOT NULL,
    expires_at REAL NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS exchanged (
    once TEXT PRIMARY KEY,
    expires_at REAL NOT NULL
) STRICT;
"""


class SessionStore:
    """One connection, usable from any one thread at a time."""

    def __init__(self, database: Database) -> None:
        self._db = database

    @classmethod
    def open(cls, state: Path) -> SessionStore:
        """Raises ConfigError where control.db cannot be opened."""
        return cls(control.connect(state, SCHEMA, "SELECT digest, once FROM sessions, exchanged LIMIT 0"))

    def close(self) -> None:
        self._db.close()

    def add(self, session: Session, once: str, until: float) -> bool:
        """Keep *session*, durably; False where *once* was used before. *until*: when the token itself has expired.

        Raises sqlite3.Error where it cannot be kept.
        """
        with self._db.conn:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute("DELETE FROM exchanged WHERE expires_at < ?", [session.opened_at])
            self._db.execute("DELETE FROM sessions WHERE expires_at < ?", [session.opened_at])
            try:
                self._db.execute("INSERT INTO exchanged (once, expires_at) VALUES (?, ?)", [once, until])
            except sqlite3.IntegrityError:
                return False
            self._db.execute(
                "INSERT INTO sessions (digest, id, workload, issuer, claims, token_id, opened_at, expires_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    session.digest,
                    session.id,
                    session.workload,
                    session.issuer,
                    json.dumps(dict(session.claims)),
                    session.token_id,
                    session.opened_at,
                    session.expires_at,
                ],
            )
        return True

    def live(self, now: float) -> list[Session]:
        """Those that have not expired."""
        rows = self._db.query("SELECT * FROM sessions WHERE expires_at > ?", [now])
        return [Session(**row | {"claims": json.loads(row["claims"])}) for row in rows]
