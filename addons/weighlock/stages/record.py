"""The record: the request's entry is durable before a byte leaves; what became of it follows."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from mitmproxy import http
from mitmproxy.net.http import status_codes

from weighlock.adapters.stores.ledger import Draft
from weighlock.errors import Refused, Unavailable
from weighlock.identity import keysearch, tokenendpoints
from weighlock.identity.sessions import Session
from weighlock.ledger import entry
from weighlock.ledger.entry import Kind
from weighlock.ledger.sessions import conversation_of
from weighlock.masking import echo
from weighlock.model import Exchange, Headers, NotInspected, Outbound
from weighlock.stages import evidence, weigh
from weighlock.stages.passage import Passage
from weighlock.stages.stage import Parts, Stage, filled
from weighlock.wire import message, tape

log = logging.getLogger("weighlock")


class Record(Stage):
    fills = "entry"
    kind = int

    async def fill(self, exchange: Exchange, flow: http.HTTPFlow) -> int:
        outbound = filled(exchange.outbound)
        self.parts.require_anchors()
        await self.parts.counters.keep(exchange.id)
        payloads = {
            "request.sent": exchange.sent or as_sent(flow.request, self.parts.keys.fingerprint),
            "request.forwarded": as_forwarded(outbound),
        }
        body = _in_conversation(self.parts, exchange, entry.request_body(exchange))
        seq = await self.parts.ledger.append(Draft(Kind.REQUEST, body, payloads))
        verdict, call = filled(exchange.verdict), filled(exchange.call)
        said = _who(exchange), call.destination, verdict.action.name.lower(), seq
        # It is recorded: the line need not hold the request up.
        asyncio.get_running_loop().call_soon(log.info, "%s to %s: %s (entry %d)", *said)
        return seq


class Recorder:
    """The entries that are not on the request's way out. *parts* as everywhere."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts

    def note(self, passage: Passage) -> None:
        """The request as it was sent, which takes a moment. What goes wrong here does so again where it is recorded."""
        with contextlib.suppress(Exception):
            passage.exchange.sent = as_sent(passage.flow.request, self.parts.keys.fingerprint)

    def as_received(self, passage: Passage) -> bytes:
        """The reply as the model host sent it, decoded no further than HTTP, without the gateway's own credential."""
        response = filled(passage.flow.response)
        flowing = passage.pump or passage.socket
        body = bytes(flowing.received.data) if flowing else response.raw_content or b""
        return echo.blotted(as_reply(response, body), echo.secret(passage.exchange.credential))

    async def refusal(self, passage: Passage) -> None:
        """A refused request. It is refused also where this cannot be written; then the log says so."""
        refused = filled(passage.refused)
        payloads = {"response.delivered": as_delivered(passage)}
        with contextlib.suppress(Exception):  # without it, that it was refused is recorded all the same
            sent = passage.exchange.sent or as_sent(passage.flow.request, self.parts.keys.fingerprint)
            payloads["request.sent"] = sent
        body = _in_conversation(self.parts, passage.exchange, entry.refusal_body(passage.exchange, refused))
        if found := await evidence.gather(self.parts, passage):
            keys = [asdict(key) | {"place": place} for place, key in found.keys]
            body |= entry.static_keys_body(keys, found.size, found.principal)
        log.info("%s refused: %s", _who(passage.exchange), refused.code)
        await self._append_if_possible(passage, Draft(Kind.REFUSAL, body, payloads))

    async def session(self, passage: Passage, session: Session) -> None:
        """A session that was opened. Raises Unavailable where that cannot be written: its handle is not told then."""
        await self.parts.ledger.append(Draft(Kind.CONTROL, entry.session_body(passage.exchange, session.id)))
        passage.closed = True
        log.info("%s: session %s opened", _who(passage.exchange), session.id)

    async def response(self, passage: Passage, received: bytes, or_fail: bool = True) -> None:
        """What came back, and what of it was delivered. With *or_fail*, Unavailable where that cannot be written."""
        if passage.refused:
            log.info("%s reply refused: %s", _who(passage.exchange), passage.refused.code)
        try:
            await weigh.count_rest(self.parts, passage)
        except Unavailable:
            if or_fail:
                raise
        draft = Draft(
            Kind.RESPONSE,
            entry.response_body(
                passage.exchange,
                status=filled(passage.flow.response).status_code,
                findings=passage.reply_findings,
                verdict=passage.reply_verdict,
                refused=passage.refused,
                not_inspected=_not_inspected(passage),
                restored=passage.restored,
            ),
            {"response.received": received, "response.delivered": as_delivered(passage)} | _timing(passage),
        )
        if or_fail:
            await self.parts.ledger.append(draft)
            passage.closed = True
        else:
            await self._append_if_possible(passage, draft)

    async def error(self, passage: Passage) -> None:
        """An exchange that ended otherwise than it should: by either side, or by the gateway."""
        if passage.closed:
            return
        if not (passage.pump and passage.pump.settled):
            passage.refused = passage.refused or Unavailable("broken-off", "The exchange ended before it was complete.")
        if passage.exchange.entry is None:
            await self.refusal(passage)
        elif passage.flow.response:
            await self.response(passage, self.as_received(passage), or_fail=False)
        else:
            body = entry.response_body(passage.exchange, status=0, findings=(), verdict=None, refused=passage.refused)
            await self._append_if_possible(passage, Draft(Kind.RESPONSE, body, {}))

    async def _append_if_possible(self, passage: Passage, draft: Draft) -> None:
        passage.closed = True
        try:
            await self.parts.ledger.append(draft)
        except Refused as refused:
            log.error("not recorded: %s of exchange %s: %s", draft.kind, passage.exchange.id, refused.code)


