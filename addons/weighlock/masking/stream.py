"""A stream of events, masked as it flows.

Every string of an event is either a whole text, or a delta that continues a text running over many events: a window.
A window is cut into segments, and a segment is inspected as soon as it is complete. Events wait in line until
everything in them is cleared. So what leaves does not depend on how the stream was cut, equals the masked whole, and
a value that stands in two events is found as if it stood in one. A masked value's replacement stands in the event in
which the value begins; an event in which nothing changed leaves with its data as it came.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from weighlock.errors import BadReply, Malformed, Refused
from weighlock.masking.apply import Rewrite, apply
from weighlock.model import Role, Text
from weighlock.segments import Segmenter
from weighlock.wire import jsontext, sse
from weighlock.wire.jsontext import Document
from weighlock.wire.shape import StreamShape


@dataclass(slots=True)
class _Window:
    segmenter: Segmenter = field(default_factory=Segmenter)
    fed: int = 0
    """Code points that came in."""
    cut: int = 0
    """Code points handed out for inspection."""
    cleared: int = 0
    """Code points that are inspected."""
    rewrites: list[Rewrite] = field(default_factory=list)
    ended: bool = False


@dataclass(frozen=True, slots=True)
class _Delta:
    """`window[start:end]` is the string at *pointer*."""

    window: _Window
    start: int
    end: int
    pointer: str


@dataclass(slots=True)
class _Held:
    event: sse.Event
    document: Document | None = None
    deltas: list[_Delta] = field(default_factory=list)
    whole: dict[str, Text] = field(default_factory=dict)
    """By the pointer under which it was handed out: a whole text, with its pointer in this event."""
    masked: dict[str, str] = field(default_factory=dict)


class SseMasker:
    """Sans-IO: `feed` bytes and inspect the texts it returns, then `release` with their rewrites what may go out.

    *limit* bounds what is held back, in bytes of data. After an error it stays dead: it raises for every call.
    """

    def __init__(self, shape: StreamShape, limit: int) -> None:
        self._shape, self._limit = shape, limit
        self._reader = sse.Reader()
        self._windows: dict[str, _Window] = {}
        self._line: deque[_Held] = deque()
        self._held = 0
        self._asked: list[tuple[_Window, str, int]] = []
        self._over: set[str] = set()
        self._known: set[tuple[Role, str]] = set()
        self._events = 0
        self._done = self._finished = False
        self._error: Refused | None = None

    def feed(self, data: bytes) -> tuple[Text, ...]:
        """The texts that must be inspected before `release`. Raises BadReply."""
        return self._guarded(lambda: self._reader.feed(data))

    def finish(self) -> tuple[Text, ...]:
        """The last texts, at the upstream's proper end; BadReply where the stream broke off."""
        texts = self._guarded(self._reader.finish)
        if not self._done:
            self._error = BadReply("stream-truncated", "The stream breaks off before its end.")
            raise self._error
        self._finished = True
        return texts

    def release(self, rewrites: Mapping[str, Sequence[Rewrite]]) -> bytes:
        """What may go out, with all texts handed out so far cleared, by pointer rewritten or as they are."""
        if self._error:
            raise self._error
        for window, pointer, size in self._asked:
            at = window.cleared
            window.rewrites += [Rewrite(r.start + at, r.end + at, r.new) for r in rewrites.get(pointer, ())]
            window.cleared = at + size
        self._asked.clear()
        for held in self._line:
            for pointer, text in held.whole.items():
                if pointer in rewrites:
                    held.masked[text.pointer] = apply(text.value, rewrites[pointer])
                else:
                    self._known.add((text.role, text.value))
            held.whole.clear()
        out = []
        while self._line and self._may_leave(self._line[0]):
            held = self._line.popleft()
            self._held -= len(held.event.data)
            out.append(_written(held))
        return b"".join(out)

    def _may_leave(self, held: _Held) -> bool:
        """All of it is cleared; and the event that says that all is well waits until it is."""
        if held.document is None:
            return self._finished
        return all(delta.end <= delta.window.cleared or delta.start == delta.end for delta in held.deltas)

    def _guarded(self, read: Callable[[], list[sse.Event]]) -> tuple[Text, ...]:
        if self._error:
            raise self._error
        try:
            return tuple(text for event in read() for text in self._take(event))
        except Malformed as error:
            self._error = BadReply("stream-unreadable", "An event of the stream is not JSON that can be inspected.")
            raise self._error from error
        except Refused as error:
            self._error = error
            raise

    def _take(self, event: sse.Event) -> list[Text]:
        if self._done:
            raise BadReply("stream-after-end", "The stream goes on after its end.")
        self._events += 1
        self._held += len(event.data)
        if self._held > self._limit:
            raise BadReply("stream-bound", f"More than {self._limit} bytes would have to be held back.")
        held = _Held(event)
        self._line.append(held)
        texts = self._ask(held, "", Role.HEADER, f"{event.name} {event.id}".strip())
        if event.data == self._shape.done:
            self._done = True
            return [*texts, *self._end(tuple(self._windows))]
        held.document = document = jsontext.parse(event.data.encode())
        names = self._shape.windows(document)
        for leaf in document.leaves():
            if leaf.kind == "string" and leaf.pointer in names:
                texts += self._continue(held, names[leaf.pointer], leaf.pointer, leaf.value)
            elif role := self._shape.role(leaf):
                texts += self._ask(held, leaf.pointer, role, leaf.value)
        return [*texts, *self._end(self._shape.ended(document))]

    def _ask(self, held: _Held, pointer: str, role: Role, value: str) -> list[Text]:
        """A whole text, unless this stream had it before and it was clear."""
        if not value or (role, value) in self._known:
            return []
        place = f"event {self._events}{pointer}"
        held.whole[place] = Text(pointer, role, value)
        return [Text(place, role, value)]

    def _continue(self, held: _Held, name: str, pointer: str, value: str) -> list[Text]:
        window = self._windows.setdefault(name, _Window(ended=name.startswith(tuple(self._over))))
        if window.ended and value:
            raise BadReply("stream-after-end", "A text of the stream goes on after its end.")
        held.deltas.append(_Delta(window, window.fed, window.fed + len(value), pointer))
        window.fed += len(value)
        return self._segments(name, window, window.segmenter.feed(value))

    def _end(self, prefixes: Sequence[str]) -> list[Text]:
        """The tails of the windows whose names begin so; they are complete, and none begins any more."""
        self._over.update(prefixes)
        texts: list[Text] = []
        for name, window in self._windows.items():
            if not window.ended and name.startswith(tuple(prefixes)):
                window.ended = True
                texts += self._segments(name, window, window.segmenter.finish())
        return texts

    def _segments(self, name: str, window: _Window, segments: list[str]) -> list[Text]:
        texts = []
        for segment in segments:
            pointer = f"{name} @{window.cut}"
            window.cut += len(segment)
            self._asked.append((window, pointer, len(segment)))
            texts.append(Text(pointer, Role.CONTENT, segment))
        return texts


def _written(held: _Held) -> bytes:
    if held.document is None:
        return sse.encode(held.event)
    texts = dict(held.masked)
    for delta in held.deltas:
        if any(r.start < delta.end and r.end > delta.start for r in delta.window.rewrites):
            texts[delta.pointer] = _part(held.document.get(delta.pointer), delta)
    if not texts:
        return sse.encode(held.event)
    data = held.document.rewrite(texts).dumps().decode()
    return sse.encode(sse.Event(data, held.event.name, held.event.id))


def _part(value: str, delta: _Delta) -> str:
    """The delta's share of its window's masked text."""
    parts: list[str] = []
    position = delta.start
    for change in delta.window.rewrites:
        if change.end <= delta.start or change.start >= delta.end:
            continue
        parts.append(value[max(position, delta.start) - delta.start : max(change.start, delta.start) - delta.start])
        if change.start >= delta.start:
            parts.append(change.new)
        position = change.end
    parts.append(value[max(position, delta.start) - delta.start :])
    return "".join(parts)
