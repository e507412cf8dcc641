"""ledger.db: its tables, and the two ways to open it. Clear entries, sealed payloads, checkpoints; nothing else.

The triggers keep honest hands from slipping. They prove nothing; hashes and signatures do: `weighlock.ledger.verify`.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import sqlite_utils
from sqlite_utils.migrations import Migrations

from weighlock.errors import ConfigError
from weighlock.ledger.verify import Payload, Row

NAME = "ledger.db"
BUSY = 1000
"""Milliseconds that a lock of somebody else's is waited for."""

_migrations = Migrations("weighlock.ledger")


@_migrations(name="0001_entries")
def _entries(db: Any) -> None:
    db["entries"].create({"seq": int, "entry": str, "leaf": bytes}, pk="seq", not_null={"entry", "leaf"}, strict=True)
    _guard(db, "entries", "new.seq IS NOT (SELECT coalesce(max(seq), -1) + 1 FROM entries)")


@_migrations(name="0002_payloads")
def _payloads(db: Any) -> None:
    key, same = ("seq", "name"), "WHERE seq = new.seq AND name = new.name"
    for table, column in (("payloads", "ciphertext"), ("payload_keys", "wrapped")):
        db[table].create({"seq": int, "name": str, column: bytes}, pk=key, not_null={*key, column}, strict=True)
        _guard(db, table, f"EXISTS (SELECT 1 FROM {table} {same})")  # noqa: S608 names of ours


@_migrations(name="0003_checkpoints")
def _checkpoints(db: Any) -> None:
    db["checkpoints"].create({"size": int, "note": str}, pk="size", not_null={"note"}, strict=True)
    _guard(db, "checkpoints", "new.size <= (SELECT max(size) FROM checkpoints)")


@_migrations(name="0004_erasure")
def _erasure(db: Any) -> None:
    """A key may be overwritten with zeros, and a payload taken away whose key was."""
    db.execute("DROP TRIGGER payload_keys_update")
    db.execute(
        "CREATE TRIGGER payload_keys_update BEFORE UPDATE ON payload_keys WHEN new.seq IS NOT old.seq"
        " OR new.name IS NOT old.name OR new.wrapped IS NOT zeroblob(length(old.wrapped))"
        " BEGIN SELECT raise(ABORT, 'payload_keys only grows'); END"
    )
    db.execute("DROP TRIGGER payloads_delete")
    db.execute(
        "CREATE TRIGGER payloads_delete BEFORE DELETE ON payloads WHEN EXISTS (SELECT 1 FROM payload_keys"
        " WHERE seq = old.seq AND name = old.name AND wrapped IS NOT zeroblob(length(wrapped)))"
        " BEGIN SELECT raise(ABORT, 'payloads only grows'); END"
    )


def _guard(db: Any, table: str, no_insert: str) -> None:
    """Rows are added, and neither changed nor taken away: not by INSERT OR REPLACE either, hence *no_insert*."""
    for event, when in (("UPDATE", ""), ("DELETE", ""), ("INSERT", f"WHEN {no_insert}")):
        db.execute(
            f"CREATE TRIGGER {table}_{event.lower()} BEFORE {event} ON {table} {when} "
            f"BEGIN SELECT raise(ABORT, '{table} only grows'); END"
        )


class Damaged(ConfigError):
    """A file that is no ledger, or one that cannot be read to its end."""


def connect(path: Path, *, create: bool) -> sqlite3.Connection:
    """The one connection that writes, tables in place. Use it from one thread at a time.

    Raises sqlite3.Error or OSError; FileNotFoundError where there is no file, unless it may *create* one.
    """
    flags = os.O_RDWR | os.O_NOFOLLOW | (os.O_CREAT if create else 0)
    os.close(os.open(path, flags, 0o600))  # sqlite gives -wal and -shm the same mode
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=BUSY / 1000)
    try:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON", "temp_store=MEMORY"):
            connection.execute(f"PRAGMA {pragma}")
        _migrations.apply(sqlite_utils.Database(connection, execute_plugins=False))
    except BaseException:
        connection.close()
        raise
    return connection


# A tampered cell may hold another type than its column, or nothing.
_ROWS = "SELECT seq, coalesce(CAST(entry AS BLOB), x''), coalesce(CAST(leaf AS BLOB), x'') FROM entries ORDER BY seq"
_TRIGGERS = "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'"
_PAYLOADS = """
    SELECT p.seq, p.name, coalesce(CAST(p.ciphertext AS BLOB), x''),
        coalesce(CAST(nullif(k.wrapped, zeroblob(length(k.wrapped))) AS BLOB), x'')
    FROM payloads p LEFT JOIN payload_keys k ON k.seq = p.seq AND k.name = p.name ORDER BY p.seq, p.name
"""


