"""Streams of Gemini's replies, and what in a reply repeats its text piece by piece."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from weighlock.dialects.deltas import Words
from weighlock.dialects.gemini_fields import GEMINI, snake
from weighlock.errors import BadReply
from weighlock.model import Text
from weighlock.wire import jsontext
from weighlock.wire.jsontext import Document
from weighlock.wire.shape import Event, Run, Spelled
from weighlock.wire.strictjson import Number

_BESIDE = frozenset({"thought", "thought_signature", "part_metadata", "video_metadata", "media_resolution"})
"""Members of a part that say something about it."""
_WHOLE = _BESIDE | {
    "inline_data",
    "file_data",
    "function_call",
    "function_response",
    "tool_call",
    "tool_response",
}
"""Members of a part that come whole. All others, those that nobody knows too, continue what they held before; of code
and what it said too, but for words of the API.
"""


@dataclass(slots=True)
class _Candidate:
    kind: str = ""
    """Of its last part."""
    block: int = 0
    """Counts the parts that do not continue the one before."""
    finished: bool = False


class GenerateStream:
    """GenerateContentResponse, one a frame. Parts of one kind in a row are one text; a part of another kind ends it."""

    def __init__(self) -> None:
        self._candidates: dict[str, _Candidate] = {}
        self._arguments: dict[tuple[str, str], str] = {}
        self._words = Words()
        self._begun = False

    @property
    def complete(self) -> bool:
        """Nothing marks the end of the stream: it may end once each of its candidates is said to be finished."""
        return self._begun and all(candidate.finished for candidate in self._candidates.values())

    def read(self, data: str) -> Event:
        document = jsontext.parse(data.encode())
        self._begun = True
        if not isinstance(document.value, dict):
            raise _shape()
        if "error" in document.value:
            return Event(document, *GEMINI.read(document), last=True)
        runs: dict[str, Run] = {}
        joined: list[Text] = []
        ended: list[str] = []
        for at, candidate in _items(document, "/candidates"):
            index = _index(candidate)
            state = self._candidates.setdefault(index, _Candidate())
            state.finished |= bool(_member(candidate, "finishReason"))
            for place, part in _items(document, f"{at}/content/parts"):
                if _begins(part, state):
                    ended.append(f"candidate {index} {state.block} ")
                    state.block += 1
                state.kind = _kind(part) or state.kind
                name = f"candidate {index} {state.block} "
                runs |= {f"{place}{pointer}": Run(name + pointer) for pointer in _running(part)}
                for pointer, path in _arguments(part):
                    own = self._arguments.setdefault((name, path), f"{name}argument {len(self._arguments)}")
                    runs[f"{place}{pointer}"] = Run(own)
                for pointer, value in _called(part):
                    if f"{place}{pointer}" not in runs:
                        joined += self._words.joined((name, snake(pointer)), f"{place}{pointer}", value)
        spelled, dropped = spelling(document)
        segments = tuple(f"{at}/text" for at in _segments(document))
        texts, closed = GEMINI.read(document, runs)
        return Event(document, (*texts, *joined), closed, runs, spelled, (*dropped, *segments), tuple(ended))


def spelling(document: Document) -> tuple[dict[str, tuple[Spelled, ...]], tuple[str, ...]]:
    """What goes where a text of its candidate is masked: its tokens, words and grounded segments. What is no exact
    spelling of any text is dropped at once.
    """
    spelled: dict[str, tuple[Spelled, ...]] = {}
    dropped: list[str] = []
    for at, candidate in _items(document, "/candidates"):
        texts: dict[str, str] = {}
        for place, part in _items(document, f"{at}/content/parts"):
            if isinstance(part.get("text"), str):
                texts[f"{place}/text"] = part["text"]
            for name in ("audioTranscription", "audio_transcription"):
                if isinstance(said := document.get(f"{place}/{name}/text"), str):
                    whole = Spelled(0, len(said), (f"{place}/{name}/words",))
                    spelled[f"{place}/{name}/text"] = (whole,)
        places = [place for place in _segments(document) if place.startswith(f"{at}/")]
        repeats = [f"{place}/text" for place in places]
        for name in ("logprobsResult", "logprobs_result"):
            if (result := candidate.get(name)) is not None:
                exact = _tokens(result) == "".join(texts.values())
                (repeats if exact else dropped).append(f"{at}/{name}")
        if repeats:
            spelled |= {place: (Spelled(0, len(text), tuple(repeats)),) for place, text in texts.items()}
    return spelled, tuple(dropped)


def _tokens(result: Any) -> str | None:
    """The text that the chosen tokens spell."""
    chosen = _member(result, "chosenCandidates") if isinstance(result, dict) else None
    if not isinstance(chosen, list):
        return None
    tokens = [one.get("token") if isinstance(one, dict) else None for one in chosen]
    return "".join(str(token) for token in tokens) if all(isinstance(token, str) for token in tokens) else None


def _segments(document: Document) -> Iterator[str]:
    """The places of what grounds an excerpt of the text."""
    for at, candidate in _items(document, "/candidates"):
        for name in ("groundingMetadata", "grounding_metadata"):
            for supports in ("groundingSupports", "grounding_supports"):
                if candidate.get(name) is not None:
                    yield from (f"{one}/segment" for one, _ in _items(document, f"{at}/{name}/{supports}"))


def _begins(part: dict[str, Any], state: _Candidate) -> bool:
    """Whether it does not continue the part before it. A call with a name is a new one."""
    kind = _kind(part)
    call = _member(part, "functionCall")
    named = isinstance(call, dict) and bool(call.get("name"))
    return bool(kind) and (kind != state.kind or named)


def _kind(part: dict[str, Any]) -> str:
    """What it holds, and whether that is thought; empty where it only says something about the part before it."""
    members = sorted({snake(name) for name in part} - _BESIDE)
    return " ".join([*members, *(["thought"] if members and part.get("thought") is True else [])])


def _running(part: dict[str, Any]) -> Iterator[str]:
    """The pointers of its strings that continue a text."""
    for leaf in Document(part).leaves():
        member, *rest = leaf.pointer.split("/")[1:]
        if leaf.kind != "string" or snake(member) in _WHOLE or rest[:1] == ["words"]:
            continue
        if not (rest and GEMINI.is_word(leaf.pointer)):
            yield leaf.pointer


def _called(part: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The strings of the arguments of a call: one without a name of its own is another piece of it."""
    for leaf in Document(part).leaves():
        if leaf.kind == "string" and snake(leaf.pointer).startswith("/function_call/args/"):
            yield leaf.pointer, leaf.value


def _arguments(part: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The pointers of pieces of a call's arguments, each with its path in them."""
    for call in ("functionCall", "function_call"):
        for name in ("partialArgs", "partial_args"):
            for at, one in _items(Document(part), f"/{call}/{name}"):
                for value in ("stringValue", "string_value"):
                    if isinstance(one.get(value), str):
                        yield f"{at}/{value}", str(_member(one, "jsonPath"))


def _items(document: Document, pointer: str) -> list[tuple[str, dict[str, Any]]]:
    """The objects of the list at *pointer*, with their places."""
    value = document.get(pointer)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise _shape()
    return [(f"{pointer}/{number}", item) for number, item in enumerate(value)]


def _index(candidate: dict[str, Any]) -> str:
    index = candidate.get("index", Number("0"))
    if not isinstance(index, Number) or not index.isdecimal() or len(index) > 4:
        raise _shape()
    return str(index)


def _member(value: dict[str, Any], name: str) -> Any:
    """In either spelling."""
    return value.get(name, value.get(snake(name)))


def _shape() -> BadReply:
    return BadReply("stream-shape", "The reply is not one of generateContent.")
