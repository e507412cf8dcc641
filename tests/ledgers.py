"""Ledgers for tests: rows in memory, files on disk, and exchanges to record."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyrage import x25519

from builders import a_call, a_destination, a_principal
from weighlock.adapters.keys import Keys, open_keys
from weighlock.adapters.stores.ledgerfile import NAME
from weighlock.adapters.stores.ledgersealer import Sealer
from weighlock.adapters.stores.ledgerwriter import LedgerWriter, Prepared
from weighlock.ledger import entry
from weighlock.ledger.checkpoint import Signer
from weighlock.ledger.entry import Entry, Kind
from weighlock.ledger.merkle import Frontier, leaf_hash
from weighlock.ledger.seal import Sealed
from weighlock.ledger.verify import Payload, Report, Row, verify
from weighlock.model import Action, Exchange, Verdict

SIGNER = Signer("weighlock/test", b"s" * 32)
NOON = 1_767_268_800.0
"""2026-01-01T12:00:00Z."""


def an_exchange(**given: Any) -> Exchange:
    """One that was judged and may be forwarded."""
    defaults: dict[str, Any] = {
        "id": "0123456789abcdef0123456789abcdef",
        "started_at": NOON,
        "peer": "192.0.2.7:40000",
        "rules": None,
        "destination": a_destination(),
        "principal": a_principal(),
        "call": a_call("hello"),
        "findings": (),
        "verdict": a_verdict(),
    }
    return Exchange(**defaults | given)


def a_verdict(**given: Any) -> Verdict:
    defaults: dict[str, Any] = {
        "action": Action.ALLOW,
        "because": ("model-calls",),
        "matched": ("model-calls",),
        "operators": {},
        "policy": "d" * 64,
    }
    return Verdict(**defaults | given)


def a_sealed(plaintext: bytes, recipients: Sequence[Any] = ()) -> Sealed:
    keys = recipients or [x25519.Identity.generate().to_public()]
    return Sealer(keys, secrets.token_bytes, lambda: 0.0).seal(plaintext)


@dataclass
class Rows:
    """A ledger in memory, as a reader would give it."""

    rows: list[Row]
    payloads: list[Payload]
    checkpoints: list[tuple[int, str]]

    def verify(self) -> Report:
        return verify(self.rows, self.payloads, self.checkpoints, SIGNER.verifier)

    def kinds(self) -> set[tuple[int, str]]:
        """(seq, kind) of every problem."""
        return {(problem.seq, problem.kind) for problem in self.verify().problems}


def ledger_rows(count: int, *, every: int, entries: Sequence[Entry] = ()) -> Rows:
    """*count* entries, one payload each, a checkpoint after *every* so many; or the very *entries*."""
    made = Rows([], [], [])
    frontier = Frontier()
    for seq in range(count):
        ciphertext = f"ciphertext {seq}".encode()
        ref = entry.PayloadRef(
            hashlib.sha256(ciphertext).hexdigest(), "c" * 64, 5, hashlib.sha256(b"wrapped").hexdigest()
        )
        default = Entry(seq, entry.timestamp(NOON + seq), Kind.REQUEST, {"number": seq}, {"request.sent": ref})
        said = entries[seq] if entries else default
        data = entry.canonical(said)
        made.rows.append(Row(seq, data, leaf_hash(data)))
        if said.payloads:
            made.payloads.append(Payload(seq, "request.sent", ciphertext, b"wrapped"))
        frontier.add(leaf_hash(data))
        if (seq + 1) % every == 0:
            made.checkpoints.append((seq + 1, SIGNER.sign(seq + 1, frontier.root())))
    return made


def ledger_file(state: Path, entries: Sequence[tuple[Kind, dict[str, Any], dict[str, bytes]]]) -> Keys:
    """A signed ledger in the folder *state* of these (kind, body, payloads)."""
    keys = open_keys(state)
    writer = LedgerWriter(state / NAME, keys.signer, lambda: NOON + 1)
    for kind, body, payloads in entries:
        sealed = {name: a_sealed(payload, keys.recipients) for name, payload in payloads.items()}
        writer.write([Prepared(kind, body, sealed)])
    writer.write([], sign=True)
    writer.close()
    return keys
