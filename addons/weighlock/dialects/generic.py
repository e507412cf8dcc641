"""Any JSON: every string, number and member name is a text, and nothing is known about any of them."""

from __future__ import annotations

import json

from weighlock.dialects import base
from weighlock.dialects.base import Reading, RequestView
from weighlock.errors import BadReply, Refused
from weighlock.model import Headers, Role, Text
from weighlock.wire.jsontext import Document, Leaf
from weighlock.wire.shape import StreamShape

name = "generic"

ROLES = {"string": Role.CONTENT, "number": Role.NUMBER, "key": Role.KEY}


def recognises(view: RequestView) -> bool:
    return view.method in ("GET", "POST", "PUT", "PATCH", "DELETE")


def read(view: RequestView) -> Reading:
    document = base.parse_body(view)
    texts = (*base.outer_texts(view), *texts_of(document))
    return Reading(f"{view.method} any", "", False, document, texts)


def read_reply(operation: str, status: int, headers: Headers, body: bytes) -> tuple[Document | None, tuple[Text, ...]]:
    document = base.parse_reply(headers, body)
    return document, texts_of(document)


def stream(operation: str) -> StreamShape:
    # A value could be split over events that nobody knows to belong together.
    raise BadReply("stream-unreadable", "Streams of an unknown dialect are not inspected.")


def refusal(refused: Refused, exchange: str) -> tuple[Headers, bytes]:
    return base.problem_reply(refused, exchange)


def error_event(refused: Refused, exchange: str) -> bytes:
    return f"data: {json.dumps(base.problem(refused, exchange))}\n\n".encode()


def texts_of(document: Document | None) -> tuple[Text, ...]:
    leaves: list[Leaf] = document.leaves() if document else []
    return tuple(Text(leaf.pointer, ROLES[leaf.kind], leaf.value) for leaf in leaves)
