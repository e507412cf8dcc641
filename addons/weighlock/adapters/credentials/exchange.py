"""A subject token exchanged at a provider's token endpoint."""

from __future__ import annotations

from pathlib import Path

from weighlock.adapters import fetch
from weighlock.adapters.fetch import Unreachable
from weighlock.policy.credentials import Unusable
from weighlock.policy.federation import TokenRequest

TIMEOUT = 10.0
"""Seconds for the whole: name, connection, answer."""


async def post(request: TokenRequest, ca: Path | None) -> tuple[int, bytes]:
    """Status and body of the answer; Unusable where there is none. *ca* takes the place of the system's authorities."""
    try:
        return await fetch.answer(
            request.url, ca=str(ca or ""), body=request.body, headers=dict(request.headers), timeout=TIMEOUT
        )
    except Unreachable as error:
        raise Unusable(f"the token endpoint cannot be reached ({error})") from None
