"""Text cut into segments: the unit of detection and of streaming.

A document is cut whole and a stream as it arrives, by the same rule, so both are inspected and masked alike. The
rule looks at what stands before a cut and at one character behind it, never further: that is what makes it stable
for every way in which a text can arrive.

A cut comes after white space that holds a line's end or follows a sentence's end, where the segment has MIN code
points; past SOFT, after any white space but before a capital or a digit. It never comes where a value could
go on: between digits and their separators, after `:` or `=`, after `Dr.`, inside a PEM block or lines of base64, within
letters that stand apart, or where the next line may go on with a name or an address.
"""

from __future__ import annotations

import re

from weighlock.errors import Unsupported

MIN = 64
LINES = 512
"""Code points behind its first line up to which a line stays in a segment where a value may go on: that begins with a
capital or a digit, or follows a word with a digit or a sign in it.
"""
SOFT = 4096
"""Code points from which any white space will do."""
HARD = 1 << 18
"""Code points in which there must be a place to cut."""
PEM = 1 << 14
"""Code points for which a PEM block, base64 in lines, or a row of single letters stays open; the longest keys are
shorter.
"""

_SPACE = re.compile(r"\s+")
_LINE = re.compile(r"\r\n?|\n")
_JOINS = frozenset("0123456789-+/@._#*()")
_LEADS = frozenset(":=,({[<|\\")
_BREAK = re.compile(r"(?<!\s)(?: *+[^\S ]\s*| {2,}|(?<=[.!?…\"')\]]) )")
"""White space but for single spaces behind a letter or a sign that ends no sentence, which are most of all."""
_SENTENCE = re.compile(r"(?:\S\.|[!?…])[\"')\]]?\Z")
_WRAPPED = re.compile(r"[A-Za-z0-9+/]{60}\Z")
_BASE64 = re.compile(r"[A-Za-z0-9+/]")
_VALUE = re.compile(r"(?:[0-9@]|[^\W_][._+-][^\W_])\S{0,45}\Z")
_PEM_END = re.compile(r"-----END [A-Z0-9 ]{1,64}-----")
_ABBREVIATION = re.compile(r"(?:^|\W)(?:[A-Za-z]|Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr|No|vs|etc|Inc|Ltd|Co|e\.g|i\.e)\.\Z")


class Segmenter:
    """Feed a text in pieces of any size; segments come out as soon as they are certain."""

    def __init__(self) -> None:
        self._text = ""
        self._start = 0
        """Where the open segment begins."""
        self._looked = 0
        """Where the next white space is looked for: everything before it was no place to cut."""

    @property
    def open(self) -> str:
        """What belongs to no segment yet."""
        return self._text[self._start :]

    def feed(self, text: str) -> list[str]:
        """The segments that are complete now, in order. Raises Unsupported where there is no place to cut."""
        self._text = self._text[self._start :] + text
        self._looked -= self._start
        self._start = 0
        segments = []
        while (cut := self._next_cut()) is not None:
            segments.append(self._text[self._start : cut])
            self._start = cut
        if len(self._text) - self._start > HARD:
            raise Unsupported(
                "unsplittable",
                f"A text has {HARD} characters without a place where it can be cut.",
                next_step="Send it in parts, or as lines.",
            )
        return segments

    def finish(self) -> list[str]:
        """The tail, which is the last segment; none for an empty one."""
        tail = self._text[self._start :]
        self._text, self._start, self._looked = "", 0, 0
        return [tail] if tail else []

    def _next_cut(self) -> int | None:
        while (match := self._break()) is not None:
            if match.end() == len(self._text):
                self._looked = match.start()  # what follows is not known yet
                return None
            self._looked = match.end()
            if self._may_cut(*match.span()):
                return self._looked
        self._looked = len(self._text)
        return None

    def _break(self) -> re.Match[str] | None:
        """The next white space that may be a place to cut."""
        near = min(self._start + SOFT, len(self._text))
        match = _BREAK.search(self._text, self._looked, near)
        if match and match.end() < near:
            return match
        # Behind SOFT, all of it may be. What begins before that may go on behind it.
        behind = match.start() if match else max(near, self._looked)
        while behind > self._looked and self._text[behind - 1].isspace():
            behind -= 1
        return _SPACE.search(self._text, behind)

    def _may_cut(self, start: int, end: int) -> bool:
        """Whether something ends here, and nothing goes on. What is looked for first is what is seldom there."""
        if end - self._start < MIN or start == self._start:
            return False
        return self._ends(start, end) and not self._goes_on(start, end)

    def _ends(self, start: int, end: int) -> bool:
        text, size, after = self._text, end - self._start, self._text[end]
        if _SENTENCE.search(text, max(self._start, start - 8), start):
            return True
        goes_on = after.isupper() or after.isdigit() or after == "@"
        if lines := len(_LINE.findall(text, start, end)):
            first = text.find("\n", self._start, end)
            goes_on = goes_on or _VALUE.search(text, max(self._start, start - 48), start) is not None
            return not goes_on or lines > 1 or first < 0 or end - first > LINES
        apart = size < PEM and start - 2 >= self._start and text[start - 2].isspace()
        return size > SOFT and not goes_on and not apart

    def _goes_on(self, start: int, end: int) -> bool:
        """Whether a value may: between digits and signs, behind a sign that leads to it, in what is one over lines."""
        text, before, after = self._text, self._text[start - 1], self._text[end]
        if before in _LEADS or (before in _JOINS and after in _JOINS):
            return True
        if _ABBREVIATION.search(text[max(self._start, start - 8) : start]):
            return True
        wrapped = end - self._start < PEM and _BASE64.match(after)
        if wrapped and _WRAPPED.search(text, max(self._start, start - 60), start):
            return True
        return _open_pem(text, max(self._start, end - PEM), end)


def _open_pem(text: str, start: int, end: int) -> bool:
    begin = text.rfind("-----BEGIN ", start, end)
    return begin >= 0 and not _PEM_END.search(text, begin, end)


def split(text: str) -> list[str]:
    """All segments of *text*; joined they are *text*."""
    segmenter = Segmenter()
    return [*segmenter.feed(text), *segmenter.finish()]
