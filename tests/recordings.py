"""Recorded exchanges for tests, with their payloads in clear."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from mitmproxy import http
from mitmproxy.io import FlowReader

from builders import a_finding
from ledgers import NOON, a_verdict, an_exchange
from weighlock.errors import Forbidden
from weighlock.ledger import entry
from weighlock.ledger.entry import Entry, Kind, PayloadRef
from weighlock.model import Action
from weighlock.replay.contents import View
from weighlock.replay.export import Form, export
from weighlock.replay.recorded import Recorded, exchanges
from weighlock.wire import message, tape

SENT = message.encode(
    "POST /v1/chat/completions?u=jane HTTP/2.0", (("authorization", "[jwt]"), ("x", "é")), b'{"say":"jane@example.com"}'
)
FORWARDED = message.encode(
    "POST /v1/chat/completions HTTP/1.1", (("host", "llm.example"),), b'{"say":"<EMAIL_ADDRESS>"}'
)
_JSON = (("content-type", "application/json"),)
RECEIVED = message.encode("HTTP/1.1 200 OK", _JSON, b'{"card":"4111111111111111"}')
DELIVERED = message.encode("HTTP/1.1 200 OK", _JSON, b'{"card":"************1111"}')
REFUSAL = message.encode("HTTP/1.1 403 Forbidden", (("content-type", "application/problem+json"),), b'{"error":{}}')


class Record:
    """Entries with their payloads in clear."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._payloads: dict[tuple[int, str], bytes] = {}

    def add(self, kind: Kind, body: dict[str, Any], **payloads: bytes) -> Record:
        seq = len(self.entries)
        named = {name.replace("_", "."): payload for name, payload in payloads.items()}
        refs = {name: PayloadRef("a" * 64, "b" * 64, len(payload), "c" * 64) for name, payload in named.items()}
        said = Entry(seq, entry.timestamp(NOON + 1 + seq), kind, body, refs)
        self.entries.append(entry.parse(entry.canonical(said)))
        self._payloads |= {(seq, name): payload for name, payload in named.items()}
        return self

    def open(self, said: Entry, name: str) -> bytes:
        return self._payloads[said.seq, name]

    def exchanges(self) -> Iterator[Recorded]:
        return exchanges(iter(self.entries), self.entries.__getitem__)

    def exported(self, form: Form, view: View = View.MASKED) -> bytes:
        out = io.BytesIO()
        export(self.exchanges(), self.open, view, form, out)
        return out.getvalue()

    def flows(self, view: View = View.MASKED) -> list[http.HTTPFlow]:
        said = FlowReader(io.BytesIO(self.exported(Form.FLOWS, view))).stream()
        flows = [flow for flow in said if isinstance(flow, http.HTTPFlow)]
        assert len(flows) == len(list(self.exchanges()))
        return flows


def masked(**given: Any) -> Record:
    exchange = an_exchange(findings=(a_finding(), a_finding()), verdict=a_verdict(action=Action.MASK), **given)
    response = entry.response_body(
        exchange, status=200, findings=(a_finding("CREDIT_CARD"),), verdict=a_verdict(action=Action.MASK), refused=None
    )
    return (
        Record()
        .add(Kind.REQUEST, entry.request_body(exchange), request_sent=SENT, request_forwarded=FORWARDED)
        .add(Kind.RESPONSE, response, response_received=RECEIVED, response_delivered=DELIVERED)
    )


def refused(sent: bytes | None = SENT, **given: Any) -> Record:
    body = entry.refusal_body(
        an_exchange(**given), Forbidden("policy-blocked", "Policy does not let this pass.", because=("no-secrets",))
    )
    payloads = {"request_sent": sent} if sent else {}
    return Record().add(Kind.REFUSAL, body, **payloads, response_delivered=REFUSAL)


FRAMES = (b'data: {"delta":"one"}\n\n', b'data: {"delta":"tw\xc3\xb6"}\n\n', b"data: [DONE]\n\n")
TIMES = (1120, 1250, 1900)
"""Milliseconds since the exchange began, at which FRAMES came; they left 10 later."""


def streamed(**given: Any) -> Record:
    exchange = an_exchange(**given)
    reply = message.encode("HTTP/1.1 200 OK", (("content-type", "text/event-stream; charset=utf-8"),), b"".join(FRAMES))
    came = [(at, len(frame)) for at, frame in zip(TIMES, FRAMES, strict=True)]
    timing = tape.encode({"received": came, "delivered": [(at + 10, size) for at, size in came]})
    body = entry.response_body(exchange, status=200, findings=(), verdict=a_verdict(), refused=None)
    return (
        Record()
        .add(Kind.REQUEST, entry.request_body(exchange), request_sent=SENT, request_forwarded=FORWARDED)
        .add(Kind.RESPONSE, body, response_received=reply, response_delivered=reply, response_timing=timing)
    )


def socketed(**given: Any) -> Record:
    """A WebSocket: a greeting, a message of the client's, and an answer."""
    exchange = an_exchange(**given)
    came, got = b'{"type":"hi"}\n{"card":"4111111111111111"}\n', b'{"type":"hi"}\n{"card":"************1111"}\n'
    times = (100, 5000)
    timing = {
        name: tuple(zip(times, (14, len(data) - 14), strict=True))
        for name, data in (("received", came), ("delivered", got))
    }
    upgrade = message.encode("GET /v1/realtime HTTP/1.1", (("upgrade", "websocket"),), b"")
    head = (("upgrade", "websocket"),)
    said = entry.message_body(exchange, (a_finding(),), a_verdict(action=Action.MASK), ())
    body = entry.response_body(exchange, status=101, findings=(), verdict=a_verdict(), refused=None)
    return (
        Record()
        .add(Kind.REQUEST, entry.request_body(exchange), request_sent=upgrade, request_forwarded=upgrade)
        .add(Kind.MESSAGE, said, message_sent=b'"jane@example.com"', message_forwarded=b'"<EMAIL_ADDRESS>"')
        .add(
            Kind.RESPONSE,
            body,
            response_received=message.encode("HTTP/1.1 101 Switching Protocols", head, came),
            response_delivered=message.encode("HTTP/1.1 101 Switching Protocols", head, got),
            response_timing=tape.encode(timing),
        )
    )
