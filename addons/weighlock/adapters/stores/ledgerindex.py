"""The ledger's clear part, arranged for searching: index.db beside the ledger, made from it and never the other way.

Whoever asks brings it up to date first. It proves nothing and may be deleted at any time; where it cannot be written,
it is made in memory. Only clear fields come to stand in it.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import batched
from pathlib import Path
from typing import Any

from weighlock.adapters.stores.indexbatch import Batch
from weighlock.adapters.stores.indexfile import NAME, SCHEMA, connect, drop
from weighlock.adapters.stores.ledgerfile import Reader
from weighlock.errors import ConfigError
from weighlock.ledger import entry
from weighlock.ledger.merkle import leaf_hash

type Progress = Callable[[Iterable[bytes], int], Iterable[bytes]]
"""Passes on the entries that are missing, of which there are so many."""

BATCH = 5000
"""Entries that are added at once."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which exchanges are meant; what is empty does not matter."""

    workload: str = ""
    principal: str = ""
    """A subject, an owner, or a person behind it."""
    entity: str = ""
    outcome: str = ""
    conversation: str = ""
    since: str = ""
    until: str = ""
    text: str = ""
    """In the syntax of SQLite's full-text search."""

    def marks(self) -> Iterator[tuple[str, str]]:
        for kind in ("workload", "principal", "entity", "outcome", "conversation"):
            if name := getattr(self, kind):
                yield kind, name


