"""Text cut into segments: the unit of detection and of streaming.

A document is cut whole and a stream as it arrives, by the same rule, so both are inspected and masked alike. The
rule looks at what stands before a cut and at one character behind it, never further: that is what makes it stable
for every way in which a text can arrive.

A cut comes after white space that holds a line's end or follows a sentence's end, where the segment has MIN code
points; past SOFT, after any white space but before a capital, which may be a name's. It never comes where a value could
go on: between digits and their separators, after `:` or `=`, after `Dr.`, or inside a PEM block.
"""

from __future__ import annotations

import re

from weighlock.errors import Unsupported

MIN = 64
SOFT = 4096
"""Code points from which any white space will do."""
HARD = 1 << 18
"""Code points in which there must be a place to cut."""
PEM = 1 << 14
"""Code points for which a PEM block stays open; the longest keys are shorter."""

_SPACE = re.compile(r"\s+")
_JOINS = frozenset("0123456789-+/@._#*()")
_LEADS = frozenset(":=,({[<|\\")
_SENTENCE = re.compile(r"[.!?…][\"')\]]?\Z")
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
        while match := _SPACE.search(self._text, self._looked):
            if match.end() == len(self._text):
                self._looked = match.start()  # what follows is not known yet
                return None
            self._looked = match.end()
            if self._may_cut(match.start(), match.end()):
                return match.end()
        self._looked = len(self._text)
        return None

    def _may_cut(self, start: int, end: int) -> bool:
        text, size = self._text, end - self._start
        if size < MIN or start == self._start:
            return False
        before, after = text[start - 1], text[end]
        if before in _LEADS or (before in _JOINS and after in _JOINS):
            return False
        if _open_pem(text, max(self._start, end - PEM), end):
            return False
        head = text[max(self._start, start - 8) : start]
        if _ABBREVIATION.search(head):
            return False
        line = "\n" in text[start:end] or "\r" in text[start:end]
        return line or bool(_SENTENCE.search(head)) or (size > SOFT and not after.isupper())


def _open_pem(text: str, start: int, end: int) -> bool:
    begin = text.rfind("-----BEGIN ", start, end)
    return begin >= 0 and not _PEM_END.search(text, begin, end)


def split(text: str) -> list[str]:
    """All segments of *text*; joined they are *text*."""
    segmenter = Segmenter()
    return [*segmenter.feed(text), *segmenter.finish()]
