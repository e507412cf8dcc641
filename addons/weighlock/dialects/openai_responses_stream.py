"""The events of a response that is streamed, told by their shape: one that is not known yet is read by the same."""

from __future__ import annotations

from typing import Any

from weighlock.dialects import spelling
from weighlock.dialects.deltas import Runs, Words, event_of, number, shapeless
from weighlock.dialects.fields import names
from weighlock.dialects.openai_responses_fields import AUDIO, RESPONSES
from weighlock.errors import BadReply
from weighlock.wire import jsontext
from weighlock.wire.jsontext import Document
from weighlock.wire.shape import Event
from weighlock.wire.strictjson import Number

_ENDS = names("response.completed response.failed response.incomplete response.cancelled error")
_CONTINUED = names("arguments code command input refusal text")
"""Members that deltas go on; whoever adds a part leaves them empty."""


class ResponseStream:
    """Each `….delta` continues the one before it of its kind and indices, until their `….done`, or their item's end.
    All other events say whole texts.
    """

    def __init__(self) -> None:
        self._runs = Runs(RESPONSES)
        self._words = Words()
        self._begun: set[tuple[str, str]] = set()
        self.complete = False

    def read(self, data: str) -> Event:
        if data == "[DONE]" and self.complete:  # compatible servers say so
            return Event(last=True)
        document = jsontext.parse(data.encode())
        event = event_of(document)
        kind = event.get("type")
        if not isinstance(kind, str) or isinstance(kind, Number):
            raise shapeless()
        if self.complete and kind not in _ENDS:
            raise BadReply("stream-after-end", "The stream goes on after its end.")
        what, _, step = kind.rpartition(".")
        if step == "delta" and what.endswith("audio"):
            return _speech(document)
        group, place = _place(event)
        part = f"{what} {place}"
        if step == "added" and _begins(document):
            self._begun.add((group, "" if "item" in event else place))
        runs, joined = {}, []
        if step == "delta" or "delta" in event:
            if not self._begun.isdisjoint({(group, place), (group, "")}):
                raise shapeless()
            runs = self._runs.of(_going_on(event, step), "", group, part, json=what.endswith("arguments"))
            said = {"delta": event.get("delta")}
            for pointer, value in self._runs.words(said):
                joined += self._words.joined((group, part, pointer), pointer, value)
        own = spelling.spelling(document)
        texts, closed = RESPONSES.read(document, {*runs, *own.told})
        self.complete = self.complete or kind in _ENDS
        ended = self._ended(kind, step, group, part)
        return Event(document, (*texts, *joined), closed, runs, own.spelled, own.dropped, ended)

    def _ended(self, kind: str, step: str, group: str, part: str) -> tuple[str, ...]:
        if kind in _ENDS:
            return ("",)
        if kind == "response.output_item.done":
            return (group,)
        return self._runs.begun(group, part) if step == "done" else ()


def _speech(document: Document) -> Event:
    texts, closed = AUDIO.read(document)
    if not closed:
        raise shapeless()
    return Event(document, texts, closed)


def _going_on(event: dict[str, Any], step: str) -> dict[str, Any]:
    """All of an event that is a delta; of any other, what it calls so."""
    if step == "delta":
        return {name: value for name, value in event.items() if name != "logprobs"}
    return {"delta": event["delta"]}


def _place(event: dict[str, Any]) -> tuple[str, str]:
    """The item of an event; and which of its parts it is about. An item's id counts where it has no index only: there
    are servers that give every event another.
    """
    indices = " ".join(f"{name} {number(event, name)}" for name in sorted(event) if name.endswith("_index"))
    if "output_index" in event:
        return f"output {number(event, 'output_index')} ", indices
    return "response ", f"{indices} {event.get('item_id')}"


def _begins(document: Document) -> bool:
    """Whether an added part says something already that deltas could go on."""
    return any(
        leaf.kind == "string" and leaf.value and leaf.pointer.rpartition("/")[2] in _CONTINUED
        for leaf in document.leaves()
    )
