"""Server-Sent Events (WHATWG HTML, section 9.2), read incrementally and written anew."""

from __future__ import annotations

import re

from weighlock.errors import BadReply
from weighlock.wire.framing import LIMIT, Frame

# A CR is an end of line only once the byte behind it is known: CR LF is one end, not two.
_LINE = re.compile(rb"\r\n|\n|\r(?=[\s\S])")


class Sse:
    """A Framing. Comments and `retry` are dropped; so is an event without data, as the standard says."""

    heartbeat = b":\n\n"

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._searched = 0
        self._first = True
        self._size = 0
        self._data: list[str] = []
        self._name = self._id = ""

    def feed(self, data: bytes) -> list[Frame]:
        self._buffer += data
        events: list[Frame] = []
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

    def finish(self) -> list[Frame]:
        events: list[Frame] = []
        if rest := bytes(self._buffer).removesuffix(b"\r"):
            self._line(rest, events)
        self._buffer.clear()
        self._line(b"", events)
        return events

    def encode(self, frame: Frame) -> bytes:
        lines = [f"event: {frame.name}"] if frame.name else []
        if frame.id:
            lines.append(f"id: {frame.id}")
        lines += [f"data: {line}" for line in frame.data.split("\n")]
        return ("\n".join(lines) + "\n\n").encode()

    def close(self) -> bytes:
        return b""

    def _line(self, raw: bytes, events: list[Frame]) -> None:
        try:
            line = raw.decode("utf-8")
        except UnicodeDecodeError:
            raise BadReply("stream-charset", "The stream is not UTF-8.") from None
        if self._first:
            line, self._first = line.removeprefix("\ufeff"), False
        if not line:
            if self._data:
                events.append(Frame("\n".join(self._data), self._name, self._id))
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
