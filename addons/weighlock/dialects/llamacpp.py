"""llama.cpp's own API; what it has of OpenAI's is read as that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from weighlock.dialects.base import Asked, RequestView, Said
from weighlock.dialects.dialect import SSE, Dialect, Operation
from weighlock.dialects.fields import Fields, names
from weighlock.dialects.openai_chat import asks_any_model, texts_only
from weighlock.dialects.openai_chat_stream import index
from weighlock.dialects.openai_fields import OPENAI
from weighlock.errors import BadReply, Malformed
from weighlock.wire import jsontext
from weighlock.wire.jsontext import Document
from weighlock.wire.shape import Event, Run

_WORDS = OPENAI.words | names("stop_type samplers response_fields")
FIELDS = Fields(
    keys=_WORDS
    | OPENAI.keys
    | names(
        """
        n_predict n_indent n_keep n_cmpl n_cache_reuse typical_p repeat_penalty repeat_last_n dry_multiplier dry_base
        dry_allowed_length dry_penalty_last_n dry_sequence_breakers xtc_probability xtc_threshold mirostat
        mirostat_tau mirostat_eta n_probs min_keep t_max_predict_ms id_slot cache_prompt return_tokens
        timings_per_token return_progress sse_ping_interval post_sampling_probs lora scale input_prefix input_suffix
        input_extra prompt_string multimodal_data dynatemp_range dynatemp_exponent
        content tokens tokens_predicted tokens_evaluated tokens_cached generation_settings has_new_line truncated
        stopping_word completion_probabilities probs prob top_probs prompt_progress cache processed time_ms n_ctx
        """
    ),
    words=_WORDS,
    json=OPENAI.json,
    free=OPENAI.free | {"json_schema"},
    media={**OPENAI.media, "prompt/multimodal_data": "file"},
)


def _asks(view: RequestView, document: Document) -> Asked:
    asked, body = asks_any_model(view, document), document.value
    if not {"prompt", "input_prefix", "input_suffix"} & body.keys():
        raise Malformed("body-shape", "The body needs a `prompt`.")
    texts_only(body.get("prompt"))
    return asked


def _asks_template(view: RequestView, document: Document) -> Asked:
    asked = asks_any_model(view, document)
    if not isinstance(document.value.get("messages"), list):
        raise Malformed("body-shape", "The body needs `messages`.")
    return asked


def _ids(value: Any, at: str = "") -> tuple[str, ...]:
    """What says an answer in token ids, or token by token."""
    if isinstance(value, list):
        return tuple(place for number, item in enumerate(value) for place in _ids(item, f"{at}/{number}"))
    members: Mapping[str, Any] = value if isinstance(value, dict) else {}
    return tuple(f"{at}/{name}" for name in ("tokens", "completion_probabilities", "probs") if members.get(name))


def _read(document: Document, runs: Mapping[str, Run]) -> Event:
    dropped = _ids(document.value)
    below = tuple(f"{place}/" for place in dropped)
    told = {leaf.pointer for leaf in document.leaves() if leaf.pointer.removeprefix("key:").startswith(below)}
    return Event(document, *FIELDS.read(document, {*runs, *told}), runs, dropped=dropped)


def _reply(operation: Operation, document: Document) -> Said:
    event = _read(document, {})
    return Said(document, event.texts, event.not_inspected, dropped=event.dropped)


class ContentStream:
    """`content` goes on, per prompt, until `stop`."""

    def __init__(self) -> None:
        self._open: dict[str, bool] = {}

    @property
    def complete(self) -> bool:
        return bool(self._open) and not any(self._open.values())

    def read(self, data: str) -> Event:
        if data == "[DONE]":
            return Event(ended=("",), last=True)
        document = jsontext.parse(data.encode())
        said = document.value
        if not isinstance(said, dict) or not {"content", "error", "prompt_progress"} & said.keys():
            raise BadReply("stream-shape", "The stream is not one of llama.cpp.")
        name = f"content {index(said, 0)} "
        event = _read(document, {"/content": Run(name)} if isinstance(said.get("content"), str) else {})
        if event.runs:
            self._open[name] = said.get("stop") is not True
        return Event(
            document,
            event.texts,
            event.not_inspected,
            event.runs,
            dropped=event.dropped,
            ended=(name,) if said.get("stop") is True else (),
        )


DIALECT = Dialect(
    "llamacpp",
    (
        Operation("completion", "POST", "/completions?", FIELDS, _asks, reply=_reply, streams={SSE: ContentStream}),
        Operation("infill", "POST", "/infill", FIELDS, _asks, reply=_reply, streams={SSE: ContentStream}),
        Operation("apply-template", "POST", "/apply-template", FIELDS, _asks_template),
    ),
)
