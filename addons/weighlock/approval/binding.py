"""What exactly an approval is for: a digest of everything that will leave, and of who sends it and why it was held."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from weighlock.destination import Destination
from weighlock.holds import Terms
from weighlock.model import Outbound, Principal

NONCES = frozenset({"idempotency-key", "sec-websocket-key"})
"""Header fields that are another with each attempt, and say nothing."""


def binding(destination: Destination, outbound: Outbound, model: str, workload: str, because: Iterable[str]) -> str:
    """SHA-256, hex. Each part goes in with its length, so that no two lists of parts run together.

    Bytes and header fields are those that will be sent, in their order: nothing is normalised.
    """
    parts = [
        workload,
        *sorted(because),
        "",
        destination.name,
        "https",
        destination.host,
        str(destination.port),
        model,
        outbound.method,
        outbound.path,
        *(word for header in outbound.headers if header[0] not in NONCES for word in header),
    ]
    return _digest(b"weighlock binding v2", *(_bytes(part) for part in parts), outbound.body)


def key(binding: str, principal: Principal, terms: Terms) -> str:
    """What requests must have in common to share an approval: all that is bound, the people behind them, and on which
    terms they are held. Somebody else's run is another request: they may be who approved it.
    """
    quorums = sorted(
        repr([(sorted(threshold.groups), threshold.need) for threshold in quorum]) for quorum in terms.quorums
    )
    asked = [*quorums, str(terms.needs_reason), *sorted(terms.break_glass), ""]
    people = [*sorted(principal.persons), "", *sorted(names(principal))]
    return _digest(b"weighlock key v1", *(_bytes(part) for part in (binding, *asked, *people)))


ACTOR = ("actor", "actor_id", "user_id", "user_login", "user_email", "email", "preferred_username", "sub/user")
"""Claims that name who is behind a run, on one platform or another."""


def names(principal: Principal) -> frozenset[str]:
    """What the people behind *principal* are called, folded: the token's own words, beside the people file."""
    said = (principal.claims.get(name) for name in ACTOR)
    actors = (str(value) for value in said if isinstance(value, str | int) and not isinstance(value, bool))
    return frozenset(name.casefold() for name in (principal.owner, principal.subject, *actors)) - {""}


def _bytes(part: str) -> bytes:
    return part.encode("utf-8", "surrogateescape")


def _digest(*parts: bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8) + part)
    return digest.hexdigest()
