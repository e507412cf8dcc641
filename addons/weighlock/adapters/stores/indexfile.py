"""index.db: its tables, and how it is opened: in the folder where that can be written, else in memory."""

from __future__ import annotations

import sqlite3
from pathlib import Path

NAME = "index.db"
VERSION = 2

SCHEMA = """
CREATE TABLE exchanges (
    exchange TEXT PRIMARY KEY, session TEXT NOT NULL, first INTEGER NOT NULL, time TEXT NOT NULL, last TEXT NOT NULL,
    workload TEXT NOT NULL, subject TEXT NOT NULL, owner TEXT NOT NULL, persons TEXT NOT NULL, host TEXT NOT NULL,
    model TEXT NOT NULL, outcome TEXT NOT NULL, entities TEXT NOT NULL
) STRICT;
CREATE INDEX by_session ON exchanges (session);
CREATE INDEX by_last ON exchanges (last);
CREATE INDEX by_workload ON exchanges (workload, last);
CREATE INDEX by_outcome ON exchanges (outcome, last);
CREATE TABLE entries (seq INTEGER PRIMARY KEY, exchange TEXT NOT NULL, bytes INTEGER NOT NULL) STRICT;
CREATE INDEX by_exchange ON entries (exchange);
CREATE TABLE sums (
    day TEXT, workload TEXT, entries INTEGER, bytes INTEGER, sealed INTEGER, PRIMARY KEY (day, workload)
) STRICT;
CREATE TABLE found (day TEXT, workload TEXT, entity TEXT, count INTEGER, PRIMARY KEY (day, workload, entity)) STRICT;
CREATE VIRTUAL TABLE texts USING fts5(text, content='');
CREATE TABLE place (next INTEGER NOT NULL, leaf BLOB NOT NULL) STRICT;
INSERT INTO place VALUES (0, x'');
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
