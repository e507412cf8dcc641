"""Approvals in control.db, each move one compare-and-set. What people wrote, and prompts, are sealed there."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import sqlite3
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlite_utils import Database

from weighlock.adapters.stores import approvalrow, control
from weighlock.holds import (
    OPEN,
    Approval,
    ApprovalState,
    Kind,
    Mark,
    Shown,
)

_OPEN = f"state IN ({', '.join(repr(state.value) for state in sorted(OPEN))})"
_WAITING = f"({_OPEN} OR id IN (SELECT id FROM unreviewed))"  # noqa: S608 our own words
SCHEMA = f"""
CREATE TABLE IF NOT EXISTS approvals (
    id TEXT PRIMARY KEY,
    key TEXT NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    workload TEXT NOT NULL,
    ends_at REAL NOT NULL,
    requested_at REAL NOT NULL,
    version INTEGER NOT NULL,
    body BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS approvals_open ON approvals (key) WHERE {_OPEN};
CREATE INDEX IF NOT EXISTS approvals_key ON approvals (key, requested_at);
CREATE INDEX IF NOT EXISTS approvals_state ON approvals (state, ends_at);
CREATE TABLE IF NOT EXISTS unreviewed (
    id TEXT PRIMARY KEY
) STRICT;
CREATE TABLE IF NOT EXISTS prompts (
    id TEXT PRIMARY KEY,
    sealed BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS last_prompts (
    workload TEXT PRIMARY KEY,
    sealed BLOB NOT NULL
) STRICT;
"""
_PROBE = "SELECT approvals.key, prompts.sealed, last_prompts.sealed FROM approvals, prompts, last_prompts LIMIT 0"
_REVIEWED = "DELETE FROM unreviewed WHERE id = ?"
_NONCE = 12
KEPT = 10_000
"""Settled approvals that stay listed when the store is opened."""


class ApprovalStore:
    """One connection, usable from any one thread at a time. Other processes may have the same file open."""

    def __init__(self, database: Database, key: bytes) -> None:
        self._db = database
        self._aead = AESGCM(hmac.new(key, b"approvals", hashlib.sha256).digest())

    @classmethod
    def open(cls, state: Path, key: bytes) -> ApprovalStore:
        """Raises ConfigError where control.db cannot be opened. *key* seals the prompts."""
        database = control.connect(state, SCHEMA, _PROBE)
        database.execute("PRAGMA secure_delete = ON")
        database.execute(
            f"DELETE FROM approvals WHERE NOT {_OPEN} AND id NOT IN"  # noqa: S608 our own words
            f" (SELECT id FROM approvals WHERE NOT {_OPEN} ORDER BY requested_at DESC LIMIT ?)"
            " AND id NOT IN (SELECT id FROM unreviewed)",
            [KEPT],
        )
        return cls(database, key)

    def close(self) -> None:
        self._db.close()

    def add(self, approval: Approval, prompt: Sequence[Shown]) -> bool:
        """Keep a new one, durably; False where another of its key is open."""
        with self._db.conn:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._db.execute(
                    "INSERT INTO approvals (id, key, kind, state, workload, ends_at, requested_at, version, body)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    [approval.id, *self._columns(approval)],
                )
            except sqlite3.IntegrityError:
                return False
            if prompt:
                sealed = self._seal(f"prompt {approval.id}", prompt)
                self._db.execute("INSERT INTO prompts (id, sealed) VALUES (?, ?)", [approval.id, sealed])
        return True

    def swap(self, before: Approval, after: Approval) -> Approval | None:
        """Put *after* in place of *before*; None where it is not *before* any more that is there."""
        moved = replace(after, version=before.version + 1)
        with self._db.conn:
            self._db.execute("BEGIN IMMEDIATE")
            done = self._db.execute(
                "UPDATE approvals SET key = ?, kind = ?, state = ?, workload = ?, ends_at = ?, requested_at = ?,"
                " version = ?, body = ? WHERE id = ? AND version = ?",
                [*self._columns(moved), before.id, before.version],
            )
            if done.rowcount != 1:
                return None
            if moved.broken_glass:
                put = "INSERT OR IGNORE INTO unreviewed VALUES (?)" if moved.unreviewed else _REVIEWED
                self._db.execute(put, [moved.id])
            if moved.state not in OPEN:
                if moved.state is ApprovalState.CONSUMED:
                    self._remember(moved)
                self._db.execute("DELETE FROM prompts WHERE id = ?", [moved.id])
        return moved

    def get(self, id: str) -> Approval | None:
        return self._one("WHERE id = ?", id)

    def latest(self, key: str) -> Approval | None:
        """The last that was asked for under *key*; an open one, where there is one."""
        return self._one("WHERE key = ? ORDER BY rowid DESC LIMIT 1", key)

    def everything(self) -> list[Approval]:
        """All that are kept, oldest first."""
        return self._all("ORDER BY rowid")

    def waiting(self) -> list[Approval]:
        """What people still have to do with: open, or a broken glass without a review. Oldest first."""
        return self._all(f"WHERE {_WAITING} ORDER BY rowid")

    def settled(self, most: int) -> list[Approval]:
        """All others, newest first."""
        return self._all(f"WHERE NOT {_WAITING} ORDER BY rowid DESC LIMIT ?", most)

    def open_one(self, key: str) -> Approval | None:
        return self._one(f"WHERE {_OPEN} AND key = ?", key)

    def grants(self, workload: str) -> list[Approval]:
        query = "WHERE kind = ? AND state = ? AND workload = ? ORDER BY rowid"
        return self._all(query, Kind.GRANT.value, ApprovalState.APPROVED.value, workload)

    def over(self, now: float) -> list[Approval]:
        """Open ones whose time is over."""
        return self._all(f"WHERE {_OPEN} AND ends_at <= ?", now)

    def pending(self, workload: str) -> tuple[int, int]:
        """How many wait for a decision: of *workload*, and in all."""
        row = self._db.execute(
            "SELECT count(*) FILTER (WHERE workload = ?), count(*) FROM approvals WHERE state = ?",
            [workload, ApprovalState.PENDING.value],
        ).fetchone()
        return row[0], row[1]

    def prompt(self, id: str) -> tuple[Shown, ...]:
        """Empty where it is settled, or was sealed with another key."""
        return self._opened("SELECT sealed FROM prompts WHERE id = ?", f"prompt {id}", id)

    def last_prompt(self, workload: str) -> tuple[Shown, ...]:
        """That of the last held request of *workload* which was released."""
        return self._opened("SELECT sealed FROM last_prompts WHERE workload = ?", f"last {workload}", workload)

    def _remember(self, approval: Approval) -> None:
        if prompt := self.prompt(approval.id):
            sealed = self._seal(f"last {approval.workload}", prompt)
            query = "INSERT OR REPLACE INTO last_prompts (workload, sealed) VALUES (?, ?)"
            self._db.execute(query, [approval.workload, sealed])

    def _one(self, query: str, *given: Any) -> Approval | None:
        found = self._all(query, *given)
        return found[0] if found else None

    def _all(self, query: str, *given: Any) -> list[Approval]:
        rows = self._db.execute(f"SELECT id, body, version FROM approvals {query}", given)  # noqa: S608 our own words
        return [self._read(*row) for row in rows.fetchall()]

    def _read(self, id: str, body: bytes, version: int) -> Approval:
        try:
            return replace(approvalrow.approval(json.loads(self._unsealed(f"approval {id}", body))), version=version)
        except InvalidTag:
            raise sqlite3.DatabaseError("sealed with another key") from None

    def _columns(self, approval: Approval) -> list[Any]:
        """All but the id."""
        body = json.dumps(asdict(approval), default=sorted).encode()
        return [
            approval.key,
            approval.kind.value,
            approval.state.value,
            approval.workload,
            approval.decide_by if approval.use_by is None else approval.use_by,
            approval.requested_at,
            approval.version,
            self._sealed(f"approval {approval.id}", body),
        ]

    def _seal(self, place: str, prompt: Iterable[Shown]) -> bytes:
        said = [[one.pointer, one.role, one.text, [list(asdict(m).values()) for m in one.marks]] for one in prompt]
        return self._sealed(place, json.dumps(said).encode())

    def _opened(self, query: str, place: str, id: str) -> tuple[Shown, ...]:
        row = self._db.execute(query, [id]).fetchone()
        if row is None:
            return ()
        try:
            said = json.loads(self._unsealed(place, row[0]))
        except InvalidTag:
            return ()
        return tuple(
            Shown(pointer, role, text, tuple(Mark(*mark) for mark in marks)) for pointer, role, text, marks in said
        )

    def _sealed(self, place: str, text: bytes) -> bytes:
        nonce = secrets.token_bytes(_NONCE)
        return nonce + self._aead.encrypt(nonce, zlib.compress(text, 1), place.encode())

    def _unsealed(self, place: str, sealed: bytes) -> bytes:
        return zlib.decompress(self._aead.decrypt(sealed[:_NONCE], sealed[_NONCE:], place.encode()))
