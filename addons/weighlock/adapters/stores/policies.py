"""Every policy that was ever in force, as the ledger keeps it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from weighlock.adapters.stores.ledgerfile import Reader
from weighlock.errors import ConfigError
from weighlock.ledger.entry import POLICY

SHORTEST = 6
"""Characters of a digest that tell it from others."""
_ENTRIES = (
    "SELECT json_extract(CAST(entry AS TEXT), '$.time') AS time, json_extract(CAST(entry AS TEXT), '$.body') AS body "
    "FROM entries WHERE json_extract(CAST(entry AS TEXT), '$.body.event') = :event ORDER BY seq"
)


@dataclass(frozen=True, slots=True)
class InForce:
    since: str
    rules: str
    """Digest of all rules; verdicts name it."""
    policy: str
    """Digest of the policy's own files."""
    detect: str
    """Digest of the rules of detection."""
    files: Mapping[str, str]


def policies(path: Path) -> list[InForce]:
    """Oldest first; one that came into force again stands there again."""
    with Reader(path) as reader:
        rows = [(row["time"], json.loads(row["body"])) for row in reader.query(_ENTRIES, event=POLICY)]
    return [InForce(time, body["rules"], body["policy"], body["detect"], body["files"]) for time, body in rows]


def policy(path: Path, digest: str) -> InForce:
    """The newest whose digest, of all rules or of its own files, begins with *digest*. Raises ConfigError."""
    if len(digest) < SHORTEST:
        raise ConfigError(f"give {SHORTEST} characters of it at least", digest)
    found = [one for one in policies(path) if one.rules.startswith(digest) or one.policy.startswith(digest)]
    if len({one.policy for one in found}) > 1:
        raise ConfigError("several policies begin so; give more of it", digest)
    if not found:
        raise ConfigError("no such policy was ever in force here; `weighlock policy show` lists all", digest)
    return found[-1]
