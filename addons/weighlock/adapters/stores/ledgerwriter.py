"""The ledger's file being written: entries, their leaves and sealed payloads, and the checkpoints over them.

Synchronous, and for one thread. What `write` has returned for is on the disk.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weighlock.adapters.stores.ledgerfile import BUSY, connect
from weighlock.errors import ConfigError
from weighlock.ledger import checkpoint, entry
from weighlock.ledger.checkpoint import BadNote, Signer
from weighlock.ledger.entry import Entry, Kind
from weighlock.ledger.merkle import HASH_SIZE, Frontier, leaf_hash
from weighlock.ledger.seal import Sealed
from weighlock.ledger.verify import STRETCH

BATCH = STRETCH // 2
"""Most entries of one commit. A stretch without a checkpoint stays below STRETCH, as a verifier expects."""
EVERY = STRETCH // 2
"""Entries after which the commit carries a checkpoint."""


class Broken(Exception):
    """The file is not the one that was written: nothing can be added to it."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """An entry but for its place."""

    kind: Kind
    body: Mapping[str, Any]
    sealed: Mapping[str, Sealed]
    erases: tuple[int, ...] = ()
    """Entries whose payloads' keys are destroyed with it."""


class LedgerWriter:
    def __init__(self, path: Path, signer: Signer, clock: Callable[[], float]) -> None:
        """Open the ledger at *path*, or begin one. *clock* gives Unix seconds.

        ConfigError where the file cannot be used, or where it is not what the last checkpoint says.
        """
        self._path, self._signer, self._clock = path, signer, clock
        self._frontier = Frontier()
        self._last = b""  # the newest leaf
        self._time = ""  # of the newest entry
        self._signed = 0
        self.scrubbed = True
        """Whether no key that was destroyed is left in the write-ahead log."""
        self._connection: sqlite3.Connection | None = None
        try:
            self._connection = self._open(create=True)
        except (Broken, sqlite3.Error, OSError) as error:
            raise ConfigError(f"cannot be used: {error}; `weighlock ledger verify` says more", str(path)) from None

    @property
    def unsigned(self) -> int:
        """Entries that no checkpoint covers yet."""
        return self._frontier.size - self._signed

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
        frontier, last, now = self._frontier.copy(), self._last, entry.timestamp(self._clock())
        now = max(now, self._time)  # a clock that was set back must not look like entries that were moved
        seqs: list[int | None] = []
        with self._transaction(connection):
            for prepared in batch:
                place = Entry(
                    seq=frontier.size,
                    time=now,
                    kind=prepared.kind,
                    body=prepared.body,
                    payloads={name: sealed.ref for name, sealed in prepared.sealed.items()},
                )
                try:
                    data = entry.canonical(place)
                except (ValueError, TypeError, RecursionError):
                    seqs.append(None)
                    continue
                last = leaf_hash(data)
                _insert(connection, place.seq, data, last, prepared.sealed)
                _destroy(connection, prepared.erases)
                frontier.add(last)
                seqs.append(place.seq)
            signed = self._signed
            if frontier.size - signed >= (1 if sign else EVERY):
                signed = frontier.size
                note = self._signer.sign(signed, frontier.root())
                connection.execute("INSERT INTO checkpoints (size, note) VALUES (?, ?)", (signed, note))
        self._frontier, self._last, self._time, self._signed = frontier, last, now, signed
        if any(prepared.erases for prepared in batch):
            self._scrub()
        return seqs

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
        """The connection, opened again where it was given up. Never one to a file that is no longer at the path."""
        if self._connection and _place(self._path) != self._inode:
            with contextlib.suppress(sqlite3.Error):
                self.close()
        if self._connection is None:
            self._connection = self._open(create=False)
        return self._connection

    def _open(self, *, create: bool) -> sqlite3.Connection:
        connection = connect(self._path, create=create)
        try:
            self._inode = _place(self._path)
            self._catch_up(connection)
            # After a failed fsync the system may take for written what is not: write all of it once more.
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except BaseException:
            connection.close()
            raise
        return connection

    def _catch_up(self, connection: sqlite3.Connection) -> None:
        """Read what stands in the file beyond the frontier, checked against what is known and the last checkpoint."""
        if self._last and _leaf(connection, self._frontier.size - 1) != self._last:
            raise Broken(f"entry {self._frontier.size - 1} is not the one that was written")
        signed = self._checkpoint(connection)
        frontier, last = self._frontier.copy(), self._last
        if signed and signed.size == frontier.size and signed.root != frontier.root():
            raise Broken("the last checkpoint is of other entries")
        rows = connection.execute("SELECT seq, leaf FROM entries WHERE seq >= ? ORDER BY seq", (frontier.size,))
        for seq, leaf in rows:
            if seq != frontier.size or not isinstance(leaf, bytes) or len(leaf) != HASH_SIZE:
                raise Broken(f"entry {frontier.size} is missing")
            frontier.add(leaf)
            last = leaf
            if signed and signed.size == frontier.size and signed.root != frontier.root():
                raise Broken("the last checkpoint is of other entries")
        if signed and signed.size > frontier.size:
            raise Broken(f"the last checkpoint covers {signed.size} entries, and {frontier.size} are there")
        size = signed.size if signed else 0
        time = self._read_tail(connection, min(size, max(frontier.size - 1, 0)))
        self._frontier, self._last, self._signed, self._time = frontier, last, size, max(time, self._time)

    def _checkpoint(self, connection: sqlite3.Connection) -> checkpoint.Checkpoint | None:
        row = connection.execute(
            "SELECT size, CAST(note AS TEXT) FROM checkpoints ORDER BY size DESC LIMIT 1"
        ).fetchone()
        if row is None:
            return None
        try:
            said = checkpoint.verify(row[1], self._signer.verifier)
        except BadNote as error:
            raise Broken(f"the last checkpoint is {error}") from None
        if said.size != row[0]:
            raise Broken("the last checkpoint stands at the wrong size")
        return said

    def _read_tail(self, connection: sqlite3.Connection, start: int) -> str:
        """The newest entry's time. No checkpoint vouches for the entries from *start*, so their bytes are checked."""
        time = ""
        for seq, data, leaf in connection.execute(
            "SELECT seq, coalesce(CAST(entry AS BLOB), x''), leaf FROM entries WHERE seq >= ? ORDER BY seq", (start,)
        ):
            if leaf_hash(data) != leaf:
                raise Broken(f"entry {seq} is not the one that was written")
            try:
                time = entry.parse(data).time
            except ValueError:
                raise Broken(f"entry {seq} cannot be read") from None
        return time