class Index:
    @classmethod
    @contextlib.contextmanager
    def open(cls, reader: Reader, folder: Path, progress: Progress) -> Iterator[Index]:
        """That of the ledger behind *reader*, which lies in *folder*, brought up to date."""
        with contextlib.closing(connect(folder / NAME)) as connection:
            index = cls(connection, reader)
            try:
                index._catch_up(progress)
                yield index
            except sqlite3.DatabaseError as error:
                raise ConfigError(f"cannot be searched: {error}", str(folder / NAME)) from None

    def __init__(self, connection: sqlite3.Connection, reader: Reader) -> None:
        self._db, self._reader = connection, reader

    def sessions(self, wanted: Filter, limit: int) -> list[dict[str, Any]]:
        """Those with an exchange *wanted*, the newest *limit* of them, oldest first; summed over all of it."""
        newest: dict[int, None] = {}
        for (session,) in self._found(wanted):  # read no further than it takes
            newest.setdefault(session)
            if len(newest) == limit:
                break
        return [self._session("id", session) for session in newest][::-1]

    def session(self, session: str) -> dict[str, Any]:
        """The one of that name, which must be there, summed."""
        return self._session("session", session)

    def exchanges(self, session: str) -> list[str]:
        """By their beginning."""
        asked = "SELECT exchange FROM exchanges WHERE session = (SELECT id FROM sessions WHERE session = ?) ORDER BY id"
        return [exchange for (exchange,) in self._db.execute(asked, (session,))]

    def seqs(self, exchange: str) -> list[int]:
        asked = "SELECT seq FROM entries WHERE exchange = (SELECT id FROM exchanges WHERE exchange = ?) ORDER BY seq"
        return [seq for (seq,) in self._db.execute(asked, (exchange,))]

    def newest(self, kind: str, limit: int) -> list[int]:
        """Entries of that kind, the newest first."""
        asked = "SELECT seq FROM entries WHERE kind = ? ORDER BY seq DESC LIMIT ?"
        return [seq for (seq,) in self._db.execute(asked, (kind, limit))]

    def like(self, session: str) -> list[str]:
        """The sessions whose names begin so, or the one that is named so."""
        asked = "SELECT session FROM sessions WHERE session >= :s AND session < :s || '\U0010ffff'"
        names = [name for (name,) in self._db.execute(asked, {"s": session})]
        return [session] if session in names else names

    def sums(self, by: str, since: str, until: str) -> list[dict[str, Any]]:
        """Entries and bytes *by* day or workload, or findings by entity; between two days."""
        given = {"since": since[:10], "until": until[:10] or "9999"}
        if by == "entity":
            asked = (
                "SELECT entity, sum(count) AS findings FROM found WHERE day BETWEEN :since AND :until"
                " GROUP BY entity ORDER BY 2 DESC, 1"
            )
        else:
            column = {"day": "day", "workload": "workload"}[by]
            asked = (
                f"SELECT {column}, sum(entries) AS entries, sum(bytes) AS clear_bytes, sum(sealed) AS sealed_bytes"  # noqa: S608
                f" FROM sums WHERE day BETWEEN :since AND :until GROUP BY {column} ORDER BY {column}"
            )
        return [dict(row) for row in self._db.execute(asked, given)]

    def _found(self, wanted: Filter) -> Iterable[Any]:
        """The session of each exchange *wanted*, the newest first.

        Words lead the way where there are any, else the mark that the fewest exchanges have; the rest is looked up.
        """
        asked = "SELECT exchanges, id FROM marks WHERE kind = ? AND name = ?"
        marks = [self._db.execute(asked, mark).fetchone() for mark in wanted.marks()]
        if None in marks:
            return ()
        given = {"since": wanted.since, "until": wanted.until, "text": wanted.text}
        tables, conditions, number, order = list[str](), ["exchanges.session != 0"], "", ""
        if wanted.text:
            tables, number, order = ["texts", "entries"], "entries.exchange", "texts.rowid"
            conditions += ["texts MATCH :text", "entries.seq = texts.rowid"]
        for at, (_, mark) in enumerate(sorted(map(tuple, marks))):
            given[f"m{at}"] = mark
            tables.append(f"marked AS m{at}")
            conditions.append(f"m{at}.mark = :m{at}")
            if number:
                conditions.append(f"m{at}.exchange = {number}")
            else:
                number = order = f"m{at}.exchange"
        tables.append("exchanges")
        if number:
            conditions.append(f"exchanges.id = {number}")
        else:
            number = order = "exchanges.id"
        if wanted.since:
            earliest = "(SELECT min(id) FROM exchanges WHERE last >= :since)"
            conditions += ["exchanges.last >= :since", f"{order} >= {earliest}"]
        if wanted.until:  # numbers rise with time
            latest = "(SELECT id FROM exchanges WHERE time <= :until ORDER BY time DESC, id DESC LIMIT 1)"
            conditions.append(f"{number} <= {latest}")
        return self._db.execute(
            f"SELECT exchanges.session FROM {' CROSS JOIN '.join(tables)} WHERE {' AND '.join(conditions)}"  # noqa: S608
            f" ORDER BY {order} DESC",
            given,
        )

    def _session(self, column: str, value: int | str) -> dict[str, Any]:
        row = self._db.execute(f"SELECT * FROM sessions WHERE {column} = ?", (value,)).fetchone()  # noqa: S608
        said = {name: row[name] for name in row.keys() if name != "id"}  # noqa: SIM118 a row gives values
        return said | {name: json.loads(row[name]) for name in ("entities", "models")}

    def _catch_up(self, progress: Progress) -> None:
        first, following, leaf = self._db.execute("SELECT * FROM place").fetchone() or (-1, 0, b"")
        # Segments of it were removed, or another ledger came to stand there.
        if first != self._reader.first or (following > first and not self._still(following - 1, leaf)):
            following = self._reader.first
            place = f"INSERT INTO place VALUES ({following}, {following}, x'');"  # noqa: S608 numbers
            self._db.executescript(drop(self._db) + SCHEMA + place)
        self._db.execute("BEGIN IMMEDIATE")
        missing = progress(self._reader.entries(first=following), self._reader.size - following)
        for some in batched(missing, BATCH):
            batch = Batch(self._db)
            for data in some:
                try:
                    batch.add(entry.parse(data), len(data))
                except ValueError:
                    raise ConfigError("an entry cannot be read; run `weighlock ledger verify`", "ledger.db") from None
            batch.write()
            following += len(some)
            self._db.execute("UPDATE place SET next = ?, leaf = ?", (following, leaf_hash(some[-1])))
        self._db.execute("COMMIT")

    def _still(self, seq: int, leaf: bytes) -> bool:
        try:
            return leaf_hash(self._reader.entry(seq)) == leaf
        except KeyError:
            return False
