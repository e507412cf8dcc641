"""Texts made to take long, each of *size* code points: none may take longer than three times as long as prose."""

from __future__ import annotations

import base64
import gzip
import random
from collections.abc import Callable, Mapping


def _again(unit: str) -> Callable[[int], str]:
    return lambda size: (unit * (size // len(unit) + 1))[:size]


def _lines(unit: str, width: int = 5000) -> Callable[[int], str]:
    """*unit* again and again, in lines that end in a word: a text without any place to cut is refused at once."""
    return _again((unit * (width // len(unit) + 1))[:width] + " and\n")


def _nested(size: int) -> str:
    text = random.Random(1).randbytes(size // 4).hex().encode()
    for _ in range(3):
        text = base64.b64encode(gzip.compress(text))
    return _wrapped(text.decode())[:size]


def _encoded(size: int) -> str:
    words = " ".join(random.Random(2).choices(("maria", "lopez", "writes", "to", "4111", "again"), k=size // 8))
    return "\n".join(base64.b64encode(words[at : at + 60].encode()).decode() for at in range(0, len(words), 60))[:size]


def _senseless(size: int) -> str:
    draw = random.Random(3)
    return " ".join("".join(draw.choices("BCDFGHJKLMNPQRSTVWXZ", k=3)) for _ in range(size // 4))


def _wrapped(text: str) -> str:
    return "\n".join(text[at : at + 76] for at in range(0, len(text), 76))


HOSTILE: Mapping[str, Callable[[int], str]] = {
    "JSON escapes": _lines("\\u0041", 600),
    "backslashes": _lines("\\"),
    "&amp; chains": _lines("&amp;"),
    "amp; chains": _lines("&amp;" + "amp;" * 400),
    "%25 chains": _lines("%25"),
    "tags that never close": _lines("<a "),
    "angles": _lines("<"),
    "brackets": _lines("(((("),
    "a.a.a.": _lines("a."),
    "1.1.1.": _lines("1."),
    "an address without an end": _lines("a.b-c_d+"),
    "a@a@a@": _lines("a@"),
    "digits": _lines("4111"),
    "digits apart": _lines("1 "),
    "cards": _lines("4111 1111 1111 1112 "),
    "numbers in words": _lines("one two three four five "),
    "at and dot": _lines("a at b dot c dot d "),
    "combining marks": _lines("a" + "\u0301" * 99),
    "fullwidth": _lines("Ａ１"),
    "look-alikes": _lines("мaria ехаmplе "),
    "zero-width": _lines("4\u200b"),
    "base64 of words": _encoded,
    "one line of base64": _lines("TWFyaWEgTG9wZXo"),
    "gzip in gzip": _nested,
    "capitals": _lines("AB12"),
    "a PEM block without an end": lambda size: "-----BEGIN PRIVATE KEY-----\n" + _lines("a", 64)(size),
    "PEM heads": _lines("-----BEGIN PRIVATE KEY-----\n"),
    "names": _lines("Maria Lopez John Carter "),
    "names without a line's end": _again("Maria Lopez and John Carter "),
    "capitals in pairs": _again("AB CD THE "),
    "letters without sense": _senseless,
    "leetspeak": _lines("L0p3z M4r14 "),
    "white space": _lines(" "),
    "lines": _lines("1\n", 400),
    "words": _lines("password: "),
}
"""What it is → a text of that many code points, or a few more."""
