"""What exactly an approval is for: a digest of everything that will leave, and of who sends it and why it was held."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from weighlock.destination import Destination
from weighlock.model import Outbound


def binding(destination: Destination, outbound: Outbound, workload: str, because: Iterable[str]) -> str:
    """SHA-256, hex. Each part goes in with its length, so that no two lists of parts run together."""
    digest = hashlib.sha256(b"weighlock binding v1")
    parts = [
        workload,
        *sorted(because),
        "",
        destination.name,
        destination.host,
        str(destination.port),
        outbound.method,
        outbound.path,
        *(word for header in outbound.headers for word in header),
    ]
    for part in (*(part.encode("utf-8", "surrogateescape") for part in parts), outbound.body):
        digest.update(len(part).to_bytes(8) + part)
    return digest.hexdigest()
