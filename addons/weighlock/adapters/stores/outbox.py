"""Notices on their way, in outbox.db: each is kept until its channel has taken it, or for good as a dead letter.

At least once: what is sent and not noted as sent, because the gateway stopped in between, is sent again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from weighlock.adapters.stores import control
from weighlock.approval.notices import Notice

NAME = "outbox.db"
SCHEMA = """
CREATE TABLE IF NOT EXISTS letters (
    id TEXT NOT NULL,
    channel TEXT NOT NULL,
    notice TEXT NOT NULL,
    state TEXT NOT NULL,
    kept_at REAL NOT NULL,
    due REAL NOT NULL,
    tries INTEGER NOT NULL,
    why TEXT NOT NULL,
    PRIMARY KEY (id, channel)
) STRICT;
CREATE INDEX IF NOT EXISTS letters_due ON letters (channel, state, due);
CREATE INDEX IF NOT EXISTS letters_kept ON letters (state, kept_at);
"""
_PROBE = "SELECT id, channel, notice, state, kept_at, due, tries, why FROM letters LIMIT 0"
AGE, TRIES = 3600.0, 12
"""Seconds, and attempts, after which a letter is dead."""
FIRST, LONGEST = 5.0, 600.0
"""Seconds between two attempts: twice as many each time."""
WAITING = 10_000
"""Most letters of one channel that wait; over it, new ones are dead at once."""
KEPT = 30 * 86400.0
"""Seconds for which it is known what was sent, so that nothing is sent twice, and for which dead letters are kept."""


@dataclass(frozen=True, slots=True)
class Letter:
    channel: str
    notice: Notice
    due: float
    tries: int


class Outbox:
    """One connection, usable from any one thread at a time. *chance* is in [0, 1). All raise sqlite3.Error."""

    def __init__(self, database: Database, clock: Callable[[], float], chance: Callable[[], float]) -> None:
        self._db, self._clock, self._chance = database, clock, chance

    @classmethod
    def open(cls, state: Path, clock: Callable[[], float], chance: Callable[[], float]) -> Outbox:
        """Raises ConfigError where it cannot be opened."""
        return cls(control.connect(state, SCHEMA, _PROBE, NAME), clock, chance)

    def close(self) -> None:
        self._db.close()

    def put(self, notice: Notice, channels: Iterable[str]) -> None:
        """Keep *notice* for each of *channels*, durably; where it is known there, nothing happens."""
        now = self._clock()
        with self._db.conn:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute("DELETE FROM letters WHERE state != 'waiting' AND kept_at < ?", [now - KEPT])
            for channel in channels:
                full = self._count(channel) >= WAITING
                state, why = ("dead", "too many wait") if full else ("waiting", "")
                self._db.execute(
                    "INSERT INTO letters VALUES (?, ?, ?, ?, ?, ?, 0, ?) ON CONFLICT DO NOTHING",
                    [notice.id, channel, notice.dump(), state, now, now, why],
                )

    def first(self, channel: str) -> Letter | None:
        """The one that is due first, now or later. What is too old by now is dead."""
        self._db.execute(
            "UPDATE letters SET state = 'dead', why = iif(why = '', 'too old', why)"
            " WHERE channel = ? AND state = 'waiting' AND kept_at <= ?",
            [channel, self._clock() - AGE],
        )
        row = self._db.execute(
            "SELECT notice, due, tries FROM letters WHERE channel = ? AND state = 'waiting'"
            " ORDER BY due, rowid LIMIT 1",
            [channel],
        ).fetchone()
        return Letter(channel, Notice.load(row[0]), row[1], row[2]) if row else None

    def sent(self, letter: Letter) -> None:
        self._settle(letter, "state = 'sent', tries = tries + 1, why = ''")

    def failed(self, letter: Letter, why: str) -> bool:
        """Try again later; or, where that was the last attempt, True. *why* quotes no answer."""
        dead = letter.tries + 1 >= TRIES
        due = self._clock() + delay(letter.tries + 1, self._chance())
        state = "dead" if dead else "waiting"
        self._settle(letter, "state = ?, due = ?, tries = tries + 1, why = ?", state, due, why)
        return dead

    def leave(self, channels: Collection[str]) -> None:
        """What waits for any channel but *channels* is dead."""
        marks = ", ".join("?" * len(channels))
        query = "UPDATE letters SET state = 'dead', why = 'no such channel' WHERE state = 'waiting' AND channel NOT IN"
        self._db.execute(f"{query} ({marks})", [*channels])

    def waiting(self) -> dict[str, int]:
        """How many, by channel."""
        query = "SELECT channel, count(*) FROM letters WHERE state = 'waiting' GROUP BY channel ORDER BY channel"
        return dict(self._db.execute(query).fetchall())

    def dead(self) -> list[dict[str, Any]]:
        """Oldest first."""
        query = "SELECT id, channel, kept_at, tries, why FROM letters WHERE state = 'dead' ORDER BY kept_at, rowid"
        return list(self._db.query(query))

    def forget_dead(self, letters: Iterable[tuple[str, str]]) -> None:
        """Those by id and channel: what died since it was looked at stays."""
        with self._db.conn:
            query = "DELETE FROM letters WHERE state = 'dead' AND id = ? AND channel = ?"
            self._db.conn.executemany(query, letters)

    def _count(self, channel: str) -> int:
        query = "SELECT count(*) FROM letters WHERE channel = ? AND state = 'waiting'"
        return int(self._db.execute(query, [channel]).fetchone()[0])

    def _settle(self, letter: Letter, change: str, *given: Any) -> None:
        self._db.execute(
            f"UPDATE letters SET {change} WHERE id = ? AND channel = ? AND state = 'waiting'",  # noqa: S608 our own words
            [*given, letter.notice.id, letter.channel],
        )


def delay(tries: int, chance: float) -> float:
    """Seconds until the next attempt after *tries*: half of it is fixed, half by chance."""
    return float(min(LONGEST, FIRST * 2 ** (tries - 1)) * (0.5 + chance / 2))
