"""A view and its map."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from weighlock.errors import Unsupported

ROUNDS = 8
"""Encodings within each other that are undone; what is deeper is refused."""


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """*text* is *base*'s with some spans replaced. A replaced span is a whole: what lies in it comes from all of it.

    Code points everywhere. *spans* are the replaced ones in *text*, sorted, empty where something was removed;
    *origins* are theirs in *base*'s text.
    """

    name: str
    text: str = field(repr=False)
    base: View | None = field(default=None, repr=False)
    spans: list[tuple[int, int]] = field(default_factory=list, repr=False)
    origins: list[tuple[int, int]] = field(default_factory=list, repr=False)

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """The smallest span of the original that `text[start:end]`, which is not empty, comes from."""
        view: View = self
        while view.base is not None:
            start, end = view._source(start, end)
            view = view.base
        return start, end

    def comes_from(self, name: str, start: int, end: int) -> bool:
        """Whether any of `text[start:end]` is what a view *name* put there."""
        view: View = self
        while view.base is not None:
            if view.name == name and view.changed(start, end):
                return True
            start, end = view._source(start, end)
            view = view.base
        return False

    def _source(self, start: int, end: int) -> tuple[int, int]:
        """The span of the base."""
        at = bisect_right(self.spans, (start, len(self.text)))
        first = start
        if at:
            (_, stop), (begin, finish) = self.spans[at - 1], self.origins[at - 1]
            first = begin if start < stop else start - stop + finish
        at = bisect_right(self.spans, (end - 1, len(self.text)))
        last = end
        if at:
            (_, stop), (_, finish) = self.spans[at - 1], self.origins[at - 1]
            last = finish if end - 1 < stop else end - stop + finish
        return first, last

    def replaced(self, start: int, end: int) -> bool:
        """Whether `text[start:end]` is, but for its ends, one replaced span or more, each nine tenths within it."""
        touched = self._touched(start, end)
        return bool(touched) and all(
            10 * (min(end, stop) - max(start, begin)) >= 9 * (stop - begin) for begin, stop in touched
        )

    def changed(self, start: int, end: int) -> bool:
        """Whether any of `text[start:end]` was replaced."""
        return bool(self._touched(start, end))

    def _touched(self, start: int, end: int) -> list[tuple[int, int]]:
        at = bisect_right(self.spans, (start, -1))
        at -= at > 0 and self.spans[at - 1][1] > start
        return [span for span in self.spans[at : at + end - start + 1] if span[0] < end]

    def parted(self, start: int, end: int) -> bool:
        """Whether something was replaced or removed between the ends of `text[start:end]`."""
        at = bisect_right(self.spans, (start, len(self.text)))
        return at < len(self.spans) and self.spans[at][1] < end

    def rewritten(
        self,
        name: str,
        found: re.Pattern[str] | Callable[[str], Iterator[re.Match[str]]],
        new: Callable[[re.Match[str]], str | None],
    ) -> View:
        """A view *name* with what *new* makes of each match *found*, None to leave it; self where nothing changes."""
        parts: list[str] = []
        spans: list[tuple[int, int]] = []
        origins: list[tuple[int, int]] = []
        position = size = 0
        for match in found.finditer(self.text) if isinstance(found, re.Pattern) else found(self.text):
            made = new(match)
            if made is None or made == match[0]:
                continue
            start, end = match.span()
            parts += (self.text[position:start], made)
            begin = size + start - position
            size = begin + len(made)
            spans.append((begin, size))
            origins.append((start, end))
            position = end
        if not spans:
            return self
        return View(name, "".join((*parts, self.text[position:])), self, spans, origins)


def until_stable(view: View, step: Callable[[View], View]) -> View:
    """*step* again and again, until it changes nothing. Raises Unsupported after ROUNDS."""
    for _ in range(ROUNDS):
        changed = step(view)
        if changed is view:
            return view
        view = changed
    if step(view) is view:
        return view
    raise Unsupported(
        "nested-encoding",
        f"A text has more than {ROUNDS} encodings within each other.",
        next_step="Send it decoded.",
    )