def _place(path: Path) -> tuple[int, int] | None:
    """What tells the file at *path* from any other; None where there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _leaf(connection: sqlite3.Connection, seq: int) -> Any:
    row = connection.execute("SELECT leaf FROM entries WHERE seq = ?", (seq,)).fetchone()
    return row[0] if row else None


def _insert(connection: sqlite3.Connection, seq: int, data: bytes, leaf: bytes, payloads: Mapping[str, Sealed]) -> None:
    connection.execute("INSERT INTO entries (seq, entry, leaf) VALUES (?, ?, ?)", (seq, data.decode(), leaf))
    for name, sealed in payloads.items():
        connection.execute(
            "INSERT INTO payloads (seq, name, ciphertext) VALUES (?, ?, ?)", (seq, name, sealed.ciphertext)
        )
        connection.execute(
            "INSERT INTO payload_keys (seq, name, wrapped) VALUES (?, ?, ?)", (seq, name, sealed.wrapped)
        )


def _destroy(connection: sqlite3.Connection, seqs: tuple[int, ...]) -> None:
    """A key is overwritten where it lies and its row stays: were rows taken away, SQLite would move others, and leave
    copies of them in the unused parts of pages, where nothing overwrites them any more.
    """
    for seq in seqs:
        connection.execute("UPDATE payload_keys SET wrapped = zeroblob(length(wrapped)) WHERE seq = ?", (seq,))
        connection.execute("DELETE FROM payloads WHERE seq = ?", (seq,))
