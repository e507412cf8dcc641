"""Which security events were taken, and the cut-offs that they made: in control.db, both or neither."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

from sqlite_utils import Database

from weighlock.adapters.stores import control
from weighlock.adapters.stores.control import Control
from weighlock.identity.events import MAX_AGE, Cut, SecurityEvent

_SCHEMA = """
CREATE TABLE IF NOT EXISTS events (
    issuer TEXT NOT NULL,
    id TEXT NOT NULL,
    digest TEXT NOT NULL,
    issued_at REAL NOT NULL,
    PRIMARY KEY (issuer, id)
) STRICT;
"""
_OWN = """
SELECT id, before FROM cutoffs
WHERE by = ? AND claim = ? AND value = ? AND issuer = ? AND lifted_at IS NULL
"""


class EventStore:
    """One connection, usable from any one thread at a time."""

    def __init__(self, database: Database) -> None:
        self._db, self._control = database, Control(database)

    @classmethod
    def open(cls, state: Path) -> EventStore:
        """Raises ConfigError where control.db cannot be opened."""
        Control.open(state).close()  # its own table is there
        database = control.connect(state, _SCHEMA, "SELECT issuer, id, digest, issued_at FROM events LIMIT 0")
        return cls(database)

    def close(self) -> None:
        self._db.close()

    def take(self, event: SecurityEvent, cuts: Iterable[Cut], now: float) -> str | None:
        """Keep *event* and its *cuts*, durably, and return None.

        Where an event was taken under its `jti` before, keep nothing, and return the digest of that one. Raises
        sqlite3.Error where it cannot be kept.
        """
        with self._db.atomic():
            # What is older is refused by its age; twice, so that a clock that is set back makes no difference.
            self._db.execute("DELETE FROM events WHERE issued_at < ?", [now - 2 * MAX_AGE])
            key = [event.issuer, event.id]
            for (digest,) in self._db.execute("SELECT digest FROM events WHERE issuer = ? AND id = ?", key).fetchall():
                return str(digest)
            self._db.execute(
                "INSERT INTO events (issuer, id, digest, issued_at) VALUES (?, ?, ?, ?)",
                [*key, event.digest, event.issued_at],
            )
            for cut in cuts:
                self._cut(cut, event, now)
        return None

    def _cut(self, cut: Cut, event: SecurityEvent, now: float) -> None:
        """A cut-off that one of the same transmitter covers is not made; those that the new one covers are lifted."""
        by = f"ssf:{event.issuer}"
        for id, before in self._db.execute(_OWN, [by, cut.claim, cut.value, cut.issuer]).fetchall():
            if _end(cut.before) <= _end(before):
                return
            self._control.lift(id, by=by, now=now)
        self._control.add(
            cut.claim, cut.value, issuer=cut.issuer, before=cut.before, reason=event.names, by=by, now=now
        )


def _end(before: float | None) -> float:
    return math.inf if before is None else before
