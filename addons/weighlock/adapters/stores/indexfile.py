"""index.db: its tables, and how it is opened: in the folder where that can be written, else in memory.

An exchange's number is the seq of its first entry, so that the newest are the highest. A mark is something by which
exchanges are looked for; each has the list of its exchanges, which is read from its end.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

NAME = "index.db"
VERSION = 5

SCHEMA = """
CREATE TABLE sessions (
    id INTEGER PRIMARY KEY, session TEXT NOT NULL UNIQUE, workload TEXT NOT NULL, principal TEXT NOT NULL,
    owner TEXT NOT NULL, began TEXT NOT NULL, last TEXT NOT NULL, exchanges INTEGER NOT NULL, refused INTEGER NOT NULL,
    verdict TEXT NOT NULL, entities TEXT NOT NULL, models TEXT NOT NULL
) STRICT;
CREATE TABLE exchanges (
    id INTEGER PRIMARY KEY, exchange TEXT NOT NULL UNIQUE, session INTEGER NOT NULL, time TEXT NOT NULL,
    last TEXT NOT NULL, workload TEXT NOT NULL, subject TEXT NOT NULL, owner TEXT NOT NULL, persons TEXT NOT NULL,
    host TEXT NOT NULL, model TEXT NOT NULL, outcome TEXT NOT NULL, entities TEXT NOT NULL,
    conversation TEXT NOT NULL
) STRICT;
CREATE INDEX by_session ON exchanges (session);
CREATE INDEX by_time ON exchanges (time);
CREATE INDEX by_last ON exchanges (last);
CREATE TABLE marks (
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL, exchanges INTEGER NOT NULL, UNIQUE (kind, name)
) STRICT;
CREATE TABLE marked (
    mark INTEGER NOT NULL, exchange INTEGER NOT NULL, PRIMARY KEY (mark, exchange)
) STRICT, WITHOUT ROWID;
CREATE TABLE entries (
    seq INTEGER PRIMARY KEY, exchange INTEGER, kind TEXT NOT NULL, bytes INTEGER NOT NULL
) STRICT;
CREATE INDEX by_exchange ON entries (exchange);
CREATE INDEX by_kind ON entries (kind);
CREATE TABLE sums (
    day TEXT, workload TEXT, entries INTEGER, bytes INTEGER, sealed INTEGER, PRIMARY KEY (day, workload)
) STRICT;
CREATE TABLE found (day TEXT, workload TEXT, entity TEXT, count INTEGER, PRIMARY KEY (day, workload, entity)) STRICT;
CREATE VIRTUAL TABLE texts USING fts5(text, content='');
CREATE TABLE place (first INTEGER NOT NULL, next INTEGER NOT NULL, leaf BLOB NOT NULL) STRICT;
"""


def connect(path: Path) -> sqlite3.Connection:
    try:
        path.touch(mode=0o600)
        connection = sqlite3.connect(path, isolation_level=None, timeout=5)
        connection.execute("PRAGMA synchronous=OFF")  # what is lost is made again
    except (OSError, sqlite3.Error):
        connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        _prepare(connection)
    except sqlite3.Error:  # read-only, or damaged
        connection.close()
        connection = sqlite3.connect(":memory:", isolation_level=None)
        _prepare(connection)
    return connection


def _prepare(connection: sqlite3.Connection) -> None:
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA cache_size=-100000")  # kB: made from nothing, much of it is touched all the time
    connection.execute("BEGIN IMMEDIATE")
    if connection.execute("PRAGMA user_version").fetchone()[0] != VERSION:
        connection.execute("ROLLBACK")
        connection.executescript(drop(connection) + SCHEMA + f"PRAGMA user_version = {VERSION};")
    else:
        connection.execute("ROLLBACK")


def drop(connection: sqlite3.Connection) -> str:
    names = connection.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'texts_%' AND name NOT LIKE 'sqlite_%'"
    )
    return "".join(f"DROP TABLE {name};" for (name,) in names)
