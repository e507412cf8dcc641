"""Nouns for tests, with defaults for all that does not matter."""

from __future__ import annotations

import contextlib
from typing import Any

from weighlock.destination import Destination
from weighlock.model import Call, Finding, Level, Principal, Role, Text


def a_principal(**given: Any) -> Principal:
    defaults: dict[str, Any] = {
        "issuer": "https://issuer.example",
        "subject": "repo:acme/nightly",
        "workload": "nightly",
        "owner": "dana",
        "groups": frozenset({"ci"}),
        "claims": {},
        "token_id": "0" * 64,
        "expires_at": 2_000_000_000.0,
        "persons": frozenset({"dana"}),
    }
    return Principal(**defaults | given)


class Uncounted:
    """Counters of a policy that asks for none."""

    async def count(self, *_: Any) -> dict[str, Any]:
        return {}

    read = count

    def drop(self, exchange: str) -> None: ...

    def trying(self, exchange: str) -> contextlib.nullcontext[None]:
        return contextlib.nullcontext()

    async def keep(self, exchange: str) -> None: ...


def a_destination(**given: Any) -> Destination:
    defaults: dict[str, Any] = {"name": "model", "host": "llm.example", "port": 443, "dialects": ("openai", "generic")}
    return Destination(**defaults | given)


def a_text(value: str, **given: Any) -> Text:
    return Text(**{"pointer": "/messages/0/content", "role": Role.CONTENT} | given, value=value)


def a_call(*values: str, **given: Any) -> Call:
    defaults: dict[str, Any] = {
        "dialect": "openai",
        "operation": "chat.completions",
        "destination": "model",
        "model": "small",
        "stream": False,
        "size": sum(map(len, values)),
        "texts": tuple(a_text(value, pointer=f"/messages/{i}/content") for i, value in enumerate(values)),
    }
    return Call(**defaults | given)


def a_finding(entity: str = "EMAIL_ADDRESS", start: int = 0, end: int = 5, **given: Any) -> Finding:
    defaults: dict[str, Any] = {
        "rule": entity.lower().replace("_", "-"),
        "level": Level.MEDIUM,
        "score": 0.9,
        "pointer": "/messages/0/content",
        "fingerprint": "f" * 16,
        "tags": frozenset({"pii"}),
    }
    return Finding(**defaults | given, entity=entity, start=start, end=end)
