"""What the writer of a ledger's file asks of its tables."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from weighlock.ledger.seal import Sealed

STEP = 64
"""Entries whose rows are taken away at once: others wait no longer than that takes."""
BUFFER = 2048
"""Rows of keys: of some hundred bytes each, they fill dozens of pages."""


class Rows:
    """What a commit adds, in a statement for each table."""

    def __init__(self) -> None:
        self.checkpoints: list[tuple[int, str, bytes]] = []
        """Size, note, and the tree's edge."""
        self.segments: list[int] = []
        """The first entry of each."""
        self._entries: list[tuple[int, str, bytes]] = []
        self._payloads: list[tuple[int, str, bytes]] = []
        self._keys: list[tuple[int, str, bytes]] = []

    def add(self, seq: int, data: bytes, leaf: bytes, payloads: Mapping[str, Sealed]) -> None:
        self._entries.append((seq, data.decode(), leaf))
        for name, sealed in payloads.items():
            self._payloads.append((seq, name, sealed.ciphertext))
            self._keys.append((seq, name, sealed.wrapped))

    def insert(self, connection: sqlite3.Connection) -> None:
        connection.executemany("INSERT INTO entries (seq, entry, leaf) VALUES (?, ?, ?)", self._entries)
        connection.executemany("INSERT INTO payloads (seq, name, ciphertext) VALUES (?, ?, ?)", self._payloads)
        connection.executemany("INSERT INTO payload_keys (seq, name, wrapped) VALUES (?, ?, ?)", self._keys)
        connection.executemany("INSERT INTO checkpoints (size, note, edge) VALUES (?, ?, ?)", self.checkpoints)
        connection.executemany("INSERT INTO segments (first) VALUES (?)", [(first,) for first in self.segments])


def destroy(connection: sqlite3.Connection, seqs: Sequence[int]) -> None:
    """A key is overwritten where it lies and its row stays: were rows taken away, SQLite would move others, and leave
    copies of them in the unused parts of pages, where nothing overwrites them any more.
    """
    for seq in seqs:
        connection.execute("UPDATE payload_keys SET wrapped = zeroblob(length(wrapped)) WHERE seq = ?", (seq,))
        connection.execute("DELETE FROM payloads WHERE seq = ?", (seq,))


def segments(connection: sqlite3.Connection) -> tuple[int, int]:
    """The first entry of the oldest, and of the newest."""
    oldest, newest = connection.execute("SELECT min(first), max(first) FROM segments").fetchone()
    return oldest, newest


def remove(connection: sqlite3.Connection, first: int) -> None:
    """The segments before the one that begins with *first*: their rows are nobody's from now on."""
    connection.execute("DELETE FROM segments WHERE first < ?", (first,))


def tidy(connection: sqlite3.Connection, first: int) -> bool:
    """Take away some of the rows before *first*; whether none is left.

    Of the keys before it, which are destroyed, the last stay until a later removal. They fill pages of their own,
    between those that are taken away and those that are kept: SQLite moves rows between neighbouring pages, and what it
    leaves of a kept key in the unused part of a page would outlive the key's own destruction.
    """
    (oldest,) = connection.execute("SELECT min(seq) FROM entries").fetchone()
    if oldest is None or oldest >= first:
        return True
    end = min(oldest + STEP, first)
    buffer = "SELECT seq FROM payload_keys WHERE seq < ? ORDER BY seq DESC LIMIT 1 OFFSET ?"
    (stays,) = connection.execute(buffer, (first, BUFFER)).fetchone() or (0,)
    connection.execute("DELETE FROM payload_keys WHERE seq < ?", (min(end, stays),))
    connection.execute("DELETE FROM payloads WHERE seq < ?", (end,))
    connection.execute("DELETE FROM entries WHERE seq < ?", (end,))
    return False


def leaf(connection: sqlite3.Connection, seq: int) -> Any:
    row = connection.execute("SELECT leaf FROM entries WHERE seq = ?", (seq,)).fetchone()
    return row[0] if row else None
