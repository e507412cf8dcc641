"""Gemini's API, as generativelanguage.googleapis.com, Vertex AI and its express mode speak it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from weighlock.dialects.base import Asked, RequestView, Said
from weighlock.dialects.dialect import JSON, SSE, Dialect, Operation, no_body
from weighlock.dialects.dialect import problem as plain_problem
from weighlock.dialects.gemini_fields import GEMINI, snake
from weighlock.dialects.gemini_stream import GenerateStream, spelling
from weighlock.errors import Malformed, Refused, Unsupported
from weighlock.wire.framing import Frame
from weighlock.wire.jsontext import Document

_BASE = r"/v1(?:alpha|beta|beta1)?(?:/projects/\w[\w.:-]*/locations/[\w-]+)?"
_OWNER = r"(?:/publishers/[\w-]+)?"
_NAME = r"[\w-][\w.@-]*"
_MODEL = rf"{_BASE}(?:{_OWNER}/models|/tunedModels|/endpoints)/{_NAME}"
_ROUTING = ("routingConfig", "modelSelectionConfig")
_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    429: "RESOURCE_EXHAUSTED",
    413: "INVALID_ARGUMENT",
    415: "INVALID_ARGUMENT",
    502: "INTERNAL",
    503: "UNAVAILABLE",
}
"""google.rpc.Code, by HTTP status."""


def problem(refused: Refused, exchange: str) -> dict[str, Any]:
    """`error` in Google's words. Without RFC 9457's `status`: the SDK takes one for google.rpc.Code."""
    said = plain_problem(refused, exchange)
    del said["status"]
    error = {"code": refused.status, "message": said["error"]["message"], "status": _STATUS[refused.status]}
    return {"error": error} | {name: member for name, member in said.items() if name != "error"}


def error_frame(said: Mapping[str, Any]) -> Frame:
    """The SDK knows it by its first bytes."""
    return Frame(json.dumps({"error": said["error"]}))


def _asks(*needed: str, stream: bool = False) -> Callable[[RequestView, Document], Asked]:
    """Of a body that has one of the members *needed*; the model is the path's."""

    def asks(view: RequestView, document: Document) -> Asked:
        body = document.value
        if not isinstance(body, dict) or not any(isinstance(body.get(name), list | dict) for name in needed):
            raise Malformed("body-shape", f"The body needs {' or '.join(f'`{name}`' for name in needed)}.")
        model = view.path.rpartition(":")[0].rpartition("/")[2]
        if any(not isinstance(name, str) or name.rpartition("/")[2] != model for name in _models(document)):
            raise Malformed("body-shape", "The body names another model than the path.")
        if any(_has(document, way) for way in _ROUTING):
            raise Unsupported("model-routing", "It would let another model answer than the one that is asked.")
        return Asked(model, stream)

    return asks


def _models(document: Document) -> Iterator[Any]:
    """Each name of a model that stands beside the path's."""
    inner = [document.get("/generateContentRequest"), document.get("/generate_content_request")]
    requests = document.get("/requests")
    for one in (document.value, *inner, *(requests if isinstance(requests, list) else ())):
        if isinstance(one, dict) and "model" in one:
            yield one["model"]


def _has(document: Document, name: str) -> bool:
    inner = ("", "/generateContentRequest", "/generate_content_request")
    configs = ("/generationConfig", "/generation_config")
    return any(document.get(f"{a}{b}/{c}") is not None for a in inner for b in configs for c in (name, snake(name)))


def _reply(operation: Operation, document: Document) -> Said:
    spelled, dropped = spelling(document)
    return Said(document, *GEMINI.read(document), spelled=spelled, dropped=dropped)


_call = partial(Operation, method="POST", fields=GEMINI)
_look = partial(Operation, method="GET", fields=GEMINI, request=no_body)

DIALECT = Dialect(
    "gemini",
    (
        _call("generateContent", path=f"{_MODEL}:generateContent", asks=_asks("contents"), reply=_reply),
        _call(
            "streamGenerateContent",
            path=f"{_MODEL}:streamGenerateContent",
            asks=_asks("contents", stream=True),
            reply=_reply,
            streams={SSE: GenerateStream, JSON: GenerateStream},
            error_frame=error_frame,
        ),
        _call(
            "countTokens",
            path=f"{_MODEL}:countTokens",
            asks=_asks("contents", "generateContentRequest", "generate_content_request"),
        ),
        _call("embedContent", path=f"{_MODEL}:embedContent", asks=_asks("content")),
        _call("batchEmbedContents", path=f"{_MODEL}:batchEmbedContents", asks=_asks("requests")),
        _look("models.list", path=f"{_BASE}(?:{_OWNER}/models|/tunedModels)"),
        _look("models.get", path=_MODEL),
    ),
    problem=problem,
)
