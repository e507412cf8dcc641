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
from pathlib import Path
from typing import Any

from weighlock.adapters.stores.indexfile import NAME, SCHEMA, connect, drop
from weighlock.adapters.stores.ledgerfile import Reader
from weighlock.errors import ConfigError
from weighlock.ledger import entry
from weighlock.ledger.entry import Entry, Kind
from weighlock.ledger.merkle import leaf_hash
from weighlock.ledger.sessions import graver, outcome, session_of, words

_BEGIN = (Kind.REQUEST, Kind.REFUSAL)
_EMPTY = {"session": "", "workload": "", "subject": "", "owner": "", "host": "", "model": "", "outcome": ""}


@dataclass(frozen=True, slots=True)
class Filter:
    """Which exchanges are meant; what is empty does not matter."""

    session: str = ""
    workload: str = ""
    principal: str = ""
    """A subject, an owner, or a person behind it."""
    entity: str = ""
    outcome: str = ""
    since: str = ""
    until: str = ""
    text: str = ""
    """In the syntax of SQLite's full-text search."""

    def where(self) -> tuple[str, dict[str, str]]:
        conditions = {
            "session": "session = :session",
            "workload": "workload = :workload",
            "principal": "(subject = :principal OR owner = :principal"
            " OR EXISTS (SELECT 1 FROM json_each(persons) WHERE value = :principal))",
            "entity": "EXISTS (SELECT 1 FROM json_each(entities) WHERE key = :entity)",
            "outcome": "outcome = :outcome",
            "since": "last >= :since",
            "until": "time <= :until",
            "text": "exchange IN"
            " (SELECT exchange FROM texts JOIN entries ON seq = texts.rowid WHERE texts MATCH :text)",
        }
        given = {name: getattr(self, name) for name in conditions if getattr(self, name)}
        return " AND ".join(("session != ''", *(conditions[name] for name in given))), given


