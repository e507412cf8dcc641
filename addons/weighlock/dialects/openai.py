"""OpenAI chat completions and the list of models, as the API reference describes them."""

from __future__ import annotations

import re

from weighlock.dialects.base import Asked, RequestView, Said
from weighlock.dialects.dialect import SSE, Dialect, Operation, asks, json_reply, no_body
from weighlock.dialects.fields import Fields, names
from weighlock.dialects.openai_realtime import REALTIME
from weighlock.errors import BadReply, Malformed, Unsupported
from weighlock.wire import jsontext
from weighlock.wire.jsontext import Document
from weighlock.wire.shape import Event, Run
from weighlock.wire.strictjson import Number

_WORDS = names(
    """
    model role type id object finish_reason tool_call_id encoding_format reasoning_effort verbosity service_tier
    system_fingerprint detail format tool_choice owned_by root parent modality voice function/name
    """
)
_KEYS = names(
    """
    model role type id object finish_reason tool_call_id encoding_format reasoning_effort verbosity service_tier
    system_fingerprint detail format tool_choice owned_by root parent modality voice
    messages content text name refusal tool_calls function arguments tools description parameters strict stream
    stream_options include_usage include_obfuscation obfuscation temperature top_p n stop max_tokens
    max_completion_tokens presence_penalty frequency_penalty logit_bias logprobs top_logprobs user seed metadata
    response_format json_schema schema store parallel_tool_calls prediction modalities audio safety_identifier
    prompt_cache_key web_search_options choices index message delta usage prompt_tokens completion_tokens
    total_tokens prompt_tokens_details completion_tokens_details cached_tokens audio_tokens reasoning_tokens
    accepted_prediction_tokens rejected_prediction_tokens created data error code param annotations
    reasoning_content reasoning image_url url
    """
)
CHAT = Fields(
    keys=_KEYS,
    words=_WORDS,
    json=names("function/arguments"),
    free=names("metadata function/parameters json_schema/schema"),
    media={"image_url/url": "image", "input_audio/data": "audio", "file/file_data": "file"},
)
_DELTAS = ("content", "refusal", "reasoning_content", "reasoning")


def _asks_chat(view: RequestView, document: Document) -> Asked:
    asked, body = asks(view, document), document.value
    if not isinstance(body.get("messages"), list):
        raise Malformed("body-shape", "The body needs `messages`.")
    if body.get("logprobs") or body.get("top_logprobs"):
        raise Unsupported("logprobs", "Token probabilities spell out what masking hides.", next_step="Leave it out.")
    modalities = body.get("modalities") or []
    if not isinstance(modalities, list):
        raise Malformed("body-shape", "`modalities` is a list.")
    if body.get("audio") or "audio" in modalities:
        raise Unsupported("not-inspectable", "Audio cannot be inspected.", next_step="Ask for text.")
    return asked


class ChatStream:
    """chat.completion.chunk: content, refusal, reasoning and tool arguments run on from event to event, per choice."""

    complete = False

    def read(self, data: str) -> Event:
        if data == "[DONE]":
            return Event(ended=("",), last=True)
        document = jsontext.parse(data.encode())
        runs: dict[str, Run] = {}
        ended: list[str] = []
        for place, choice in _items(document.get("/choices")):
            name = f"choice {_index(choice, place)} "
            if choice.get("finish_reason"):
                ended.append(name)
            delta = choice.get("delta")
            if not isinstance(delta, dict):
                continue
            at = f"/choices/{place}/delta"
            runs |= {f"{at}/{member}": Run(name + member) for member in _DELTAS if isinstance(delta.get(member), str)}
            for number, call in _items(delta.get("tool_calls")):
                arguments = f"{at}/tool_calls/{number}/function/arguments"
                runs[arguments] = Run(f"{name}tool {_index(call, number)}", json=True)
        _no_logprobs(document)
        return Event(document, *CHAT.read(document, runs), runs, ended=tuple(ended))


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


def _no_logprobs(document: Document) -> None:
    if any(leaf.kind != "key" and _LOGPROBS.fullmatch(leaf.pointer) for leaf in document.leaves()):
        raise BadReply("reply-logprobs", "The reply spells out its tokens, which shows what masking hides.")


def _reply(operation: Operation, document: Document) -> Said:
    _no_logprobs(document)
    return json_reply(operation, document)


_LOGPROBS = re.compile(r".*/logprobs/.+")

DIALECT = Dialect(
    "openai",
    (
        Operation(
            "chat.completions",
            "POST",
            r"/v1/chat/completions",
            CHAT,
            asks=_asks_chat,
            reply=_reply,
            streams={SSE: ChatStream},
        ),
        Operation("models", "GET", r"/v1/models", CHAT, request=no_body),
        REALTIME,
    ),
)
