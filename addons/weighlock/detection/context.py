"""Context: the words, one of which must stand before a finding that means little by itself."""

from __future__ import annotations

from functools import lru_cache

CONTEXT = 48
"""Code points before a finding in which its context may stand."""
WORD = r"\*?[^A-Z*\s](?:[^A-Z*]*[^A-Z*\s])?\*?"
"""How a rule writes one: in lower case, with a `*` at an end where the word may go on."""


def lowered(text: str) -> str:
    """In lower case, every character in its place."""
    return text.replace("\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}", "i").lower()


def stands_before(words: tuple[str, ...], text: str, at: int) -> bool:
    """Whether one of *words* stands shortly before *at* in a *text* in lower case."""
    before = text[at - CONTEXT - 1 : at] if at > CONTEXT else " " + text[:at]
    return any(word[0] in before and _whole(word, before) for word in _parsed(words))


def _whole(word: tuple[str, bool, bool], before: str) -> bool:
    """The first character of *before* only tells whether a word begins behind it."""
    bare, left, right = word
    found = before.find(bare, 1)
    while found >= 0:
        end = found + len(bare)
        if (left or not before[found - 1 : found].isalnum()) and (right or not before[end : end + 1].isalnum()):
            return True
        found = before.find(bare, found + 1)
    return False


def stem(word: str) -> str:
    """What a text must hold wherever *word* is found."""
    return word.strip("*")


@lru_cache(4096)
def _parsed(words: tuple[str, ...]) -> tuple[tuple[str, bool, bool], ...]:
    """The stem of each, and whether it may go on to its left and to its right."""
    return tuple((stem(word), word.startswith("*"), word.endswith("*")) for word in words)
