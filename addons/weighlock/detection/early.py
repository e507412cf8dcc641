"""How much of a text that still goes on can no longer be touched by what the rules will find in it.

Where names are not looked for, a stream need not wait for whole segments: what stands before the first place that could
still become a value may leave. It is told only of plain words: whatever a view would change, or join with what follows,
is held to the end of the segment.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import re2

from weighlock.detection.begun import begun
from weighlock.detection.context import lowered, stands_before
from weighlock.detection.rules import Rule
from weighlock.detection.validators import NOT_FIRST
from weighlock.detection.views import View
from weighlock.detection.views.layers import decoded
from weighlock.detection.views.spacing import ADDRESS, NUMBER_WORDS, begins_address

LONGEST = 1024
"""Code points of an open segment beyond which nothing more of it leaves early."""
MEMORY = 64 << 20
"""Bytes that RE2 may take for what it learns of texts."""

GROUP = 32
"""Expressions that are tried in one pass; compiling more of them at once would keep all else waiting."""

_STEP = re.compile(r"(\S+)(\s*)")
_PLAIN = re.compile(r"[\"'(]?([A-Za-zÀ-ÖØ-öø-ÿ]{2,}(?:-[A-Za-zÀ-ÖØ-öø-ÿ]{2,})*)(?:['’][a-z]{1,2})?[\"')]?[.,;:!?]{0,3}")
_JOINED = re.compile(r"[^\s\\&%<>`~_=+/@]|[\"'(]?(?:[A-Z]{1,8}|[0-9]{1,4}(?:[.,:][0-9]{1,3})?)[\"')]?[.,;:!?]{0,3}")
"""Letters, numbers and capitals that stand apart: together they may spell a value."""
_WORD = re.compile(r"([^\W\d_]+)\W")
_RUN = 15
"""Characters from which a word may be encoded text."""


class Early:
    """For the *rules* alone: neither a model nor proprietary material may be asked besides."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        none = frozenset[str]()
        forms = [(begun(rule.pattern), rule.context, NOT_FIRST.get(rule.validator, none)) for rule in rules]
        forms.append((begun(ADDRESS), (), none))
        options = re2.Options()
        options.max_mem, options.log_errors = MEMORY, False
        self._rules = [(re2.compile((form or "(?P<value>)").encode(), options), *terms) for form, *terms in forms]
        expressions = [(form or "").encode() for form, *_ in forms]
        self._sets = [_set(expressions[at : at + GROUP], options) for at in range(0, len(expressions), GROUP)]

    def safe(self, text: str, *, spoken: bool = True) -> int:
        """Code points from the beginning of *text*, an open segment, that nothing found in the segment will touch.

        Where addresses in words make no difference, *spoken* is false: any word may begin one, and would wait for the
        next.
        """
        if len(text) > LONGEST:
            return 0
        plain = _plain(text)
        for ending in _endings(text):
            plain = min(plain, self._begins(ending, plain, spoken))
        return plain

    def _begins(self, text: str, least: int, spoken: bool) -> int:
        """Where the first value begins that is there already, or may be, as far as it is before *least*."""
        data = text.encode()
        small = lowered(text)
        for at, group in enumerate(self._sets):
            found = group.Match(data)
            if not found:  # RE2 ran out of memory, of which it says nothing itself
                return 0
            for number in sorted(found)[:-1]:  # the last expression of each matches everything
                form, context, not_first = self._rules[at * GROUP + number]
                starts = _starts(form, context, data, small, least)
                if not_first:
                    starts = (start for start in starts if not _begins_with(not_first, small, start))
                if at * GROUP + number == len(self._rules) - 1:
                    if not spoken:
                        continue
                    starts = (start for start in starts if _begins_address(text, start))
                least = min([least, *starts])
        return least


def _set(expressions: Sequence[bytes], options: Any) -> Any:
    """With one more, which matches everything."""
    made: Any = re2.Set.SearchSet(options)
    for expression in (*expressions, b""):
        made.Add(expression)
    made.Compile()
    return made


def _starts(form: Any, context: tuple[str, ...], data: bytes, small: str, least: int) -> Iterator[int]:
    """Where *form*'s values in *data*, which is *small* in lower case, begin; of matches that begin before *least*."""
    position = 0
    while match := form.search(data, position):
        if len(data[: match.start()].decode()) >= least:
            return
        start = len(data[: match.span(1)[0]].decode())
        if not context or stands_before(context, small, start):
            yield start
        position = match.start() + 1
        while position < len(data) and data[position] & 0xC0 == 0x80:  # within a character
            position += 1


def _begins_with(words: frozenset[str], small: str, start: int) -> bool:
    """Whether one of *words* stands there, whole."""
    match = _WORD.match(small, start)
    return match is not None and match[1] in words


def _begins_address(text: str, start: int) -> bool:
    """Whether a whole word begins there, and one that an address may begin with."""
    return not text[max(0, start - 1) : start].isalnum() and begins_address(text[start:])


def _plain(text: str) -> int:
    """Where the plain words at the beginning of *text* end, as far as what follows cannot be joined with them."""
    end = 0
    for match in _STEP.finditer(text):
        word, space = match.groups()
        if not space:
            return end  # it may go on
        if _is_plain(word):
            end = match.end()
        elif "\n" in space or not (_JOINED.fullmatch(word) or _counts(word)):
            return end
    return end


def _is_plain(word: str) -> bool:
    match = _PLAIN.fullmatch(word)
    if not match or match[1].isupper() or _counts(word):
        return False
    return len(match[1]) < _RUN or decoded(View("raw", match[1])).name == "raw"


def _counts(word: str) -> bool:
    return word.strip("\"'().,;:!?").lower() in NUMBER_WORDS


def _endings(text: str) -> Iterator[str]:
    """*text*, and what it is where the line that ends last goes on in the next: the view `unwrapped` may join them."""
    yield text
    head, newline, tail = text.rpartition("\n")
    if newline and not (tail.split(maxsplit=1)[1:] and _is_plain(tail.split(maxsplit=1)[0])):
        head = head.rstrip()
        yield head
        yield f"{head} "
