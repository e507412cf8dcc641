"""One text of a stream, on its way: what came in, what was handed out for inspection, and what is clear."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from weighlock.errors import BadReply
from weighlock.masking.apply import Rewrite, apply
from weighlock.model import Role, Text
from weighlock.segments import Segmenter, split
from weighlock.wire import bytelists, jsontext
from weighlock.wire.jsontext import ROLES, Token


@dataclass(frozen=True, slots=True)
class _Asked:
    """A text that was handed out: a segment from *start*, or a token of JSON."""

    text: Text
    start: int
    token: Token | None = None


class Window:
    """All places are code points from the beginning of the text. A text of JSON is held until it is complete."""

    def __init__(self, name: str, json: bool, role: Role) -> None:
        self.fed = self.cleared = 0
        self.ended = False
        self._name, self._role = name, role
        self._json: list[str] | None = [] if json else None
        self._segmenter = Segmenter()
        self._handed = 0
        self._asked: list[_Asked] = []
        self._told = 0
        self._rewrites: deque[Rewrite] = deque()
        """In order. Those of what has left are forgotten."""

    def feed(self, value: str) -> list[Text]:
        """The segments that are complete now."""
        if value and self.ended:
            raise BadReply("stream-after-end", "A text of the stream goes on after its end.")
        self.fed += len(value)
        if self._json is not None:
            self._json.append(value)
            return []
        return self._hand_out(self._segmenter.feed(value))

    def finish(self) -> list[Text]:
        """The rest. Nothing may follow."""
        self.ended = True
        if self._json is None:
            return self._hand_out(self._segmenter.finish())
        text = "".join(self._json)
        self._json.clear()
        tokens = jsontext.tokens(text)
        if tokens is None:
            return self._hand_out(split(text))
        asked = [
            _Asked(
                Text(f"{self._name} {jsontext.INNER}{token.leaf.pointer}", ROLES[token.leaf.kind], token.leaf.value),
                0,
                token,
            )
            for token in tokens
        ]
        self._asked += asked
        self._handed = self.fed
        texts = [one.text for one in asked]
        return [*texts, *bytelists.spelt(texts)]

    def clear(self, rewrites: Mapping[str, Sequence[Rewrite]]) -> None:
        """All that was handed out is inspected. Raises BadReply for a change in what has left already."""
        for asked in self._asked:
            found = rewrites.get(asked.text.pointer, ())
            if asked.token is None:
                changes = [Rewrite(r.start + asked.start, r.end + asked.start, r.new) for r in found]
            elif found:
                new = asked.token.rewritten(apply(asked.text.value, found))
                changes = [Rewrite(asked.token.start, asked.token.end, new)]
            else:
                changes = []
            if changes and changes[0].start < self.cleared:
                raise BadReply("stream-underflow", "Something is to be masked that has left already.")
            self._rewrites += changes
        self._asked.clear()
        self.cleared = max(self.cleared, self._handed)

    def release(self, safe: Callable[[str], int]) -> None:
        """Clear so much of the open segment as *safe* says that no finding will touch, whatever follows."""
        if self._json is None and not self.ended and not self._asked and self._told != self.fed:
            self._told = self.fed
            self.cleared = max(self.cleared, self._handed + safe(self._segmenter.open))

    def touched(self, start: int, end: int) -> bool:
        """Whether any of it is masked."""
        return any(True for _ in self._within(start, end))

    def part(self, value: str, start: int) -> str:
        """What becomes of *value*, which came in at *start*. A replacement stands where what it replaces begins."""
        end = start + len(value)
        parts: list[str] = []
        position = start
        for change in self._within(start, end):
            parts.append(value[position - start : max(change.start, start) - start])
            if change.start >= start:
                parts.append(change.new)
            position = min(change.end, end)
        return "".join((*parts, value[position - start :]))

    def left(self, end: int) -> None:
        """Nothing before *end* is asked for any more."""
        while self._rewrites and self._rewrites[0].end <= end:
            self._rewrites.popleft()

    def _within(self, start: int, end: int) -> Iterator[Rewrite]:
        for change in self._rewrites:
            if change.start >= end:
                return
            if change.end > start:
                yield change

    def _hand_out(self, segments: Iterable[str]) -> list[Text]:
        texts = []
        for segment in segments:
            texts.append(Text(f"{self._name} @{self._handed}", self._role, segment))
            self._asked.append(_Asked(texts[-1], self._handed))
            self._handed += len(segment)
        return texts
