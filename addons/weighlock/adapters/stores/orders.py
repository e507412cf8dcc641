"""Orders to whoever writes the ledger: erasures and legal holds, in control.db. Only one process may write a ledger, so
the command line asks here, and the gateway carries out.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from weighlock.adapters.stores import control
from weighlock.ledger.erasure import Target

_SCHEMA = """
CREATE TABLE IF NOT EXISTS orders (
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, target TEXT NOT NULL, seqs TEXT NOT NULL, hold INTEGER,
    reason TEXT NOT NULL, by TEXT NOT NULL, asked_at REAL NOT NULL, done_at REAL
) STRICT;
CREATE TABLE IF NOT EXISTS backups (path TEXT PRIMARY KEY, made_at REAL NOT NULL, entries INTEGER NOT NULL) STRICT;
"""
_PROBE = "SELECT seqs, hold, entries FROM orders, backups LIMIT 0"
_HOLDS = """
SELECT id, target, reason, by, asked_at FROM orders WHERE kind = 'hold'
AND id NOT IN (SELECT hold FROM orders WHERE kind = 'release') ORDER BY id
"""


class OrderKind(StrEnum):
    ERASE = "erase"
    HOLD = "hold"
    RELEASE = "release"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Order:
    id: int
    kind: OrderKind
    target: dict[str, str]
    seqs: list[int]
    """Of the entries whose payloads are to be erased; of a removal, the first entry that stays."""
    hold: int | None
    """The one to be released."""
    reason: str
    by: str


class Orders:
    """One connection, usable from any one thread at a time."""

    def __init__(self, database: Database) -> None:
        self._db = database

    @classmethod
    def open(cls, state: Path) -> Orders:
        """Raises ConfigError where control.db cannot be opened."""
        return cls(control.connect(state, _SCHEMA, _PROBE))

    def close(self) -> None:
        self._db.close()

    def ask(
        self,
        kind: OrderKind,
        target: Target,
        *,
        reason: str,
        by: str,
        now: float,
        seqs: Sequence[int] = (),
        hold: int | None = None,
    ) -> int:
        row: dict[str, Any] = {
            "kind": kind.value,
            "target": json.dumps(target.said),
            "seqs": json.dumps(list(seqs)),
            "hold": hold,
        }
        row |= {"reason": reason, "by": by, "asked_at": now, "done_at": None}
        return int(self._db.table("orders").insert(row).last_pk)  # type: ignore[arg-type]

    def due(self) -> list[Order]:
        """Those not carried out yet, in the order in which they were asked for."""
        return self._all("done_at IS NULL")

    def _all(self, which: str) -> list[Order]:
        rows = self._db.query(f"SELECT id, kind, target, seqs, hold, reason, by FROM orders WHERE {which} ORDER BY id")  # noqa: S608
        return [
            Order(
                **row
                | {"kind": OrderKind(row["kind"]), "target": json.loads(row["target"]), "seqs": json.loads(row["seqs"])}
            )
            for row in rows
        ]

    def done(self, id: int, now: float) -> None:
        with self._db.atomic():
            self._db.execute("UPDATE orders SET done_at = ? WHERE id = ?", [now, id])

    def is_done(self, id: int) -> bool:
        return bool(self._db.execute("SELECT done_at FROM orders WHERE id = ?", [id]).fetchone()[0])

    def erasures(self) -> list[Order]:
        """Every erasure there ever was: a ledger that is restored must not bring back what they took."""
        return self._all("kind = 'erase'")

    def removed(self) -> int:
        """The first entry that stayed, after every removal there ever was."""
        return max((order.seqs[0] for order in self._all("kind = 'remove' AND done_at IS NOT NULL")), default=0)

    def holds(self) -> list[dict[str, Any]]:
        """Those in force, also before the gateway has recorded them."""
        return [row | {"target": json.loads(row["target"])} for row in self._db.query(_HOLDS)]

    def targets_held(self) -> list[Target]:
        return [Target(**row["target"]) for row in self.holds()]

    def backed_up(self, path: Path, entries: int, now: float) -> None:
        with self._db.atomic():
            self._db.execute("INSERT OR REPLACE INTO backups VALUES (?, ?, ?)", [str(path), now, entries])

    def backups(self) -> list[Path]:
        return [Path(path) for (path,) in self._db.execute("SELECT path FROM backups ORDER BY path").fetchall()]
