"""A dialect: its operations as a table, and how a request, its reply and a refusal are read and written by it."""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any
from urllib.parse import unquote

from weighlock.dialects.base import Asked, Body, RequestView, Said
from weighlock.dialects.fields import Fields
from weighlock.dialects.retold import told_again
from weighlock.errors import BadReply, Later, Malformed, Refused, Unsupported
from weighlock.model import Headers, Role, Text
from weighlock.wire import jsontext
from weighlock.wire.array import Array
from weighlock.wire.framing import Frame, Framing
from weighlock.wire.jsontext import Document
from weighlock.wire.lines import Lines
from weighlock.wire.shape import StreamShape
from weighlock.wire.sse import Sse
from weighlock.wire.strictjson import Number

SSE, NDJSON, JSON = "text/event-stream", "application/x-ndjson", "application/json"
FRAMINGS: Mapping[str, Callable[[], Framing]] = MappingProxyType({SSE: Sse, NDJSON: Lines, JSON: Array})
"""By the media type of a reply that is a stream."""
_CODED = ("=?base64?", "?=")


def outer_texts(view: RequestView) -> tuple[Text, ...]:
    """What leaves beside the body: path, query and header fields."""
    path = Text("path", Role.PATH, unquote(view.path, errors="strict"))
    query = (Text(f"query:{name}", Role.QUERY, f"{name}={value}") for name, value in view.query)
    return (path, *query, *header_texts(view.headers))


def header_texts(headers: Headers) -> tuple[Text, ...]:
    return tuple(Text(f"header:{name}", Role.HEADER, plain(value)) for name, value in headers)


def plain(value: str) -> str:
    """A header field's value, out of the base64 in which MCP puts what no header field can hold."""
    if not (value.startswith(_CODED[0]) and value.endswith(_CODED[1])):
        return value
    inner = value.removeprefix(_CODED[0]).removesuffix(_CODED[1])
    try:
        said = b64decode(inner, validate=True)
        if b64encode(said).decode() != inner:
            raise ValueError
        return said.decode()
    except ValueError:
        raise Malformed("header-encoding", "A header field is not the base64 that it says it is.") from None


def problem(refused: Refused, exchange: str) -> dict[str, Any]:
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


def error_frame(said: Mapping[str, Any]) -> Frame:
    return Frame(json.dumps(said))


def asks(view: RequestView, document: Document) -> Asked:
    """`model` and `stream`, as most APIs have them."""
    body = document.value
    if not isinstance(body, dict):
        raise Malformed("body-shape", "The body is a JSON object.")
    model, stream = body.get("model"), body.get("stream")
    if not isinstance(model, str) or isinstance(model, Number):
        raise Malformed("body-shape", "The body needs a `model`.")
    if stream not in (True, False, None):
        raise Malformed("body-shape", "`stream` is true or false.")
    return Asked(model, bool(stream))


def json_request(view: RequestView, operation: Operation) -> tuple[Asked, Said]:
    """A request whose body is one JSON text."""
    media = view.content_type.partition(";")[0].strip().lower()
    if not view.body:
        raise Malformed("body-missing", "The request has no body.")
    if media != JSON and not media.endswith("+json"):
        raise Unsupported("media-type", "Only JSON bodies are inspected here.", next_step="Send application/json.")
    document = jsontext.parse(view.body)
    asked = operation.asks(view, document)
    return asked, operation.said(document.without(told_again(document, operation.fields)))


def no_body(view: RequestView, operation: Operation) -> tuple[Asked, Said]:
    """A request without a body."""
    if view.body:
        raise Malformed("body-unexpected", "This request has no body.")
    return Asked(), Said()


def optional_body(view: RequestView, operation: Operation) -> tuple[Asked, Said]:
    return json_request(view, operation) if view.body else (Asked(), Said())


