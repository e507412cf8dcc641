"""Server-Sent Events (WHATWG HTML, section 9.2), read incrementally and written anew."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from weighlock.errors import BadReply

LIMIT = 1 << 20
"""Bytes that one event may have."""

# A CR is an end of line only once the byte behind it is known: CR LF is one end, not two.
_LINE = re.compile(rb"\r\n|\n|\r(?=[\s\S])")


@dataclass(frozen=True, slots=True)
class Event:
    """One event. *data* is its data lines joined by line feeds."""

    data: str = field(repr=False)
    name: str = ""
    id: str = ""


class Reader:
    """Bytes in, events out. Comments and `retry` are dropped; so is an event without data, as the standard says."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._searched = 0
        self._first = True
        self._size = 0
        self._data: list[str] = []
        self._name = self._id = ""

    def feed(self, data: bytes) -> list[Event]:
        """The events that *data* completes. Raises BadReply on bytes that are no UTF-8, or over the bound."""
        self._buffer += data
        events: list[Event] = []
        position = 0
        while match := _LINE.search(self._buffer, max(position, self._searched)):
            self._line(bytes(self._buffer[position : match.start()]), events)
            position = self._searched = match.end()
        del self._buffer[:position]
        # A CR at the end is looked at again with what follows it.
        self._searched = len(self._buffer) - self._buffer.endswith(b"\r")
        if len(self._buffer) + self._size > LIMIT:
            raise BadReply("stream-bound", f"An event is over {LIMIT} bytes.")
        return events

    def finish(self) -> list[Event]:
        """The last event, where the stream ends without a blank line; BadReply where it breaks off in a line."""
        rest = bytes(self._buffer).removesuffix(b"\r")
        events: list[Event] = []
        if len(rest) < len(self._buffer) or rest == b"data: [DONE]":
            self._line(rest, events)
        elif rest:
            raise BadReply("stream-truncated", "The stream breaks off in the middle of an event.")
        self._buffer.clear()
        self._line(b"", events)
        return events

    def _line(self, raw: bytes, events: list[Event]) -> None:
        try:
            line = raw.decode("utf-8")
        except UnicodeDecodeError:
            raise BadReply("stream-charset", "The stream is not UTF-8.") from None
        if self._first:
            line, self._first = line.removeprefix("\ufeff"), False
        if not line:
            if self._data:
                events.append(Event("\n".join(self._data), self._name, self._id))
            self._clear()
            return
        self._size += len(raw)
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._name = value
        elif name == "id" and "\0" not in value:
            self._id = value

    def _clear(self) -> None:
        self._data = []
        self._name = self._id = ""
        self._size = 0


def encode(event: Event) -> bytes:
    """The event on the wire, with the blank line that ends it."""
    lines = [f"event: {event.name}"] if event.name else []
    if event.id:
        lines.append(f"id: {event.id}")
    lines += [f"data: {line}" for line in event.data.split("\n")]
    return ("\n".join(lines) + "\n\n").encode()
