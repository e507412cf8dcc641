"""Anthropic's Messages, batches of them, token counts and models, at its own host, Foundry, Vertex and Bedrock.

A block of thinking is masked like any text, and its signature left as it is: the model host refuses the block, with
status 400, if it is sent back so. On Bedrock only `invoke` is known: `converse` has words of its own, and
`invoke-with-response-stream` a binary framing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from weighlock.dialects import dialect
from weighlock.dialects.anthropic_fields import ANTHROPIC
from weighlock.dialects.anthropic_stream import MessageStream
from weighlock.dialects.base import Asked, RequestView, Said
from weighlock.dialects.dialect import JSON, SSE, Dialect, Operation, asks, no_body
from weighlock.errors import Malformed, Refused, Unsupported
from weighlock.wire import jsontext, lines
from weighlock.wire.framing import Frame
from weighlock.wire.jsontext import Document

_BASE = r"(?:/[\w-][\w.:@-]*){0,8}/v1"
_BATCH = rf"{_BASE}/messages/batches/[\w-]+"
_VERTEX = rf"{_BASE}/projects/[\w.:-]+/locations/[\w-]+/publishers/anthropic/models"
_MODEL = re.compile(r"/models?/([^/]+?)(?::(?:r|streamR)awPredict|/invoke)")
_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    413: "request_too_large",
    415: "invalid_request_error",
    429: "rate_limit_error",
}


def _asks(view: RequestView, document: Document) -> Asked:
    asked = asks(view, document)
    if not isinstance(document.value.get("messages"), list):
        raise Malformed("body-shape", "The body needs `messages`.")
    return asked


def _asks_cloud(view: RequestView, document: Document) -> Asked:
    """The path says which model it is."""
    named = _MODEL.search(view.path)
    if not named or not isinstance(document.value, dict):
        raise Malformed("body-shape", "The path names a model, and the body is a JSON object.")
    return _asks(view, Document(document.value | {"model": unquote(named[1])}))


def _asks_batch(view: RequestView, document: Document) -> Asked:
    """A batch is of one model: policy knows one for a call."""
    requests = document.value.get("requests") if isinstance(document.value, dict) else None
    if not isinstance(requests, list) or not requests or not all(isinstance(one, dict) for one in requests):
        raise Malformed("body-shape", "The body needs `requests`.")
    models = {_asks(view, Document(one.get("params"))).model for one in requests}
    if len(models) > 1:
        raise Unsupported("batch-models", "A batch is of one model.", next_step="Send a batch for each model.")
    return Asked(models.pop())


def _results(operation: Operation, media: str, body: bytes) -> Said:
    """JSON Lines, a result each; an error is JSON."""
    if media == JSON:
        return operation.reply(operation, jsontext.parse(body))
    parsed = lines.parse(body, "application/x-jsonl")
    read = [operation.fields.read(one, place=f"/{number}") for number, one in enumerate(parsed.documents)]
    texts = tuple(text for texts, _ in read for text in texts)
    return Said(parsed, texts, tuple(one for _, closed in read for one in closed))


def _problem(refused: Refused, exchange: str) -> dict[str, Any]:
    """What the SDKs show as an error of this API, with the members of RFC 9457 that do not stand against it."""
    said = dialect.problem(refused, exchange)
    error = {"type": _TYPES.get(refused.status, "api_error"), "message": said["error"]["message"]}
    error["details"] = {"error_code": refused.code}
    return {"type": "error", "error": error, "request_id": exchange} | {
        name: said[name] for name in ("title", "status", "detail", "instance", "because")
    }


def _error_frame(said: Mapping[str, Any]) -> Frame:
    return Frame(json.dumps(said), name="error")


_MESSAGES = Operation(
    "messages",
    "POST",
    rf"{_BASE}/messages",
    ANTHROPIC,
    asks=_asks,
    streams={SSE: MessageStream},
    error_frame=_error_frame,
)

DIALECT = Dialect(
    "anthropic",
    (
        _MESSAGES,
        Operation("messages.count_tokens", "POST", rf"{_BASE}/messages/count_tokens", ANTHROPIC, asks=_asks),
        Operation("batches", "POST", rf"{_BASE}/messages/batches", ANTHROPIC, asks=_asks_batch),
        Operation("batches.list", "GET", rf"{_BASE}/messages/batches", ANTHROPIC, request=no_body),
        Operation("batches.retrieve", "GET", _BATCH, ANTHROPIC, request=no_body),
        Operation("batches.cancel", "POST", rf"{_BATCH}/cancel", ANTHROPIC, request=no_body),
        Operation("batches.delete", "DELETE", _BATCH, ANTHROPIC, request=no_body),
        Operation(
            "batches.results", "GET", rf"{_BATCH}/results", ANTHROPIC, request=no_body, replies={"*/*": _results}
        ),
        Operation("models", "GET", rf"{_BASE}/models", ANTHROPIC, request=no_body),
        Operation("models.retrieve", "GET", rf"{_BASE}/models/[\w-][\w.:@-]*", ANTHROPIC, request=no_body),
        Operation("vertex.count_tokens", "POST", rf"{_VERTEX}/count-tokens:rawPredict", ANTHROPIC, asks=_asks),
        replace(
            _MESSAGES, name="vertex.messages", path=rf"{_VERTEX}/[\w.@%-]+:(?:r|streamR)awPredict", asks=_asks_cloud
        ),
        Operation("bedrock.invoke", "POST", r"/model/[\w.:%-]+/invoke", ANTHROPIC, asks=_asks_cloud),
    ),
    problem=_problem,
    problem_media=JSON,
)