def as_sent(request: http.Request, key: bytes) -> bytes:
    """As the client sent it, with every credential replaced by its fingerprint under *key*: also in the target, and in
    the body of a call to a token endpoint. Raises Malformed for a head that cannot be written down.
    """
    body = request.raw_content or b""
    if tokenendpoints.is_token_endpoint(request.path):
        body = tokenendpoints.redacted(body, key)
    headers = tuple(keysearch.redacted_header(name, value, key) for name, value in _fields(request.headers))
    target = keysearch.redacted_target(request.path, key)
    return message.encode(f"{request.method} {target} {request.http_version}", headers, body)


def _in_conversation(parts: Parts, exchange: Exchange, body: dict[str, Any]) -> dict[str, Any]:
    opening = exchange.call.opening if exchange.call else ()
    return body | conversation_of(body, opening, parts.keys.fingerprint)


def _timing(passage: Passage) -> dict[str, bytes]:
    """When the pieces of a stream, or the messages of a WebSocket, came and left. The pace of words tells of them."""
    flowing = passage.pump or passage.socket
    if flowing is None:
        return {}
    pieces = {"received": flowing.received.pieces, "delivered": flowing.delivered.pieces}
    return {"response.timing": tape.encode(pieces)}


def _not_inspected(passage: Passage) -> Sequence[NotInspected]:
    if passage.socket:
        return passage.socket.not_inspected
    return passage.pump.masker.not_inspected if passage.pump else passage.reply_not_inspected


def _who(exchange: Exchange) -> str:
    """For the log: names of ours, and nothing that a client chose."""
    return f"exchange {exchange.id} of {exchange.principal.workload if exchange.principal else 'nobody known'}"


def as_forwarded(outbound: Outbound) -> bytes:
    """As it leaves, without the gateway's own credential."""
    return message.encode(f"{outbound.method} {outbound.path} HTTP/1.1", outbound.headers, outbound.body)


def as_reply(response: http.Response, body: bytes) -> bytes:
    reason = status_codes.RESPONSES.get(response.status_code, "")
    headers = tuple((n, v) for n, v in _fields(response.headers) if n.lower() != "set-cookie")
    return message.encode(f"HTTP/1.1 {response.status_code} {reason}", headers, body)


def as_delivered(passage: Passage) -> bytes:
    response = passage.flow.response
    if response is None:
        return b""
    flowing = passage.pump or passage.socket
    body = bytes(flowing.delivered.data) if flowing else response.raw_content or b""
    return as_reply(response, body)


def _fields(headers: http.Headers) -> Headers:
    """Latin-1, one character a byte, so that no spelling is lost."""
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in headers.fields)
