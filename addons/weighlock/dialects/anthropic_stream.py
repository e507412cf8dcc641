"""The events of Anthropic's streams."""

from __future__ import annotations

from typing import Any

from weighlock.dialects.anthropic_fields import ANTHROPIC
from weighlock.dialects.deltas import Runs, Words, event_of, number, shapeless
from weighlock.errors import BadReply
from weighlock.model import Text
from weighlock.wire import jsontext
from weighlock.wire.shape import Event, Run


class MessageStream:
    """A `delta` continues what the start of its block said, and earlier deltas: each of its strings that is no word of
    the API, known or not, per block and member. A citation comes at once, and what is sealed comes once.
    """

    def __init__(self) -> None:
        self.complete = False
        self._runs = Runs(ANTHROPIC)
        self._words = Words()
        self._sealed: set[str] = set()

    def read(self, data: str) -> Event:
        if self.complete:
            if data == "[DONE]":  # as vLLM says
                return Event(last=True)
            raise BadReply("stream-after-end", "The stream goes on after its end.")
        document = jsontext.parse(data.encode())
        event = event_of(document)
        name = f"block {number(event, 'index')} " if "index" in event else "message "
        runs = self._going_on(event, "delta", name) | self._going_on(event, "content_block", name)
        self.complete = event.get("type") in ("message_stop", "error")
        ended = ("",) if self.complete else (name,) if event.get("type") == "content_block_stop" else ()
        texts, closed = ANTHROPIC.read(document, runs)
        return Event(document, (*texts, *self._joined(event, name)), closed, runs, ended=ended)

    def _joined(self, event: dict[str, Any], name: str) -> list[Text]:
        """The words of a block with those that its start and earlier deltas said."""
        return [
            text
            for member in ("content_block", "delta")
            for inner, value in (event.get(member) or {}).items()
            if isinstance(value, str) and ANTHROPIC.is_word(f"/{member}/{inner}")
            for text in self._words.joined((name, inner), f"/{member}/{inner}", value)
        ]

    def _going_on(self, event: dict[str, Any], member: str, name: str) -> dict[str, Run]:
        said = event.get(member)
        if said is None:
            return {}
        if not isinstance(said, dict):
            raise shapeless()
        self._once(said, member, name)
        if member == "content_block":
            goes_on = {inner: value for inner, value in said.items() if isinstance(value, str)}
        else:
            goes_on = {inner: value for inner, value in said.items() if inner != "citation"}
        return self._runs.of(goes_on, f"/{member}", name)

    def _once(self, said: dict[str, Any], member: str, name: str) -> None:
        for inner, value in said.items():
            if isinstance(value, str) and value and ANTHROPIC.is_sealed(f"/{member}/{inner}", value):
                if name + inner in self._sealed:
                    raise shapeless()
                self._sealed.add(name + inner)
