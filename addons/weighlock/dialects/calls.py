"""What a request asks, as the dialects of its destination read it."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, unquote

from weighlock.destination import Destination
from weighlock.dialects import choose, tools
from weighlock.dialects.base import RequestView
from weighlock.dialects.dialect import outer_texts
from weighlock.dialects.opening import opening
from weighlock.errors import Malformed, Unsupported
from weighlock.model import Call, Headers

FORWARDED = frozenset({"accept", "anthropic-beta", "anthropic-version", "idempotency-key", "openai-beta", "user-agent"})
"""The header fields that go on, each of them inspected, with those of the dialect. All others stay here."""


def read(method: str, target: str, headers: Headers, body: bytes, destination: Destination) -> Call:
    """Raises Refused for what cannot be inspected, or is no call that *destination* is listed for."""
    view = view_of(method, target, headers, body)
    dialect, operation = choose(view, destination)
    view = view_of(method, target, headers, body, dialect.headers)
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
        opening=opening(operation.name, said.texts, said.body),
    )


def view_of(method: str, target: str, headers: Headers, body: bytes, more: str = "") -> RequestView:
    """*more* is a regular expression of further header fields that go on."""
    path, _, query = target.partition("?")
    try:
        if re.search(r"%(?![0-9A-Fa-f]{2})", target):
            raise ValueError
        pairs = tuple(parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query), errors="strict"))
        unquote(path, errors="strict")
    except ValueError:
        raise Malformed("target-encoding", "Path or query is not percent-encoded UTF-8.") from None
    known = tuple((name.lower(), value) for name, value in headers)
    return RequestView(
        method=method,
        path=path,
        query=pairs,
        headers=tuple((name, value) for name, value in known if name in FORWARDED or re.fullmatch(more, name)),
        content_type=", ".join(value for name, value in known if name == "content-type"),
        body=body,
        socket=any(name == "upgrade" for name, _ in known),
    )
