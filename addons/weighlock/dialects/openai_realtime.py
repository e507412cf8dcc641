"""OpenAI Realtime over a WebSocket: the client's events are whole, those of the model continue each other."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from weighlock.dialects import spelling
from weighlock.dialects.base import Asked, RequestView, Said
from weighlock.dialects.deltas import Runs
from weighlock.dialects.dialect import Operation, no_body
from weighlock.dialects.fields import Fields, names
from weighlock.dialects.retold import told_again
from weighlock.errors import BadReply, Malformed
from weighlock.wire import jsontext
from weighlock.wire.framing import Frame
from weighlock.wire.jsontext import Document
from weighlock.wire.shape import Event, Run

_WORDS = names(
    """
    type object id event_id item_id previous_item_id response_id call_id approval_request_id session_id client_secret
    role status model voice modality modalities output_modalities format format/type input_audio_format
    output_audio_format noise_reduction/type turn_detection/type eagerness truncation tool_choice include language code
    error/type finish_reason reason status_details/type server_label require_approval connector_id expires_after/anchor
    name function/name conversation effort conversation_id obfuscation
    """
)
FIELDS = Fields(
    keys=_WORDS
    | names(
        """
        session item response delta part content content_index output_index audio_end_ms audio_start_ms audio
        transcript text input instructions tools description parameters tracing metadata prompt variables version
        max_output_tokens max_response_output_tokens temperature speed input_audio_transcription prompt_cache_key
        turn_detection threshold prefix_padding_ms silence_duration_ms create_response interrupt_response
        idle_timeout_ms input_audio_noise_reduction transcription rate output arguments items usage total_tokens
        input_tokens output_tokens input_token_details output_token_details cached_tokens cached_tokens_details
        text_tokens audio_tokens image_tokens logprobs error message param created_at expires_at status_details
        rate_limits limit remaining reset_seconds seconds tokens duration end start noise_reduction near_field
        retention_ratio post_instructions token_limits group_id workflow_name image_url detail obfuscation
        approve headers authorization server_url server_description allowed_tools value token logprob bytes reasoning
        """
    ),
    words=_WORDS,
    json=names("arguments"),
    free=names("metadata parameters variables headers input_schema"),
    media={"audio": "audio", "image_url": "image"},
)
_AUDIO = Fields(FIELDS.keys, FIELDS.words, FIELDS.json, FIELDS.free, {**FIELDS.media, "delta": "audio"})
_ENDS = ("done", "completed", "failed")
_INDICES = ("response_id", "item_id", "output_index", "content_index", "summary_index")


def _event(data: str) -> tuple[str, Document, dict[str, Any]]:
    document = jsontext.parse(data.encode())
    kind = document.get("/type")
    if not isinstance(kind, str):
        raise BadReply("stream-shape", "A message is no event of the Realtime API.")
    return kind, document, document.value


class ClientEvents:
    """session.update, conversation.item.create, response.create...: nothing that a client says runs on."""

    complete = True

    def read(self, data: str) -> Event:
        kind, document, _ = _event(data)
        if kind.endswith(".delta"):
            raise Malformed("body-shape", "A client sends no deltas.")
        return Event(document, *FIELDS.read(document), dropped=tuple(told_again(document, FIELDS)))


class ServerEvents:
    """Every `….delta` continues what its `….done` ends, or that of a transcript, which is `….completed`: each of its
    strings that is no word of the API.
    """

    complete = True

    def __init__(self) -> None:
        self._runs = Runs(FIELDS)
        self._groups: dict[tuple[str, ...], str] = {}

    def read(self, data: str) -> Event:
        kind, document, said = _event(data)
        what, _, step = kind.rpartition(".")
        place = (what, *(str(said.get(name)) for name in _INDICES))
        if step != "delta":
            return _spelled(document, {}, self._ended(place) if step in _ENDS else ())
        if what.endswith("audio"):
            texts, closed = _AUDIO.read(document)
            if not closed:
                raise BadReply("stream-shape", "A delta of audio is no audio.")
            return Event(document, texts, closed)
        goes_on = {name: value for name, value in said.items() if name != "logprobs"}
        group = self._groups.setdefault(place, f"part {len(self._groups)} ")
        return _spelled(document, self._runs.of(goes_on, "", group, json=what.endswith("arguments")))

    def _ended(self, place: tuple[str, ...]) -> tuple[str, ...]:
        """One part; or all of a response, where that is done: what was said to it may still be written down."""
        if place[0] == "response":
            return tuple(group for (what, *_), group in self._groups.items() if what.startswith("response."))
        return (self._groups[place],) if place in self._groups else ()


def _spelled(document: Document, runs: Mapping[str, Run], ended: tuple[str, ...] = ()) -> Event:
    """With what the token probabilities of a transcript spell."""
    own = spelling.spelling(document)
    texts, closed = FIELDS.read(document, {*runs, *own.told})
    return Event(document, texts, closed, runs, own.spelled, own.dropped, ended)


def _open(view: RequestView, operation: Operation) -> tuple[Asked, Said]:
    _, said = no_body(view, operation)
    return Asked(dict(view.query).get("model", ""), stream=True), said


def _error(said: Mapping[str, Any]) -> Frame:
    return Frame(json.dumps({"type": "error", "event_id": said["instance"], "error": said["error"]}))


REALTIME = Operation(
    "realtime",
    "GET",
    r"/v1/realtime",
    FIELDS,
    request=_open,
    error_frame=_error,
    socket=(ClientEvents, ServerEvents),
)
