"""Some thousand entries on their way into index.db: what they change is gathered first, and each row written once."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from weighlock.ledger.entry import Entry, Kind
from weighlock.ledger.sessions import graver, outcome, session_of, words

_BEGIN = (Kind.REQUEST, Kind.REFUSAL)


@dataclass(slots=True)
class _Exchange:
    id: int
    exchange: str
    session: int = 0
    time: str = ""
    last: str = ""
    workload: str = ""
    subject: str = ""
    owner: str = ""
    persons: list[str] = field(default_factory=list)
    host: str = ""
    model: str = ""
    outcome: str = ""
    entities: dict[str, int] = field(default_factory=dict)
    conversation: str = ""

    def marks(self) -> Iterator[tuple[str, str]]:
        """What it is looked for by: its session is known then."""
        if self.session:
            yield "workload", self.workload
            yield "outcome", self.outcome
            if self.conversation:
                yield "conversation", self.conversation
            yield from (("principal", name) for name in {self.subject, self.owner, *self.persons})
            yield from (("entity", name) for name in self.entities)


@dataclass(slots=True)
class _Session:
    id: int
    session: str
    workload: str
    principal: str
    owner: str
    began: str
    last: str = ""
    exchanges: int = 0
    refused: int = 0
    verdict: str = ""
    entities: dict[str, int] = field(default_factory=dict)
    models: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Touched:
    """An exchange, and what of it the index counts already."""

    now: _Exchange
    marks: frozenset[tuple[str, str]]
    session: int
    refused: bool
    entities: dict[str, int]
    new: bool


class Batch:
    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._entries: list[tuple[int, int | None, str, int]] = []
        self._texts: list[tuple[int, str]] = []
        self._sums: dict[tuple[str, str], list[int]] = {}
        self._found: Counter[tuple[str, str, str]] = Counter()
        self._touched: dict[str, _Touched] = {}
        self._sessions: dict[str, _Session] = {}
        self._by_id: dict[int, _Session] = {}

    def add(self, said: Entry, size: int) -> None:
        """In the order of the ledger."""
        body = said.body
        exchange, day = str(body.get("exchange", "")), said.time[:10]
        workload = str(body.get("who", {}).get("workload", ""))
        sums = self._sums.setdefault((day, workload), [0, 0, 0])
        for at, more in enumerate((1, size, sum(ref.size for ref in said.payloads.values()))):
            sums[at] += more
        for entity, count in body.get("entities", {}).items():
            self._found[day, workload, entity] += count
        number = None
        if exchange and said.kind is not Kind.CONTROL:
            number = self._exchange(exchange, said)
        self._entries.append((said.seq, number, said.kind.value, size))
        self._texts.append((said.seq, "\n".join(words(body))))

    def _exchange(self, exchange: str, said: Entry) -> int:
        touched = self._touched.get(exchange) or self._load(exchange, said)
        body, now = said.body, touched.now
        now.last, now.outcome = said.time, graver(now.outcome, outcome(said))
        for entity, count in body.get("entities", {}).items():
            now.entities[entity] = now.entities.get(entity, 0) + count
        if said.kind in _BEGIN and not now.session:
            who = body.get("who", {})
            now.workload, now.subject, now.owner = (str(who.get(name, "")) for name in ("workload", "subject", "owner"))
            now.persons = [str(person) for person in who.get("persons", [])]
            now.conversation = str(body.get("conversation", ""))
            now.host, now.model = str(body.get("host", "")), str(body.get("call", {}).get("model", ""))
            if name := session_of(body):
                now.session = self._session(name, now).id
        return now.id

    def _load(self, exchange: str, said: Entry) -> _Touched:
        row = self._db.execute("SELECT * FROM exchanges WHERE exchange = ?", (exchange,)).fetchone()
        now = _Exchange(**_decoded(row)) if row else _Exchange(said.seq, exchange, time=said.time)
        self._touched[exchange] = touched = _Touched(
            now, frozenset(now.marks()), now.session, now.outcome == "refused", dict(now.entities), not row
        )
        return touched

    def _session(self, name: str, first: _Exchange) -> _Session:
        if name not in self._sessions:
            row = self._db.execute("SELECT * FROM sessions WHERE session = ?", (name,)).fetchone()
            made = (name, first.workload, first.subject, first.owner, first.time)
            said = _Session(**_decoded(row)) if row else _Session(first.id + 1, *made)
            self._sessions[name] = self._by_id[said.id] = said
        return self._sessions[name]

    def _summed(self, touched: _Touched) -> None:
        """Into its session what has become of an exchange."""
        now = touched.now
        if not now.session:
            return
        if now.session not in self._by_id:
            row = self._db.execute("SELECT * FROM sessions WHERE id = ?", (now.session,)).fetchone()
            said = _Session(**_decoded(row))
            self._sessions[said.session] = self._by_id[said.id] = said
        into = self._by_id[now.session]
        counted = touched.session == now.session
        into.exchanges += not counted
        into.refused += (now.outcome == "refused") - (counted and touched.refused)
        into.verdict = graver(into.verdict, now.outcome)
        into.began, into.last = min(into.began, now.time), max(into.last, now.last)
        for entity, count in now.entities.items():
            before = touched.entities.get(entity, 0) if counted else 0
            into.entities[entity] = into.entities.get(entity, 0) + count - before
        if now.model and now.model not in into.models:
            into.models = sorted({*into.models, now.model})

    def write(self) -> None:
        run = self._db.executemany
        for touched in self._touched.values():
            self._summed(touched)
        run("INSERT INTO entries VALUES (?, ?, ?, ?)", self._entries)
        run("INSERT INTO texts (rowid, text) VALUES (?, ?)", self._texts)
        run(
            "INSERT INTO sums VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET entries = entries + excluded.entries,"
            " bytes = bytes + excluded.bytes, sealed = sealed + excluded.sealed",
            [(*key, *sums) for key, sums in self._sums.items()],
        )
        run(
            "INSERT INTO found VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count",
            [(*key, count) for key, count in self._found.items()],
        )
        self._replace("sessions", self._sessions.values())
        self._replace("exchanges", (touched.now for touched in self._touched.values()))
        self._mark()

    def _mark(self) -> None:
        gone, come = [], []
        for touched in self._touched.values():
            marks = frozenset(touched.now.marks())
            gone += [(mark, touched.now.id) for mark in touched.marks - marks]
            come += [(mark, touched.now.id) for mark in marks - touched.marks]
        counts = Counter(mark for mark, _ in come)
        counts.subtract(mark for mark, _ in gone)
        self._db.executemany(
            "INSERT INTO marks (kind, name, exchanges) VALUES (?, ?, ?)"
            " ON CONFLICT DO UPDATE SET exchanges = exchanges + excluded.exchanges",
            [(*mark, count) for mark, count in counts.items()],
        )
        ids = {
            mark: self._db.execute("SELECT id FROM marks WHERE kind = ? AND name = ?", mark).fetchone()[0]
            for mark in counts
        }
        self._db.executemany(
            "DELETE FROM marked WHERE mark = ? AND exchange = ?", [(ids[mark], number) for mark, number in gone]
        )
        self._db.executemany("INSERT INTO marked VALUES (?, ?)", sorted((ids[mark], number) for mark, number in come))

    def _replace(self, table: str, rows: Any) -> None:
        made = [tuple(map(_cell, (getattr(row, name) for name in type(row).__slots__))) for row in rows]
        if made:
            places = ", ".join("?" * len(made[0]))
            self._db.executemany(f"INSERT OR REPLACE INTO {table} VALUES ({places})", made)  # noqa: S608 names of ours


def _cell(value: Any) -> Any:
    return json.dumps(value) if type(value) in (list, dict) else value


def _decoded(row: sqlite3.Row) -> dict[str, Any]:
    said = dict(row)
    return said | {name: json.loads(said[name]) for name in ("persons", "entities", "models") if name in said}