class Index:
    @classmethod
    @contextlib.contextmanager
    def open(
        cls, reader: Reader, folder: Path, progress: Callable[[Iterable[bytes]], Iterable[bytes]]
    ) -> Iterator[Index]:
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
        where, given = wanted.where()
        newest: dict[str, None] = {}
        found = self._db.execute(f"SELECT session FROM exchanges WHERE {where} ORDER BY last DESC", given)  # noqa: S608
        for (session,) in found:  # read no further than it takes
            newest.setdefault(session)
            if len(newest) == limit:
                break
        return [self._session(session) for session in newest][::-1]

    def exchanges(self, wanted: Filter) -> list[dict[str, Any]]:
        """By their beginning."""
        where, given = wanted.where()
        return [_decoded(row) for row in self._rows(f"SELECT * FROM exchanges WHERE {where} ORDER BY first", **given)]  # noqa: S608

    def seqs(self, exchange: str) -> list[int]:
        return [
            row["seq"] for row in self._rows("SELECT seq FROM entries WHERE exchange = :e ORDER BY seq", e=exchange)
        ]

    def like(self, session: str) -> list[str]:
        """The sessions whose names begin so, or the one that is named so."""
        rows = self._rows(
            "SELECT DISTINCT session FROM exchanges WHERE session >= :s AND session < :s || '\U0010ffff'", s=session
        )
        names = [row["session"] for row in rows]
        return [session] if session in names else names

    def sums(self, by: str, since: str, until: str) -> list[dict[str, Any]]:
        """Entries and bytes *by* day or workload, or findings by entity; between two days."""
        given = {"since": since[:10], "until": until[:10] or "9999"}
        if by == "entity":
            return self._rows(
                "SELECT entity, sum(count) AS findings FROM found WHERE day BETWEEN :since AND :until"
                " GROUP BY entity ORDER BY 2 DESC, 1",
                **given,
            )
        column = {"day": "day", "workload": "workload"}[by]
        return self._rows(
            f"SELECT {column}, sum(entries) AS entries, sum(bytes) AS clear_bytes, sum(sealed) AS sealed_bytes"  # noqa: S608
            f" FROM sums WHERE day BETWEEN :since AND :until GROUP BY {column} ORDER BY {column}",
            **given,
        )

    def _session(self, session: str) -> dict[str, Any]:
        rows = [
            _decoded(row) for row in self._rows("SELECT * FROM exchanges WHERE session = :s ORDER BY first", s=session)
        ]
        entities: dict[str, int] = {}
        worst = ""
        for row in rows:
            worst = graver(worst, row["outcome"])
            for name, count in row["entities"].items():
                entities[name] = entities.get(name, 0) + count
        first = rows[0]
        return {
            "session": session,
            "workload": first["workload"],
            "principal": first["subject"],
            "owner": first["owner"],
            "began": first["time"],
            "last": max(row["last"] for row in rows),
            "exchanges": len(rows),
            "refused": sum(row["outcome"] == "refused" for row in rows),
            "verdict": worst,
            "entities": entities,
            "models": sorted({row["model"] for row in rows if row["model"]}),
        }

    def _catch_up(self, progress: Callable[[Iterable[bytes]], Iterable[bytes]]) -> None:
        following, leaf = self._db.execute("SELECT next, leaf FROM place").fetchone()
        if following and not self._still(following - 1, leaf):
            self._db.executescript(drop(self._db) + SCHEMA)  # another ledger came to stand there
            following = 0
        self._db.execute("BEGIN IMMEDIATE")
        data = b""
        for data in progress(self._reader.entries(first=following)):
            try:
                self._add(entry.parse(data), len(data))
            except ValueError:
                raise ConfigError("an entry cannot be read; run `weighlock ledger verify`", "ledger.db") from None
            following += 1
        if data:
            self._db.execute("UPDATE place SET next = ?, leaf = ?", (following, leaf_hash(data)))
        self._db.execute("COMMIT")

    def _still(self, seq: int, leaf: bytes) -> bool:
        try:
            return leaf_hash(self._reader.entry(seq)) == leaf
        except KeyError:
            return False

    def _add(self, said: Entry, size: int) -> None:
        body = said.body
        who, day = body.get("who", {}), said.time[:10]
        exchange, workload = str(body.get("exchange", "")), str(who.get("workload", ""))
        self._db.execute("INSERT INTO entries VALUES (?, ?, ?)", (said.seq, exchange, size))
        self._db.execute("INSERT INTO texts (rowid, text) VALUES (?, ?)", (said.seq, "\n".join(words(body))))
        sealed = sum(ref.size for ref in said.payloads.values())
        self._db.execute(
            "INSERT INTO sums VALUES (?, ?, 1, ?, ?) ON CONFLICT DO UPDATE SET entries = entries + 1,"
            " bytes = bytes + excluded.bytes, sealed = sealed + excluded.sealed",
            (day, workload, size, sealed),
        )
        for entity, count in body.get("entities", {}).items():
            self._db.execute(
                "INSERT INTO found VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count",
                (day, workload, entity, count),
            )
        if exchange and said.kind is not Kind.CONTROL:
            self._exchange(exchange, said)

    def _exchange(self, exchange: str, said: Entry) -> None:
        body = said.body
        rows = self._rows("SELECT * FROM exchanges WHERE exchange = :e", e=exchange)
        row: dict[str, Any] = (
            _decoded(rows[0])
            if rows
            else _EMPTY | {"exchange": exchange, "first": said.seq, "time": said.time, "persons": [], "entities": {}}
        )
        row["last"], row["outcome"] = said.time, graver(row["outcome"], outcome(said))
        for entity, count in body.get("entities", {}).items():
            row["entities"][entity] = row["entities"].get(entity, 0) + count
        if said.kind in _BEGIN:
            who = body.get("who", {})
            row |= {name: str(who.get(name, "")) for name in ("workload", "subject", "owner")}
            row |= {"session": session_of(body), "persons": who.get("persons", [])}
            row |= {"host": str(body.get("host", "")), "model": str(body.get("call", {}).get("model", ""))}
        self._db.execute(
            "INSERT OR REPLACE INTO exchanges VALUES (:exchange, :session, :first, :time, :last, :workload, :subject,"
            " :owner, :persons, :host, :model, :outcome, :entities)",
            row | {name: json.dumps(row[name]) for name in ("persons", "entities")},
        )

    def _rows(self, sql: str, **given: Any) -> list[dict[str, Any]]:
        return [dict(row) for row in self._db.execute(sql, given)]


def _decoded(row: dict[str, Any]) -> dict[str, Any]:
    return row | {name: json.loads(row[name]) for name in ("persons", "entities")}
