"""Model Context Protocol over streamable HTTP: JSON-RPC messages, whole in a body and in every event of a stream."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from weighlock.dialects.base import Asked, Body, RequestView, Said
from weighlock.dialects.dialect import JSON, SSE, Dialect, Operation, json_request, no_body
from weighlock.dialects.dialect import problem as plain_problem
from weighlock.dialects.mcp_fields import read
from weighlock.errors import BadReply, Malformed, Refused
from weighlock.wire import jsontext
from weighlock.wire.framing import Frame
from weighlock.wire.jsontext import Document
from weighlock.wire.shape import Event


def problem(refused: Refused, exchange: str) -> dict[str, Any]:
    """An error of JSON-RPC 2.0, with RFC 9457's members as its data. It answers no request until it is addressed."""
    said = plain_problem(refused, exchange)
    message = said.pop("error")["message"]
    return {"jsonrpc": "2.0", "id": None, "error": {"code": refused.status, "message": message, "data": said}}


def addressed(said: dict[str, Any], asked: Body | None) -> dict[str, Any]:
    """To the one request that *asked* is; what came in a batch, or is none, has no answer of its own."""
    body = asked.value if isinstance(asked, Document) else None
    if not isinstance(body, dict) or "method" not in body or "id" not in body:
        return said
    return said | {"id": json.loads(Document(body["id"]).dumps())}


def error_frame(said: Mapping[str, Any]) -> Frame:
    return Frame(json.dumps(said), name="message")


def _is_message(value: Any) -> bool:
    """Whether it is a request, a notification or an answer of JSON-RPC 2.0."""
    if not isinstance(value, dict) or value.get("jsonrpc") != "2.0":
        return False
    answers = [name for name in ("result", "error") if name in value]
    return isinstance(value.get("method"), str) and not answers if "method" in value else len(answers) == 1


def _are_messages(document: Document) -> bool:
    """One, or a batch of them, as revisions before 2025-06-18 have it."""
    value = document.value
    return bool(value) and all(map(_is_message, value)) if isinstance(value, list) else _is_message(value)


def _asks(view: RequestView, document: Document) -> Asked:
    if not _are_messages(document):
        raise Malformed("body-shape", "The body is no message of JSON-RPC 2.0.")
    return Asked(stream=True)


def _post(view: RequestView, operation: Operation) -> tuple[Asked, Said]:
    asked, said = json_request(view, operation)
    document = said.body
    return asked, _reply(operation, document) if isinstance(document, Document) else said


def _listen(view: RequestView, operation: Operation) -> tuple[Asked, Said]:
    no_body(view, operation)
    return Asked(stream=True), Said()


def _reply(operation: Operation, document: Document) -> Said:
    return Said(document, *read(document))


def _no_message(operation: Operation, media: str, body: bytes) -> Said:
    """What a server says beside the protocol stays here; its status is all that a client goes by: 404, 405."""
    return Said()


_OTHER = {"text/plain": _no_message, "text/html": _no_message}


class Messages:
    """Of a POST, up to its answer; of a GET, as long as the client listens: a server may end it at any time."""

    complete = True

    def read(self, data: str) -> Event:
        if not data:  # an id alone, to come back with
            return Event()
        document = jsontext.parse(data.encode())
        if not _are_messages(document):
            raise BadReply("stream-shape", "The stream holds what is no message of JSON-RPC 2.0.")
        return Event(document, *read(document))


# Where its endpoint is, each server says itself.
DIALECT = Dialect(
    "mcp",
    (
        Operation(
            "post",
            "POST",
            "/.*",
            asks=_asks,
            request=_post,
            reply=_reply,
            replies=_OTHER,
            streams={SSE: Messages},
            error_frame=error_frame,
        ),
        Operation(
            "listen",
            "GET",
            "/.*",
            request=_listen,
            reply=_reply,
            replies=_OTHER,
            streams={SSE: Messages},
            error_frame=error_frame,
        ),
        Operation("end", "DELETE", "/.*", request=no_body, reply=_reply, replies=_OTHER),
    ),
    problem=problem,
    problem_media=JSON,
    addressed=addressed,
    headers=r"mcp-(?:session-id|protocol-version|method|name|param-[a-z0-9_-]+)|last-event-id",
    reply_headers="mcp-(?:session-id|protocol-version)",
)
