"""OpenAI's Chat Completions, stored ones too, and the older Completions, as the API reference describes them."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from weighlock.dialects import spelling
from weighlock.dialects.base import Asked, RequestView, Said
from weighlock.dialects.dialect import SSE, Operation, asks, json_request, no_body
from weighlock.dialects.openai_chat_stream import ChatStream
from weighlock.dialects.openai_fields import OPENAI
from weighlock.errors import Malformed, Unsupported
from weighlock.model import NotInspected
from weighlock.wire.jsontext import Document
from weighlock.wire.strictjson import Number

BASE = r"(?:/[\w-][\w.:@-]*){0,8}"
"""What may stand before an operation's own path: /v1, /openai/v1, /openai/deployments/NAME."""
ID = r"/[\w-][\w.:@-]*"
_DEPLOYMENT = re.compile(r"/openai/deployments/([^/]+)/")


def asks_model(view: RequestView, document: Document) -> Asked:
    """A path that names a deployment, as Azure's do, says which model it is; the body's counts for nothing there."""
    deployment = _DEPLOYMENT.search(view.path)
    if not deployment or not isinstance(document.value, dict):
        return asks(view, document)
    return asks(view, Document(document.value | {"model": deployment[1]}))


def asks_any_model(view: RequestView, document: Document) -> Asked:
    """Where the model may be left out."""
    if isinstance(document.value, dict) and document.value.get("model") is None:
        document = Document(document.value | {"model": ""})
    return asks_model(view, document)


def texts_only(value: Any) -> None:
    """Raises Unsupported where token ids stand among texts: nobody here knows what they say."""
    if isinstance(value, Number):
        raise Unsupported("token-ids", "Token ids cannot be inspected.", next_step="Send the text itself.")
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        texts_only(item)


def asks_text(member: str) -> Any:
    """Of a request whose text is *member*."""

    def asked(view: RequestView, document: Document) -> Asked:
        found = asks_any_model(view, document)
        if not document.value.get(member):
            raise Malformed("body-shape", f"The body needs `{member}`.")
        texts_only(document.value[member])
        return found

    return asked


def _asks_chat(view: RequestView, document: Document) -> Asked:
    asked = asks_model(view, document)
    if not isinstance(document.value.get("messages"), list):
        raise Malformed("body-shape", "The body needs `messages`.")
    if not isinstance(document.value.get("modalities") or [], list):
        raise Malformed("body-shape", "`modalities` is a list.")
    texts_only(document.value.get("prompt_token_ids"))
    return asked


def _audio_too(view: RequestView, operation: Operation) -> tuple[Asked, Said]:
    """An answer in audio is one that cannot be inspected, which the request says beforehand."""
    asked, said = json_request(view, operation)
    body = said.body.value if isinstance(said.body, Document) else {}
    if "audio" in (body.get("modalities") or []):
        said = replace(said, not_inspected=(*said.not_inspected, NotInspected("audio", 0)))
    return asked, said


def _asks_completion(view: RequestView, document: Document) -> Asked:
    asked = asks_model(view, document)
    if "prompt" not in document.value and "prompt_embeds" not in document.value:
        raise Malformed("body-shape", "The body needs a `prompt`.")
    for member in ("prompt", "prompt_token_ids"):
        texts_only(document.value.get(member))
    return asked


def asks_nothing(view: RequestView, document: Document) -> Asked:
    if not isinstance(document.value, dict):
        raise Malformed("body-shape", "The body is a JSON object.")
    return Asked()


_STORED = rf"{BASE}/chat/completions{ID}"
CHAT = Operation(
    "chat.completions",
    "POST",
    rf"{BASE}/chat/completions",
    OPENAI,
    asks=_asks_chat,
    request=_audio_too,
    reply=spelling.reply,
    streams={SSE: ChatStream},
)
COMPLETIONS = Operation(
    "completions",
    "POST",
    rf"{BASE}/completions",
    OPENAI,
    asks=_asks_completion,
    reply=spelling.reply,
    streams={SSE: ChatStream},
)
STORED = (
    Operation(
        "chat.completions.list", "GET", rf"{BASE}/chat/completions", OPENAI, request=no_body, reply=spelling.reply
    ),
    Operation("chat.completions.retrieve", "GET", _STORED, OPENAI, request=no_body, reply=spelling.reply),
    Operation("chat.completions.update", "POST", _STORED, OPENAI, asks=asks_nothing, reply=spelling.reply),
    Operation("chat.completions.delete", "DELETE", _STORED, OPENAI, request=no_body),
    Operation("chat.completions.messages", "GET", rf"{_STORED}/messages", OPENAI, request=no_body),
)
