"""A stream of frames, masked as it flows.

Every string of a frame is either a whole text, or continues one that runs over many: a window. A window is cut into
segments, and a segment is inspected as soon as it is complete. Frames wait in line until everything in them is
cleared. So what leaves does not depend on how the stream was cut, equals the masked whole, and a value that stands in
two frames is found as if it stood in one. A masked value's replacement stands in the frame in which the value begins;
a frame in which nothing changed leaves with its data as it came.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from weighlock.errors import BadReply, Malformed, Refused
from weighlock.masking.apply import Rewrite, apply
from weighlock.masking.window import Window
from weighlock.model import NotInspected, Role, Text
from weighlock.wire.framing import Frame, Framing
from weighlock.wire.shape import Event, Run, Spelled, StreamShape

OPEN = 4096
"""Texts that may go on at once."""


@dataclass(frozen=True, slots=True)
class _Delta:
    """`window[start:end]` is the string at *pointer*."""

    window: Window
    start: int
    end: int
    pointer: str


@dataclass(slots=True)
class _Held:
    frame: Frame
    event: Event = field(default_factory=Event)
    deltas: list[_Delta] = field(default_factory=list)
    whole: dict[str, Text] = field(default_factory=dict)
    """By the pointer under which it was handed out: a whole text, with its pointer in this frame."""
    masked: dict[str, str] = field(default_factory=dict)
    dropped: set[str] = field(default_factory=set)


def touched(spelled: Sequence[Spelled], rewrites: Sequence[Rewrite]) -> set[str]:
    """The places that spell what *rewrites* mask, which are sorted and do not overlap."""
    ends = [rewrite.end for rewrite in rewrites]
    found: set[str] = set()
    for one in spelled:
        first = bisect_right(ends, one.start)
        if first < len(ends) and rewrites[first].start < one.end:
            found.update(one.places)
    return found


class StreamMasker:
    """Sans-IO: `feed` bytes and inspect the texts it returns, then `release` with their rewrites what may go out.

    *limit* bounds what is held back, in bytes of data; *media* are the kinds that may pass without inspection. *safe*
    tells how much of a text's open segment no finding will touch, whatever follows. After an error it stays dead: it
    raises for every call.
    """

    def __init__(
        self,
        framing: Framing,
        shape: StreamShape,
        limit: int,
        media: frozenset[str] = frozenset(),
        safe: Callable[[str], int] | None = None,
    ) -> None:
        self.not_inspected: list[NotInspected] = []
        self._framing, self._shape, self._limit, self._media, self._safe = framing, shape, limit, media, safe
        self._windows: dict[str, Window] = {}
        self._open: dict[str, Window] = {}
        self._fed: set[Window] = set()
        """Windows, and frames with whole texts, that something came in for since the last `release`."""
        self._asking: list[_Held] = []
        self._line: deque[_Held] = deque()
        self._held = 0
        self._over: set[str] = set()
        self._known: set[tuple[Role, str]] = set()
        self._frames = 0
        self._last = self._finished = False
        self._error: Refused | None = None

    @property
    def holds(self) -> bool:
        """Whether anything waits."""
        return bool(self._line)

    @property
    def settled(self) -> bool:
        """Whether all that came has left, and the stream may end with it: who leaves now has missed nothing."""
        return not self._line and self._error is None and (self._last or self._shape.complete)

    def feed(self, data: bytes) -> tuple[Text, ...]:
        """The texts that must be inspected before `release`. Raises BadReply."""
        return self._guarded(lambda: self._framing.feed(data), "stream-unreadable", "A frame is not JSON.")

    def finish(self) -> tuple[Text, ...]:
        """The last texts, at the upstream's proper end; BadReply where the stream broke off."""
        broken = "stream-truncated", "The stream breaks off before its end."
        texts = self._guarded(self._framing.finish, *broken)
        if not self._last and not self._shape.complete:
            self._error = BadReply(*broken)
            raise self._error
        self._finished = True
        return (*texts, *self._end(("",)))

    def release(self, rewrites: Mapping[str, Sequence[Rewrite]]) -> list[bytes]:
        """What may go out, frame by frame, with all texts handed out so far cleared: rewritten, by pointer, or as they
        are. Raises BadReply.
        """
        if self._error:
            raise self._error
        try:
            return self._released(rewrites)
        except Refused as error:
            self._error = error
            raise

    def _released(self, rewrites: Mapping[str, Sequence[Rewrite]]) -> list[bytes]:
        for window in self._fed:
            window.clear(rewrites)
            if self._safe:
                window.release(self._safe)
        self._fed.clear()
        for held in self._asking:
            for pointer, text in held.whole.items():
                if pointer in rewrites:
                    held.masked[text.pointer] = apply(text.value, rewrites[pointer])
                    held.dropped |= touched(held.event.spelled.get(text.pointer, ()), rewrites[pointer])
                else:
                    self._known.add((text.role, text.value))
            held.whole.clear()
        self._asking.clear()
        out = []
        while self._line and self._may_leave(self._line[0]):
            held = self._line.popleft()
            self._held -= len(held.frame.data)
            out.append(self._framing.encode(_written(held)))
        if self._finished and not self._line:
            out.append(self._framing.close())
        return out

    def _may_leave(self, held: _Held) -> bool:
        """All of it is cleared."""
        return all(delta.end <= delta.window.cleared or delta.start == delta.end for delta in held.deltas)

    def _guarded(self, read: Callable[[], list[Frame]], code: str, reason: str) -> tuple[Text, ...]:
        if self._error:
            raise self._error
        try:
            return tuple(text for frame in read() for text in self._take(frame))
        except Malformed as error:
            self._error = BadReply(code, reason)
            raise self._error from error
        except Refused as error:
            self._error = error
            raise

    def _take(self, frame: Frame) -> list[Text]:
        if self._last:
            raise BadReply("stream-after-end", "The stream goes on after its end.")
        self._frames += 1
        self._held += len(frame.data)
        if self._held > self._limit:
            raise BadReply("stream-bound", f"More than {self._limit} bytes would have to be held back.")
        held = _Held(frame)
        self._line.append(held)
        self._asking.append(held)
        texts = self._ask(held, Text("", Role.HEADER, f"{frame.name} {frame.id}".strip()))
        held.event = event = self._shape.read(frame.data)
        held.dropped.update(event.dropped)
        self._last = event.last
        if any(one.kind not in self._media for one in event.not_inspected):
            raise BadReply("reply-not-inspectable", "The stream holds images, audio or files, which are not inspected.")
        self.not_inspected += event.not_inspected
        for text in event.texts:
            texts += self._ask(held, text)
        for pointer, run in event.runs.items():
            value = event.document.get(pointer) if event.document else None
            if isinstance(value, str):
                texts += self._continue(held, pointer, run, value)
        return [*texts, *self._end(("",) if event.last else event.ended)]

    def _ask(self, held: _Held, text: Text) -> list[Text]:
        """A whole text, unless this stream had it before and it was clear."""
        if not text.value or (text.role, text.value) in self._known:
            return []
        place = f"frame {self._frames}{text.pointer}"
        held.whole[place] = text
        return [replace(text, pointer=place)]

    def _continue(self, held: _Held, pointer: str, run: Run, value: str) -> list[Text]:
        window = self._windows.get(name := run.name)
        if window is None:
            window = self._windows[name] = Window(name, run.json, run.role)
            window.ended = name.startswith(tuple(self._over))
            if not window.ended:
                self._open[name] = window
            if len(self._open) > OPEN:
                raise BadReply("stream-bound", f"More than {OPEN} texts of the stream go on at once.")
        self._fed.add(window)
        held.deltas.append(_Delta(window, window.fed, window.fed + len(value), pointer))
        return window.feed(value)

    def _end(self, prefixes: Sequence[str]) -> list[Text]:
        """The tails of the windows whose names begin so; they are complete, and none begins any more."""
        begins = tuple(prefixes)
        self._over.update(begins)
        ending = [name for name in self._open if name.startswith(begins)] if begins else []
        windows = [self._open.pop(name) for name in ending]
        self._fed.update(windows)
        return [text for window in windows for text in window.finish()]


def _written(held: _Held) -> Frame:
    texts, dropped = dict(held.masked), set(held.dropped)
    document = held.event.document
    for delta in held.deltas:
        if document is not None and delta.window.touched(delta.start, delta.end):
            texts[delta.pointer] = delta.window.part(document.get(delta.pointer), delta.start)
            for one in held.event.spelled.get(delta.pointer, ()):
                if delta.window.touched(delta.start + one.start, delta.start + one.end):
                    dropped.update(one.places)
        delta.window.left(delta.end)
    if document is None or not (texts or dropped):
        return held.frame
    return replace(held.frame, data=document.rewrite(texts).without(dropped).dumps().decode())
