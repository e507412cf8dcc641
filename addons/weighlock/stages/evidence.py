"""What a refused request says of static keys, for the record alone: which, how much came, and whose job it is."""

from __future__ import annotations

import asyncio
import logging
import re
from dataclasses import dataclass

from mitmproxy import http

from weighlock.adapters.rulebook import IdentityRules
from weighlock.destination import RESERVED
from weighlock.errors import Refused, Unidentified
from weighlock.identity import carriers, keysearch, statickeys, tokenendpoints
from weighlock.identity.statickeys import StaticKey, StaticKeyPresented
from weighlock.model import Headers, Principal, Token
from weighlock.stages.passage import Passage
from weighlock.stages.stage import Parts

log = logging.getLogger("weighlock")

_PATIENCE = 2.0
"""Seconds that the token beside a key may take; the refusal waits for it."""


@dataclass(frozen=True, slots=True)
class Evidence:
    keys: tuple[tuple[str, StaticKey], ...]
    """Where each rode, and its fingerprint."""
    size: int | None
    """Bytes of the body: as sent where it was read, else as announced; None where neither is known."""
    principal: Principal | None
    """Whose token came with the key, whether they may call or not. The request is refused all the same."""


async def gather(parts: Parts, passage: Passage) -> Evidence | None:
    """None where the request holds no key. Never raises."""
    request, exchange = passage.flow.request, passage.exchange
    tunnel = parts.tunnels.get(passage.flow.client_conn.id)
    authorization = tunnel.authorization if tunnel else None
    headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.fields)
    found = keysearch.search(request.path, headers, authorization, exchange.rules.identity.is_opaque)
    if exchange.destination is not RESERVED and tokenendpoints.is_token_endpoint(request.path):
        found += tokenendpoints.search(request.raw_content or b"")
    if isinstance(passage.refused, StaticKeyPresented):
        found += (passage.refused.found,)
    found = keysearch.first(found)
    if not found:
        return None
    fingerprints = ((one.place, statickeys.fingerprint(one.value, parts.keys.fingerprint)) for one in found)
    return Evidence(
        keys=tuple(fingerprints),
        size=_size(request),
        principal=exchange.principal or await _beside(parts, passage, headers, authorization),
    )


def _size(request: http.Request) -> int | None:
    if request.raw_content:
        return len(request.raw_content)
    announced = request.headers.get("content-length", "")
    return int(announced) if re.fullmatch(r"[0-9]{1,15}", announced) else None


async def _beside(parts: Parts, passage: Passage, headers: Headers, authorization: str | None) -> Principal | None:
    """The principal of the one token in those carriers that hold no key."""
    rules: IdentityRules = passage.exchange.rules.identity
    tokens: dict[str, Token] = {}
    for carrier in carriers.CARRIERS:
        try:
            token = carrier(headers, authorization, rules.is_opaque)
        except Unidentified:
            continue  # a key, or nothing that can be read
        if token:
            tokens[token.value] = token
    if len(tokens) != 1:
        return None
    (only,) = tokens.values()
    try:
        async with asyncio.timeout(_PATIENCE):
            return await parts.identifier.identify(only, rules)
    except (Refused, TimeoutError):
        return None
    except Exception as error:  # it is refused already, and must be recorded
        log.error("%s while looking at the token beside a key", type(error).__name__)
        return None
