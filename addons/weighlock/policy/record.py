"""Who asked, what of, and what was found, as far as the clear part of the record tells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from weighlock.model import LEVELS, Call, Finding, Principal


def recorded(body: Mapping[str, Any], request: Mapping[str, Any]) -> tuple[Principal, Call, tuple[Finding, ...]]:
    """Of an entry's *body*; who asked and what of, of the body of the *request* that began the exchange."""
    who, call = request.get("who", {}), request.get("call", {})
    principal = Principal(
        issuer=who.get("issuer", ""),
        subject=who.get("subject", ""),
        workload=who.get("workload", ""),
        owner=who.get("owner", ""),
        groups=frozenset(who.get("groups", ())),
        claims=request.get("claims", {}),
        token_id=who.get("token_id", ""),
        expires_at=float(who.get("expires_at", 0)),
        persons=frozenset(who.get("persons", ())),
        session=who.get("session", ""),
    )
    words = {name: call.get(name, "") for name in ("dialect", "operation", "destination", "model")}
    tools = tuple(call["tools"]) if "tools" in call else None
    asked = Call(**words, stream=call.get("stream", False), size=call.get("size", 0), texts=(), tools=tools)
    return principal, asked, findings(body)


def findings(body: Mapping[str, Any]) -> tuple[Finding, ...]:
    """Those that an entry's *body* lists, which may be the first of many: `entities` counts all."""
    tags = body.get("tags", {})
    return tuple(
        Finding(
            rule=one["rule"],
            entity=one["entity"],
            level=LEVELS[one["level"]],
            score=one["score"],
            pointer=one["pointer"],
            start=one["start"],
            end=one["end"],
            fingerprint=one["fingerprint"],
            tags=frozenset(tags.get(one["rule"], ())),
            view=one["view"],
        )
        for one in body.get("findings", ())
    )
