"""Which exchanges belong together, and what their clear parts say: the ground of lists, searches and sums."""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from weighlock.ledger.entry import Entry

OUTCOMES = ("allow", "mask", "hold", "refused")
"""How an exchange went; of several, the last in this order is said."""
RUN_CLAIMS = ("run_id", "pipeline_id", "job_id")
"""Claims that name a run of CI: GitHub's, then GitLab's, the wider first."""

_DIGEST = re.compile(r"[0-9a-f]{32,}|[A-Za-z0-9+/=_-]{60,}")
_SHORTEST = 32
"""Characters of the shortest digest."""


def session_of(body: Mapping[str, Any]) -> str:
    """The session that an exchange belongs to, by the *body* of the entry that began it; empty where nobody was known.

    One that `weighlock login` opened; else one run of CI, for which several tokens may be issued; else all that one
    token was shown for.
    """
    who = body.get("who", {})
    workload = who.get("workload", "")
    if not workload:
        return ""
    if who.get("session"):
        return str(who["session"])
    claims = body.get("claims", {})
    for name in RUN_CLAIMS:
        value = claims.get(name)
        if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
            return f"{workload}/run-{value}"
    return f"{workload}/token-{str(who.get('token_id', ''))[:16]}"


def conversation_of(body: Mapping[str, Any], opening: Sequence[str], key: bytes) -> dict[str, str]:
    """What the entry with that *body* says of its conversation: a hash under *key*, so that nobody else can test what a
    conversation began with. Empty where there is none.
    """
    if not opening:
        return {}
    said = json.dumps([session_of(body), *opening]).encode()
    return {"conversation": hmac.digest(key, b"conversation\0" + said, "sha256").hex()[:16]}


def outcome(said: Entry) -> str:
    """One of OUTCOMES, or empty for an entry that judges nothing."""
    if "refused" in said.body:
        return "refused"
    action = said.body.get("verdict", {}).get("action", "")
    return action if action in OUTCOMES else ""


def graver(one: str, other: str) -> str:
    order = ("", *OUTCOMES)
    return max(one, other, key=order.index)


def words(value: Any) -> Iterable[str]:
    """The words of a clear part that somebody may look for, each once. Digests, which nobody does, are left out."""
    found: dict[str, None] = {}
    _gather(value, found)
    return found


def _gather(value: Any, found: dict[str, None]) -> None:
    if isinstance(value, str):
        if value and (len(value) < _SHORTEST or not _DIGEST.fullmatch(value)):
            found[value] = None
    elif isinstance(value, dict):
        for name, part in value.items():
            if isinstance(part, int):  # of counts by name, the name
                found[str(name)] = None
            elif name != "files":  # policies are long, and have commands of their own
                _gather(part, found)
    elif isinstance(value, list):
        for part in value:
            _gather(part, found)
