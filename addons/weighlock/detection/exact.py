"""Values that are known, found again however they are written: the letters and digits of a few words in a row."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Set
from typing import Any

from weighlock.detection.material import folded, hashes

SHORTEST, SHORTEST_NUMBER, LONGEST = 4, 6, 128
WORDS = 12
"""Most words that one value is put together from."""

_WORD = re.compile(r"[^\W_]+")
_BETWEEN_DIGITS = frozenset(" -./_\u00a0")


def normal(value: str) -> str:
    """Its letters and digits, in lower case."""
    return "".join(_WORD.findall(folded(value)))


def unfit(value: str) -> str:
    """Why a value cannot be looked for, or nothing. A word or a short number stands in every other text."""
    words = _WORD.findall(folded(value))
    size = sum(map(len, words))
    if size < SHORTEST or (size < SHORTEST_NUMBER and "".join(words).isdigit()):
        return "too short"
    if size > LONGEST or len(words) > WORDS:
        return "too long"
    if len(words) == 1 and words[0].isalpha():
        return "a single word"
    if len(set("".join(words))) == 1:
        return "one character repeated"
    return ""


def record_hashes(key: bytes, values: Iterable[str]) -> Any:
    """Of normal values, or of their beginnings; *key* is the one for records."""
    return hashes(key, (value.encode("utf-8", "surrogatepass") for value in values))


def shape(value: str) -> int:
    """Of a normal value: how long it is, and whether there is a digit in it."""
    return 2 * len(value) + any(map(str.isdigit, value))


def beginning(value: str) -> str:
    """Of a normal value, what says whether it is worth reading on."""
    return value[:SHORTEST]


def candidates(text: str, shapes: Set[int], begins: Callable[[str], bool]) -> Iterator[tuple[int, int, str]]:
    """What in *text* could be a value of one of the *shapes*, with a beginning that one *begins* with: from, to, and
    its normal form.
    """
    low = folded(text)
    words = [(match.start(), match.end(), match[0]) for match in _WORD.finditer(low)]
    longest = max(shapes, default=0) // 2
    for first, (start, end, value) in enumerate(words):
        at, known = first, False
        while len(value) <= longest:
            if not known and len(value) >= SHORTEST:
                if not begins(beginning(value)):
                    break
                known = True
            if known and shape(value) in shapes:
                yield start, end, value
            at += 1
            if at == len(words) or at - first == WORDS or not _joins(low, end, words[at][0]):
                break
            _, end, word = words[at]
            value += word


def _joins(text: str, end: int, start: int) -> bool:
    """Whether one value can go on over `text[end:start]`. Numbers in a list are not one."""
    if text[end - 1].isdigit() and text[start].isdigit():
        return start - end == 1 and text[end] in _BETWEEN_DIGITS
    return start - end <= 2
