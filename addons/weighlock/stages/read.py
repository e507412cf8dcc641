"""What it says, in the words of its API: every string that could leave, each with its place."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, unquote

from mitmproxy import http

from weighlock.dialects import choose, tools
from weighlock.dialects.base import RequestView
from weighlock.dialects.dialect import outer_texts
from weighlock.errors import Malformed, Unsupported
from weighlock.model import Call, Exchange, Headers
from weighlock.stages.stage import Stage, filled
from weighlock.wire import body

FORWARDED = frozenset({"accept", "anthropic-beta", "anthropic-version", "idempotency-key", "openai-beta", "user-agent"})
"""The header fields that go on, each of them inspected, with those of the dialect. All others stay here."""


class Read(Stage):
    fills = "call"
    kind = Call

    async def fill(self, exchange: Exchange, flow: http.HTTPFlow) -> Call:
        request, destination = flow.request, filled(exchange.destination)
        body.plain(request.headers.get("content-type"), request.headers.get("content-encoding"))
        if request.trailers:
            raise Unsupported("trailers", "Trailers are not inspected.")
        view = view_of(request)
        dialect, operation = choose(view, destination)
        view = view_of(request, dialect.headers)
        asked, said = operation.read(view)
        if kinds := {one.kind for one in said.not_inspected} - destination.not_inspected:
            raise Unsupported(
                "not-inspectable",
                f"The request holds what cannot be inspected: {', '.join(sorted(kinds))}.",
                next_step="Send text only, or have it listed under `not_inspected` in rules/destinations.yaml.",
            )
        return Call(
            dialect=dialect.name,
            operation=operation.name,
            destination=destination.name,
            model=asked.model,
            stream=asked.stream,
            size=len(view.body),
            texts=(*outer_texts(view), *said.texts),
            not_inspected=said.not_inspected,
            tools=tools.named(dialect.name, operation.name, said.body, socket=view.socket),
            body=said.body,
        )


def view_of(request: http.Request, more: str = "") -> RequestView:
    """*more* is a regular expression of further header fields that go on."""
    path, _, query = request.path.partition("?")
    try:
        if re.search(r"%(?![0-9A-Fa-f]{2})", request.path):
            raise ValueError
        pairs = tuple(parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query), errors="strict"))
        unquote(path, errors="strict")
    except ValueError:
        raise Malformed("target-encoding", "Path or query is not percent-encoded UTF-8.") from None
    return RequestView(
        method=request.method,
        path=path,
        query=pairs,
        headers=forwarded(tuple(request.headers.items(multi=True)), more),
        content_type=request.headers.get("content-type", ""),
        body=request.raw_content or b"",
        socket="upgrade" in request.headers,
    )


def forwarded(headers: Headers, more: str) -> Headers:
    known = ((name.lower(), value) for name, value in headers)
    return tuple((name, value) for name, value in known if name in FORWARDED or re.fullmatch(more, name))
