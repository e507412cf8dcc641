"""OpenAI's Responses and Conversations over HTTP, as the API reference describes them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from weighlock.dialects import spelling
from weighlock.dialects.base import Asked, RequestView, Said
from weighlock.dialects.dialect import SSE, Operation, json_request, no_body
from weighlock.dialects.openai_chat import BASE, ID, asks_any_model
from weighlock.dialects.openai_responses_fields import RESPONSES as FIELDS
from weighlock.dialects.openai_responses_stream import ResponseStream
from weighlock.errors import Malformed, Unsupported
from weighlock.wire.framing import Frame
from weighlock.wire.jsontext import Document


def _asks(view: RequestView, document: Document) -> Asked:
    asked = asks_any_model(view, document)
    _items(document.value, "input")
    return asked


def _asks_items(view: RequestView, document: Document) -> Asked:
    if not isinstance(document.value, dict):
        raise Malformed("body-shape", "The body is a JSON object.")
    _items(document.value, "items")
    return Asked()


def _items(body: Mapping[str, Any], member: str) -> None:
    said = body.get(member)
    whole = said is None or (member == "input" and isinstance(said, str))
    if not whole and not (isinstance(said, list) and all(isinstance(item, dict) for item in said)):
        raise Malformed("body-shape", f"`{member}` is a list of items.")


def _retrieve(view: RequestView, operation: Operation) -> tuple[Asked, Said]:
    asked, said = no_body(view, operation)
    query = dict(view.query)
    if "starting_after" in query:
        raise Unsupported(
            "stream-resumed",
            "What stood before cannot be inspected with what follows it.",
            next_step="Stream the response from its beginning, or read it whole.",
        )
    return Asked(asked.model, query.get("stream") == "true"), said


def _error_frame(said: Mapping[str, Any]) -> Frame:
    error = said["error"]
    event = {"type": "error", "code": error["code"], "message": error["message"], "param": None, "error": error}
    return Frame(json.dumps(event), name="error")


def _operation(name: str, method: str, path: str, **given: Any) -> Operation:
    """One that has a body says what it asks."""
    usual: dict[str, Any] = {"request": json_request if "asks" in given else no_body}
    usual |= {"fields": FIELDS, "reply": spelling.reply, "error_frame": _error_frame}
    return Operation(name, method, f"{BASE}{path}", **usual | given)


_STREAMS = {SSE: ResponseStream}

CREATE = _operation("responses", "POST", "/responses", asks=_asks, streams=_STREAMS)
RESPONSES = (
    CREATE,
    _operation("responses.compact", "POST", "/responses/compact", asks=_asks),
    _operation("responses.input_tokens", "POST", "/responses/input_tokens", asks=_asks),
    _operation("responses.cancel", "POST", f"/responses{ID}/cancel"),
    _operation("responses.retrieve", "GET", f"/responses{ID}", request=_retrieve, streams=_STREAMS),
    _operation("responses.delete", "DELETE", f"/responses{ID}"),
    _operation("responses.input_items", "GET", f"/responses{ID}/input_items"),
    _operation("conversations", "POST", "/conversations", asks=_asks_items),
    _operation("conversations.retrieve", "GET", f"/conversations{ID}"),
    _operation("conversations.update", "POST", f"/conversations{ID}", asks=_asks_items),
    _operation("conversations.delete", "DELETE", f"/conversations{ID}"),
    _operation("conversations.items", "POST", f"/conversations{ID}/items", asks=_asks_items),
    _operation("conversations.items.list", "GET", f"/conversations{ID}/items"),
    _operation("conversations.items.retrieve", "GET", f"/conversations{ID}/items{ID}"),
    _operation("conversations.items.delete", "DELETE", f"/conversations{ID}/items{ID}"),
)
