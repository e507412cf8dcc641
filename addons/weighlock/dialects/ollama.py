"""Ollama's own API. What manages models on the host (pull, push, create, copy, delete, blobs) is not listed."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from weighlock.dialects.base import Asked, RequestView, Said
from weighlock.dialects.dialect import NDJSON, Dialect, Operation, no_body
from weighlock.dialects.dialect import asks as named_asks
from weighlock.dialects.dialect import problem as plain_problem
from weighlock.dialects.ollama_fields import OLLAMA, TEXTS, spelling, spelt_bytes
from weighlock.errors import BadReply, Malformed, Refused, Unsupported
from weighlock.wire import jsontext
from weighlock.wire.framing import Frame
from weighlock.wire.jsontext import Document
from weighlock.wire.shape import Event, Run

_THOUGHTS = tuple(place for place in TEXTS if place.endswith("thinking"))
_ANSWERS = tuple(place for place in TEXTS if place not in _THOUGHTS)
_WHOLE = frozenset({"tool_calls", "images", "logprobs", "_debug_info", "error", "signin_url"})
"""Members of a frame, or of its message, that come whole."""

_SPELLED = {name.casefold(): name for name in OLLAMA.keys}


def problem(refused: Refused, exchange: str) -> dict[str, Any]:
    """`error` is a text, as clients show it."""
    said = plain_problem(refused, exchange)
    return said | {"error": said["error"]["message"]}


def error_frame(said: Mapping[str, Any]) -> Frame:
    return Frame(json.dumps({"error": said["error"]}))


class Answer:
    """Frames of /api/chat and /api/generate: pieces of the answer and of the thoughts before it, to `done`."""

    complete = False

    def __init__(self) -> None:
        self._thoughts = 0

    def read(self, data: str) -> Event:
        document = jsontext.parse(data.encode())
        frame = document.value
        if not isinstance(frame, dict):
            raise BadReply("stream-shape", "The stream is not one of Ollama's.")
        runs = {pointer: Run(self._name(pointer)) for pointer in _running(document)}
        ended: tuple[str, ...] = ()
        if any(document.get(place) for place in _ANSWERS) and not any(document.get(place) for place in _THOUGHTS):
            ended = (f"thoughts {self._thoughts} ",)
            self._thoughts += 1
        spelled, dropped = spelling(document)
        last = frame.get("done") is True or bool(frame.get("error"))
        return Event(
            document,
            *OLLAMA.read(document, {*runs, *spelt_bytes(document)}),
            runs,
            spelled,
            dropped=dropped,
            ended=ended,
            last=last,
        )

    def _name(self, pointer: str) -> str:
        """The answer is one text. What was thought is complete when the answer goes on."""
        return f"thoughts {self._thoughts} {pointer}" if pointer in _THOUGHTS else pointer


def _running(document: Document) -> list[str]:
    """The strings that continue what they held before: all but words, and what comes whole."""
    found = []
    for leaf in document.leaves():
        path = leaf.pointer.removeprefix("/message").split("/")[1:]
        if leaf.kind == "string" and path and path[0] not in _WHOLE and not OLLAMA.is_word(leaf.pointer):
            found.append(leaf.pointer)
    return found


def _asks(*needed: str, streams: bool = False) -> Callable[[RequestView, Document], Asked]:
    """Of a body with a model and the members *needed*. What can stream does so unless it is told not to."""

    def asks(view: RequestView, document: Document) -> Asked:
        asked, body = named_asks(view, document), document.value
        _no_other_case(document)
        if any(name not in body for name in needed):
            raise Malformed("body-shape", f"The body needs {' and '.join(f'`{name}`' for name in needed)}.")
        if body.get("context"):
            raise Unsupported(
                "context-tokens",
                "`context` is text in numbers, which cannot be inspected.",
                next_step="Leave it out, and send the conversation to /api/chat.",
            )
        return Asked(asked.model, streams and body.get("stream") is not False)

    return asks


def _asks_show(view: RequestView, document: Document) -> Asked:
    """`name` is what `model` was called before."""
    body = document.value
    _no_other_case(document)
    if isinstance(body, dict) and "model" not in body and "name" in body:
        document = Document({"model": body["name"]})
    return Asked(named_asks(view, document).model)


def _no_other_case(document: Document) -> None:
    """Go takes `Model` for `model`, and the last of them counts."""
    for leaf in document.leaves():
        if (
            leaf.kind == "key"
            and not OLLAMA.is_free(leaf.pointer)
            and _SPELLED.get(leaf.value.casefold(), leaf.value) != leaf.value
        ):
            raise Malformed("member-case", "A member of the body is spelled as no member of the API is.")


def _reply(operation: Operation, document: Document) -> Said:
    spelled, dropped = spelling(document)
    return Said(document, *OLLAMA.read(document, spelt_bytes(document)), spelled=spelled, dropped=dropped)


_call = partial(Operation, method="POST", fields=OLLAMA, reply=_reply)
_stream = partial(_call, streams={NDJSON: Answer}, error_frame=error_frame)
_look = partial(Operation, method="GET", fields=OLLAMA, request=no_body)

DIALECT = Dialect(
    "ollama",
    (
        _stream("chat", path="/api/chat", asks=_asks("messages", streams=True)),
        _stream("generate", path="/api/generate", asks=_asks(streams=True)),
        _call("embed", path="/api/embed", asks=_asks("input")),
        _call("embeddings", path="/api/embeddings", asks=_asks("prompt")),
        _call("show", path="/api/show", asks=_asks_show),
        _look("tags", path="/api/tags"),
        _look("ps", path="/api/ps"),
        _look("version", path="/api/version"),
    ),
    problem=problem,
)