def json_reply(operation: Operation, document: Document) -> Said:
    return operation.said(document)


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that an API does. The functions raise Malformed or Unsupported for what cannot be inspected."""

    name: str
    method: str
    path: str
    """A regular expression of the whole path."""
    fields: Fields = Fields()
    asks: Callable[[RequestView, Document], Asked] = asks
    """What a JSON request asks for; it raises where the body has not the shape of the operation."""
    request: Callable[[RequestView, Operation], tuple[Asked, Said]] = json_request
    reply: Callable[[Operation, Document], Said] = json_reply
    """Of a JSON reply, which is an error's too."""
    streams: Mapping[str, Callable[[], StreamShape]] = field(default_factory=dict)
    """By the media type of the reply."""
    replies: Mapping[str, Callable[[Operation, str, bytes], Said]] = field(default_factory=dict)
    """Replies that need not be JSON, by media type, `type/*` or `*/*`; they are given the media type."""
    error_frame: Callable[[Mapping[str, Any]], Frame] = error_frame
    """The frame that ends a stream so that SDKs raise, of what the dialect's `problem` says."""
    socket: tuple[Callable[[], StreamShape], Callable[[], StreamShape]] | None = None
    """Of a WebSocket: the messages of the client, and those of the model host."""

    def takes(self, view: RequestView) -> bool:
        return view.socket is (self.socket is not None) and bool(
            re.fullmatch(self.method, view.method) and re.fullmatch(self.path, view.path)
        )

    def said(self, document: Document) -> Said:
        return Said(document, *self.fields.read(document))

    def read(self, view: RequestView) -> tuple[Asked, Said]:
        """Raises Malformed or Unsupported for what cannot be inspected."""
        return self.request(view, self)

    def read_reply(self, body: bytes, media: str = JSON) -> Said:
        """Raises BadReply for what cannot be inspected."""
        if not body:
            return Said()
        ways = (media, f"{media.partition('/')[0]}/*", "*/*")
        other = next((self.replies[way] for way in ways if way in self.replies), None)
        try:
            return other(self, media, body) if other else self.reply(self, jsontext.parse(body))
        except Malformed as error:
            raise BadReply("reply-unreadable", "The model host's reply is not JSON that can be inspected.") from error


@dataclass(frozen=True, slots=True)
class Dialect:
    name: str
    operations: tuple[Operation, ...]
    problem: Callable[[Refused, str], dict[str, Any]] = problem
    """A refusal in the words of the API; the second argument is the exchange's id."""
    problem_media: str = "application/problem+json"
    addressed: Callable[[dict[str, Any], Body | None], dict[str, Any]] = lambda said, asked: said
    """What `problem` says, as the answer to a request's body where that was read."""
    headers: str = ""
    """A regular expression of the names of header fields that go on, besides those that always do: in lower case."""
    reply_headers: str = ""
    """Likewise of a reply's."""

    def operation(self, view: RequestView) -> Operation | None:
        """The first that *view* is one of."""
        return next((own for own in self.operations if own.takes(view)), None)

    def named(self, operation: str) -> Operation:
        return next(own for own in self.operations if own.name == operation)

    def passing(self, headers: Headers) -> Headers:
        """Of a reply's *headers* those that pass, once they are inspected."""
        lowered = ((name.lower(), value) for name, value in headers)
        return tuple((name, value) for name, value in lowered if re.fullmatch(self.reply_headers, name))

    def says(self, refused: Refused, exchange: str, asked: Body | None = None) -> dict[str, Any]:
        """A refusal of the request with the body *asked*."""
        return self.addressed(self.problem(refused, exchange), asked)

    def refusal(self, refused: Refused, exchange: str, asked: Body | None = None) -> tuple[Headers, bytes]:
        headers = (
            ("content-type", self.problem_media),
            ("x-should-retry", "true" if refused.retry else "false"),
            *((("retry-after", str(refused.retry_after)),) if isinstance(refused, Later) else ()),
            ("weighlock-exchange", exchange),
        )
        return headers, json.dumps(self.says(refused, exchange, asked)).encode()
