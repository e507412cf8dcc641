"""OpenAI's Audio and Images: what is said with them is inspected, they themselves are not."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from weighlock.dialects import spelling, transcripts
from weighlock.dialects.base import Asked, RequestView, Said
from weighlock.dialects.dialect import SSE, Operation, json_request
from weighlock.dialects.forms import form, media_file, opaque_reply, text_reply
from weighlock.dialects.openai_chat import BASE, asks_any_model, asks_model
from weighlock.dialects.openai_chat_stream import strings
from weighlock.dialects.openai_fields import OPENAI
from weighlock.errors import BadReply, Malformed
from weighlock.model import NotInspected
from weighlock.wire import jsontext
from weighlock.wire.jsontext import Document
from weighlock.wire.shape import Event, Run, StreamShape

SPEECH = replace(OPENAI, media={**OPENAI.media, "audio": "audio"})
Reader = Callable[[RequestView, Operation], tuple[Asked, Said]]


def _answers(kind: str, request: Reader) -> Reader:
    """A request that is answered by what cannot be inspected says so beforehand, so that it is not made in vain."""

    def read(view: RequestView, operation: Operation) -> tuple[Asked, Said]:
        asked, said = request(view, operation)
        return asked, replace(said, not_inspected=(*said.not_inspected, NotInspected(kind, 0)))

    return read


def _asks_speech(view: RequestView, document: Document) -> Asked:
    asked = asks_model(view, document)
    if not isinstance(document.value.get("input"), str):
        raise Malformed("body-shape", "The body needs `input`.")
    return replace(asked, stream=document.value.get("stream_format") == "sse")


def _asks_form(view: RequestView, document: Document) -> Asked:
    """A form's fields are strings all of them."""
    return asks_any_model(view, _with_stream(document))


def _asks_transcript(view: RequestView, document: Document) -> Asked:
    return asks_model(view, _with_stream(document))


def _with_stream(document: Document) -> Document:
    stream = document.value.get("stream", "false").lower()
    return Document({**document.value, "stream": {"true": True, "false": False}.get(stream, stream)})


class _Events:
    """Each event says what it is by its `type`, the last of a stream too."""

    last: str
    """A regular expression of the type of the last event."""
    complete = False

    def __init__(self) -> None:
        self._names: dict[tuple[str, ...], str] = {}

    def read(self, data: str) -> Event:
        if data == "[DONE]":
            return Event(ended=("",), last=True)
        document = jsontext.parse(data.encode())
        kind = document.get("/type")
        if not isinstance(kind, str):
            raise BadReply("stream-shape", "The stream is not one of this API.")
        runs = self._runs(document)
        own = spelling.spelling(document)
        texts, closed = SPEECH.read(document, {*runs, *own.told})
        if re.fullmatch(self.last, kind):
            self.complete = True
        return Event(document, texts, closed, runs, own.spelled, own.dropped, ("",) if self.complete else ())

    def _runs(self, document: Document) -> Mapping[str, Run]:
        """`delta`, of whatever type; and all else that goes on by its type."""
        kind, segment = str(document.get("/type")), str(document.get("/segment_id"))
        found = strings(document.value if kind.endswith(".delta") else {"delta": document.get("/delta")}, "")
        return {
            said.pointer: Run(self._names.setdefault((kind, segment, said.within), f"run {len(self._names)}"))
            for said in found
            if not (said.whole or OPENAI.is_word(said.pointer) or SPEECH.closed(said.pointer, said.value))
        }


class SpeechStream(_Events):
    last = r"speech\.audio\.done"


class TranscriptStream(_Events):
    """`transcript.text.delta` goes on; `.segment` and `.done` are whole."""

    last = r"transcript\.text\.done"


class ImageStream(_Events):
    last = r"image_(?:generation|edit)\.completed"


def _transcript(name: str, path: str, streams: Mapping[str, Callable[[], StreamShape]]) -> Operation:
    return Operation(
        name,
        "POST",
        rf"{BASE}/audio/{path}",
        OPENAI,
        asks=_asks_transcript,
        request=form(media_file("audio")),
        reply=transcripts.reply,
        replies={"text/*": text_reply, "application/x-subrip": text_reply},
        streams=streams,
    )


def _images(name: str, path: str, request: Reader, streams: Mapping[str, Callable[[], StreamShape]]) -> Operation:
    answers = _answers("image", request)
    return Operation(name, "POST", rf"{BASE}/images/{path}", OPENAI, asks_any_model, answers, streams=streams)


def _form(view: RequestView, operation: Operation) -> tuple[Asked, Said]:
    return form(media_file("image"))(view, replace(operation, asks=_asks_form))


def _form_or_json(view: RequestView, operation: Operation) -> tuple[Asked, Said]:
    is_form = view.content_type.lower().startswith("multipart/")
    return _form(view, operation) if is_form else json_request(view, operation)


MEDIA = (
    _transcript("audio.transcriptions", "transcriptions", {SSE: TranscriptStream}),
    _transcript("audio.translations", "translations", {}),
    Operation(
        "audio.speech",
        "POST",
        rf"{BASE}/audio/speech",
        OPENAI,
        asks=_asks_speech,
        request=_answers("audio", json_request),
        replies={"audio/*": opaque_reply("audio"), "application/octet-stream": opaque_reply("audio")},
        streams={SSE: SpeechStream},
    ),
    _images("images.generate", "generations", json_request, {SSE: ImageStream}),
    _images("images.edit", "edits", _form_or_json, {SSE: ImageStream}),
    _images("images.variation", "variations", _form, {}),
)
