"""What stands in a ledger's file beyond what its writer knows: read when the file is opened, and checked."""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import dataclass, field

from weighlock.adapters.stores import ledgerrows
from weighlock.ledger import checkpoint, entry
from weighlock.ledger.checkpoint import BadNote, Checkpoint, Verifier
from weighlock.ledger.entry import Entry, Kind
from weighlock.ledger.merkle import HASH_SIZE, Frontier, leaf_hash


class Broken(Exception):
    """The file is not the one that was written: nothing can be added to it."""


@dataclass(slots=True)
class Tail:
    """What a writer knows of its file."""

    frontier: Frontier = field(default_factory=Frontier)
    last: bytes = b""
    """The newest leaf."""
    time: str = ""
    """Of the newest entry."""
    signed: int = 0
    """Entries that a checkpoint covers."""
    oldest: int = 0
    """First entry of the oldest segment."""
    segment: int = 0
    """First entry of the newest one."""
    unclean: bool = False
    """Whether the newest entry, when the file was read last, was not the end of a run."""


def read(connection: sqlite3.Connection, known: Tail, verifier: Verifier) -> Tail:
    """What there is now. Raises Broken where that is not what is *known*, or not what the last checkpoint says.

    At the start nothing is known but what that signs; what it covers is not looked at, but by `ledger verify`.
    """
    if known.last and ledgerrows.leaf(connection, known.frontier.size - 1) != known.last:
        raise Broken(f"entry {known.frontier.size - 1} is not the one that was written")
    signed = _checkpoint(connection, verifier)
    frontier, last = known.frontier.copy(), known.last
    if signed and not frontier.size:
        frontier, last = _resumed(connection, signed)
    _agree(signed, frontier)
    rows = connection.execute("SELECT seq, leaf FROM entries WHERE seq >= ? ORDER BY seq", (frontier.size,))
    for seq, leaf in rows:
        if seq != frontier.size or not isinstance(leaf, bytes) or len(leaf) != HASH_SIZE:
            raise Broken(f"entry {frontier.size} is missing")
        frontier.add(leaf)
        last = leaf
        _agree(signed, frontier)
    if signed and signed.size > frontier.size:
        raise Broken(f"the last checkpoint covers {signed.size} entries, and {frontier.size} are there")
    size = signed.size if signed else 0
    newest = _newest(connection, min(size, max(frontier.size - 1, 0)))
    time = max(newest.time, known.time) if newest else known.time
    unclean = newest is not None and newest.kind is not Kind.STOP
    return Tail(frontier, last, time, size, *ledgerrows.segments(connection), unclean)


def _agree(signed: Checkpoint | None, frontier: Frontier) -> None:
    if signed and signed.size == frontier.size and signed.root != frontier.root():
        raise Broken("the last checkpoint is of other entries")


def _resumed(connection: sqlite3.Connection, signed: Checkpoint) -> tuple[Frontier, bytes]:
    """The tree of the checkpoint *signed*, and its newest leaf; where only reading leaves can tell, the tree where the
    oldest segment begins.
    """
    last = ledgerrows.leaf(connection, signed.size - 1)
    frontier = _tree(connection, signed.size)
    if frontier and isinstance(last, bytes) and frontier.root() == signed.root:
        return frontier, last
    oldest, _ = ledgerrows.segments(connection)
    return _tree(connection, oldest) or Frontier(), b""


def _tree(connection: sqlite3.Connection, size: int) -> Frontier | None:
    """As the checkpoint of *size* entries keeps it: nothing but a root vouches for it."""
    row = connection.execute("SELECT edge FROM checkpoints WHERE size = ?", (size,)).fetchone()
    with contextlib.suppress(ValueError):
        return Frontier.of(size, row[0]) if row and isinstance(row[0], bytes) else None
    return None


def _checkpoint(connection: sqlite3.Connection, verifier: Verifier) -> Checkpoint | None:
    row = connection.execute("SELECT size, CAST(note AS TEXT) FROM checkpoints ORDER BY size DESC LIMIT 1").fetchone()
    if row is None:
        return None
    try:
        said = checkpoint.verify(row[1], verifier)
    except BadNote as error:
        raise Broken(f"the last checkpoint is {error}") from None
    if said.size != row[0]:
        raise Broken("the last checkpoint stands at the wrong size")
    return said


def _newest(connection: sqlite3.Connection, start: int) -> Entry | None:
    """The newest entry. No checkpoint vouches for the entries from *start*, so their bytes are checked."""
    newest = None
    for seq, data, leaf in connection.execute(
        "SELECT seq, coalesce(CAST(entry AS BLOB), x''), leaf FROM entries WHERE seq >= ? ORDER BY seq", (start,)
    ):
        if leaf_hash(data) != leaf:
            raise Broken(f"entry {seq} is not the one that was written")
        try:
            newest = entry.parse(data)
        except ValueError:
            raise Broken(f"entry {seq} cannot be read") from None
    return newest
