"""What every dialect does: read a request, read a reply, and refuse in words that its SDKs show."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import unquote

from weighlock.errors import BadReply, Malformed, Refused, Unsupported
from weighlock.model import Headers, Role, Text
from weighlock.wire import jsontext
from weighlock.wire.jsontext import Document
from weighlock.wire.shape import StreamShape


@dataclass(frozen=True, slots=True)
class RequestView:
    """A request as a dialect sees it: *path* without the query, and only those *headers* that would go on."""

    method: str
    path: str = field(repr=False)
    query: tuple[tuple[str, str], ...] = field(repr=False)
    headers: Headers = field(repr=False)
    content_type: str
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Reading:
    operation: str
    model: str
    stream: bool
    document: Document | None = field(repr=False)
    texts: tuple[Text, ...] = field(repr=False)


class Dialect(Protocol):
    name: str

    def recognises(self, view: RequestView) -> bool: ...

    def read(self, view: RequestView) -> Reading:
        """Raises Malformed or Unsupported for what cannot be inspected."""

    def read_reply(
        self, operation: str, status: int, headers: Headers, body: bytes
    ) -> tuple[Document | None, tuple[Text, ...]]:
        """Raises BadReply for what cannot be inspected."""

    def stream(self, operation: str) -> StreamShape:
        """Raises BadReply where this dialect knows no streams."""

    def refusal(self, refused: Refused, exchange: str) -> tuple[Headers, bytes]: ...

    def error_event(self, refused: Refused, exchange: str) -> bytes:
        """The event that ends a stream so that the SDK raises."""


def parse_body(view: RequestView) -> Document | None:
    """The JSON body, or None for an empty one."""
    if not view.body:
        return None
    media = view.content_type.partition(";")[0].strip().lower()
    if media != "application/json" and not media.endswith("+json"):
        raise Unsupported("media-type", "Only JSON bodies are inspected here.", next_step="Send application/json.")
    return jsontext.parse(view.body)


def parse_reply(headers: Headers, body: bytes) -> Document | None:
    """The JSON reply, or None for an empty one; BadReply for anything else."""
    if not body:
        return None
    try:
        return jsontext.parse(body)
    except Malformed as error:
        raise BadReply("reply-unreadable", "The model host's reply is not JSON that can be inspected.") from error


def outer_texts(view: RequestView) -> tuple[Text, ...]:
    """What leaves beside the body: path, query and header fields."""
    path = Text("path", Role.PATH, unquote(view.path, errors="strict"))
    query = (Text(f"query:{name}", Role.QUERY, f"{name}={value}") for name, value in view.query)
    headers = (Text(f"header:{name}", Role.HEADER, value) for name, value in view.headers)
    return (path, *query, *headers)


def problem(refused: Refused, exchange: str) -> dict[str, object]:
    """RFC 9457 members and OpenAI's `error` object in one: SDKs show one or the other."""
    rules = f" [{', '.join(refused.because)}]" if refused.because else ""
    message = f"weighlock: {refused.reason}{rules} {refused.next_step}".strip()
    return {
        "type": f"urn:weighlock:{refused.code}",
        "title": refused.code,
        "status": refused.status,
        "detail": f"{refused.reason} {refused.next_step}".strip(),
        "instance": f"urn:weighlock:exchange:{exchange}",
        "because": list(refused.because),
        "error": {"message": message, "type": "weighlock_refusal", "code": refused.code, "param": None},
    }


def problem_reply(refused: Refused, exchange: str) -> tuple[Headers, bytes]:
    headers = (
        ("content-type", "application/problem+json"),
        ("x-should-retry", "true" if refused.retry else "false"),
        ("weighlock-exchange", exchange),
    )
    return headers, json.dumps(problem(refused, exchange)).encode()
