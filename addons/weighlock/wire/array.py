"""A JSON array that arrives element by element, as Gemini streams one: a framing."""

from __future__ import annotations

import re

from weighlock.errors import BadReply
from weighlock.wire.framing import LIMIT, Frame

_MARK = re.compile(rb'["\\{}]')
_BETWEEN = re.compile(rb"[ \t\r\n]*")


class Array:
    """A Framing: each element is an object."""

    heartbeat = b" "

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._place = "before"
        """`before` the array, at its `first` element or the `next`, `in` one, `behind` one, or at the `end`."""
        self._searched = self._depth = 0
        self._quoted = False
        self._written = 0

    def feed(self, data: bytes) -> list[Frame]:
        self._buffer += data
        frames: list[Frame] = []
        while self._step(frames):
            pass
        if len(self._buffer) > LIMIT:
            raise BadReply("stream-bound", f"An element of the stream is over {LIMIT} bytes.")
        return frames

    def finish(self) -> list[Frame]:
        if self._place != "end":
            raise BadReply("stream-truncated", "The stream breaks off before its end.")
        return []

    def encode(self, frame: Frame) -> bytes:
        self._written += 1
        return (b"[" if self._written == 1 else b",\r\n") + frame.data.encode()

    def close(self) -> bytes:
        return b"]" if self._written else b"[]"

    def _step(self, frames: list[Frame]) -> bool:
        """Whether there may be more to read."""
        if self._place == "in":
            return self._element(frames)
        space = _BETWEEN.match(self._buffer)
        del self._buffer[: space.end() if space else 0]
        if not self._buffer:
            return False
        mark, place = bytes(self._buffer[:1]), self._place
        if (place, mark) in _MOVES:
            self._place = _MOVES[place, mark]
            del self._buffer[:1]
        elif place in ("first", "next") and mark == b"{":
            self._place, self._searched, self._depth = "in", 0, 0
        else:
            raise BadReply("stream-unreadable", "The stream is no array of objects.")
        return True

    def _element(self, frames: list[Frame]) -> bool:
        while match := _MARK.search(self._buffer, self._searched):
            mark = match.group()
            if mark == b"\\":
                if match.end() == len(self._buffer):
                    return False  # what is escaped is not known yet
                self._searched = match.end() + 1
                continue
            self._searched = match.end()
            if mark == b'"':
                self._quoted = not self._quoted
            elif not self._quoted:
                self._depth += 1 if mark == b"{" else -1
                if self._depth == 0:
                    frames.append(_frame(bytes(self._buffer[: match.end()])))
                    del self._buffer[: match.end()]
                    self._place = "behind"
                    return True
        self._searched = len(self._buffer)
        return False


_MOVES = {
    ("before", b"["): "first",
    ("first", b"]"): "end",
    ("behind", b","): "next",
    ("behind", b"]"): "end",
}


def _frame(data: bytes) -> Frame:
    try:
        return Frame(data.decode("utf-8"))
    except UnicodeDecodeError:
        raise BadReply("stream-charset", "The stream is not UTF-8.") from None
