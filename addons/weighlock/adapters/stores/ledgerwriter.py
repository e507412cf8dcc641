"""The ledger's file being written: entries, their leaves and sealed payloads, and the checkpoints over them.

Synchronous, and for one thread. What `write` has returned for is on the disk.
"""

from __future__ import annotations

import contextlib
import copy
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weighlock.adapters.stores import ledgerrows, ledgertail
from weighlock.adapters.stores.ledgerfile import BUSY, connect
from weighlock.adapters.stores.ledgertail import Broken, Tail
from weighlock.errors import ConfigError
from weighlock.ledger import entry
from weighlock.ledger.chain import opened_body
from weighlock.ledger.checkpoint import Signer
from weighlock.ledger.entry import Entry, Kind
from weighlock.ledger.merkle import leaf_hash
from weighlock.ledger.seal import Sealed
from weighlock.ledger.verify import STRETCH

BATCH = STRETCH // 2
"""Most entries of one commit. A stretch without a checkpoint stays below STRETCH, as a verifier expects."""
EVERY = STRETCH // 2
"""Entries after which the commit carries a checkpoint."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """An entry but for its place."""

    kind: Kind
    body: Mapping[str, Any]
    sealed: Mapping[str, Sealed]
    erases: tuple[int, ...] = ()
    """Entries whose payloads' keys are destroyed with it."""
    opens: bool = False
    """Whether a segment begins with it; its body is made then."""
    removes: int = 0
    """The segments before the one that begins with this entry are removed with it."""


class LedgerWriter:
    def __init__(self, path: Path, signer: Signer, clock: Callable[[], float]) -> None:
        """Open the ledger at *path*, or begin one. *clock* gives Unix seconds.

        ConfigError where the file cannot be used, or where it is not what the last checkpoint says.
        """
        self._path, self._signer, self._clock = path, signer, clock
        self._tail = Tail()
        self.scrubbed = True
        """Whether no key that was destroyed is left in the write-ahead log."""
        self.tidy = False
        """Whether no row of a segment that was removed is left."""
        self._connection: sqlite3.Connection | None = None
        try:
            self._connection = self._open(create=True)
        except (Broken, sqlite3.Error, OSError) as error:
            raise ConfigError(f"cannot be used: {error}; `weighlock ledger verify` says more", str(path)) from None

    @property
    def unsigned(self) -> int:
        """Entries that no checkpoint covers yet."""
        return self._tail.frontier.size - self._tail.signed

    @property
    def unclean(self) -> bool:
        """Whether the newest entry, when the file was opened last, was not the end of a run."""
        return self._tail.unclean

    def write(self, batch: Sequence[Prepared], *, sign: bool = False) -> list[int | None]:
        """The sequence number of each, once all are durable; None for one that has no canonical form.

        With *sign* a checkpoint over all there is goes with them; without, it does when EVERY entries wait for one.

        Raises sqlite3.Error, OSError or Broken: then none may be acknowledged, though some may come to stand in the
        file. The next call finds out.
        """
        if not self.scrubbed:
            self._scrub()
        if not batch and not self.unsigned:
            return []
        connection = self._ready()
        tail, rows = copy.copy(self._tail), ledgerrows.Rows()
        tail.frontier = tail.frontier.copy()
        # A clock that was set back must not look like entries that were moved.
        tail.time = max(entry.timestamp(self._clock()), tail.time)
        with self._transaction(connection):
            seqs = [self._add(prepared, tail, rows) for prepared in batch]
            if tail.frontier.size - tail.signed >= (1 if sign else EVERY):
                self._sign(tail, rows)
            rows.insert(connection)
            for prepared, seq in zip(batch, seqs, strict=True):
                if seq is not None:
                    ledgerrows.destroy(connection, prepared.erases)
                    if prepared.removes > tail.oldest:
                        ledgerrows.remove(connection, prepared.removes)
                        tail.oldest, self.tidy = prepared.removes, False
        self._tail = tail
        if any(prepared.erases for prepared in batch):
            self._scrub()
        return seqs

    def _add(self, prepared: Prepared, tail: Tail, rows: ledgerrows.Rows) -> int | None:
        seq, body = tail.frontier.size, prepared.body
        if prepared.opens:
            if seq == tail.segment:
                return None  # it has nothing to close
            body = opened_body(seq, self._sign(tail, rows))
        refs = {name: sealed.ref for name, sealed in prepared.sealed.items()}
        try:
            data = entry.canonical(Entry(seq=seq, time=tail.time, kind=prepared.kind, body=body, payloads=refs))
        except (ValueError, TypeError, RecursionError):
            return None
        if prepared.opens:
            rows.segments.append(seq)
            tail.segment = seq
        tail.last = leaf_hash(data)
        tail.frontier.add(tail.last)
        rows.add(seq, data, tail.last, prepared.sealed)
        return seq

    def _sign(self, tail: Tail, rows: ledgerrows.Rows) -> str:
        """The checkpoint over all there is: the same text however often it is made."""
        size = tail.frontier.size
        note = self._signer.sign(size, tail.frontier.root())
        if size > tail.signed:
            rows.checkpoints.append((size, note, tail.frontier.edge))
            tail.signed = size
        return note

    def tidy_up(self) -> None:
        """Take away some rows of what was removed. Raises as `write` does."""
        connection = self._ready()
        with self._transaction(connection):
            self.tidy = ledgerrows.tidy(connection, self._tail.oldest)

    def _scrub(self) -> None:
        """Empty the write-ahead log, which may hold keys that were destroyed. Not while somebody reads from it."""
        connection = self._ready()
        self.scrubbed = False
        connection.execute("PRAGMA busy_timeout=0")
        try:
            busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        finally:
            connection.execute(f"PRAGMA busy_timeout={BUSY}")
        self.scrubbed = not busy

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection:
            connection.close()

    @contextlib.contextmanager
    def _transaction(self, connection: sqlite3.Connection) -> Any:
        """Durable after the block; after any failure the connection is given up, for nobody knows what it left."""
        try:
            connection.execute("BEGIN IMMEDIATE")
            yield
            connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                self.close()
            raise

    def _ready(self) -> sqlite3.Connection:
        """The connection, opened again where it was given up. Never one to a file that is no longer at the path, nor to
        another one there: SQLite would take the write-ahead log for that one's, and spoil it.
        """
        place = _place(self._path)
        if self._connection and place != self._inode:
            with contextlib.suppress(sqlite3.Error):
                self.close()
        if place not in (None, self._inode):
            raise Broken("another file stands in its place")
        if self._connection is None:
            self._connection = self._open(create=False)
        return self._connection

    def _open(self, *, create: bool) -> sqlite3.Connection:
        connection = connect(self._path, create=create)
        try:
            self._inode = _place(self._path)
            self._tail = ledgertail.read(connection, self._tail, self._signer.verifier)
            self.tidy = False  # until looked at
            # After a failed fsync the system may take for written what is not: write all of it once more.
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except BaseException:
            connection.close()
            raise
        return connection


def _place(path: Path) -> tuple[int, int] | None:
    """What tells the file at *path* from any other; None where there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
