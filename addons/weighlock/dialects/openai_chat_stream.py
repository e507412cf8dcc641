"""The events of streamed Chat Completions, and of the older Completions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from weighlock.dialects import spelling
from weighlock.dialects.deltas import Words
from weighlock.dialects.fields import names
from weighlock.dialects.openai_fields import OPENAI
from weighlock.errors import BadReply
from weighlock.model import Role, Text
from weighlock.wire import jsontext
from weighlock.wire.shape import Event, Run
from weighlock.wire.strictjson import Number

_WHOLE = names("annotations citations images content_filter_results content_filter_result")
"""Members of a choice or delta that come at once."""
_SPELLING = names("logprobs prompt_logprobs")
_CALL = re.compile(r"(/delta/(?:tool_calls/(\d+)|function_call))/.*")


class ChatStream:
    """Chunks of choices: every string of a choice that is no word of the API runs on, per choice and place. So do the
    words of a call, its name and id, until it says more than those.
    """

    complete = False

    def __init__(self) -> None:
        self._runs: dict[tuple[str, str], str] = {}
        self._words = Words()
        self._calls: dict[tuple[str, str], str] = {}
        self._newest: dict[str, int] = {}
        """The number of a choice's newest call: clients take one before it for another that stands there already."""
        self._begun: set[str] = set()
        """Calls whose words are complete."""

    def read(self, data: str) -> Event:
        if data == "[DONE]":
            return Event(ended=("",), last=True)
        document = jsontext.parse(data.encode())
        choices = objects(document.get("/choices"))
        if not isinstance(document.get("/choices"), list) and not document.get("/error"):
            raise BadReply("stream-shape", "The stream is not one of this API.")
        runs: dict[str, Run] = {}
        joined: list[Text] = []
        ended: list[str] = []
        snapshots: list[str] = []
        for place, choice in choices:
            name = f"choice {index(choice, place)} "
            if choice.get("finish_reason"):
                ended.append(name)
            if choice.get("delta") and choice.get("message"):  # all of it so far, which may end within a value
                snapshots.append(f"/choices/{place}/message")
                choice = {member: value for member, value in choice.items() if member != "message"}
            own, further, begun = self._read(choice, f"/choices/{place}", name)
            runs |= own
            joined += further
            ended += begun
        spelled = spelling.spelling(document, snapshots)
        texts, closed = OPENAI.read(document, {*runs, *spelled.told})
        return Event(document, (*texts, *joined), closed, runs, spelled.spelled, spelled.dropped, tuple(ended))

    def _read(self, choice: dict[str, Any], at: str, name: str) -> tuple[dict[str, Run], list[Text], list[str]]:
        """What runs on in a choice; its words, joined with those before; and the calls whose words end here."""
        runs: dict[str, Run] = {}
        joined: list[Text] = []
        begun: list[str] = []
        for said in strings(choice, at):
            if OPENAI.closed(said.pointer, said.value):
                continue
            word = said.whole or OPENAI.is_word(said.pointer)
            call = self._open(name, said.within)
            further = self._words.joined((name, said.within), said.pointer, said.value) if word else []
            if word and not call:
                joined += further
                continue
            # What a model host calls its parts is not repeated in a name: that stands in the record.
            run = self._runs.setdefault((name, said.within), f"{call if word else name}run {len(self._runs)}")
            runs[said.pointer] = Run(run, OPENAI.is_json(said.pointer), Role.PARAMETER if word else Role.CONTENT)
            if call and said.value and not word:
                begun.append(call)
        self._begun.update(begun)
        return runs, joined, begun

    def _open(self, name: str, within: str) -> str:
        """What the names of the words begin with that may go on in the call at *within*; empty where none may."""
        match = _CALL.fullmatch(within)
        if match is None:
            return ""
        if match[2] and (name, match[1]) not in self._calls:
            number = int(match[2])
            if number < self._newest.get(name, 0):
                raise BadReply("stream-shape", "The stream is not one of this API.")
            self._newest[name] = number
        call = self._calls.setdefault((name, match[1]), f"{name}call {len(self._calls)} ")
        return "" if call in self._begun or within.endswith("/type") else call


class Said(NamedTuple):
    """A string of an event."""

    pointer: str
    within: str
    """Its place, which is the same for all strings that continue each other."""
    value: str
    whole: bool
    """Whether it should come at once."""


def strings(value: Any, pointer: str, within: str = "", *, whole: bool = False) -> Iterator[Said]:
    """All that a next event may go on with, or that clients would join with one of its own. Of what comes at once,
    items of lists that do not say which they are stand for themselves.
    """
    if isinstance(value, dict):
        for member, inner in value.items():
            if member not in _SPELLING:
                escaped = member.replace("~", "~0").replace("/", "~1")
                at_once = whole or member in _WHOLE
                yield from strings(inner, f"{pointer}/{escaped}", f"{within}/{escaped}", whole=at_once)
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            number = index(inner, place) if isinstance(inner, dict) else place
            if not whole or (isinstance(inner, dict) and "index" in inner):
                yield from strings(inner, f"{pointer}/{place}", f"{within}/{number}", whole=whole)
    elif isinstance(value, str) and not isinstance(value, Number):
        yield Said(pointer, within, value, whole)


def objects(value: object) -> list[tuple[int, dict[str, Any]]]:
    """The objects of a list, with their places."""
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise BadReply("stream-shape", "The stream is not one of this API.")
    return list(enumerate(value))


def index(item: dict[str, Any], place: int) -> str:
    said = item.get("index", Number(str(place)))
    if not isinstance(said, Number) or not said.isdecimal() or len(said) > 4:
        raise BadReply("stream-shape", "The stream is not one of this API.")
    return str(said)
