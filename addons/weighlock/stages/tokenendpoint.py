"""https://weighlock.internal/token: answered by the gateway itself. A pipeline's token, once, for a handle."""

from __future__ import annotations

import json
from typing import Any

from mitmproxy import http

from weighlock.adapters.rulebook import IdentityRules
from weighlock.errors import Forbidden, Refused
from weighlock.identity import sessions
from weighlock.identity.carriers import presented
from weighlock.identity.sessions import Session
from weighlock.model import Exchange, Principal
from weighlock.stages.stage import Parts, filled
from weighlock.wire import body

PATH = "/token"


async def identify(parts: Parts, exchange: Exchange, request: http.Request) -> Principal:
    """Whose token is offered for exchange. Raises Refused."""
    if (request.method, request.path) != ("POST", PATH):
        raise Forbidden("endpoint-unknown", "The gateway answers POST /token here, and nothing else.")
    body.plain(request.headers.get("content-type"), request.headers.get("content-encoding"))
    raw = sessions.subject_token(request.headers.get("content-type", ""), request.raw_content or b"")
    rules: IdentityRules = exchange.rules.identity
    return await parts.identifier.identify(presented("subject_token", raw, rules.is_opaque), rules)


async def open_session(parts: Parts, exchange: Exchange) -> tuple[str, Session]:
    """For the exchange's principal, who may call: the handle, and what it stands for. Raises Refused."""
    principal = filled(exchange.principal)
    return await parts.sessions.open(principal, exchange.rules.identity.workload(principal.workload).job)


def answer(handle: str, session: Session) -> http.Response:
    return _response(200, sessions.answer(handle, session))


def refusal(refused: Refused, exchange: str) -> http.Response:
    """RFC 6749, section 5.2, with a status that says more than its 400."""
    error = "invalid_request" if refused.status in (400, 413, 415) else "invalid_grant"
    said = {
        "error": "temporarily_unavailable" if refused.status >= 500 else error,
        "error_description": f"weighlock: {refused.reason} {refused.next_step}".strip(),
        "code": refused.code,
        "exchange": exchange,
    }
    return _response(refused.status, said)


def _response(status: int, content: dict[str, Any]) -> http.Response:
    headers = {"content-type": "application/json", "cache-control": "no-store"}
    return http.Response.make(status, json.dumps(content), headers)