class Reader:
    """A ledger for reading, also while a gateway writes it: one snapshot, taken when it is opened.

    Rows come as they are stored; a tampered file may hold anything. Raises Damaged where it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        if not path.is_file():
            raise ConfigError("no such ledger", str(path))
        try:
            self._connection = self._open("mode=ro")
        except sqlite3.Error as error:
            if not isinstance(error, sqlite3.OperationalError) or path.with_name(f"{path.name}-wal").exists():
                raise Damaged("not a ledger, or damaged as a file", str(path)) from None
            try:
                self._connection = self._open("immutable=1")  # in a folder where no -shm can be made
            except sqlite3.Error:
                raise Damaged("not a ledger, or damaged as a file", str(path)) from None

    def _open(self, how: str) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"{self._path.resolve().as_uri()}?{how}", uri=True, isolation_level=None, timeout=1
        )
        try:
            connection.execute("BEGIN")
            for table in ("entries", "payloads", "payload_keys", "checkpoints"):
                connection.execute(f"SELECT 1 FROM {table} LIMIT 1")  # noqa: S608 names of ours
        except BaseException:
            connection.close()
            raise
        return connection

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def count(self) -> int:
        return int(next(self._rows("SELECT count(*) FROM entries"))[0])

    def rows(self) -> Iterator[Row]:
        """All entries with their leaves, by seq."""
        for seq, data, leaf in self._rows(_ROWS):
            yield Row(seq, data, leaf)

    def entries(self, *, newest_first: bool = False, first: int = 0) -> Iterator[bytes]:
        """From the one with the number *first* on."""
        order = "DESC" if newest_first else "ASC"
        rows = f"SELECT CAST(entry AS BLOB) FROM entries WHERE seq >= ? ORDER BY seq {order}"  # noqa: S608
        for (data,) in self._rows(rows, first):
            yield data

    def entry(self, seq: int) -> bytes:
        """KeyError where there is none."""
        for (data,) in self._rows("SELECT CAST(entry AS BLOB) FROM entries WHERE seq = ?", seq):
            return bytes(data)
        raise KeyError(seq)

    def query(self, sql: str, **values: Any) -> Iterator[dict[str, Any]]:
        """The rows of a SELECT over these tables, one after another. An entry may be anything, so mind its JSON."""
        try:
            yield from sqlite_utils.Database(self._connection, execute_plugins=False).query(sql, values)
        except sqlite3.Error:
            raise Damaged("damaged, or an entry is not JSON; run `weighlock ledger verify`", str(self._path)) from None

    def payloads(self) -> Iterator[Payload]:
        """All sealed payloads, by seq and name."""
        for seq, name, ciphertext, wrapped in self._rows(_PAYLOADS):
            yield Payload(seq, name, ciphertext, wrapped)

    def unguarded(self) -> list[str]:
        """The triggers that are not as they were made: each may have let something pass since."""
        with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as made:
            _migrations.apply(sqlite_utils.Database(made, execute_plugins=False))
            expected = dict(made.execute(_TRIGGERS))
        found = dict(self._rows(_TRIGGERS))
        return sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))

    def keyed(self) -> frozenset[int]:
        """The entries with payloads whose keys are there."""
        rows = self._rows("SELECT DISTINCT seq FROM payload_keys WHERE wrapped != zeroblob(length(wrapped))")
        return frozenset(seq for (seq,) in rows)

    def payload(self, seq: int, name: str) -> tuple[bytes, bytes]:
        """Ciphertext and wrapped key; KeyError where either is missing."""
        for ciphertext, wrapped in self._rows(
            "SELECT ciphertext, wrapped FROM payloads JOIN payload_keys USING (seq, name) WHERE seq = ? AND name = ?",
            seq,
            name,
        ):
            return ciphertext, wrapped
        raise KeyError(name)

    def checkpoints(self) -> Iterator[tuple[int, str]]:
        """(size, note), by size."""
        for size, note in self._rows("SELECT size, CAST(note AS BLOB) FROM checkpoints ORDER BY size"):
            yield size, note.decode("utf-8", "replace")

    def copy(self, path: Path) -> None:
        """Write this snapshot to *path*, as one file. Raises sqlite3.Error."""
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as copy:
            self._connection.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")

    def _rows(self, sql: str, *arguments: Any) -> Iterator[Any]:
        try:
            cursor = self._connection.execute(sql, arguments)
            while (row := cursor.fetchone()) is not None:
                yield row
        except sqlite3.Error:
            raise Damaged("damaged as a file: a page of it cannot be read", str(self._path)) from None
