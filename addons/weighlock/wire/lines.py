"""Newline-delimited JSON (NDJSON, JSON Lines): a framing of streams, and a body."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from weighlock.errors import BadReply, Malformed
from weighlock.wire import jsontext
from weighlock.wire.framing import LIMIT, Frame
from weighlock.wire.jsontext import Document, Leaf
from weighlock.wire.strictjson import MAX_VALUES


class Lines:
    """A Framing: one JSON text a line. Empty lines are dropped."""

    heartbeat = b""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._searched = 0

    def feed(self, data: bytes) -> list[Frame]:
        self._buffer += data
        end = self._buffer.rfind(b"\n", self._searched)
        self._searched = len(self._buffer)
        frames: list[Frame] = []
        if end >= 0:
            complete = bytes(self._buffer[: end + 1])
            del self._buffer[: end + 1]
            self._searched = len(self._buffer)
            frames = [frame for line in complete.split(b"\n") for frame in _frame(line)]
        if len(self._buffer) > LIMIT:
            raise BadReply("stream-bound", f"A line of the stream is over {LIMIT} bytes.")
        return frames

    def finish(self) -> list[Frame]:
        rest = bytes(self._buffer)
        self._buffer.clear()
        return _frame(rest)

    def encode(self, frame: Frame) -> bytes:
        return frame.data.encode() + b"\n"

    def close(self) -> bytes:
        return b""


def _frame(line: bytes) -> list[Frame]:
    line = line.strip(b" \t\r")
    try:
        return [Frame(line.decode("utf-8"))] if line else []
    except UnicodeDecodeError:
        raise BadReply("stream-charset", "The stream is not UTF-8.") from None


@dataclass(frozen=True, slots=True)
class JsonLines:
    """A Body of documents, one a line: the pointers of line *n*, from 0, begin with `/n`."""

    documents: tuple[Document, ...] = field(repr=False)
    media: str = "application/jsonl"

    def leaves(self) -> list[Leaf]:
        return [
            Leaf(jsontext.below(f"/{number}", leaf.pointer), leaf.value, leaf.kind)
            for number, document in enumerate(self.documents)
            for leaf in document.leaves()
        ]

    def rewrite(self, texts: Mapping[str, str]) -> JsonLines:
        """KeyError for a pointer that is none of its own."""
        by_line: dict[int, dict[str, str]] = {}
        for pointer, text in texts.items():
            number, slash, rest = pointer[1:].partition("/")
            by_line.setdefault(int(number), {})[slash + rest] = text
        changed = list(self.documents)
        for line, own in by_line.items():
            changed[line] = changed[line].rewrite(own)
        return JsonLines(tuple(changed), self.media)

    def without(self, pointers: Collection[str]) -> JsonLines:
        by_line: dict[int, list[str]] = {}
        for pointer in pointers:
            number, slash, rest = pointer[1:].partition("/")
            by_line.setdefault(int(number), []).append(slash + rest)
        documents = (document.without(by_line.get(line, ())) for line, document in enumerate(self.documents))
        return JsonLines(tuple(documents), self.media)

    def dumps(self) -> bytes:
        return b"".join(document.dumps() + b"\n" for document in self.documents)


def parse(data: bytes, media: str = "application/jsonl") -> JsonLines:
    """Raises Malformed, as for JSON, and where a line is none."""
    lines = [line for line in data.split(b"\n") if line.strip(b" \t\r")]
    if len(lines) > MAX_VALUES:
        raise Malformed("json-size", f"The body has more than {MAX_VALUES} lines.")
    return JsonLines(tuple(jsontext.parse(line.strip(b" \t\r")) for line in lines), media)
