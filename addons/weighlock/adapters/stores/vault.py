"""Vaults at rest, in vault.db: each value sealed under the gateway's key, for as long as its session lives."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Collection, Sequence
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlite_utils import Database

from weighlock.adapters.stores import control
from weighlock.masking.vault import Kept
from weighlock.model import Finding, Level

NAME = "vault.db"
SCHEMA = """
CREATE TABLE IF NOT EXISTS kept (
    session TEXT NOT NULL,
    pseudonym TEXT NOT NULL,
    sealed BLOB NOT NULL,
    expires_at REAL NOT NULL,
    PRIMARY KEY (session, pseudonym)
) STRICT;
"""
_NONCE = 12


class VaultStore:
    """One connection, usable from any one thread at a time. Deleted values are overwritten."""

    def __init__(self, database: Database, key: bytes) -> None:
        self._db = database
        self._aead = AESGCM(hmac.new(key, b"vault", hashlib.sha256).digest())

    @classmethod
    def open(cls, state: Path, key: bytes) -> VaultStore:
        """Raises ConfigError where it cannot be opened."""
        database = control.connect(state, SCHEMA, "SELECT session FROM kept LIMIT 0", NAME)
        database.execute("PRAGMA secure_delete = ON")
        return cls(database, key)

    def close(self) -> None:
        self._db.close()

    def add(self, session: str, items: Sequence[Kept], expires_at: float) -> None:
        """Raises sqlite3.Error where they cannot be kept."""
        rows = [(session, kept.pseudonym, self._seal(session, kept), expires_at) for kept in items]
        with self._db.conn:
            self._db.conn.executemany("INSERT OR REPLACE INTO kept VALUES (?, ?, ?, ?)", rows)

    def load(self, session: str) -> list[Kept]:
        """All of one session; what was not sealed by this key for it is left out."""
        rows = self._db.query("SELECT pseudonym, sealed FROM kept WHERE session = ?", [session])
        return [kept for row in rows if (kept := self._opened(session, row["pseudonym"], row["sealed"]))]

    def wipe(self, sessions: Collection[str], now: float) -> None:
        """Delete *sessions*, and all that has expired."""
        with self._db.conn:
            self._db.execute("DELETE FROM kept WHERE expires_at <= ?", [now])
            self._db.conn.executemany("DELETE FROM kept WHERE session = ?", [(session,) for session in sessions])

    def _seal(self, session: str, kept: Kept) -> bytes:
        finding = kept.finding
        said = [kept.value, finding.rule, finding.entity, int(finding.level), finding.score, sorted(finding.tags)]
        nonce = secrets.token_bytes(_NONCE)
        return nonce + self._aead.encrypt(nonce, json.dumps(said).encode(), _place(session, kept.pseudonym))

    def _opened(self, session: str, pseudonym: str, sealed: bytes) -> Kept | None:
        try:
            said = self._aead.decrypt(sealed[:_NONCE], sealed[_NONCE:], _place(session, pseudonym))
        except InvalidTag:
            return None
        value, rule, entity, level, score, tags = json.loads(said)
        return Kept(pseudonym, value, Finding(rule, entity, Level(level), score, "", 0, 0, "", frozenset(tags)))


def _place(session: str, pseudonym: str) -> bytes:
    return f"{session}\0{pseudonym}".encode()
