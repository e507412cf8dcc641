"""What is held, for tests: approvals, the people who decide, and a desk whose store is in memory."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from typing import Any

from sqlite_utils import Database

from builders import a_destination, a_principal
from weighlock.adapters.approvals import Desk
from weighlock.adapters.stores.approvals import SCHEMA, ApprovalStore
from weighlock.adapters.waiting import Bounds
from weighlock.approval.asked import Asked
from weighlock.approval.lifecycle import Approver
from weighlock.holds import Approval, ApprovalState, Kind, Shown, Terms, Threshold

NOW = 1000.0


def some_terms(*groups: str, need: int = 1, **given: Any) -> Terms:
    """Of one statement, which asks *need* of *groups*."""
    return Terms(((Threshold(frozenset(groups or ("leads",)), need),),), **given)


def an_approval(state: ApprovalState = ApprovalState.PENDING, **given: Any) -> Approval:
    defaults: dict[str, Any] = {
        "id": "ab12",
        "kind": Kind.REQUEST,
        "key": "k",
        "binding": "b" * 64,
        "exchange": "e1",
        "workload": "nightly",
        "owner": "dana",
        "subject": "repo:acme/nightly",
        "persons": frozenset({"dana"}),
        "names": frozenset({"dana@example.com", "repo:acme/nightly"}),
        "destination": "model",
        "host": "llm.example",
        "dialect": "openai",
        "operation": "chat.completions",
        "model": "small",
        "because": ("large",),
        "reason": "Too large.",
        "terms": some_terms("leads", "legal"),
        "requested_at": NOW,
        "decide_by": NOW + 100,
    }
    return Approval(**defaults | given, state=state)


def an_approver(name: str = "lee", *groups: str, **given: Any) -> Approver:
    defaults: dict[str, Any] = {
        "issuer": "https://issuer.example",
        "subject": f"u-{name}",
        "email": f"{name}@example.com",
        "groups": frozenset(groups or ("leads",)),
        "authenticated_at": NOW,
    }
    return Approver(**defaults | given)


def a_request(exchange: str = "x1", binding: str = "b", prompt: str = "mail <EMAIL_ADDRESS>", **given: Any) -> Asked:
    who = {name: given.pop(name) for name in list(given) if name in ("subject", "persons", "workload", "claims")}
    defaults: dict[str, Any] = {
        "principal": a_principal(**who),
        "terms": some_terms(),
        "because": ("large",),
        "reason": "Too large.",
        "destination": a_destination(),
        "dialect": "openai",
        "operation": "chat.completions",
        "model": "small",
        "prompt": (Shown("/messages/0/content", "content", prompt),),
    }
    return Asked(exchange=exchange, binding=binding, **defaults | given)


def a_store() -> ApprovalStore:
    """In memory."""
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    connection.executescript(SCHEMA)
    return ApprovalStore(Database(connection), bytes(32))


def a_desk(
    clock: Callable[[], float] = lambda: NOW,
    on_event: Callable[[Approval, str], None] = lambda *_: None,
    **bounds: Any,
) -> Desk:
    return Desk(a_store(), clock, Bounds(**bounds), on_event)


async def listed(desk: Desk, count: int = 1) -> list[Approval]:
    """All that there are, as soon as there are *count*."""
    async with asyncio.timeout(10):
        while True:
            if len(found := await desk.list()) >= count:
                return list(found)
