"""ledger.db, and the two ways to open it."""

from __future__ import annotations

import contextlib
import functools
import os
import sqlite3
from collections.abc import Iterator
from itertools import starmap
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import sqlite_utils

from weighlock.adapters.stores import ledgerschema
from weighlock.errors import ConfigError
from weighlock.ledger import merkle
from weighlock.ledger.chain import Begins
from weighlock.ledger.verify import Payload, Row

NAME = "ledger.db"
BUSY = 1000
"""Milliseconds that a lock of somebody else's is waited for."""
PAGE = 8192
"""Bytes: half of each smaller one would stay empty, for a message of some kilobytes cannot share it."""


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
        connection.execute(f"PRAGMA page_size={PAGE}")
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON", "temp_store=MEMORY"):
            connection.execute(f"PRAGMA {pragma}")
        ledgerschema.prepare(connection)
    except BaseException:
        connection.close()
        raise
    return connection


# A tampered cell may hold another type than its column, or nothing.
_ROWS = """
    SELECT seq, coalesce(CAST(entry AS BLOB), x''), coalesce(CAST(leaf AS BLOB), x'') FROM entries
    WHERE seq >= ? ORDER BY seq
"""
_PAYLOADS = """
    SELECT p.seq, p.name, coalesce(CAST(p.ciphertext AS BLOB), x''),
        coalesce(CAST(nullif(k.wrapped, zeroblob(length(k.wrapped))) AS BLOB), x'')
    FROM payloads p LEFT JOIN payload_keys k ON k.seq = p.seq AND k.name = p.name WHERE p.seq >= ?
    ORDER BY p.seq, p.name
"""


_LOWEST = -(1 << 63)  # rows before the first that there can be are none of ours, and are to be seen


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
            for table in ("entries", "payloads", "payload_keys", "checkpoints", "segments"):
                connection.execute(f"SELECT 1 FROM {table} LIMIT 1")  # noqa: S608 names of ours
        except BaseException:
            connection.close()
            raise
        return connection

    @functools.cached_property
    def first(self) -> int:
        """Number of the first entry that is there: others were removed, though their rows may still be there."""
        return next(iter(self.segments()), 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    @property
    def size(self) -> int:
        """Entries that were ever written: the next one's number."""
        return int(next(self._rows("SELECT coalesce(max(seq), -1) + 1 FROM entries"))[0])

    def count(self) -> int:
        """By numbers: to count them would be to read the whole file."""
        return self.size - self.first

    def rows(self) -> Iterator[Row]:
        """All entries with their leaves, by seq."""
        return starmap(Row, self._rows(_ROWS, self.first or _LOWEST))

    def entries(self, *, newest_first: bool = False, first: int = 0) -> Iterator[bytes]:
        """From the one with the number *first* on."""
        order = "DESC" if newest_first else "ASC"
        rows = f"SELECT CAST(entry AS BLOB) FROM entries WHERE seq >= ? ORDER BY seq {order}"  # noqa: S608
        for (data,) in self._rows(rows, max(first, self.first)):
            yield data

    def entry(self, seq: int) -> bytes:
        """KeyError where there is none."""
        found = "SELECT CAST(entry AS BLOB) FROM entries WHERE seq = ? AND seq >= ?"
        for (data,) in self._rows(found, seq, self.first):
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
        return starmap(Payload, self._rows(_PAYLOADS, self.first or _LOWEST))

    def unguarded(self) -> list[str]:
        """The triggers that are not as they were made: each may have let something pass since."""
        return ledgerschema.unguarded(dict(self._rows(ledgerschema.TRIGGERS)))

    def segments(self) -> list[int]:
        """Number of the first entry of each."""
        return [first for (first,) in self._rows("SELECT first FROM segments ORDER BY first")]

    def begins(self, first: int | None = None) -> Begins:
        """Where the oldest segment does, or the one with that *first* entry, as the checkpoint before it says; nothing
        vouches for that here.
        """
        size = self.first if first is None else first
        try:
            _, note, edge = self.checkpoint(size)
        except KeyError:
            note, edge = "", b""
        return Begins(size, edge, note)

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

    def checkpoint(self, size: int | None = None) -> tuple[int, str, bytes]:
        """The newest, or the one of *size* entries: its size, its note, and the tree's edge. KeyError for none."""
        which = "ORDER BY size DESC LIMIT 1" if size is None else "WHERE size = ?"
        rows = f"SELECT size, CAST(note AS BLOB), coalesce(CAST(edge AS BLOB), x'') FROM checkpoints {which}"  # noqa: S608
        for found, note, edge in self._rows(rows, *([] if size is None else [size])):
            return found, note.decode("utf-8", "replace"), edge
        raise KeyError(size)

    def tree(self, size: int, old: int = 0) -> merkle.Subtrees:
        """Of the first *size* entries. *old*: no others than those from there on are asked of it, where the checkpoint
        of so many knows its edge.
        """
        for known in (old, self.first):
            with contextlib.suppress(KeyError, ValueError):
                edge = self.checkpoint(known)[2] if known else b""
                return merkle.Subtrees(known, edge, self._leaves(known, size))
        raise ConfigError("the tree of what was removed is not known; run `weighlock ledger verify`", str(self._path))

    def _leaves(self, first: int, end: int) -> list[bytes]:
        """Of the entries from *first* up to, and without, *end*. KeyError where one is missing."""
        rows = "SELECT CAST(leaf AS BLOB) FROM entries WHERE seq >= ? AND seq < ? ORDER BY seq"
        leaves = [leaf for (leaf,) in self._rows(rows, first, end)]
        if len(leaves) != end - first:
            raise KeyError(first)
        return leaves

    def copy(self, path: Path) -> None:
        """Write this snapshot to *path*, as one file. Raises sqlite3.Error."""
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as copy:
            self._connection.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")

    def _rows(self, sql: str, *arguments: Any) -> Iterator[Any]:
        try:
            for row in self._connection.execute(sql, arguments):  # noqa: UP028 it may be given up behind our end
                yield row
        except sqlite3.Error:
            raise Damaged("damaged as a file: a page of it cannot be read", str(self._path)) from None
