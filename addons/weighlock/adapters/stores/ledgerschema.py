"""The tables of ledger.db. Clear entries, sealed payloads, checkpoints, where segments begin; nothing else.

The triggers keep honest hands from slipping. They prove nothing; hashes and signatures do: `weighlock.ledger.verify`.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Mapping
from typing import Any

import sqlite_utils
from sqlite_utils.migrations import Migrations

TRIGGERS = "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'"

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


@_migrations(name="0005_edge")
def _edge(db: Any) -> None:
    """Of the tree at each checkpoint, so that nobody has to read all leaves to add one."""
    db["checkpoints"].add_column("edge", bytes)


def _guard(db: Any, table: str, no_insert: str) -> None:
    """Rows are added, and neither changed nor taken away: not by INSERT OR REPLACE either, hence *no_insert*."""
    for event, when in (("UPDATE", ""), ("DELETE", ""), ("INSERT", f"WHEN {no_insert}")):
        db.execute(
            f"CREATE TRIGGER {table}_{event.lower()} BEFORE {event} ON {table} {when} "
            f"BEGIN SELECT raise(ABORT, '{table} only grows'); END"
        )


@_migrations(name="0006_segments")
def _segments(db: Any) -> None:
    """Where each begins. Rows before the first may be taken away; keys only when they are destroyed."""
    db["segments"].create({"first": int}, pk="first", strict=True)
    db.execute("INSERT INTO segments VALUES (0)")
    newest = "(SELECT max(first) FROM segments)"
    _guard(db, "segments", f"new.first <= {newest}")
    before = "old.seq >= (SELECT min(first) FROM segments)"
    for table, when in (
        ("segments", f"old.first IS {newest}"),
        ("entries", before),
        ("payload_keys", f"{before} OR old.wrapped IS NOT zeroblob(length(old.wrapped))"),
    ):
        db.execute(f"DROP TRIGGER {table}_delete")
        db.execute(
            f"CREATE TRIGGER {table}_delete BEFORE DELETE ON {table} WHEN {when}"
            f" BEGIN SELECT raise(ABORT, '{table} only grows'); END"
        )


def prepare(connection: sqlite3.Connection) -> None:
    """Have all tables and triggers in place."""
    _migrations.apply(sqlite_utils.Database(connection, execute_plugins=False))


def unguarded(found: Mapping[str, str]) -> list[str]:
    """Of the triggers that were *found*, by name, those that are not as they are made, and those that are missing."""
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as made:
        prepare(made)
        expected = dict(made.execute(TRIGGERS))
    return sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
