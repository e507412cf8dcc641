"""OpenAI chat completions and the list of models, as the API reference describes them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from weighlock.dialects import base, generic
from weighlock.dialects.base import Reading, RequestView
from weighlock.errors import BadReply, Malformed, Unsupported
from weighlock.model import Headers, Role, Text
from weighlock.wire.jsontext import Document, Leaf, Number
from weighlock.wire.shape import StreamShape

name = "openai"
refusal = generic.refusal
error_event = generic.error_event

_OPERATIONS: Mapping[tuple[str, str], str] = MappingProxyType(
    {("POST", "/v1/chat/completions"): "chat.completions", ("GET", "/v1/models"): "models"}
)
_WORDS = frozenset(
    """
    model role type id object finish_reason tool_call_id encoding_format reasoning_effort verbosity service_tier
    system_fingerprint detail format tool_choice owned_by root parent modality voice
    """.split()
)
"""Members whose text is a word of the API, not language: patterns are looked for in them, names of people are not."""
_KEYS = _WORDS | frozenset(
    """
    messages content text name refusal tool_calls function arguments tools description parameters strict stream
    stream_options include_usage include_obfuscation obfuscation temperature top_p n stop max_tokens
    max_completion_tokens presence_penalty frequency_penalty logit_bias logprobs top_logprobs user seed metadata
    response_format json_schema schema store parallel_tool_calls prediction modalities audio safety_identifier
    prompt_cache_key web_search_options choices index message delta usage prompt_tokens completion_tokens
    total_tokens prompt_tokens_details completion_tokens_details cached_tokens audio_tokens reasoning_tokens
    accepted_prediction_tokens rejected_prediction_tokens created data error code param annotations
    reasoning_content reasoning image_url url properties required items enum additionalProperties
    """.split()
)
"""Member names of the API itself; any other name is somebody's data."""
_NOT_TEXT = frozenset({"image_url", "input_audio", "file", "image", "video_url"})
_DELTAS = ("content", "refusal", "reasoning_content", "reasoning")


def recognises(view: RequestView) -> bool:
    return (view.method, view.path) in _OPERATIONS


def read(view: RequestView) -> Reading:
    operation = _OPERATIONS[view.method, view.path]
    document = base.parse_body(view)
    outer = base.outer_texts(view)
    if operation == "models":
        if document:
            raise Malformed("body-unexpected", "This request has no body.")
        return Reading(operation, "", False, None, outer)
    if document is None or not isinstance(document.value, dict):
        raise Malformed("body-missing", "The body is not a JSON object.")
    body = document.value
    model, stream = body.get("model"), body.get("stream")
    if not isinstance(model, str) or isinstance(model, Number) or not isinstance(body.get("messages"), list):
        raise Malformed("body-shape", "The body needs a `model` and `messages`.")
    if stream not in (True, False, None):
        raise Malformed("body-shape", "`stream` is true or false.")
    if body.get("logprobs") or body.get("top_logprobs"):
        raise Unsupported("logprobs", "Token probabilities spell out what masking hides.", next_step="Leave it out.")
    modalities = body.get("modalities") or []
    if not isinstance(modalities, list):
        raise Malformed("body-shape", "`modalities` is a list.")
    if body.get("audio") or "audio" in modalities:
        raise Unsupported("not-inspectable", "Audio cannot be inspected.", next_step="Ask for text.")
    _only_text(body["messages"])
    return Reading(operation, model, bool(stream), document, (*outer, *_texts(document)))


def read_reply(operation: str, status: int, headers: Headers, body: bytes) -> tuple[Document | None, tuple[Text, ...]]:
    document = base.parse_reply(headers, body)
    if document is None:
        return None, ()
    for leaf in document.leaves():
        _no_logprobs(leaf)
    return document, _texts(document)


def stream(operation: str) -> StreamShape:
    return ChatStream()


class ChatStream:
    """chat.completion.chunk: content, refusal, reasoning and tool arguments run on from event to event, per choice."""

    done = "[DONE]"

    def windows(self, document: Document) -> Mapping[str, str]:
        windows: dict[str, str] = {}
        for place, choice in _items(document.get("/choices")):
            index, delta = _index(choice, place), choice.get("delta")
            if not isinstance(delta, dict):
                continue
            for member in _DELTAS:
                windows[f"/choices/{place}/delta/{member}"] = f"choice {index} {member}"
            for at, call in _items(delta.get("tool_calls")):
                pointer = f"/choices/{place}/delta/tool_calls/{at}/function/arguments"
                windows[pointer] = f"choice {index} tool {_index(call, at)}"
        return windows

    def ended(self, document: Document) -> tuple[str, ...]:
        choices = _items(document.get("/choices"))
        return tuple(f"choice {_index(choice, place)} " for place, choice in choices if choice.get("finish_reason"))

    def role(self, leaf: Leaf) -> Role | None:
        _no_logprobs(leaf)
        return _role(leaf)


def _items(value: object) -> list[tuple[int, dict[str, object]]]:
    """The objects of a list, with their places."""
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise BadReply("stream-shape", "The stream is not one of chat completions.")
    return list(enumerate(value))


def _index(item: dict[str, object], place: int) -> str:
    index = item.get("index", Number(str(place)))
    if not isinstance(index, Number) or not index.isdecimal() or len(index) > 4:
        raise BadReply("stream-shape", "The stream is not one of chat completions.")
    return str(index)


def _texts(document: Document) -> tuple[Text, ...]:
    roles = ((leaf, _role(leaf)) for leaf in document.leaves())
    return tuple(Text(leaf.pointer, role, leaf.value) for leaf, role in roles if role)


def _role(leaf: Leaf) -> Role | None:
    if leaf.kind == "key":
        return None if leaf.value in _KEYS else Role.KEY
    if leaf.kind == "number":
        return Role.NUMBER
    place = leaf.pointer.split("/")
    member = next((part for part in reversed(place) if not part.isdecimal()), "")
    if member in _WORDS or (member == "name" and len(place) > 1 and place[-2] == "function"):
        return Role.PARAMETER
    return Role.CONTENT


def _only_text(messages: list[object]) -> None:
    for message in messages:
        content = message.get("content") if isinstance(message, dict) else None
        for part in content if isinstance(content, list) else ():
            if isinstance(part, dict) and not isinstance(part.get("type", ""), str):
                raise Malformed("body-shape", "The `type` of a part is a word.")
            if isinstance(part, dict) and (part.get("type") in _NOT_TEXT or _NOT_TEXT & part.keys()):
                raise Unsupported(
                    "not-inspectable",
                    "Images, audio and files in a message cannot be inspected.",
                    next_step="Send text only.",
                )


_LOGPROBS = re.compile(r".*/logprobs/.+")


def _no_logprobs(leaf: Leaf) -> None:
    if leaf.kind != "key" and _LOGPROBS.fullmatch(leaf.pointer):
        raise BadReply("reply-logprobs", "The reply spells out its tokens, which shows what masking hides.")
